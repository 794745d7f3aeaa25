"""A search on the terminal: progress while it runs, the best design against the dense one after."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hass.cli.common import Cell, on_terminal, percent, print_table, progress_bars, talk
from hass.design import Design, DesignAccuracy, arithmetic_title
from hass.pareto import USUAL, Aim, Measure
from hass.sparsity import Accuracy

from .hooks import SearchHooks
from .record import TrialRecord

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def _figures_text(record: TrialRecord, goal: Measure) -> str:
    return f"{goal.text(goal.of(record))}, {percent(record.selection_top1)}"


def best_text(best: TrialRecord | None, goal: Measure = Measure.THROUGHPUT) -> str:
    """The best trial so far in a few words."""
    if best is None:
        return "no design yet"
    return f"best {_figures_text(best, goal)} (trial {best.number})"


def front_text(record: TrialRecord | None, aim: Aim) -> str:
    """How far the front has come with a trial, in a few words."""
    if record is None or record.hypervolume is None:
        return ""
    return f"; hypervolume of {' and '.join(aim.pair)} {record.hypervolume:.4g}"


def record_text(
    record: TrialRecord, goal: Measure = Measure.THROUGHPUT, min_fps: float | None = None
) -> str:
    """A finished trial in a line."""
    if record.stopped:
        return (
            f"trial {record.number} ({record.origin}): at most {percent(record.selection_top1)}, "
            f"below the accuracy floor after {record.selection_images:,} images"
        )
    asked = "" if min_fps is None else f" at {min_fps:,.10g} fps"
    if record.throughput_fps is None:
        return f"trial {record.number} ({record.origin}): does not fit the part{asked}"
    verdict = "" if record.feasible else ", below the accuracy floor"
    if min_fps is not None and record.throughput_fps < min_fps:
        verdict = f", only {record.throughput_fps:,.0f} of {min_fps:,.10g} fps"
    return f"trial {record.number} ({record.origin}): {_figures_text(record, goal)}{verdict}"


class LineHooks:
    """A line per trial, where stderr is no terminal."""

    def __init__(self, goal: Measure = Measure.THROUGHPUT, aim: Aim = USUAL) -> None:
        self._goal = goal
        self._aim = aim

    def begun(self, finished: int, total: int) -> None:
        """Where it starts."""
        if finished:
            talk(f"going on: {finished} of {total} trials are finished")

    def stage(self, what: str, done: int, total: int) -> None:
        """Too fine for lines."""

    def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
        """The trial and the best."""
        told = record_text(record, self._goal, self._aim.min_fps)
        talk(f"{told}; {best_text(best, self._goal)}{front_text(record, self._aim)}")


class BarHooks:
    """Two bars: the trials with the best so far, and the stage of the trial that runs."""

    def __init__(
        self,
        bars: Progress,
        trials: TaskID,
        stage: TaskID,
        goal: Measure = Measure.THROUGHPUT,
        aim: Aim = USUAL,
    ) -> None:
        self._bars = bars
        self._trials = trials
        self._stage = stage
        self._goal = goal
        self._aim = aim

    def begun(self, finished: int, total: int) -> None:
        """Where it starts."""
        self._bars.update(self._trials, completed=finished, total=total)

    def stage(self, what: str, done: int, total: int) -> None:
        """The lower bar."""
        self._bars.update(self._stage, description=f"  {what}", completed=done, total=total)

    def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
        """The upper bar."""
        text = best_text(best, self._goal) + front_text(record, self._aim)
        self._bars.update(self._trials, advance=1, description=text)


@contextmanager
def shown_search(goal: Measure = Measure.THROUGHPUT, aim: Aim = USUAL) -> Iterator[SearchHooks]:
    """Hooks that show a search on stderr: bars on a terminal, else lines."""
    if not on_terminal(sys.stderr):
        yield LineHooks(goal, aim)
        return
    bars = progress_bars()
    with bars:
        trials = bars.add_task("no design yet", total=None)
        yield BarHooks(bars, trials, bars.add_task("  reading", total=None), goal, aim)


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
        words = arithmetic_title(best.precision)
        titles += [f"accuracy, {name} split", f"accuracy, {name} split, {words}{images}"]
    return titles


def _figures(design: Design | None) -> list[float | int | None]:
    if design is None:
        return [None] * len(FIGURES)
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
        summary.images_per_cycle_per_dsp,
        summary.energy_proxy_pj,
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
    "energy proxy, pJ",
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
