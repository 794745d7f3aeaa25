"""Pictures of a whole run: the Pareto front, and how full the part is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..design import Design, EstimateSummary
from ..device import RESOURCE_NAMES
from ..pareto import Figures, Measure
from . import svg
from .picture import Picture
from .run import Run, Trial, as_trial
from .series import DENSE, SEARCHED
from .words import number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED_POINTS = 300  # more points than these in a group are drawn at once, without a tip each
_AMOUNT = 20.0  # of the axis in %: as wide as a label of the part's picture gets
LOG_SPAN = 8.0  # throughputs that differ by more are drawn on a logarithmic axis
_BEST, _DENSE = SEARCHED[0], DENSE[0]  # of one search


def front_note(run: Run) -> str:
    """What the picture of the front shows, and its hypervolume."""
    up, across = run.aim.pair
    text = (
        "One point a finished trial. The line is the Pareto front: what is "
        f"{'right' if across.more_is_better else 'left'} of it or "
        f"{'above' if up.more_is_better else 'below'} it was not found."
    )
    if Measure.ACCURACY in run.aim.pair:
        text += (
            " Accuracy here is on the selection split, which the search optimises; only the "
            "summary's test split is free of that choice."
        )
    if run.hypervolume is not None:
        text += (
            f" Hypervolume {number(run.hypervolume)}: the area between the front of the designs "
            "that keep all constraints and the dense design, which is 1 in each measure"
        )
        if Measure.ACCURACY in run.aim.pair:
            text += "; of accuracy, the share that is kept of what may be lost"
        text += "."
    return text


def pareto_picture(run: Run) -> Picture | None:
    """The measures of the front against each other, all trials; None where none was run."""
    points = [trial for trial in run.trials if trial_point(run, trial) is not None]
    up, across = run.aim.pair
    if not points:
        return None
    with svg.drawing():
        drawn = svg.figure(9.6, 4.6)
        axes = drawn.add_subplot()
        tips: dict[str, str] = {}
        _groups(axes, run, points, tips)
        _named(axes, run, points, tips)
        for measure, place, axis in ((up, 1, axes.yaxis), (across, 0, axes.xaxis)):
            shown = [xy[place] for trial in points if (xy := trial_point(run, trial))]
            if measure is not Measure.ACCURACY and max(shown) > LOG_SPAN * min(shown) > 0:
                (axes.set_yscale if place else axes.set_xscale)("log")
            axis.set_major_formatter(lambda value, _: number(value))
            axis.set_label_text(measure.heading)
        axes.grid(True)
        axes.margins(0.06, 0.08)
        keep_below_all(axes, run.aim.pair)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, fontsize=8.5)
        return Picture(
            drawn,
            "pareto",
            f"{up} against {across}, one point a trial".capitalize(),
            f"{len(points)} finished trials, {len(run.front)} of them on the Pareto front; the "
            "table beside the picture lists the front.",
            tips,
        )


def keep_below_all(axes: Axes, pair: tuple[Measure, Measure]) -> None:
    """End the axis of an accuracy just above 100 %, which nothing exceeds."""
    up, across = pair
    for measure, limits, set_limits in (
        (up, axes.get_ylim(), axes.set_ylim),
        (across, axes.get_xlim(), axes.set_xlim),
    ):
        low, high = limits
        if measure is Measure.ACCURACY and high > 100:
            set_limits(low, 100 + 0.06 * (100 - low))


def _shown(measure: Measure, trial: Figures) -> float | None:
    """As an axis shows it."""
    value = measure.of(trial)
    return 100 * value if value is not None and measure is Measure.ACCURACY else value


def trial_point(run: Run, trial: Figures) -> tuple[float, float] | None:
    """The two measures of the run's aim as the axes show them; None where one is not known."""
    up, across = run.aim.pair
    x, y = _shown(across, trial), _shown(up, trial)
    return None if x is None or y is None or not trial.throughput_fps else (x, y)


def _groups(axes: Axes, run: Run, points: list[Trial], tips: dict[str, str]) -> None:
    front = sorted(
        (trial for trial in points if trial.number in run.front),
        key=lambda trial: (run.aim.pair[1].of(trial) or 0.0, trial.number),
    )
    rest = [trial for trial in points if trial.number not in run.front]
    groups = (
        ("does not fit, or too inaccurate", [t for t in rest if not t.feasible], "x", svg.GREY, 5),
        ("feasible trial", [t for t in rest if t.feasible], "o", svg.SKY, 5.5),
        ("Pareto front", front, _BEST.marker, _BEST.colour, 7),
    )
    if front:
        xs, ys = zip(*(xy for trial in front if (xy := trial_point(run, trial))), strict=True)
        # between two points the front is at that of the two that is worse across, thus better up
        style = "steps-pre" if run.aim.pair[1].more_is_better else "steps-post"
        axes.plot(xs, ys, color=_BEST.colour, linewidth=1.2, drawstyle=style, zorder=2)
    for label, trials, marker, colour, size in groups:
        if len(trials) > NAMED_POINTS and trials is not front:
            batches = [trials]
        else:
            batches = [[trial] for trial in trials]
        for index, batch in enumerate(batches):
            gid = f"trial{batch[0].number}"
            axes.plot(
                [xy[0] for trial in batch if (xy := trial_point(run, trial))],
                [xy[1] for trial in batch if (xy := trial_point(run, trial))],
                marker,
                color=colour,
                markersize=size,
                markeredgecolor=colour if marker == "x" else "white",
                markeredgewidth=1.2 if marker == "x" else 0.6,
                linestyle="none",
                label=label if index == 0 else "_",
                gid=gid,
                zorder=3,
            )
            if len(batch) == 1:
                tips[gid] = f"trial {batch[0].number}: {_tip(run, batch[0])}"


def _tip(run: Run, trial: Figures) -> str:
    told = [f"{number(trial.throughput_fps)} frames/s", percent(trial.selection_top1, 2)]
    told.append(f"{number(trial.dsp)} DSP")
    said = (Measure.THROUGHPUT, Measure.ACCURACY, Measure.DSP)
    told += [measure.text(measure.of(trial)) for measure in run.aim.pair if measure not in said]
    return ", ".join(told)


def _named(axes: Axes, run: Run, points: list[Trial], tips: dict[str, str]) -> None:
    """The two points that the summary compares, on top of the rest."""
    for trial in points:
        xy = trial_point(run, trial)
        if trial.number == 0 and xy is not None:
            axes.plot(
                *xy,
                _DENSE.marker,
                color=_DENSE.face,
                markeredgecolor=_DENSE.colour,
                markeredgewidth=1.8,
                markersize=9,
                linestyle="none",
                label="dense",
                gid="dense",
                zorder=4,
            )
            tips["dense"] = f"dense, trial 0: {_tip(run, trial)}"
    best = as_trial(run.best.summary, run.best.accuracy)
    xy = trial_point(run, best)
    if xy is not None:
        axes.plot(
            *xy,
            "*",
            color=_BEST.colour,
            markeredgecolor="white",
            markeredgewidth=0.8,
            markersize=17,
            linestyle="none",
            label="best",
            gid="best",
            zorder=5,
        )
        tips["best"] = f"best: {_tip(run, best)}"


def device_picture(design: Design, dense: EstimateSummary | None = None) -> Picture:
    """Use of the part per resource, against its budget and what it has."""
    device = design.device
    shown = [name for name in RESOURCE_NAMES if getattr(device.available, name)]
    allowed = device.budget.utilisation(device.available)
    bars = [("best" if dense is not None else "design", design.summary, _BEST)]
    if dense is not None:
        bars.append(("dense", dense, _DENSE))
    with svg.drawing():
        drawn = svg.figure(9.6, 0.62 * len(shown) + 0.9)
        axes = drawn.add_subplot()
        thick = 0.68 / len(bars)
        for place, (label, each, style) in enumerate(bars):
            used = each.resources.utilisation(device.available)
            for row, name in enumerate(shown):
                y = row + (place - (len(bars) - 1) / 2) * thick
                axes.barh(
                    y,
                    100 * used[name],
                    0.92 * thick,
                    color=style.face,
                    edgecolor=style.colour,
                    label=label if row == 0 else "_",
                )
                amount = number(getattr(each.resources, name))
                text = f"{amount} ({percent(used[name])})"
                end, mark = 100 * used[name], 100 * allowed[name]
                if end < mark + 0.7 and mark < end + _AMOUNT:
                    end = mark  # behind the mark of the budget, which would cross it
                axes.text(
                    end + 0.9,
                    y,
                    text,
                    va="center",
                    fontsize=8.5,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
                )
        for row, name in enumerate(shown):
            axes.plot(
                [100 * allowed[name]] * 2,
                [row - 0.42, row + 0.42],
                color=svg.RED,
                linewidth=2,
                label="budget" if row == 0 else "_",
            )
        labels = [f"{name.upper()}\n{number(getattr(device.available, name))}" for name in shown]
        axes.set_yticks(range(len(shown)), labels)
        axes.tick_params(left=False)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        most = max(100 * each.utilisation[name] for _, each, _ in bars for name in shown)
        axes.set_xlim(0, max(120.0, 1.2 * most))
        axes.set_xticks([0, 25, 50, 75, 100])
        axes.axvline(100, color="#555555", linewidth=0.8)
        axes.set_xlabel("share of what the part has, %")
        axes.grid(axis="x")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, fontsize=8.5)
        return Picture(
            drawn,
            "device",
            f"Use of {device.part}",
            "Bars: amount used of each resource as a share of what the part has; the mark is the "
            "budget a design may use. The table beside gives the same figures.",
        )
