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
from .lane_filters import dealt_filters, exchange_allowed, exchanged_filters

BoolArray = npt.NDArray[np.bool_]


class StaticCycles(NamedTuple):
    """What static engines need.

    Attributes:
        cycles: of one output position, joined lanes.
        exchanged: whether the lanes' filters are exchanged.
    """

    cycles: IntArray
    exchanged: BoolArray


def _turns(segments: IntArray, fine: int) -> IntArray:
    """Cycles of each (filter, segment)."""
    return np.maximum(1, -(-segments // fine))


def _joined(fullest: IntArray, lanes_in: int) -> IntArray:
    """Cycles of the windows of ``lanes_in`` neighbouring segments, from (..., segments) of the
    fullest output lane."""
    return np.asarray(fullest.reshape(*fullest.shape[:-1], -1, lanes_in).max(axis=-1))


@lru_cache(maxsize=512)
def _cycles_by_lanes(weights: WeightCounts, groups: int, packed: int, fine: int) -> StaticCycles:
    """For every coarse_out, coarse_in and coarse_group: the divisors of the filters, blocks and
    groups, ascending."""
    segments = weights.segments(packed)
    blocks, filters = segments.shape[1], segments.shape[0] // groups
    turns = _turns(segments, fine).astype(np.int32)
    sums = {filters: turns.reshape(groups, filters, blocks)}
    outs, ins, grouped = divisors(filters), divisors(blocks), divisors(groups)
    result = np.empty((len(outs), len(ins), len(grouped)), dtype=np.int64)
    exchanged = np.zeros(result.shape, dtype=np.bool_)
    for out_index, lanes in reversed(list(enumerate(outs))):
        if lanes not in sums:  # from the fewest lanes of which these are the joined ones
            wider = min(count for count in sums if count % lanes == 0)
            parts = sums[wider].reshape(groups, wider // lanes, lanes, blocks)
            sums[lanes] = parts.sum(axis=1, dtype=np.int32)
        fullest = sums[lanes].max(axis=1)
        for in_index, lanes_in in enumerate(ins):
            windows = _joined(fullest, lanes_in)
            for group_index, together in enumerate(grouped):
                joined = windows.reshape(groups // together, together, -1).max(axis=1)
                result[out_index, in_index, group_index] = joined.sum(dtype=np.int64)
        allowed = exchange_allowed(lanes, np.array(ins), filters)
        if groups == 1 and allowed.any():
            order = exchanged_filters(weights, packed, lanes)
            fullest = turns[order].sum(axis=0).max(axis=0)
            for place in np.flatnonzero(allowed):
                cycles = int(_joined(fullest, ins[place]).sum())
                exchanged[out_index, place, 0] = cycles < result[out_index, place, 0]
                result[out_index, place, 0] = min(cycles, result[out_index, place, 0])
    return StaticCycles(result, exchanged)


def static_cycles(op: Conv2d, weights: WeightCounts, foldings: FoldingArrays) -> StaticCycles:
    """Cycles of the joined lanes of static engines for one output position, (n,) each.

    ceil(M / fine) per segment at weight density 1, and never more.

    Args:
        op: the layer.
        weights: its non-zero weights.
        foldings: n legal foldings.
    """
    cycles = np.empty(len(foldings), dtype=np.int64)
    exchanged = np.empty(len(foldings), dtype=np.bool_)
    filters = np.array(divisors(weights.counts.shape[0] // op.groups))
    groups = np.array(divisors(op.groups))
    channels = weights.counts.shape[1]
    for packed in np.unique(foldings.packed):
        blocks = np.array(divisors(channels // int(packed)))
        for fine in np.unique(foldings.fine[foldings.packed == packed]):
            rows = np.flatnonzero((foldings.packed == packed) & (foldings.fine == fine))
            place = (
                np.searchsorted(filters, foldings.coarse_out[rows]),
                np.searchsorted(blocks, foldings.coarse_in[rows]),
                np.searchsorted(groups, foldings.coarse_group[rows]),
            )
            table = _cycles_by_lanes(weights, op.groups, int(packed), int(fine))
            cycles[rows] = table.cycles[place]
            exchanged[rows] = table.exchanged[place]
    return StaticCycles(cycles, exchanged)


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
