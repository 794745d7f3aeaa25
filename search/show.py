"""A search on the terminal: progress while it runs, the best design against the dense one after."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hass.cli.common import Cell, on_terminal, percent, print_table, progress_bars, talk
from hass.design import Design, DesignAccuracy, arithmetic_title
from hass.sparsity import Accuracy

from .hooks import SearchHooks
from .record import TrialRecord

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def best_text(best: TrialRecord | None) -> str:
    """The best trial so far in a few words."""
    if best is None:
        return "no design yet"
    return (
        f"best {best.throughput_fps:,.0f} fps, {percent(best.selection_top1)} (trial {best.number})"
    )


def record_text(record: TrialRecord) -> str:
    """A finished trial in a line."""
    if record.stopped:
        return (
            f"trial {record.number} ({record.origin}): {percent(record.selection_top1)} of "
            f"{record.selection_images} images, below the accuracy floor"
        )
    if not record.fits:
        return f"trial {record.number} ({record.origin}): does not fit the part"
    verdict = "" if record.feasible else ", below the accuracy floor"
    return (
        f"trial {record.number} ({record.origin}): {record.throughput_fps:,.0f} fps, "
        f"{percent(record.selection_top1)}{verdict}"
    )


class LineHooks:
    """A line per trial, where stderr is no terminal."""

    def begun(self, finished: int, total: int) -> None:
        """Where it starts."""
        if finished:
            talk(f"going on: {finished} of {total} trials are finished")

    def stage(self, what: str, done: int, total: int) -> None:
        """Too fine for lines."""

    def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
        """The trial and the best."""
        talk(f"{record_text(record)}; {best_text(best)}")


class BarHooks:
    """Two bars: the trials with the best so far, and the stage of the trial that runs."""

    def __init__(self, bars: Progress, trials: TaskID, stage: TaskID) -> None:
        self._bars = bars
        self._trials = trials
        self._stage = stage

    def begun(self, finished: int, total: int) -> None:
        """Where it starts."""
        self._bars.update(self._trials, completed=finished, total=total)

    def stage(self, what: str, done: int, total: int) -> None:
        """The lower bar."""
        self._bars.update(self._stage, description=f"  {what}", completed=done, total=total)

    def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
        """The upper bar."""
        self._bars.update(self._trials, advance=1, description=best_text(best))


@contextmanager
def shown_search() -> Iterator[SearchHooks]:
    """Hooks that show a search on stderr: bars on a terminal, else lines."""
    if not on_terminal(sys.stderr):
        yield LineHooks()
        return
    bars = progress_bars()
    with bars:
        trials = bars.add_task("no design yet", total=None)
        yield BarHooks(bars, trials, bars.add_task("  reading", total=None))


def images_per_cycle_per_dsp(design: Design) -> float | None:
    """Efficiency: images per cycle and DSP; None for a design without DSPs."""
    dsp = design.summary.resources.dsp
    return 1 / (design.summary.frame_ii_cycles * dsp) if dsp else None


def _ratio(best: float | None, dense: float | None) -> str | None:
    return None if not best or not dense else f"{best / dense:.2f}x"


def _splits(accuracy: DesignAccuracy | None) -> list[str]:
    if accuracy is None:
        return ["-", "-"]
    return [
        percent(None if split is None else split.top1)
        for split in (accuracy.selection, accuracy.test)
    ]


def _accuracies(design: Design | None) -> list[str]:
    """On the selection and on the test split, each in floating point and in integers."""
    if design is None:
        return ["-"] * 4
    pairs = zip(_splits(design.accuracy), _splits(design.integer_accuracy), strict=True)
    return [share for pair in pairs for share in pair]


def _accuracy_titles(best: Design) -> list[str]:
    """Of ``_accuracies``; says on how many images the integers were run."""
    titles = []
    for name in ("selection", "test"):
        kept = best.integer_accuracy
        run: Accuracy | None = None if kept is None else getattr(kept, name)
        images = "" if run is None else f" ({run.images:,} images)"
        words = arithmetic_title(best.arithmetic)
        titles += [f"accuracy, {name} split", f"accuracy, {name} split, {words}{images}"]
    return titles


def _figures(design: Design | None) -> list[float | int | None]:
    if design is None:
        return [None] * 9
    summary = design.summary
    resources = summary.resources
    return [
        summary.throughput_fps,
        summary.frame_ii_cycles,
        summary.latency_us,
        resources.dsp,
        resources.lut,
        resources.ff,
        resources.bram18,
        resources.uram,
        images_per_cycle_per_dsp(design),
    ]


FIGURES = (
    "throughput, fps",
    "frame II, cycles",
    "latency, us",
    "DSP",
    "LUT",
    "FF",
    "BRAM18",
    "URAM",
    "images/cycle/DSP",
)


def print_comparison(dense: Design | None, best: Design) -> None:
    """The table of the dense design against the best, on stdout."""
    rows: list[Sequence[Cell]] = [
        (name, before, after, None)
        for name, before, after in zip(
            _accuracy_titles(best),
            _accuracies(dense),
            _accuracies(best),
            strict=True,
        )
    ]
    rows += [
        (name, before, after, _ratio(after, before))
        for name, before, after in zip(FIGURES, _figures(dense), _figures(best), strict=True)
    ]
    shares = [
        None if design is None else percent(design.summary.multiplier_bound_share)
        for design in (dense, best)
    ]
    rows.append(("share of the multiplier bound", *shares, None))
    print_table(("", "dense", "best", "best/dense"), rows)
