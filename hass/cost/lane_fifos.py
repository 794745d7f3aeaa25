"""Lanes that may run ahead of each other by the depth of their FIFOs.

No lane starts a window before all have finished the window D before it. So the time is the longest
path that follows a lane from window to window and may go over to any other lane, D - 1 windows
further on. Following the slowest lane of every m windows, it sees what lanes joined after every m
windows take, in m windows of every m + D - 1; m is the one with which it is longest. As it chooses
where to go over, it loses only a share of the D - 1 windows. How large a share depends on how many
lanes there are and how much of a window's length they have in common; it is what FIFOs of two
windows, which are counted (``lane_steps``), say that it is.
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


@lru_cache(maxsize=4096)
def longest_of(lanes: int) -> float:
    """Expected largest of so many standard normal numbers (Blom, Statistical Estimates and
    Transformed Beta-Variables, 1958).

    >>> longest_of(1), round(longest_of(2), 2), round(longest_of(64), 2)
    (0.0, 0.59, 2.34)
    """
    return NormalDist().inv_cdf((lanes - 0.375) / (lanes + 0.25))


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


def lost_share(joined: FloatArray, two: FloatArray) -> FloatArray:
    """The ``lost`` with which ``longest_paths`` come to what lanes with FIFOs of two windows take.

    Args:
        joined: cycles per window of lanes that are joined after ``STAYS`` windows, (stays, ...).
        two: cycles per window with FIFOs of two windows, (...).

    Returns:
        (...) in 0..1.
    """
    stays = STAYS.reshape(-1, *(1,) * two.ndim)
    return np.asarray((stays * (joined / two - 1.0)).max(axis=0).clip(0.0, 1.0))
