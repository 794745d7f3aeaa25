"""The problem under folding: one option per layer, the slowest sets frame II, resources add up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..cost.foldings import IntArray
from .pareto import pareto_front

FloatArray = npt.NDArray[np.float64]
IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Options:
    """Options of all layers, one layer after the other, each layer's fastest first.

    Attributes:
        starts: (layers + 1,) first row of each layer, and the number of rows.
        cycles: (n,) frame_ii_cycles, ascending within a layer, never below the off-chip bound.
        use: (n, 5) resources.
        source: (n,) the row in the layer's table.
        budget: (5,) what all layers together may use.
    """

    starts: IndexArray
    cycles: IntArray
    use: IntArray
    source: IndexArray
    budget: IntArray

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
        """(n, 5) use as shares of the budget; 0 where neither is any."""
        return np.asarray(self.use / np.maximum(self.budget, 1), dtype=np.float64)

    def floor_cycles(self) -> int:
        """Frame II that no choice undercuts: the slowest of the layers' fastest options."""
        return int(self.cycles[self.starts[:-1]].max())

    def usage(self, chosen: IndexArray) -> IntArray:
        """(5,) resources of one row per layer."""
        return np.asarray(self.use[chosen].sum(axis=0))

    def fits(self, chosen: IndexArray) -> bool:
        """Whether one row per layer stays within the budget; exact, in integers."""
        return bool((self.usage(chosen) <= self.budget).all())

    def frame_ii(self, chosen: IndexArray) -> int:
        """Frame II of one row per layer."""
        return int(self.cycles[chosen].max())

    def keep(self, rows: npt.NDArray[np.bool_]) -> Options:
        """Only the rows with a True in (n,) ``rows``; each layer must keep one."""
        counts = np.add.reduceat(rows.astype(np.intp), self.starts[:-1])
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)
        return Options(starts, self.cycles[rows], self.use[rows], self.source[rows], self.budget)

    def up_to(self, cycles: int) -> Options:
        """Only the rows with at most ``cycles``."""
        return self.keep(self.cycles <= cycles)

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
    budget: IntArray,
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
