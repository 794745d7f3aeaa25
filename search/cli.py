"""``hass search``."""

from __future__ import annotations

from pathlib import Path

import click

from hass.cli.choices import Choice, Count, Number
from hass.cli.common import (
    clock_option,
    data_option,
    front_option,
    json_option,
    model_argument,
    print_json,
    seed_option,
    talk,
)
from hass.design_file import design_json
from hass.values import ACC_BITS

from .show import best_text, front_text, print_comparison, shown_search
from .spec import CLIPS, GOAL_NAMES, REFIT_NAMES, STRATEGY_NAMES, SearchSpec


def _to_bits(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:
    words = [word.strip() for word in value.split(",")]
    known = tuple(map(str, ACC_BITS))
    wrong = [word for word in words if word not in known]
    if wrong:
        expected = f"{', '.join(known)}, one or several"
        raise click.BadParameter(f"{wrong[0]!r}: expected of {expected}, as 16 or 16,8,4")
    return tuple(map(int, words))


@click.command(name="search")
@model_argument()
@data_option()
@click.option(
    "--device",
    metavar="DEVICE",
    required=True,
    help="Device name (see `hass devices`) or a .toml file.",
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    help="Folder for the results; one that holds a search goes on with it. "
    "Without it: MODEL-DEVICE, here.",
)
@click.option(
    "--trials",
    type=Count(min=1),
    default=50,
    show_default=True,
    help="Finished trials to reach, the dense design included.",
)
@click.option(
    "--strategy",
    type=Choice(STRATEGY_NAMES),
    default="default",
    show_default=True,
    help="How to choose the clips; tpe is the paper's method, hill-climb two thresholds for all.",
)
@click.option(
    "--objective",
    "goal",
    type=Choice(GOAL_NAMES),
    default="throughput",
    show_default=True,
    help="What designs are to be best at: throughput; latency of one frame alone; few DSP or LUT; "
    "efficiency, images per cycle and DSP; or energy, a proxy of what a frame takes.",
)
@click.option(
    "--min-fps",
    type=Number(min=0, min_open=True),
    help="Frames per second that are required; dsp, lut and energy need it.",
)
@front_option(
    "Two measures that the front in pareto.csv and its hypervolume are of: accuracy, or what "
    "--objective takes; may change when the same command goes on with a search.  [default: "
    "accuracy and the objective]"
)
@click.option(
    "--accuracy-drop",
    metavar="POINTS",
    type=Number(min=0, max=100),
    default=1.0,
    show_default=True,
    help="Points of top-1 that a design may lose on the selection split.",
)
@seed_option()
@click.option(
    "--workers",
    metavar="N",
    type=Count(min=1),
    default=1,
    show_default=True,
    help="Processes of this machine; with several the result depends on timing.",
)
@click.option(
    "--storage",
    metavar="URL",
    help="An Optuna storage (postgresql://, mysql://, sqlite:///, grpc://HOST:PORT), on which the "
    "same command on other machines works too; without it OUT/study.journal.",
)
@click.option(
    "--study",
    metavar="NAME",
    help="Name of the study in the storage; without it one that follows from the arguments.",
)
@click.option(
    "--clips",
    metavar="FAMILY",
    default=CLIPS,
    show_default=True,
    help="Which weights are compared when a share of a layer's smallest is clipped: of the whole "
    "layer (magnitude); of each output channel (filter); of every M neighbouring input channels "
    "(n:4; 2:4 for layers that keep 2 of 4 or all); or F x C blocks of neighbouring output and "
    "input channels (block:4x1). channel: whole output channels go, and the network gets narrower.",
)
@click.option(
    "--refit",
    type=Choice(REFIT_NAMES),
    help="What is done to weights and biases after clips: nothing, or each filter gets back the "
    "mean and the deviation that its outputs had on calibration images, which costs no hardware.  "
    "[default: filters for strategy default, none for the published ones]",
)
@clock_option()
@click.option(
    "--bits",
    metavar="BITS[,BITS...]",
    default="16",
    show_default=True,
    callback=_to_bits,
    help="Word length of activations and weights: 16, 8 or 4. With several, as 16,8,4, single "
    "layers have fewer bits than the first says, where that makes the pipeline faster and costs "
    "little accuracy in integers.",
)
@click.option(
    "--profile-images",
    type=Count(min=1),
    default=64,
    show_default=True,
    help="Calibration images per profile.",
)
@click.option(
    "--selection-images",
    type=Count(min=1),
    help="Selection images per accuracy; all without it.",
)
@json_option()
def command(
    model: str,
    data: str,
    device: str,
    output: str | None,
    trials: int,
    strategy: str,
    goal: str,
    min_fps: float | None,
    front: tuple[str, str] | None,
    accuracy_drop: float,
    seed: int,
    workers: int,
    storage: str | None,
    study: str | None,
    clips: str,
    refit: str | None,
    clock_mhz: float | None,
    bits: tuple[int, ...],
    profile_images: int,
    selection_images: int | None,
    as_json: bool,
) -> None:
    """Search how much to clip and how to fold, together.

    Every trial clips weights and activations layer by layer, measures accuracy and sparsity on
    real images, and folds the network for the part. Trial 0 is the dense design. The best
    design is the one of those that fit and keep the accuracy that is best at the objective; only
    it and the dense one are run on the test split, and in the integers that the hardware computes.

    The hypervolume that is shown is the area between the front and the dense design, which is 1 in
    all measures; in accuracy it is the share that is kept of what may be lost.

    \b
    Examples:
      hass search resnet20.onnx --data cifar10/dataset.toml --device zcu104 -o out
      hass search resnet20.onnx --data cifar10/dataset.toml --device zcu104 -o small \\
        --objective dsp --min-fps 10000
      hass search resnet20.onnx --data cifar10/dataset.toml --device zcu104 -o lean \\
        --objective energy --min-fps 5000 --front throughput,energy
    """
    from .crew import Crew  # here, as these load Optuna and onnxruntime
    from .run import run_search

    spec = SearchSpec(
        model=model,
        data=data,
        device=device,
        trials=trials,
        strategy=strategy,
        goal=goal,
        min_fps=min_fps,
        front=front,
        accuracy_drop=accuracy_drop,
        seed=seed,
        profile_images=profile_images,
        selection_limit=selection_images,
        clock_mhz=clock_mhz,
        bits=bits[0],
        layer_bits=bits[1:],
        clips=clips,
        refit=refit,
        storage=storage,
        study=study,
    )
    folder = Path(f"{Path(model).stem}-{Path(device).stem}" if output is None else output)
    with shown_search(spec.measure, spec.aim) as hooks:
        outcome = run_search(spec, folder, hooks, Crew(workers))
    for note in outcome.notes:
        talk(f"note: {note}")
    results = outcome.results
    if outcome.interrupted:
        raise KeyboardInterrupt(
            f"{results.finished} of {outcome.wanted} trials are kept in {folder}, "
            f"{best_text(results.best, spec.measure)}; the same command goes on from there"
        )
    if results.best_design is None:
        talk(f"no design yet after {results.finished} trial(s); see {folder}")
        return
    if as_json:
        print_json(design_json(results.best_design))
    else:
        print_comparison(results.dense_design, results.best_design)
        reached = best_text(results.best, spec.measure) + front_text(results.last, spec.aim)
        talk(f"{results.finished} trials; {reached}")
        talk(f"files: {folder}/best.json, report.html, trials.csv, pareto.csv, designs/")
