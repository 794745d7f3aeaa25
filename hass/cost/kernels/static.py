"""Cycles of static lanes for all numbers of lanes, and the exchange of their filters.

Whole numbers only, in float64 too, so that no order of a sum changes anything.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .compiling import compiled

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Ints32 = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@compiled
def _joined(fullest: Ints32, lanes_in: int, together: int) -> int:
    """Cycles of all windows of ``lanes_in`` neighbouring segments and ``together`` groups, of
    (groups, segments) of the fullest output lane."""
    total = 0
    for group in range(0, fullest.shape[0], together):
        for block in range(0, fullest.shape[1], lanes_in):
            longest = 0
            for other in range(group, group + together):
                for lane in range(block, block + lanes_in):
                    longest = max(longest, fullest[other, lane])
            total += longest
    return total


@compiled
def _fullest(sums: Ints32, fullest: Ints32) -> None:
    """Cycles of the fullest lane, into (groups, segments), from (groups, lanes, segments)."""
    fullest[:] = sums[:, 0]
    for group in range(sums.shape[0]):
        for lane in range(1, sums.shape[1]):
            for block in range(sums.shape[2]):
                fullest[group, block] = max(fullest[group, block], sums[group, lane, block])


@compiled
def _dealt(wider: Ints32, sums: Ints32) -> None:
    """Fewer lanes, (groups, lanes, segments), from a multiple of so many."""
    lanes = sums.shape[1]
    sums[:] = wider[:, :lanes]
    for group in range(sums.shape[0]):
        for other in range(lanes, wider.shape[1]):
            for block in range(sums.shape[2]):
                sums[group, other % lanes, block] += wider[group, other, block]


@compiled
def cycles_by_lanes(
    turns: Ints32,
    outs: Ints,
    ins: Ints,
    grouped: Ints,
    allowed: Bools,
    orders: Ints,
    cycles: Ints,
    exchanged: Bools,
) -> None:
    """Cycles of one output position, joined lanes, and whether these have exchanged filters.

    Args:
        turns: of each (group, filter, segment).
        outs, ins, grouped: coarse_out, coarse_in and coarse_group: all divisors, ascending.
        allowed: where filters may be exchanged, (outs, ins).
        orders: filters as lanes of each coarse_out work on them, step by step, (outs, filters);
            read where some coarse_in allows it. Of a layer with one group.
        cycles, exchanged: (outs, ins, grouped), filled.
    """
    groups, filters, blocks = turns.shape
    kept = np.empty((len(outs), groups * filters * blocks), dtype=np.int32)
    fullest = np.empty((groups, blocks), dtype=np.int32)
    traded = np.empty((groups * filters * blocks), dtype=np.int32)
    for out in range(len(outs) - 1, -1, -1):
        lanes = outs[out]
        sums = kept[out, : groups * lanes * blocks].reshape((groups, lanes, blocks))
        wide = out + 1
        while wide < len(outs) and outs[wide] % lanes != 0:
            wide += 1
        if wide < len(outs):
            size = groups * outs[wide] * blocks
            _dealt(kept[wide, :size].reshape((groups, outs[wide], blocks)), sums)
        else:
            sums[:] = turns
        _fullest(sums, fullest)
        for column in range(len(ins)):
            for plane in range(len(grouped)):
                cycles[out, column, plane] = _joined(fullest, ins[column], grouped[plane])
                exchanged[out, column, plane] = False
        if not allowed[out].any():
            continue
        own = traded[: lanes * blocks].reshape((1, lanes, blocks))
        own[:] = 0
        for place in range(filters):
            for block in range(blocks):
                own[0, place % lanes, block] += turns[0, orders[out, place], block]
        _fullest(own, fullest)
        for column in range(len(ins)):
            if allowed[out, column]:
                found = _joined(fullest, ins[column], 1)
                exchanged[out, column, 0] = found < cycles[out, column, 0]
                cycles[out, column, 0] = min(found, cycles[out, column, 0])


@compiled
def _by_falling(values: Floats, order: Ints) -> None:
    """Places of falling values, equal ones in their order, into ``order``."""
    for place in range(len(values)):
        at = place
        while at > 0 and values[order[at - 1]] < values[place]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = place


@compiled
def exchanged_order(segments: Ints, order: Ints) -> None:
    """What ``lane_filters.exchanged_filters`` says.

    Args:
        segments: non-zero weights, (filters, segments).
        order: (steps, lanes) filters, filled.
    """
    steps, lanes = order.shape
    blocks = segments.shape[1]
    # what all filters of a step share makes no lane fuller than another; times lanes: no fractions
    apart = np.empty((steps, lanes, blocks), dtype=np.float64)
    spread = np.zeros((steps, lanes), dtype=np.float64)
    together = np.empty(blocks, dtype=np.int64)
    for step in range(steps):
        first = step * lanes
        together[:] = 0
        for lane in range(lanes):
            for block in range(blocks):
                together[block] += segments[first + lane, block]
        for lane in range(lanes):
            for block in range(blocks):
                beyond = float(segments[first + lane, block] * lanes - together[block])
                apart[step, lane, block] = beyond
                spread[step, lane] += beyond * beyond
    by_step = np.empty(steps, dtype=np.int64)
    _by_falling(spread.sum(axis=1), by_step)
    by_filter = np.empty(lanes, dtype=np.int64)
    burden = np.zeros((blocks, lanes), dtype=np.float64)
    overlap = np.empty(lanes, dtype=np.float64)
    taken = np.empty(lanes, dtype=np.bool_)
    for place in range(steps):
        step = by_step[place]
        _by_falling(spread[step], by_filter)
        taken[:] = False
        for turn in range(lanes):
            index = by_filter[turn]
            overlap[:] = 0.0
            for block in range(blocks):
                for lane in range(lanes):
                    overlap[lane] += apart[step, index, block] * burden[block, lane]
            best = -1
            for lane in range(lanes):
                if not taken[lane] and (best < 0 or overlap[lane] < overlap[best]):
                    best = lane
            taken[best] = True
            order[step, best] = step * lanes + index
        for lane in range(lanes):
            for block in range(blocks):
                burden[block, lane] += apart[step, order[step, lane] - step * lanes, block]
