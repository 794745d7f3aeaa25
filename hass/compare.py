"""Designs set side by side, each against the first."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path, PurePosixPath

from .design import Design, DesignAccuracy, EstimateSummary
from .errors import Mistake, SpecError
from .files import JsonValue
from .report import svg
from .report.picture import Picture
from .report.run import gain_over, load_best
from .report.words import number, percent, short
from .sparsity import Accuracy


@dataclass(frozen=True, slots=True)
class Entry:
    """One design of a comparison; None where a figure was not measured or does not exist.

    Attributes:
        name: of the file or folder, made unique.
        network: name of the model's file.
        device: name of the part.
        clock_mhz: clock of the design.
        selection_top1, test_top1: shares of correct images of the two splits.
        integer_selection_top1, integer_test_top1: those of the integers that the hardware
            computes.
        throughput_fps: steady state.
        frame_ii_cycles: cycles between frames in steady state.
        latency_us: of one frame alone, pipeline fill included.
        dsp, lut, ff, bram18, uram: amounts.
        images_per_cycle_per_dsp: 1 / (frame_ii_cycles * dsp).
        energy_proxy_pj: of a frame; for ratios only, see ``cost.energy``.
        objective: what the design was folded for: ``throughput``, ``dsp at 1,000 fps``, ...
        objective_gain: by what factor it is better at that than the first entry.
        multiplier_bound_share: share of clock * multipliers / active MACs per frame.
        throughput_ratio: throughput as a multiple of the first entry's.
        efficiency_ratio: images_per_cycle_per_dsp as a multiple of the first entry's.
    """

    name: str
    network: str
    device: str
    clock_mhz: float
    selection_top1: float | None
    test_top1: float | None
    integer_selection_top1: float | None
    integer_test_top1: float | None
    throughput_fps: float
    frame_ii_cycles: int
    latency_us: float
    dsp: int
    lut: int
    ff: int
    bram18: int
    uram: int
    images_per_cycle_per_dsp: float | None
    energy_proxy_pj: int | None
    objective: str
    objective_gain: float | None
    multiplier_bound_share: float
    throughput_ratio: float
    efficiency_ratio: float | None


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Entry))


def compare(sources: Sequence[str | Path]) -> tuple[Entry, ...]:
    """Read and compare designs, in the order given.

    Args:
        sources: at least two design files or folders of searches (their best design counts).

    Returns:
        one entry each; ratios are against the first.

    Raises:
        SpecError: if there are fewer than two, or some cannot be read; lists all mistakes.
    """
    if len(sources) < 2:
        found = "nothing" if not sources else str(sources[0])
        raise SpecError(Mistake("compare", found, "at least two designs or runs"))
    designs: list[tuple[str, Design]] = []
    mistakes: list[Mistake] = []
    for source in sources:
        try:
            designs.append(load_best(source))
        except SpecError as error:
            mistakes += error.mistakes
    if mistakes:
        raise SpecError(mistakes)
    names = _unique_names(sources, [name for name, _ in designs])
    return entries_of([(name, design) for name, (_, design) in zip(names, designs, strict=True)])


def entries_of(designs: Sequence[tuple[str, Design]]) -> tuple[Entry, ...]:
    """The entries of (name, design) pairs, at least one; ratios are against the first."""
    base = designs[0][1].summary
    return tuple(_entry(name, design, base) for name, design in designs)


def to_json(entries: Sequence[Entry]) -> dict[str, JsonValue]:
    """``{"designs": [{name, network, ...}, ...]}`` in the order given."""
    return {"designs": [asdict(entry) for entry in entries]}


def to_csv(entries: Sequence[Entry]) -> str:
    """A line of headings and one line per entry; empty where a figure does not exist."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(entry) for entry in entries)
    return stream.getvalue()


def comparison_picture(entries: Sequence[Entry]) -> Picture:
    """Throughput, accuracy and efficiency of each design, one row a design."""
    panels: list[tuple[str, list[float | None], list[str]]] = [
        (
            "throughput in steady state, frames/s",
            [entry.throughput_fps for entry in entries],
            [
                f"{number(entry.throughput_fps)} ({entry.throughput_ratio:.2f}×)"
                for entry in entries
            ],
        ),
        (
            "top-1 on the test split, %",
            [None if entry.test_top1 is None else 100 * entry.test_top1 for entry in entries],
            [percent(entry.test_top1, 2) for entry in entries],
        ),
        (
            "images per cycle per DSP",
            [entry.images_per_cycle_per_dsp for entry in entries],
            [number(entry.images_per_cycle_per_dsp) for entry in entries],
        ),
    ]
    if all(entry.test_top1 is None for entry in entries):
        del panels[1]
    with svg.drawing():
        drawn = svg.figure(1.6 + 3.4 * len(panels), 1.0 + 0.42 * len(entries))
        for index, (title, values, texts) in enumerate(panels):
            axes = drawn.add_subplot(1, len(panels), index + 1)
            for row, (value, text) in enumerate(zip(values, texts, strict=True)):
                axes.barh(row, value or 0.0, 0.62, color=svg.GREY if row else svg.DARK_GREY)
                axes.annotate(
                    text,
                    (value or 0.0, row),
                    (4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8.5,
                )
            names = [short(entry.name, 32) for entry in entries] if index == 0 else []
            axes.set_yticks(range(len(names)), names)
            axes.tick_params(left=False, labelbottom=False, bottom=False)
            axes.spines["bottom"].set_visible(False)
            axes.set_ylim(len(entries) - 0.5, -0.5)
            axes.set_xlim(0, 1.5 * (max(value or 0.0 for value in values) or 1.0))
            axes.set_title(title, fontsize=9)
        drawn.subplots_adjust(wspace=0.12)
        return Picture(
            drawn,
            "compare",
            f"{len(entries)} designs compared",
            "One row a design, the first in dark grey: "
            + "; ".join(title for title, _, _ in panels),
        )


def _entry(name: str, design: Design, base: EstimateSummary) -> Entry:
    summary, accuracy = design.summary, design.accuracy or DesignAccuracy()
    integers = design.integer_accuracy or DesignAccuracy()
    efficiency, of_base = summary.images_per_cycle_per_dsp, base.images_per_cycle_per_dsp
    resources = summary.resources
    return Entry(
        name=name,
        network=PurePosixPath(design.model.path.replace("\\", "/")).name,
        device=design.device.name,
        clock_mhz=design.plan.estimate.clock_mhz,
        selection_top1=_top1(accuracy.selection),
        test_top1=_top1(accuracy.test),
        integer_selection_top1=_top1(integers.selection),
        integer_test_top1=_top1(integers.test),
        throughput_fps=summary.throughput_fps,
        frame_ii_cycles=summary.frame_ii_cycles,
        latency_us=summary.latency_us,
        dsp=resources.dsp,
        lut=resources.lut,
        ff=resources.ff,
        bram18=resources.bram18,
        uram=resources.uram,
        images_per_cycle_per_dsp=efficiency,
        energy_proxy_pj=summary.energy_proxy_pj,
        objective=str(design.plan.objective),
        objective_gain=gain_over(design, base),
        multiplier_bound_share=summary.multiplier_bound_share,
        throughput_ratio=summary.throughput_fps / base.throughput_fps,
        efficiency_ratio=efficiency / of_base if efficiency and of_base else None,
    )


def _top1(accuracy: Accuracy | None) -> float | None:
    return None if accuracy is None else accuracy.top1


def _unique_names(sources: Sequence[str | Path], names: Sequence[str]) -> list[str]:
    """The names, with the path in place of a name that occurs twice."""
    return [
        str(source) if names.count(name) > 1 else name
        for source, name in zip(sources, names, strict=True)
    ]
