"""What folding answers: a plan with its proof, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..cost.foldings import Folding
from ..cost.result import Estimate
from .objective import FASTEST, Objective


@dataclass(frozen=True, slots=True)
class FoldingPlan:
    """Foldings of all layers, what they give, and how far from the best they can be.

    Attributes:
        foldings: layer name -> folding, all layers of the graph.
        estimate: of these foldings.
        solver: word for what found it: ``greedy`` or ``exact``.
        proved_bound_cycles: no legal folding that fits the part has a smaller frame II.
        gap: how far the plan is above what is proved of its objective: value / bound - 1; 0 is a
            proved optimum. What layers wait for each other on the way is in the value, but in no
            bound. See ``gap_above``.
        objective: what the plan is to be best at.
        bound: where the objective is not throughput: no legal folding that fits the part and keeps
            the objective's limits is better, in the goal's unit; None where it is throughput, whose
            bound is ``proved_bound_cycles``.
    """

    foldings: Mapping[str, Folding]
    estimate: Estimate
    solver: str
    proved_bound_cycles: int
    gap: float
    objective: Objective = FASTEST
    bound: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "foldings", MappingProxyType(dict(self.foldings)))

    @property
    def proved_bound(self) -> float:
        """The bound of the plan's objective, in its goal's unit."""
        return float(self.proved_bound_cycles) if self.bound is None else self.bound


def gap_above(value: float, bound: float) -> float:
    """value / bound - 1; where the bound is 0, as that of a resource may be, the value itself."""
    return value / bound - 1.0 if bound > 0 else value


@dataclass(frozen=True, slots=True)
class Infeasibility:
    """Why no folding fits: an inequality that fails even for the smallest legal foldings.

    Attributes:
        resource: the resource that runs out ("lut", ...), "several" where each alone would do, or
            "frame_ii_cycles" where the throughput that is asked for is out of reach whatever is
            spent.
        demand: smallest amount that any legal folding of all layers needs; of those that are fast
            enough, where a throughput is asked for.
        budget: what the device, or the throughput asked for, allows.
        by_layer: (layer, its smallest demand), largest first.
        levers: what would make it fit, in words.
    """

    resource: str
    demand: int
    budget: int
    by_layer: tuple[tuple[str, int], ...]
    levers: tuple[str, ...]

    def __str__(self) -> str:
        top = ", ".join(f"{name} {amount}" for name, amount in self.by_layer[:5])
        levers = "; ".join(self.levers)
        return (
            f"infeasible: {self.resource} {self.demand} needed at least > {self.budget} allowed "
            f"(largest: {top}); levers: {levers}"
        )
