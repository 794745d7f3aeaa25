"""What can be chosen for one layer: rows of frame II and resources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..cost.foldings import IntArray

UseArray = npt.NDArray[np.integer]


def falls(cycles: IntArray, priced: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Rows at which the priced cost of the cheapest folding within a frame II falls."""
    falls = np.ones(len(cycles), dtype=np.bool_)
    falls[1:] = priced[1:] < np.minimum.accumulate(priced)[:-1]
    return np.flatnonzero(falls)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What can be chosen for one layer, fastest first.

    Attributes:
        cycles: (n,) frame_ii_cycles, ascending.
        use: (n, k) resources.
        sketch: (m,) rows that are cheapest at some frame II and one of a few fixed prices.
    """

    cycles: IntArray
    use: UseArray
    sketch: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return int(self.cycles.shape[0])

    def cheapest_at(self, rates: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
        """Rows that are the cheapest at some frame II, at (k,) prices of a unit."""
        return falls(self.cycles, self.use @ rates)
