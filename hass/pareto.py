"""What designs are measured by, and fronts of any two of these measures.

The hypervolume of a front is the area between it and a reference point, in units in which the dense
design is 1: of accuracy the share that is kept of what may be lost, 1 at the dense design's and 0
at the accuracy floor; of all others the gain over the dense design, as a factor. The reference is
(0, 1) with accuracy and (1, 1) without. So a front of accuracy and throughput has the mean, over
all floors between the dense accuracy and the one that is asked for, of the speed-up less 1 that the
best design at that floor has; what is more accurate than the dense design comes on top.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias, TypeVar


class Figures(Protocol):
    """A trial, as far as measures read it; None where a figure is not known."""

    @property
    def number(self) -> int: ...
    @property
    def feasible(self) -> bool: ...
    @property
    def selection_top1(self) -> float | None: ...
    @property
    def throughput_fps(self) -> float | None: ...
    @property
    def frame_ii_cycles(self) -> int | None: ...
    @property
    def latency_us(self) -> float | None: ...
    @property
    def lut(self) -> int | None: ...
    @property
    def dsp(self) -> int | None: ...
    @property
    def energy_proxy_pj(self) -> int | None: ...


T = TypeVar("T", bound=Figures)


class Measure(StrEnum):
    """What a design is measured by; but for accuracy the names are those of folding's goals."""

    ACCURACY = "accuracy"  # top-1 on the selection split
    THROUGHPUT = "throughput"  # frames per second in steady state
    LATENCY = "latency"  # of one frame alone
    DSP = "dsp"
    LUT = "lut"
    EFFICIENCY = "efficiency"  # images per cycle and DSP
    ENERGY = "energy"  # of a frame, by the proxy of ``cost.energy``

    @property
    def more_is_better(self) -> bool:
        """Whether a greater value is the better one."""
        return self in (Measure.ACCURACY, Measure.THROUGHPUT, Measure.EFFICIENCY)

    @property
    def heading(self) -> str:
        """What it is, with its unit."""
        return _HEADINGS[self]

    def of(self, trial: Figures) -> float | None:
        """Its value of a trial; None where it is not known."""
        match self:
            case Measure.ACCURACY:
                return trial.selection_top1
            case Measure.THROUGHPUT:
                return trial.throughput_fps
            case Measure.LATENCY:
                return trial.latency_us
            case Measure.DSP:
                return trial.dsp
            case Measure.LUT:
                return trial.lut
            case Measure.EFFICIENCY:
                if not trial.frame_ii_cycles or not trial.dsp:
                    return None
                return 1.0 / (trial.frame_ii_cycles * trial.dsp)
            case Measure.ENERGY:
                return trial.energy_proxy_pj

    def worth(self, trial: Figures) -> float | None:
        """Its value, turned so that more is better."""
        value = self.of(trial)
        return value if value is None or self.more_is_better else -value

    def gain(self, value: float, base: float) -> float:
        """By what factor a value is better than another one."""
        better, worse = (value, base) if self.more_is_better else (base, value)
        return better / worse if worse > 0 else math.inf

    def text(self, value: float | None) -> str:
        """A value in words."""
        if value is None:
            return "-"
        match self:
            case Measure.ACCURACY:
                return f"{100 * value:.1f} %"
            case Measure.THROUGHPUT:
                return f"{value:,.0f} fps"
            case Measure.LATENCY:
                return f"{value:,.4g} us"
            case Measure.EFFICIENCY:
                return f"{value:.4g} images/cycle/DSP"
            case Measure.ENERGY:
                return f"{value:,.0f} pJ (proxy)"
            case _:
                return f"{value:,.0f} {self.value.upper()}"


_HEADINGS = {
    Measure.ACCURACY: "top-1 on the selection split, %",
    Measure.THROUGHPUT: "throughput in steady state, frames/s",
    Measure.LATENCY: "latency of one frame alone, µs",
    Measure.DSP: "DSP",
    Measure.LUT: "LUT",
    Measure.EFFICIENCY: "images per cycle and DSP",
    Measure.ENERGY: "energy proxy of a frame, pJ",
}
Pair: TypeAlias = tuple[Measure, Measure]
Point: TypeAlias = tuple[float, float]
ACCURACY_AND_SPEED: Pair = (Measure.ACCURACY, Measure.THROUGHPUT)


def usual_pair(goal: Measure) -> Pair:
    """What the front of a search is of where nothing else is asked for."""
    return (Measure.ACCURACY, goal)


@dataclass(frozen=True, slots=True)
class Aim:
    """What the designs of a search are compared by.

    Attributes:
        pair: the measures of its front.
        accuracy_drop: points that a design may lose against the dense one.
        min_fps: frames per second that are required; None: none are.
    """

    pair: Pair = ACCURACY_AND_SPEED
    accuracy_drop: float = 1.0
    min_fps: float | None = None

    def admits(self, trial: Figures) -> bool:
        """Whether a trial may be on the front: it fits the part and is as fast as is required. With
        accuracy in the pair it may lie below the floor; otherwise it keeps it."""
        fps = trial.throughput_fps
        if fps is None or (self.min_fps is not None and fps < self.min_fps):
            return False
        return trial.feasible or Measure.ACCURACY in self.pair


USUAL = Aim()


def pareto_front(trials: Iterable[T], aim: Aim = USUAL) -> tuple[T, ...]:
    """Trials that no other beats in both measures.

    Returns:
        Best in the second measure first; of equal ones the first tried.
    """
    first, second = aim.pair
    measured = [
        (b, a, trial)
        for trial in trials
        if aim.admits(trial)
        and (a := first.worth(trial)) is not None
        and (b := second.worth(trial)) is not None
    ]
    measured.sort(key=lambda item: (-item[0], -item[1], item[2].number))
    front: list[T] = []
    highest = -math.inf
    for _, a, trial in measured:
        if a > highest:
            front.append(trial)
            highest = a
    return tuple(front)


def area_beyond(points: Iterable[Point], reference: Point) -> float:
    """Area of what points dominate beyond a reference point, more being better in both."""
    inside = [p for p in points if p[0] > reference[0] and p[1] > reference[1]]
    area, reached = 0.0, reference[1]
    for x, y in sorted(inside, reverse=True):
        if y > reached:
            area += (x - reference[0]) * (y - reached)
            reached = y
    return area


def hypervolume(trials: Sequence[Figures], aim: Aim) -> float | None:
    """Of the front of the designs that keep the constraints, as this module's head defines it.

    Args:
        trials: the first one is of the dense design. Where that does not fit the part, the first
            that does takes its place, accuracy apart.
        aim: what they are compared by.

    Returns:
        None where there is nothing to compare with.
    """
    base = next((trial for trial in trials if trial.throughput_fps is not None), None)
    dense_top1 = trials[0].selection_top1 if trials else None
    if base is None or dense_top1 is None or any(m.of(base) is None for m in aim.pair):
        return None
    kept = [trial for trial in trials if trial.feasible and aim.admits(trial)]
    axes = [_axis(measure, kept, base, dense_top1, aim.accuracy_drop) for measure in aim.pair]
    pairs = zip(*axes, strict=True)
    points = [(a, b) for a, b in pairs if a is not None and b is not None]
    first, second = (0.0 if measure is Measure.ACCURACY else 1.0 for measure in aim.pair)
    return area_beyond(points, (first, second))


def _axis(
    measure: Measure, trials: Sequence[Figures], base: Figures, dense_top1: float, drop: float
) -> list[float | None]:
    values = [measure.of(trial) for trial in trials]
    if measure is not Measure.ACCURACY:
        known = measure.of(base)
        return [None if v is None or known is None else measure.gain(v, known) for v in values]
    floor = max(dense_top1 - drop / 100, 0.0)
    if floor >= dense_top1:  # nothing may be lost: who keeps that has all of it
        return [None if value is None else 1.0 for value in values]
    return [None if value is None else (value - floor) / (dense_top1 - floor) for value in values]
