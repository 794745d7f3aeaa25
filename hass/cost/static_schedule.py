"""Cycles of static engines: the schedule is known offline, so they are exact.

A static engine has no zero weights in its memory. A window is handed to the lanes of its input
stream; a lane works through its filters, and a filter with n non-zero weights in the segment takes
max(1, ceil(n / fine)) cycles: the one cycle of an empty segment keeps the filters in order. All
lanes read rows of one wide memory, a row a cycle, and go on to the next window together; the rows
of the lanes that are done before the fullest are padding. So a window takes the sum over the
fullest lane's filters, the same at every output position, and the memory has a row for each cycle.

Channels, groups and filters are dealt to lanes in turn, as the emitter does.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..intmath import divisors
from ..ops import Conv2d
from ..sparsity import WeightCounts
from .foldings import Folding, FoldingArrays, IntArray


@lru_cache(maxsize=512)
def _cycles_by_lanes(weights: WeightCounts, groups: int, packed: int, fine: int) -> IntArray:
    """Cycles of one output position for every coarse_out, coarse_in and coarse_group: the divisors
    of the filters, blocks and groups, ascending."""
    segments = weights.segments(packed)
    blocks, filters = segments.shape[1], segments.shape[0] // groups
    turns = np.maximum(1, -(-segments // fine)).astype(np.int32)
    sums = {filters: turns.reshape(groups, filters, blocks)}
    outs, ins, grouped = divisors(filters), divisors(blocks), divisors(groups)
    result = np.empty((len(outs), len(ins), len(grouped)), dtype=np.int64)
    for out_index, lanes in reversed(list(enumerate(outs))):
        if lanes not in sums:  # from the fewest lanes of which these are the joined ones
            wider = min(count for count in sums if count % lanes == 0)
            parts = sums[wider].reshape(groups, wider // lanes, lanes, blocks)
            sums[lanes] = parts.sum(axis=1, dtype=np.int32)
        fullest = sums[lanes].max(axis=1)
        for in_index, lanes_in in enumerate(ins):
            windows = fullest.reshape(groups, blocks // lanes_in, lanes_in).max(axis=2)
            for group_index, together in enumerate(grouped):
                joined = windows.reshape(groups // together, together, -1).max(axis=1)
                result[out_index, in_index, group_index] = joined.sum(dtype=np.int64)
    return result


def static_position_cycles(op: Conv2d, weights: WeightCounts, foldings: FoldingArrays) -> IntArray:
    """Cycles of the joined lanes of static engines for one output position, (n,).

    ceil(M / fine) per segment at weight density 1, and never more.

    Args:
        op: the layer.
        weights: its non-zero weights.
        foldings: n legal foldings.
    """
    result = np.empty(len(foldings), dtype=np.int64)
    filters = np.array(divisors(weights.counts.shape[0] // op.groups))
    groups = np.array(divisors(op.groups))
    channels = weights.counts.shape[1]
    for packed in np.unique(foldings.packed):
        blocks = np.array(divisors(channels // int(packed)))
        for fine in np.unique(foldings.fine[foldings.packed == packed]):
            rows = np.flatnonzero((foldings.packed == packed) & (foldings.fine == fine))
            table = _cycles_by_lanes(weights, op.groups, int(packed), int(fine))
            result[rows] = table[
                np.searchsorted(filters, foldings.coarse_out[rows]),
                np.searchsorted(blocks, foldings.coarse_in[rows]),
                np.searchsorted(groups, foldings.coarse_group[rows]),
            ]
    return result


def static_window_cycles(op: Conv2d, weights: WeightCounts, folding: Folding) -> IntArray:
    """Cycles of each window of an output position, (group steps, channel steps), in the order of
    the work; they add up to ``static_position_cycles``."""
    turns = np.maximum(1, -(-weights.segments(folding.packed) // folding.fine))
    groups, lanes = folding.coarse_group, (folding.coarse_out, folding.coarse_in)
    filters = op.out_channels // op.groups // lanes[0]
    dealt = turns.reshape(op.groups // groups, groups, filters, lanes[0], -1, lanes[1])
    return np.asarray(dealt.sum(axis=2).max(axis=(1, 2, 4)))
