"""What a folding is to be best at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from ..cost.result import Estimate
from ..device import RESOURCE_NAMES, Resources


class Goal(StrEnum):
    """The quantity that is made as good as it gets."""

    THROUGHPUT = "throughput"  # smallest frame II
    LATENCY = "latency"  # of one frame alone
    AREA = "area"  # smallest share of the budget, of the resource with the largest
    LUT = "lut"
    FF = "ff"
    DSP = "dsp"
    BRAM18 = "bram18"
    URAM = "uram"
    EFFICIENCY = "efficiency"  # images per cycle and DSP: smallest frame II times DSPs
    ENERGY = "energy"  # of a frame, by the proxy of ``cost.energy``

    @property
    def unit(self) -> str:
        """Of its values: cycles, an amount of a resource, a share of the budget, ..."""
        match self:
            case Goal.THROUGHPUT | Goal.LATENCY:
                return "cycles"
            case Goal.AREA:
                return "of the budget"
            case Goal.EFFICIENCY:
                return "cycles times DSP"
            case Goal.ENERGY:
                return "pJ of the energy proxy"
            case _:
                return self.value

    @property
    def priced(self) -> bool:
        """Whether ``prices`` can tell what a resource is worth to it."""
        return self not in (Goal.LATENCY, Goal.EFFICIENCY, Goal.ENERGY)

    @property
    def columns(self) -> tuple[int, ...]:
        """Positions in ``RESOURCE_NAMES`` of the resources that it is about; none for times."""
        if self is Goal.AREA:
            return tuple(range(len(RESOURCE_NAMES)))
        return (RESOURCE_NAMES.index(self.value),) if self.value in RESOURCE_NAMES else ()


@dataclass(frozen=True, slots=True)
class Objective:
    """What is made smallest, and what must be kept.

    Attributes:
        goal: what is made as good as it gets, within the device's budget.
        min_fps: frames per second that are required in steady state; None: none are.
    """

    goal: Goal = Goal.THROUGHPUT
    min_fps: float | None = None

    def __post_init__(self) -> None:
        if self.min_fps is not None and not 0.0 < self.min_fps < math.inf:
            raise ValueError(f"min_fps must be above 0, got {self.min_fps}")

    def __str__(self) -> str:
        """The goal and what is required, in words.

        >>> str(Objective(Goal.DSP, 1000.0))
        'dsp at 1,000 fps'
        """
        return self.goal.value + ("" if self.min_fps is None else f" at {self.min_fps:,.10g} fps")

    def frame_ii_limit(self, clock_mhz: float) -> int | None:
        """Largest frame II, in cycles, that the required throughput allows; None: any."""
        if self.min_fps is None:
            return None
        hertz = clock_mhz * 1e6
        limit = int(hertz / self.min_fps)
        # rounded as Estimate.throughput_fps rounds
        return limit + 1 if hertz / (limit + 1) >= self.min_fps else limit

    def value(self, estimate: Estimate, budget: Resources) -> float:
        """What a design is worth at the goal, in its unit: less is better."""
        match self.goal:
            case Goal.THROUGHPUT:
                return float(estimate.frame_ii_cycles)
            case Goal.LATENCY:
                return float(estimate.latency_cycles)
            case Goal.AREA:
                return max(estimate.resources.utilisation(budget).values())
            case Goal.EFFICIENCY:
                return float(estimate.frame_ii_cycles * max(estimate.resources.dsp, 1))
            case Goal.ENERGY:
                energy = estimate.energy_proxy_pj
                if energy is None:
                    raise ValueError("the estimate is older than the energy proxy")
                return float(energy)
            case _:
                return float(getattr(estimate.resources, self.goal.value))


FASTEST = Objective()
