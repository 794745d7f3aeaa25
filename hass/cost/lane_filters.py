"""Which filters the lanes of static engines work on.

Lanes rejoin after every window, so a window takes as long as its fullest lane. Which filters share
a lane is free, as far as it can be undone behind the lanes: the filters of one filter step (one of
each lane, neighbours at the output) are exchanged among the lanes, and a multiplexer for every
output word puts the results of that step back. Filters never leave their step, so nothing has to
be stored.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..sparsity import WeightCounts
from .foldings import IntArray
from .primitives import Ints, ceil_div

WIDEST_EXCHANGE = 16  # words: the widest multiplexer that one slice can hold (UG474)


def exchange_allowed(lanes_out: Ints, lanes_in: Ints, filters: Ints) -> npt.NDArray[np.bool_]:
    """Whether lanes may exchange filters: with several filter steps, and where the multiplexer of
    an output word fits in a slice and has no more 4:1 stages than lanes add up to that word. So it
    stays small beside the lanes; others cost more LUTs than their cycles are worth (DECISIONS.md).

    Args:
        lanes_out, lanes_in: coarse_out and coarse_in.
        filters: of the layer.
    """
    lanes = np.asarray(lanes_out, dtype=np.int64)
    affordable = ceil_div(lanes - 1, 3) <= np.asarray(lanes_in)
    useful = (lanes > 1) & (lanes < np.asarray(filters))
    return np.asarray(useful & (lanes <= WIDEST_EXCHANGE) & affordable)


def dealt_filters(filters: int, lanes: int) -> IntArray:
    """(steps, lanes) filters dealt in turn."""
    return np.arange(filters, dtype=np.int64).reshape(-1, lanes)


@lru_cache(maxsize=4)  # asked for again for each number of lanes
def counted_segments(weights: WeightCounts, packed: int) -> IntArray:
    """Non-zero weights of each (filter, segment), read-only."""
    segments = weights.segments(packed)
    segments.flags.writeable = False
    return segments


@lru_cache(maxsize=512)
def exchanged_filters(weights: WeightCounts, packed: int, lanes: int) -> IntArray:
    """(steps, lanes) filters, each step's exchanged so that the lanes' windows even out.

    Steps whose filters differ most come first, and in a step the filters that differ most from the
    others: each takes the free lane that has had the fewest weights where the filter has many.
    Whole numbers only, so that it comes out the same on every machine.

    Args:
        weights: of a layer with one group.
        packed: channels per segment.
        lanes: coarse_out.
    """
    from .kernels.static import exchanged_order  # here, as it loads numba

    segments = counted_segments(weights, packed)
    order = np.empty((len(segments) // lanes, lanes), dtype=np.int64)
    exchanged_order(segments, order)
    return order
