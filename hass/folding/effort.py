"""How far a solve goes, and what is left of it on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .milp import Limits

_LEAST_SECONDS = 0.01  # a solver takes 0 for no limit


@dataclass(frozen=True, slots=True)
class Effort:
    """How far to go.

    Attributes:
        gap: an answer at most this far above its proved bound is good enough; 0: the optimum.
        nodes: of the search tree, in each integer program; None: no limit; 0: no such program.
        seconds: of all after which no new step begins; None: no limit. A table under way is
            built, a relaxation solved to its end; an integer program is stopped. The answer may
            then differ from run to run.
    """

    gap: float = 0.0
    nodes: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("gap", "nodes", "seconds"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be at least 0, got {value}")


class Remaining:
    """What is left of an effort that began when this was made."""

    def __init__(self, effort: Effort, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: seconds since some fixed moment."""
        self.gap = effort.gap
        self._nodes = effort.nodes
        self._clock = clock
        self._end = None if effort.seconds is None else clock() + effort.seconds

    @property
    def over(self) -> bool:
        """Whether the time has run out."""
        return self._end is not None and self._clock() >= self._end

    def limits(self) -> Limits:
        """For one integer program that begins now."""
        if self._end is None:
            return Limits(self._nodes)
        return Limits(self._nodes, max(_LEAST_SECONDS, self._end - self._clock()))

    def effort(self) -> Effort:
        """What is left, as an effort."""
        seconds = None if self._end is None else max(0.0, self._end - self._clock())
        return Effort(self.gap, self._nodes, seconds)
