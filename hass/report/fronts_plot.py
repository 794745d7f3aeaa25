"""The Pareto fronts of several searches in one picture."""

from __future__ import annotations

from collections.abc import Sequence

from . import svg
from .picture import Picture
from .run import Run, as_trial
from .run_plots import LOG_SPAN, keep_below_all, trial_point
from .series import series_styles
from .words import number, short


def fronts_picture(runs: Sequence[Run]) -> Picture:
    """The measures of the fronts against each other: the front of each search, its other trials
    faint, its best design starred.

    Args:
        runs: searches of one network on the same images, or the accuracies mean nothing beside
            each other.

    Raises:
        ValueError: if the searches have fronts of different measures.
    """
    pairs = {run.aim.pair for run in runs}
    if len(pairs) != 1:
        raise ValueError(f"fronts of the same two measures are wanted, got {len(pairs)} pairs")
    ((up, across),) = pairs
    rates: list[float] = []
    with svg.drawing():
        drawn = svg.figure(9.6, 4.6)
        axes = drawn.add_subplot()
        for run, style in zip(runs, series_styles([run.best for run in runs]), strict=True):
            colour, marker = style.colour, style.marker
            points = {t.number: xy for t in run.trials if (xy := trial_point(run, t)) is not None}
            rates += [x for x, _ in points.values()]
            rest = [xy for n, xy in points.items() if n not in run.front]
            axes.plot(
                [x for x, _ in rest],
                [y for _, y in rest],
                marker,
                color=colour,
                alpha=0.3,
                markersize=4,
                linestyle="none",
            )
            front = sorted(xy for n, xy in points.items() if n in run.front)
            axes.plot(
                [x for x, _ in front],
                [y for _, y in front],
                marker,
                color=colour,
                linestyle="-",
                drawstyle="steps-pre" if across.more_is_better else "steps-post",
                markersize=6.5,
                markeredgecolor="white",
                markeredgewidth=0.6,
                label=short(run.name, 32),
            )
            best = trial_point(run, as_trial(run.best.summary, run.best.accuracy))
            if best is not None:
                axes.plot(
                    *best,
                    "*",
                    color=colour,
                    markersize=16,
                    markeredgecolor="white",
                    markeredgewidth=0.8,
                    linestyle="none",
                )
        if rates and max(rates) > LOG_SPAN * min(rates) > 0:
            axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: number(value))
        axes.yaxis.set_major_formatter(lambda value, _: number(value))
        axes.set_xlabel(across.heading)
        axes.set_ylabel(up.heading)
        axes.grid(True)
        axes.margins(0.06, 0.08)
        keep_below_all(axes, (up, across))
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            borderaxespad=0,
            fontsize=8.5,
            title="Pareto front; star: best",
            title_fontsize=8.5,
            alignment="left",
        )
        return Picture(
            drawn,
            "fronts",
            f"Pareto fronts of {len(runs)} searches",
            f"{up} against {across}, one line a search: ".capitalize()
            + "; ".join(f"{run.name}, {len(run.front)} trials on its front" for run in runs),
        )
