"""docs/strategies.md's part on strategies: the runs of ``hass bench search`` in tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hass.files import JsonValue
from hass.page import Section, markdown_table

from .bench import BenchRun
from .bench_cases import BenchCase
from .bench_speed import SpeedReport
from .bench_stats import (
    Interval,
    best_after,
    efficiency,
    fps_after,
    median_of,
    ratio_of,
    trials_to_reach,
)
from .outputs import dense_of

SECTION = Section("strategies", "hass bench search --page")
LENGTHS = (10, 25, 50, 100, 200)  # trials after which strategies are compared
SHORT, LONG = 25, 200  # trials of the comparisons that the issue asks for
COLUMNS = ("strategy", "trials", "seeds", "fps", "95 %", "of dense", "images/cycle/DSP of dense")


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a case came to.

    Attributes:
        case: what was asked.
        runs: its searches, finished.
        speed: of the evaluation of trials; None where no default search ran.
    """

    case: BenchCase
    runs: tuple[BenchRun, ...]
    speed: SpeedReport | None


@dataclass(frozen=True, slots=True)
class Row:
    """One strategy after so many trials, over all seeds."""

    strategy: str
    trials: int
    fps: Interval
    speedup: Interval | None
    efficiency: Interval | None


def strategies_of(result: CaseResult) -> tuple[str, ...]:
    """The strategies of a case, in its order."""
    return tuple(dict.fromkeys(run.spec.strategy for run in result.runs))


def runs_of(result: CaseResult, strategy: str) -> tuple[BenchRun, ...]:
    """The searches of one strategy, a seed each."""
    return tuple(run for run in result.runs if run.spec.strategy == strategy)


def fps_of(result: CaseResult, strategy: str, trials: int) -> list[float]:
    """Best throughput after so many trials, seed by seed; of searches that were so long."""
    runs = [run for run in runs_of(result, strategy) if run.spec.trials >= trials]
    return [fps_after(run.records, trials) for run in runs]


def _efficiencies(
    result: CaseResult, strategy: str, trials: int
) -> tuple[list[float], list[float]]:
    best, dense = [], []
    for run in runs_of(result, strategy):
        found, plain = best_after(run.records, trials), dense_of(run.records)
        if run.spec.trials >= trials and found is not None and plain is not None:
            best.append(efficiency(found))
            dense.append(efficiency(plain))
    return best, dense


def rows_of(result: CaseResult) -> Iterator[Row]:
    """Every strategy at every length that it was searched for."""
    for strategy in strategies_of(result):
        longest = max(run.spec.trials for run in runs_of(result, strategy))
        for trials in sorted({*(n for n in LENGTHS if n <= longest), longest}):
            fps = fps_of(result, strategy, trials)
            if not fps:
                continue
            dense = [
                plain.throughput_fps or 0.0
                for run in runs_of(result, strategy)
                if (plain := dense_of(run.records)) is not None
            ]
            ours, theirs = _efficiencies(result, strategy, trials)
            yield Row(
                strategy,
                trials,
                median_of(fps),
                ratio_of(fps, dense) if dense else None,
                ratio_of(ours, theirs) if ours else None,
            )


def comparisons(result: CaseResult) -> Iterator[tuple[str, Interval]]:
    """The default strategy against the others, as ratios of medians."""
    ours = fps_of(result, "default", SHORT)
    for strategy, trials in (("tpe", LONG), ("tpe", SHORT), ("hill-climb", SHORT)):
        theirs = fps_of(result, strategy, trials)
        ratio = ratio_of(ours, theirs) if ours and theirs else None
        if ratio is not None:
            yield f"default after {SHORT} trials / {strategy} after {trials}", ratio


def _spread(interval: Interval, digits: int) -> str:
    if interval.seeds == 1:
        return "one seed"
    return f"{interval.low:,.{digits}f} .. {interval.high:,.{digits}f}"


def _ratio(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.median:.2f}x"


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.strategy,
        str(row.trials),
        str(row.fps.seeds),
        f"{row.fps.median:,.0f}",
        _spread(row.fps, 0),
        _ratio(row.speedup),
        _ratio(row.efficiency),
    )


def case_rows(result: CaseResult) -> list[tuple[str, ...]]:
    """A case's table, as text."""
    return [_cells(row) for row in rows_of(result)]


def _time_lines(result: CaseResult) -> Iterator[str]:
    body = []
    for strategy in strategies_of(result):
        runs = runs_of(result, strategy)
        seconds = [sum(run.trial_seconds) / max(len(run.trial_seconds), 1) for run in runs]
        stopped = [sum(record.stopped for record in run.records) for run in runs]
        drops = [run.test_drop for run in runs if run.test_drop is not None]
        body.append(
            (
                strategy,
                f"{median_of(seconds).median:.1f}",
                f"{median_of([run.shared_seconds for run in runs]).median:.0f}",
                f"{median_of(stopped).median:.0f}",
                f"{median_of(drops).median:.2f}" if drops else "",
            )
        )
    header = ("strategy", "s per trial", "s shared", "stopped early", "points lost on test split")
    yield from markdown_table(header, body)


def _speed_line(speed: SpeedReport) -> str:
    ratio = speed.plain_seconds / speed.seconds if speed.seconds else 0.0
    plain = speed.plain_seconds / max(speed.trials, 1)
    each = speed.worker_seconds / max(speed.worker_trials, 1)
    return (
        f"{speed.trials} trials of the default search run again: {speed.seconds:.1f} s, choosing "
        f"the clips included ({speed.stopped} stopped early); evaluated by the straightforward "
        "loop (prune, export, new session, all images, profile, solve), in turns with it, "
        f"{speed.plain_seconds:.1f} s: {ratio:.2f} times as many trials per second. A search with "
        f"{speed.workers} worker(s), one a core, tries {speed.worker_trials} clips in "
        f"{speed.worker_seconds:.1f} s, {plain / each if each else 0.0:.2f} times as many trials "
        f"per second as that loop, and finds {speed.worker_fps:,.0f} fps. onnxruntime: "
        f"{speed.plain_images_per_s:,.0f} images/s for the network as it is, "
        f"{speed.clipped_images_per_s:,.0f} with the best design's clips."
    )


def case_lines(result: CaseResult) -> Iterator[str]:
    """A case's part of the page."""
    spec = result.case.specs[0]
    images = "all" if spec.selection_limit is None else f"{spec.selection_limit}"
    yield f"### {result.case.network} on {spec.device}"
    yield ""
    yield (
        f"At most {spec.accuracy_drop:g} point(s) of top-1 lost on {images} images of the "
        "selection split."
    )
    yield ""
    yield from markdown_table(COLUMNS, case_rows(result))
    yield ""
    compared = [
        (what, f"{ratio.median:.3f}", _spread(ratio, 3)) for what, ratio in comparisons(result)
    ]
    reached = _reached(result)
    if compared:
        yield from markdown_table(("throughput", "ratio of medians", "95 %"), compared)
        yield ""
    if reached:
        yield reached
        yield ""
    yield from _time_lines(result)
    yield ""
    if result.speed is not None:
        yield _speed_line(result.speed)
        yield ""


def _reached(result: CaseResult) -> str:
    """When the default strategy is as fast as the paper's after a long search."""
    theirs = fps_of(result, "tpe", LONG)
    if not theirs:
        return ""
    goal = median_of(theirs).median
    told = []
    for strategy in ("default", "tpe"):
        reached = [_time_to(run, goal) for run in runs_of(result, strategy)]
        shown = ", ".join("never" if at is None else f"{at[0]} ({at[1]:,.0f} s)" for at in reached)
        told.append(f"{strategy} {shown}")
    return (
        f"Trials until a design is as fast as the median of tpe after {LONG}, {goal:,.0f} fps, and "
        f"seconds, shared ones included, seed by seed: {'; '.join(told)}."
    )


def _time_to(run: BenchRun, fps: float) -> tuple[int, float] | None:
    count = trials_to_reach(run.records, fps)
    return None if count is None else (count, run.shared_seconds + sum(run.trial_seconds[:count]))


def section_text(results: Sequence[CaseResult], cases_file: str) -> str:
    """The section, in Markdown."""
    lines = [
        "## Strategies",
        "",
        f"Searches of `{cases_file}`: the best design that keeps the accuracy floor, after so many "
        "trials (the dense design and the unclipped one are the first two). Medians over seeds; "
        "intervals are percentiles of medians of resampled seeds. Seconds are those of the machine "
        "that ran it, which may have been busy; shared ones are spent once per search.",
        "",
    ]
    for result in results:
        lines += case_lines(result)
    return SECTION.wrap(lines[:-1])


def results_json(results: Sequence[CaseResult]) -> dict[str, JsonValue]:
    """All numbers of the tables."""
    return {
        "cases": [
            {
                "network": result.case.network,
                "device": result.case.specs[0].device,
                "rows": [
                    {
                        "strategy": row.strategy,
                        "trials": row.trials,
                        "fps": _interval_json(row.fps),
                        "speedup": _interval_json(row.speedup),
                        "efficiency": _interval_json(row.efficiency),
                    }
                    for row in rows_of(result)
                ],
                "comparisons": {what: _interval_json(ratio) for what, ratio in comparisons(result)},
            }
            for result in results
        ]
    }


def _interval_json(interval: Interval | None) -> JsonValue:
    if interval is None:
        return None
    return {
        "median": interval.median,
        "low": interval.low,
        "high": interval.high,
        "seeds": interval.seeds,
    }
