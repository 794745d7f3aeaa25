"""How alike the output positions of a layer are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
_LEAST = 1e-9  # instead of zero in a denominator
_REMEMBERED = 512  # correlations, as in ``lanes``
_FAR = 4096  # positions, of which no two have anything in common but what lasts for a frame
_MOST_ALIKE = 0.99


@dataclass(frozen=True, slots=True)
class Correlation:
    """How alike the positions of a layer are.

    Attributes:
        neighbours: correlation of neighbouring positions.
        frame: correlation of positions of a frame however far apart.
        frame_positions: positions of a frame.
    """

    neighbours: float
    frame: float
    frame_positions: int


@lru_cache(maxsize=_REMEMBERED)
def _sums(neighbours: float) -> tuple[FloatArray, FloatArray]:
    """Correlations at distances 1, 2, ..., and the same times the distance, summed up from 0 on."""
    steps = np.arange(1, _FAR + 1, dtype=np.float64)
    latent = math.sin(min(max(neighbours, 0.0), _MOST_ALIKE) * math.pi / 2.0)
    alike = np.arcsin(latent**steps) * (2.0 / math.pi)
    sums = [np.concatenate([[0.0], np.cumsum(terms)]) for terms in (alike, steps * alike)]
    return sums[0], sums[1]


def mean_share(neighbours: float, count: FloatArray) -> FloatArray:
    """Variance of the mean of ``count`` neighbouring positions, as a share of that of one.

    What is zero and what is not is taken as the sign of a Gaussian process whose correlation falls
    geometrically; that of the signs then falls more slowly, by the arcsine law (Van Vleck and
    Middleton, "The spectrum of clipped noise", 1966).

    Args:
        neighbours: correlation of neighbours.
        count: at least 1; between whole numbers the sum's variance is interpolated.
    """
    alike, weighed = _sums(neighbours)
    whole = np.floor(count).astype(np.int64)

    def total(n: npt.NDArray[np.int64]) -> FloatArray:
        place = np.minimum(n - 1, _FAR)
        return np.asarray(n + 2.0 * (n * alike[place] - weighed[place]))

    first = total(whole)
    between = first + (count - whole) * (total(whole + 1) - first)
    return np.asarray(between / count**2)


def mean_of_frame_share(correlation: Correlation, together: FloatArray) -> FloatArray:
    """Variance of the mean of so many neighbouring positions, at least 1, as a share of that of
    one, where a part of it stays for a frame; frames are independent."""
    frame = correlation.frame
    r = min(max(correlation.neighbours - frame, 0.0) / max(1.0 - frame, _LEAST), 1.0)
    lasting = frame / np.maximum(together / correlation.frame_positions, 1.0)
    return np.asarray(lasting + (1.0 - frame) * mean_share(r, together))
