"""What a search strategy is: a pure function from what was tried to what to try next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol, TypeAlias

from hass.pareto import Measure
from hass.sparsity import Settings

from .record import Origin, TrialRecord


@dataclass(frozen=True, slots=True)
class Range:
    """Values that one parameter may take."""

    low: float
    high: float

    def clamp(self, value: float) -> float:
        """The nearest value inside."""
        return min(max(value, self.low), self.high)


Values: TypeAlias = Mapping[str, float]  # parameter -> value
Space: TypeAlias = Mapping[str, Range]  # parameter -> its range


@dataclass(frozen=True, slots=True)
class Tried:
    """A finished trial: the values it was run with and what came of it."""

    values: Values
    record: TrialRecord


History: TypeAlias = Sequence[Tried]  # finished trials, in the order of their numbers


@dataclass(frozen=True, slots=True)
class Follows:
    """A parameter whose value follows from the others'.

    Attributes:
        name: of the parameter.
        of: its value, from those of all others.
    """

    name: str
    of: Callable[[Values], float]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to try next.

    Attributes:
        origin: who chose it.
        values: a value per parameter of the space, or None: let Optuna's sampler choose.
        within: narrower ranges of some parameters, for the sampler.
        follows: one parameter that the sampler does not choose, as it follows from the others.
    """

    origin: Origin
    values: Values | None = None
    within: Space = field(default_factory=dict)
    follows: Follows | None = None

    def __post_init__(self) -> None:
        if (self.origin is Origin.SAMPLER) != (self.values is None):
            raise ValueError(f"the sampler chooses its values, all others give them: {self}")
        if self.values is not None:
            object.__setattr__(self, "values", MappingProxyType(dict(self.values)))
        object.__setattr__(self, "within", MappingProxyType(dict(self.within)))


SAMPLE = Proposal(Origin.SAMPLER)


class Hopeless(StrEnum):
    """What becomes of a trial that misses the accuracy floor."""

    MEASURED = "measured"  # as all others: on all images, and folded; the strategy learns from it
    STOPPED = "stopped"  # it ends as soon as that is all but certain, without a folding


class Strategy(Protocol):
    """One way to search. Holds facts about the network, no state: the history is handed in."""

    @property
    def space(self) -> Space:
        """The parameters; the same in every trial, or the sampler cannot learn from them."""

    @property
    def neutral(self) -> Values:
        """Values that clip nothing."""

    @property
    def random_trials(self) -> int:
        """Finished trials before which the sampler draws at random."""

    @property
    def hopeless(self) -> Hopeless:
        """What becomes of hopeless trials."""

    def propose(self, history: History) -> Proposal | None:
        """What to try next; None: nothing. The dense design and the unclipped one have been tried
        already."""

    def settings(self, values: Values) -> Settings:
        """The clips that values stand for."""

    def score(self, record: TrialRecord, reference: TrialRecord) -> float:
        """What the sampler maximises, for a trial against the reference design."""


def gain(record: TrialRecord, reference: TrialRecord, goal: Measure) -> float:
    """By what factor a design is better at the goal than the reference; 0 if nothing fits."""
    value = goal.of(record)
    if value is None:
        return 0.0
    return goal.gain(value, goal.of(reference) or value)


def dsp_ratio(record: TrialRecord, reference: TrialRecord) -> float:
    """DSPs relative to the reference design's; 1 if nothing fits the part."""
    if record.dsp is None:
        return 1.0
    return record.dsp / max(reference.dsp or record.dsp, 1)
