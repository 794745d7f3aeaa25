"""Cycles of static engines: the schedule is known offline, so they are exact.

A static engine has no zero weights in its memory. A window is handed to the lanes of its input
stream; a lane works through its filters, and a filter with n non-zero weights in the segment takes
max(1, ceil(n / fine)) cycles: the one cycle of an empty segment keeps the filters in order. All
lanes read rows of one wide memory, a row a cycle, and go on to the next window together; the rows
of the lanes that are done before the fullest are padding. So a window takes the sum over the
fullest lane's filters, the same at every output position, and the memory has a row for each cycle.

Channels, groups and filters are dealt to lanes in turn; where it saves cycles and is allowed, the
filters of a step are exchanged (``lane_filters``). Layers of several groups deal in turn: most have
a filter or two per group.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..intmath import divisors
from ..ops import Conv2d
from ..sparsity import WeightCounts
from .foldings import Folding, FoldingArrays, IntArray, as_arrays
from .lane_filters import (
    counted_segments,
    dealt_filters,
    exchange_allowed,
    exchanged_filters,
)

BoolArray = npt.NDArray[np.bool_]


class StaticCycles(NamedTuple):
    """What static engines need.

    Attributes:
        cycles: of one output position, joined lanes, if windows are always there.
        fed: the same if they come in word by word.
        exchanged: whether the lanes' filters are exchanged.
    """

    cycles: IntArray
    fed: IntArray
    exchanged: BoolArray


def _turns(segments: IntArray, fine: int) -> IntArray:
    """Cycles of each (filter, segment)."""
    return np.maximum(1, -(-segments // fine))


@lru_cache(maxsize=512)
def _cycles_by_lanes(
    weights: WeightCounts, groups: int, packed: int, least: int, fines: tuple[int, ...]
) -> StaticCycles:
    """(fines, outs, ins, groups), for every coarse_out, coarse_in and coarse_group: the divisors of
    the filters, blocks and groups, ascending."""
    from .kernels.static import cycles_by_lanes  # here, as it loads numba

    segments = counted_segments(weights, packed)
    blocks, filters = segments.shape[1], segments.shape[0] // groups
    outs, ins, grouped = (np.array(divisors(count)) for count in (filters, blocks, groups))
    result = np.empty((len(fines), len(outs), len(ins), len(grouped)), dtype=np.int64)
    fed = np.empty_like(result)
    exchanged = np.empty(result.shape, dtype=np.bool_)
    allowed = exchange_allowed(outs[:, None], ins, filters) & (groups == 1)
    orders = np.zeros((len(outs), filters), dtype=np.int64)
    for out in np.flatnonzero(allowed.any(axis=1)).tolist():
        orders[out] = exchanged_filters(weights, packed, int(outs[out])).reshape(-1)
    every = np.arange(packed * weights.taps + 1)
    for index, fine in enumerate(fines):
        turns = _turns(every, fine).astype(np.int32)[segments].reshape(groups, filters, blocks)
        found = result[index], fed[index], exchanged[index]
        cycles_by_lanes(turns, outs, ins, grouped, allowed, orders, least, *found)
    return StaticCycles(result, fed, exchanged)


def static_cycles(
    op: Conv2d, weights: WeightCounts, foldings: FoldingArrays, pixels: float = 1.0
) -> StaticCycles:
    """Cycles of the joined lanes of static engines for one output position, (n,) each.

    ceil(M / fine) per segment at weight density 1, and never more.

    Args:
        op: the layer.
        weights: its non-zero weights.
        foldings: n legal foldings.
        pixels: that come in per output position. Where that is not one, whole pixels wait in the
            line buffer and no window is waited for.
    """
    cycles, fed = np.empty((2, len(foldings)), dtype=np.int64)
    exchanged = np.empty(len(foldings), dtype=np.bool_)
    filters, groups = divisors(weights.counts.shape[0] // op.groups), divisors(op.groups)
    channels = weights.counts.shape[1]
    for packed in np.unique(foldings.packed).tolist():
        rows = np.flatnonzero(foldings.packed == packed)
        chosen = foldings.take(rows)
        fines = np.unique(chosen.fine)
        place = (
            np.searchsorted(fines, chosen.fine),
            np.searchsorted(filters, chosen.coarse_out),
            np.searchsorted(divisors(channels // packed), chosen.coarse_in),
            np.searchsorted(groups, chosen.coarse_group),
        )
        least = packed if pixels == 1.0 else 0
        table = _cycles_by_lanes(weights, op.groups, packed, least, tuple(fines.tolist()))
        cycles[rows] = table.cycles[place]
        fed[rows] = table.fed[place]
        exchanged[rows] = table.exchanged[place]
    return StaticCycles(cycles, fed, exchanged)


def static_filters(op: Conv2d, weights: WeightCounts, folding: Folding) -> IntArray:
    """(steps, coarse_out) filters of a group that the lanes work on, the same for every group."""
    lanes = folding.coarse_out
    if static_cycles(op, weights, as_arrays([folding])).exchanged[0]:
        return exchanged_filters(weights, folding.packed, lanes)
    return dealt_filters(op.out_channels // op.groups, lanes)


def static_window_cycles(op: Conv2d, weights: WeightCounts, folding: Folding) -> IntArray:
    """Cycles of each window of an output position, (group steps, channel steps), in the order of
    the work; they add up to those of ``static_cycles``."""
    turns = _turns(weights.segments(folding.packed), folding.fine)
    order = static_filters(op, weights, folding)
    groups, lanes = folding.coarse_group, (folding.coarse_out, folding.coarse_in)
    by_group = turns.reshape(op.groups, order.size, -1)[:, order.reshape(-1)]
    dealt = by_group.reshape(op.groups // groups, groups, len(order), lanes[0], -1, lanes[1])
    return np.asarray(dealt.sum(axis=2).max(axis=(1, 2, 4)))
