"""How the parts of a network are to be solved."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..cost.foldings import EngineKind
from ..device import Device
from ..sparsity import SparsityProfile
from ..values import Arithmetic, WordLengths
from .effort import Effort
from .legal import ALL_ENGINES
from .solve import DEFAULT_EFFORT
from .streaming import WeightsAt
from .tables import TABLES, TableCache


@dataclass(frozen=True, slots=True)
class Request:
    """What ``solve`` is asked of every part.

    Attributes:
        profile, engines, arithmetic, clock_mhz, effort, cache, weights: its arguments.
        most_solved: of how many parts that fit it is asked before the best cuts so far are taken;
            what is proved then says how far from the best they may be.
    """

    profile: SparsityProfile | None = None
    engines: frozenset[EngineKind] = ALL_ENGINES
    arithmetic: WordLengths = field(default_factory=Arithmetic)
    clock_mhz: float | None = None
    effort: Effort = DEFAULT_EFFORT
    cache: TableCache = TABLES
    weights: WeightsAt = WeightsAt.AUTO
    most_solved: int = 40

    def clock_of(self, device: Device) -> float:
        """Clock of a design on the device, in MHz."""
        return device.clock_mhz if self.clock_mhz is None else self.clock_mhz
