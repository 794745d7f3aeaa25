"""What a budget of loss buys, whoever knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, TypeAlias

from hass.sparsity import Settings

# ("act" or "weight", layer) -> what its losses are multiplied with; 1 without
Factors: TypeAlias = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The clips that buy most for a sum of losses.

    Attributes:
        clips: of the layers.
        cycles: frame II that is expected of them, up to a factor that all have in common; None:
            not known.
    """

    clips: Settings = field(default_factory=dict)
    cycles: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "clips", MappingProxyType(dict(self.clips)))


class Chooser(Protocol):
    """What knows which clips a budget of loss buys: ``CoDesign`` or ``ChannelPlan``."""

    def chosen(self, budget: float, factors: Factors) -> Chosen:
        """The clips that buy most for a sum of losses, each multiplied with its factor."""

    def least_loss(self, cycles: float, most: float, factors: Factors) -> float | None:
        """The least sum of losses, at most ``most``, that is expected to buy so many cycles of
        ``Chosen.cycles``; None where none is found."""
