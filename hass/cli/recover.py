"""``hass recover``: a design's accuracy, won back by a short training."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..design import Design, EstimateSummary, arithmetic_title
from ..design_file import read_design
from ..errors import SpecError
from ..folder import check_target
from ..frames import design_data
from .choices import Count, Number
from .common import (
    Cell,
    data_option,
    folder_option,
    json_option,
    network_option,
    on_terminal,
    percent,
    print_json,
    print_table,
    progress_bars,
    seed_option,
    talk,
    torch_needed,
)
from .inputs import design_model

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ..recover.progress import Listener, Loss
    from ..sparsity import Accuracy

BEST = "best.json"  # what a search calls its best design
FIGURES = ("throughput, fps", "frame II, cycles", "latency, us", "DSP", "LUT", "BRAM18")


class _Lines:
    """A line per check and per measurement, where stderr is no terminal."""

    def __init__(self) -> None:
        self._told = ""

    def stepped(self, done: int, total: int) -> None:
        """Too fine for lines."""

    def judged(self, loss: Loss, total: int) -> None:
        """The loss."""
        talk(_loss_text(loss, total))

    def measuring(self, what: str, done: int, total: int) -> None:
        """Once per measurement."""
        if what != self._told:
            talk(f"{what} ...")
            self._told = what


class _Bars:
    """Two bars: training with the last loss, and the measurement that goes on."""

    def __init__(self, bars: Progress, training: TaskID, measuring: TaskID) -> None:
        self._bars = bars
        self._training = training
        self._measuring = measuring

    def stepped(self, done: int, total: int) -> None:
        """The upper bar."""
        self._bars.update(self._training, completed=done, total=total)

    def judged(self, loss: Loss, total: int) -> None:
        """The upper bar's text."""
        self._bars.update(self._training, description=_loss_text(loss, total))

    def measuring(self, what: str, done: int, total: int) -> None:
        """The lower bar."""
        self._bars.update(self._measuring, description=what, completed=done, total=total)


def _loss_text(loss: Loss, total: int) -> str:
    return f"step {loss.step} of {total}: {loss.nats:.4f} nats from the dense network"


@contextmanager
def _shown() -> Iterator[Listener]:
    if not on_terminal(sys.stderr):
        yield _Lines()
        return
    bars = progress_bars()
    with bars:
        training = bars.add_task("reading", total=None)
        yield _Bars(bars, training, bars.add_task("", total=None))


def _accuracy_rows(before: Design, after: Design) -> list[list[Cell]]:
    dense = before.dense
    kinds = (
        ("", before.accuracy, after.accuracy, dense and dense.accuracy),
        (
            f", {arithmetic_title(after.arithmetic)}",
            before.integer_accuracy,
            after.integer_accuracy,
            dense and dense.integer_accuracy,
        ),
    )
    rows: list[list[Cell]] = []
    for split in ("selection", "test"):
        for suffix, *found in kinds:
            runs: list[Accuracy | None] = [getattr(of, split, None) for of in found]
            clipped, recovered, whole = (percent(None if x is None else x.top1) for x in runs)
            images = "" if runs[1] is None else f" ({runs[1].images:,} images)"
            title = f"accuracy, {split} split{suffix}{images}"
            rows.append([title, whole, clipped, recovered])
    return rows


def _figures(summary: EstimateSummary | None) -> list[Cell]:
    if summary is None:
        return [None] * len(FIGURES)
    used = summary.resources
    return [
        summary.throughput_fps,
        summary.frame_ii_cycles,
        summary.latency_us,
        used.dsp,
        used.lut,
        used.bram18,
    ]


def _print(before: Design, after: Design) -> None:
    rows = _accuracy_rows(before, after)
    dense = None if before.dense is None else before.dense.summary
    columns = [_figures(summary) for summary in (dense, before.summary, after.summary)]
    rows += [[name, *figures] for name, *figures in zip(FIGURES, *columns, strict=True)]
    print_table(("", "dense", "before", "recovered"), rows)


def _found(path: str) -> str:
    """A design's file; of a search's folder that of its best one."""
    return str(Path(path) / BEST) if Path(path).is_dir() else path


@click.command(
    epilog="\b\nExamples:\n"
    "  hass recover OUT -o recovered\n"
    "  hass recover design.json --data cifar10 --steps 1000 -o recovered\n"
    "  hass emit recovered/design.json -o accelerator"
)
@click.argument("design", metavar="OUT|DESIGN")
@folder_option()
@data_option(required=False)
@click.option(
    "--steps",
    type=Count(min=1),
    default=300,
    show_default=True,
    help="Batches of 32 images to train on.",
)
@click.option(
    "--learning-rate",
    type=Number(min=0, min_open=True, max=1),
    default=1e-3,
    show_default=True,
    help="Of Adam, at its highest; it falls to zero along half a cosine.",
)
@seed_option()
@network_option()
@click.option(
    "--force", is_flag=True, help="Replace what was recovered to DIR before; other files stay."
)
@json_option()
def command(
    design: str,
    output: str,
    data: str | None,
    steps: int,
    learning_rate: float,
    seed: int,
    model: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Win back accuracy of a design by a short training; needs the extra torch.

    DESIGN is a design file, or the folder of a search, whose best design is taken. Its clips
    stay: weights that are zero stay zero, activations are clipped while the others are trained to
    say what the dense network says. Images of the calibration split alone are trained on, and no
    label is used. The trained network is then measured and folded anew; training makes
    activations a little denser, so the design may be some percent slower.

    DIR gets recovered.onnx, its design.json, and recovered.json: before and after, and the losses.
    Ctrl-C ends the training; the best weights so far are kept.
    """
    with torch_needed("hass recover"):
        from ..recover.files import recovery_json, write_recovery
        from ..recover.recovery import recover
        from ..recover.train import Training
    from ..measure import open_dataset  # here, as it loads onnxruntime
    from ..ops import Input

    target = Path(output)
    check_target(target, force=force)
    file = _found(design)
    chosen = read_design(file)
    imported = design_model(chosen, file, model)
    path = design_data(chosen, file) if data is None else Path(data)
    if path is None:
        raise SpecError.at("--data", "nothing", "the data that the design was measured on")
    frame = imported.graph.of_type(Input)[0].out
    dataset = open_dataset(path, frame, seed=chosen.provenance.seed or 0)
    training = Training(steps, learning_rate, seed)
    with _shown() as listener:
        recovery = recover(chosen, imported, dataset, str(path), training, listener)
    write_recovery(recovery, target, force=force)
    trained = recovery.trained
    kept = f"the weights after step {trained.best.step} are kept in {target}"
    if trained.interrupted:
        raise KeyboardInterrupt(f"of {steps} steps {trained.losses[-1].step} are judged; {kept}")
    if as_json:
        print_json(recovery_json(recovery))
        return
    _print(recovery.before, recovery.after)
    if trained.best.step == 0:
        talk("no step came nearer to the dense network: the weights are as before")
    talk(f"{kept}: design.json, recovered.onnx, recovered.json")
