"""The problem under folding: one option per layer, the slowest sets frame II, resources add up.

Where weights may be off chip, the bits that are read per frame are one more resource, of which a
longer frame time allows more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..cost.foldings import IntArray
from ..cost.pipeline import MOVE_ROUNDING_CYCLES, cycles_to_move
from .pareto import pareto_front

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]


NO_LIMIT = int(np.iinfo(np.int64).max)
_MOST = 1 << 62


@dataclass(frozen=True, slots=True, eq=False)
class Budget:
    """What all layers together may use.

    Attributes:
        amounts: (k,) resources; where weights may be off chip, the last one is bits per frame, less
            those of the frames themselves: below zero.
        bits_per_cycle: that off-chip memory moves; 0: weights are on chip, no column counts bits.
    """

    amounts: IntArray
    bits_per_cycle: float = 0.0

    def at(self, cycles: int) -> IntArray:
        """(k,) what may be used in a frame time of ``cycles``."""
        if not self.bits_per_cycle:
            return self.amounts
        moved = self.bits_per_cycle * (cycles + MOVE_ROUNDING_CYCLES)
        allowed = self.amounts.copy()
        allowed[-1] = _MOST if moved > _MOST else allowed[-1] + int(moved)
        return allowed

    def traffic_cycles(self, usage: IntArray) -> int:
        """Frame time that off-chip memory needs for what (k,) ``usage`` reads."""
        if not self.bits_per_cycle:
            return 1
        return cycles_to_move(int(usage[-1]) - int(self.amounts[-1]), self.bits_per_cycle)


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Options of all layers, one layer after the other, each layer's fastest first.

    Attributes:
        starts: (layers + 1,) first row of each layer, and the number of rows.
        cycles: (n,) frame_ii_cycles, ascending within a layer, never below the off-chip bound.
        use: (n, k) resources.
        source: (n,) the row in the layer's table.
        budget: what all layers together may use.
        limit_cycles: no frame time is longer.
    """

    starts: IndexArray
    cycles: IntArray
    use: IntArray
    source: IndexArray
    budget: Budget
    limit_cycles: int = NO_LIMIT

    @property
    def allowed(self) -> IntArray:
        """(k,) what may be used in the longest frame time."""
        return self.budget.at(self.limit_cycles)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.starts) - 1

    def rows_of(self, layer: int) -> slice:
        """Rows of one layer."""
        return slice(int(self.starts[layer]), int(self.starts[layer + 1]))

    def layer_of_rows(self) -> IndexArray:
        """(n,) each row's layer."""
        return np.repeat(np.arange(self.layers), np.diff(self.starts))

    def shares(self) -> FloatArray:
        """(n, k) use as shares of what is allowed; 0 where neither is any."""
        return np.asarray(self.use / np.maximum(self.allowed, 1), dtype=np.float64)

    def floor_cycles(self) -> int:
        """Frame II that no choice undercuts: the slowest of the layers' fastest options."""
        return int(self.cycles[self.starts[:-1]].max())

    def usage(self, chosen: IndexArray) -> IntArray:
        """(k,) resources of one row per layer."""
        return np.asarray(self.use[chosen].sum(axis=0))

    def fits(self, chosen: IndexArray) -> bool:
        """Whether one row per layer stays within what is allowed; exact, in integers."""
        return bool((self.usage(chosen) <= self.allowed).all())

    def frame_ii(self, chosen: IndexArray) -> int:
        """Frame II of one row per layer."""
        slowest = int(self.cycles[chosen].max())
        return max(slowest, self.budget.traffic_cycles(self.usage(chosen)))

    def keep(self, rows: npt.NDArray[np.bool_]) -> Options:
        """Only the rows with a True in (n,) ``rows``; each layer must keep one."""
        counts = np.add.reduceat(rows.astype(np.intp), self.starts[:-1])
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        return replace(
            self,
            starts=starts,
            cycles=self.cycles[rows],
            use=self.use[rows],
            source=self.source[rows],
        )

    def up_to(self, cycles: int) -> Options:
        """Only the rows with at most ``cycles``, in a frame time of so many."""
        return replace(self.keep(self.cycles <= cycles), limit_cycles=cycles)

    def pruned(self, lowest: int) -> Options:
        """Pareto-optimal rows of each layer when no frame II below ``lowest`` matters.

        Raised to ``lowest``, all faster options count as equally fast.
        """
        kept = np.zeros(len(self.cycles), dtype=np.bool_)
        raised = np.maximum(self.cycles, lowest)
        for layer in range(self.layers):
            rows = self.rows_of(layer)
            costs = np.concatenate([raised[rows, None], self.use[rows]], axis=1)
            kept[rows.start + pareto_front(costs)] = True
        return self.keep(kept)


def join_options(
    parts: Sequence[tuple[IntArray, npt.NDArray[np.integer], IndexArray]],
    budget: Budget,
    least_cycles: int,
) -> Options:
    """Options of all layers from (cycles, use, source rows) of each, cycles ascending.

    ``least_cycles`` is what frame II cannot undercut whatever the layers do.
    """
    lengths = [len(cycles) for cycles, _, _ in parts]
    return Options(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.intp),
        np.maximum(np.concatenate([cycles for cycles, _, _ in parts]), least_cycles),
        np.concatenate([use for _, use, _ in parts]).astype(np.int64),
        np.concatenate([source for _, _, source in parts]),
        budget,
    )
