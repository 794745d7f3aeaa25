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
def _joined(fullest: Ints32, lanes_in: int, together: int, least: int) -> tuple[int, int]:
    """Cycles of all windows of ``lanes_in`` neighbouring segments and ``together`` groups, of
    (groups, segments) of the fullest output lane; and the same if each takes ``least`` to come in,
    from where the one before it begins; a cycle earlier if the lanes have been late since."""
    total = fed = early = 0
    for group in range(0, fullest.shape[0], together):
        for block in range(0, fullest.shape[1], lanes_in):
            longest = 0
            for other in range(group, group + together):
                for lane in range(block, block + lanes_in):
                    longest = max(longest, fullest[other, lane])
            ahead = early + longest - least
            total += longest
            fed += longest + max(-ahead, 0)
            early = min(max(ahead, 0), 1)
    return total, fed


@compiled
def _fullest(sums: Ints32, fullest: Ints32) -> None:
    """Cycles of the fullest lane, into (groups, segments), from (groups, lanes, segments)."""
    for group in range(sums.shape[0]):
        for block in range(sums.shape[2]):
            fullest[group, block] = sums[group, 0, block]
        for lane in range(1, sums.shape[1]):
            for block in range(sums.shape[2]):
                more = sums[group, lane, block]
                fullest[group, block] = (
                    more if more > fullest[group, block] else fullest[group, block]
                )


@compiled
def _dealt(wider: Ints32, sums: Ints32) -> None:
    """Fewer lanes, (groups, lanes, segments), from a multiple of so many."""
    lanes = sums.shape[1]
    for group in range(sums.shape[0]):
        for lane in range(lanes):
            for block in range(sums.shape[2]):
                sums[group, lane, block] = wider[group, lane, block]
            for other in range(lane + lanes, wider.shape[1], lanes):
                for block in range(sums.shape[2]):
                    sums[group, lane, block] += wider[group, other, block]


@compiled
def _exchanged(turns: Ints32, order: Ints, sums: Ints32) -> None:
    """Cycles of lanes that work on filters in an order, step by step, (1, lanes, segments), from
    (1, filters, segments)."""
    lanes = sums.shape[1]
    for place in range(len(order)):
        for block in range(sums.shape[2]):
            before = sums[0, place % lanes, block] if place >= lanes else 0
            sums[0, place % lanes, block] = before + turns[0, order[place], block]


@compiled
def cycles_by_lanes(
    turns: Ints32,
    outs: Ints,
    ins: Ints,
    grouped: Ints,
    allowed: Bools,
    orders: Ints,
    least: int,
    cycles: Ints,
    fed: Ints,
    exchanged: Bools,
) -> None:
    """Cycles of one output position, joined lanes, and whether these have exchanged filters.

    Args:
        turns: of each (group, filter, segment).
        outs, ins, grouped: coarse_out, coarse_in and coarse_group: all divisors, ascending.
        allowed: where filters may be exchanged, (outs, ins).
        orders: filters as lanes of each coarse_out work on them, step by step, (outs, filters);
            read where some coarse_in allows it. Of a layer with one group.
        least: cycles in which a window comes in.
        cycles, fed, exchanged: (outs, ins, grouped), filled; ``fed`` are the cycles if a window
            takes what it takes to come in, at least.
    """
    groups, filters, blocks = turns.shape
    kept = np.empty((len(outs), groups * filters * blocks), dtype=np.int32)
    spare = np.empty(filters * blocks, dtype=np.int32)
    fullest = np.empty((groups, blocks), dtype=np.int32)
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
            _dealt(turns, sums)
        _fullest(sums, fullest)
        some = False
        for column in range(len(ins)):
            some = some or allowed[out, column]
            for plane in range(len(grouped)):
                cycles[out, column, plane], fed[out, column, plane] = _joined(
                    fullest, ins[column], grouped[plane], least
                )
                exchanged[out, column, plane] = False
        if some:
            own = spare[: lanes * blocks].reshape((1, lanes, blocks))
            _exchanged(turns, orders[out], own)
            _fullest(own, fullest)
            for column in range(len(ins)):
                found, found_fed = _joined(fullest, ins[column], 1, least)
                if allowed[out, column] and found < cycles[out, column, 0]:
                    exchanged[out, column, 0] = True
                    cycles[out, column, 0] = found
                    fed[out, column, 0] = found_fed


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
def _overlap(apart: Floats, burden: Floats, overlap: Floats) -> None:
    """Of a filter, (segments,), with the burden of each lane, (segments, lanes), into (lanes,)."""
    for lane in range(len(overlap)):
        overlap[lane] = 0.0
    for block in range(len(apart)):
        for lane in range(len(overlap)):
            overlap[lane] += apart[block] * burden[block, lane]


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
    of_step = np.zeros(steps, dtype=np.float64)
    for step in range(steps):
        for block in range(blocks):
            together = 0
            for lane in range(lanes):
                together += segments[step * lanes + lane, block]
            for lane in range(lanes):
                beyond = float(segments[step * lanes + lane, block] * lanes - together)
                apart[step, lane, block] = beyond
                spread[step, lane] += beyond * beyond
                of_step[step] += beyond * beyond
    by_step = np.empty(steps, dtype=np.int64)
    _by_falling(of_step, by_step)
    by_filter = np.empty(lanes, dtype=np.int64)
    burden = np.zeros((blocks, lanes), dtype=np.float64)
    overlap = np.empty(lanes, dtype=np.float64)
    taken = np.empty(lanes, dtype=np.bool_)
    for place in range(steps):
        step = by_step[place]
        _by_falling(spread[step], by_filter)
        for lane in range(lanes):
            taken[lane] = False
        for turn in range(lanes):
            index = by_filter[turn]
            _overlap(apart[step, index], burden, overlap)
            best = -1
            for lane in range(lanes):
                if not taken[lane] and (best < 0 or overlap[lane] < overlap[best]):
                    best = lane
            taken[best] = True
            order[step, best] = step * lanes + index
        for lane in range(lanes):
            index = order[step, lane] - step * lanes
            for block in range(blocks):
                burden[block, lane] += apart[step, index, block]
