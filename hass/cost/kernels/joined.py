"""Cycles of joined lanes, for all numbers of them: lanes of fewer streams are sums of more.

Every number is a sum in the order in which lanes and windows come, or a maximum, as ``lanes`` has
it for one number of lanes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .compiling import compiled

Ints = npt.NDArray[np.int64]
Lanes = npt.NDArray[np.float32]


@compiled
def _of(widest: Lanes, fewer: Lanes, counts: Ints, index: int) -> Lanes:
    """The lanes of a count, (outer, lanes, words): the widest, or among the others, of which those
    of one count come after those of the one before."""
    if index == len(counts) - 1:
        return widest
    outer, _, words = widest.shape
    start = outer * counts[:index].sum() * words
    end = start + outer * counts[index] * words
    return fewer[start:end].reshape((outer, counts[index], words))


@compiled
def _fold(widest: Lanes, counts: Ints, fewer: Lanes) -> None:
    """Lanes of all counts but the last, ascending, from the widest, (outer, lanes, words): the same
    snake deals a turn after the other to them, every second one the other way round."""
    outer, _, words = widest.shape
    for index in range(len(counts) - 2, -1, -1):
        count = counts[index]
        wide = index + 1
        while counts[wide] % count != 0:
            wide += 1
        wider = _of(widest, fewer, counts, wide)
        lanes = _of(widest, fewer, counts, index)
        for part in range(outer):
            for lane in range(count):
                total = lanes[part, lane]
                before = wider[part, lane]
                for turn in range(1, counts[wide] // count):
                    more = wider[part, turn * count + (count - 1 - lane if turn % 2 else lane)]
                    for word in range(words):
                        total[word] = before[word] + more[word]
                    before = total


@compiled
def _largest(lanes: Lanes, most: Lanes) -> None:
    """Of (lanes, words), into (words,)."""
    most[:] = lanes[0]
    for lane in range(1, len(lanes)):
        for word in range(len(most)):
            most[word] = most[word] if most[word] >= lanes[lane, word] else lanes[lane, word]


@compiled
def _windows(
    slowest: Lanes,
    lanes_in: int,
    together: int,
    feeds: Lanes,
    spare_feeds: Lanes,
    longest: Lanes,
    total: Lanes,
    fed: Lanes,
    squares: Lanes,
) -> None:
    """Cycles of a position, into (words,), of lanes that are joined after every window.

    What a window takes to come in begins with the window before it, or a cycle earlier if the lanes
    have been late since: then its first word is there.

    Args:
        slowest: of the slowest lane, (blocks, groups, words).
        lanes_in, together: blocks and groups of a window.
        feeds: (feeds, 2) cycles in which a window comes in, not above 0 where it is always there;
            and one cycle, in the same unit.
        spare_feeds: (feeds, words), overwritten.
        longest: (words,), overwritten.
        total: filled.
        fed: (feeds, words), filled; the same if windows come in.
        squares: sums of squares of the windows; filled where a feed is above 0, else zeros.
    """
    is_fed = False
    for feed in range(len(feeds)):
        fed[feed] = 0.0
        spare_feeds[feed] = 0.0
        is_fed = is_fed or feeds[feed, 0] > 0.0
    squares[:] = 0.0
    for block in range(0, slowest.shape[0], lanes_in):
        for group in range(0, slowest.shape[1], together):
            longest[:] = slowest[block, group]
            for lane in range(1, lanes_in * together):
                more = slowest[block + lane // together, group + lane % together]
                for word in range(len(longest)):
                    longest[word] = longest[word] if longest[word] >= more[word] else more[word]
            if block == 0 and group == 0:
                total[:] = longest
            else:
                for word in range(len(total)):
                    total[word] += longest[word]
            if is_fed:
                for word in range(len(total)):
                    squares[word] += longest[word] * longest[word]
            for feed in range(len(feeds)):
                least, cycle = feeds[feed]
                if least > 0.0:
                    early, mine = spare_feeds[feed], fed[feed]
                    for word in range(len(total)):
                        ahead = early[word] + longest[word] - least
                        starved = -ahead if ahead < 0.0 else np.float32(0.0)
                        mine[word] += longest[word] + starved
                        ahead = ahead if ahead > 0.0 else np.float32(0.0)
                        early[word] = ahead if ahead < cycle else cycle
    for feed in range(len(feeds)):
        if feeds[feed, 0] <= 0.0:
            fed[feed] = total


@compiled
def join(
    segments: Lanes,
    outs: Ints,
    ins: Ints,
    grouped: Ints,
    feeds: Lanes,
    windows: Lanes,
    longest: Lanes,
    fed: Lanes,
    squares: Lanes,
) -> None:
    """Cycles of a position of lanes that are joined after every window, and of the slowest lane.

    Args:
        segments: cycles, (filters, blocks, groups, words), dealt by falling rate.
        outs, ins, grouped: coarse_out, coarse_in and coarse_group: all divisors, ascending.
        feeds: (outs, feeds, 2), see ``_windows``.
        windows, longest: (outs, ins, grouped, words), filled.
        fed: (outs, ins, grouped, feeds, words), filled; of windows that come in so slowly.
        squares: (outs, ins, grouped, words), filled; see ``_windows``.
    """
    filters, blocks, groups, words = segments.shape
    wide = segments.reshape((1, filters, blocks * groups * words))
    fewer_out = np.empty(outs[:-1].sum() * blocks * groups * words, dtype=np.float32)
    fewer_in = np.empty(filters * ins[:-1].sum() * groups * words, dtype=np.float32)
    fewer_groups = np.empty(filters * blocks * grouped[:-1].sum() * words, dtype=np.float32)
    slowest = np.empty(blocks * groups * words, dtype=np.float32)
    spare = np.empty(words, dtype=np.float32)
    spare_feeds = np.empty((feeds.shape[1], words), dtype=np.float32)
    _fold(wide, outs, fewer_out)
    for out in range(len(outs)):
        by_out = _of(wide, fewer_out, outs, out)
        _largest(by_out[0], slowest)
        of_blocks = slowest.reshape((blocks, groups, words))
        by_block = by_out.reshape((outs[out], blocks, groups * words))
        _fold(by_block, ins, fewer_in)
        for column in range(len(ins)):
            by_in = _of(by_block, fewer_in, ins, column)
            by_group = by_in.reshape((outs[out] * ins[column], groups, words))
            _fold(by_group, grouped, fewer_groups)
            for plane in range(len(grouped)):
                lanes = _of(by_group, fewer_groups, grouped, plane)
                place = out, column, plane
                _largest(lanes.reshape((-1, words)), longest[place])
                _windows(
                    of_blocks,
                    ins[column],
                    grouped[plane],
                    feeds[out],
                    spare_feeds,
                    spare,
                    windows[place],
                    fed[place],
                    squares[place],
                )
