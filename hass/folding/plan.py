"""What folding answers: a plan with its proof, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ..cost.foldings import Folding
from ..cost.result import Estimate


@dataclass(frozen=True, slots=True)
class FoldingPlan:
    """Foldings of all layers, what they give, and how far from the best they can be.

    Attributes:
        foldings: layer name -> folding, all layers of the graph.
        estimate: of these foldings.
        solver: word for what found it: ``greedy`` or ``exact``.
        proved_bound_cycles: no legal folding that fits the part has a smaller frame II.
        gap: frame_ii_cycles / proved_bound_cycles - 1; 0 is a proved optimum.
    """

    foldings: Mapping[str, Folding]
    estimate: Estimate
    solver: str
    proved_bound_cycles: int
    gap: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "foldings", MappingProxyType(dict(self.foldings)))


@dataclass(frozen=True, slots=True)
class Infeasibility:
    """Why no folding fits: an inequality that fails even for the smallest legal foldings.

    Attributes:
        resource: the resource that runs out ("lut", ...), or "several" where each alone would do.
        demand: smallest amount that any legal folding of all layers needs.
        budget: what the device allows.
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
