"""Lanes that may run ahead of each other by the depth of their FIFOs.

No lane starts a window before all have finished the window D before it. So the time is the longest
path that follows a lane from window to window and may go over to any other lane, D - 1 windows
further on. Following the slowest lane of every m windows, it sees what lanes joined after every m
windows take, in m windows of every m + D - 1; m is the one with which it is longest. As it chooses
where to go over, it loses only a share of the D - 1 windows: ``lost_share``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Windows that a path may stay with a lane. The best of them is off by a percent of what the longest
# path is above the mean where steps are 3 : 2 at most, by 4 % where they are 2 : 1; that is where
# paths of 64 windows are best, which are little above it.
STAYS = np.array(
    [1, *(s << k for k in range(5) for s in (2, 3)), *(1 << k for k in range(6, 15))], np.float64
)
# lanes of which there is a ``lost_share`` at once; between them it is interpolated
_LANES = np.unique(np.geomspace(2, 1 << 14, 64).astype(np.int64))


@lru_cache(maxsize=4096)
def longest_of(lanes: int) -> float:
    """Expected largest of so many standard normal numbers (Blom, Statistical Estimates and
    Transformed Beta-Variables, 1958).

    >>> longest_of(1), round(longest_of(2), 2), round(longest_of(64), 2)
    (0.0, 0.59, 2.34)
    """
    return NormalDist().inv_cdf((lanes - 0.375) / (lanes + 0.25))


@lru_cache(maxsize=1)
def _lost_shares() -> tuple[FloatArray, FloatArray]:
    """Longest of so many lanes, and the share that these lose, ascending from one lane."""
    harmonic = np.cumsum(1.0 / np.arange(1, _LANES[-1]))[_LANES - 2]
    longest = np.array([longest_of(count) for count in _LANES.tolist()])
    zero = np.zeros(1)
    return np.concatenate([zero, longest]), np.concatenate([zero, longest**2 / (2.0 * harmonic)])


def lost_share(longest: FloatArray) -> FloatArray:
    """Share of the D - 1 windows that is lost when the slowest lane is another one.

    Lanes of equal means that stray by the standard deviation s in a window are slowed down by e as
    those that are D - 1 ahead must wait. How far they are behind the foremost is then exponential
    with the mean s**2 / (2 * e) (reflected Brownian motion; Harrison, Brownian Motion and
    Stochastic Flow Systems, 1985), and the last of L is behind by 1 + 1/2 + ... + 1 / (L - 1) of
    it: that is D - 1 (exact for two lanes). With z, the longest of L standard normal numbers, the
    longest path is z**2 * s**2 / (4 * share * (D - 1)) above the mean. Both are the same with
    share = z**2 / 2 / (1 + 1/2 + ... + 1 / (L - 1)).

    Args:
        longest: z, which for lanes that have much in common is that of fewer.

    >>> lost_share(np.array([0.0, longest_of(2), longest_of(256)])).round(2).tolist()
    [0.0, 0.17, 0.64]
    """
    return np.asarray(np.interp(longest, *_lost_shares()))


def longest_paths(joined: FloatArray, lost: FloatArray, depths: Sequence[int]) -> FloatArray:
    """Cycles per window of lanes with FIFOs of each of the depths, (depths, ...).

    Args:
        joined: cycles per window of lanes that are joined after ``STAYS`` windows, (stays, ...).
        lost: ``lost_share``, (...).
        depths: windows that a lane may be ahead; 1 in lockstep.
    """
    stays = STAYS.reshape(-1, *(1,) * lost.ndim)
    slower = lost / stays
    return np.stack([(joined / (1.0 + slower * (depth - 1))).max(axis=0) for depth in depths])
