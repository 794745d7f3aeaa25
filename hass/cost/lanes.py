"""Cycles of dynamic lanes that are joined after every window, after every position, or never.

A lane's segment with k active products takes max(1, ceil(k / fine)) cycles. How much slower joined
lanes are than their mean is counted on the profile's sample of windows, in which all channels and
filters of a position are together: so what they have in common (zeros of the same places of an
image, zero weights that stay where they are) makes no lane wait, and what sets them apart does.
Histograms are of more positions. So what joined lanes take is their ratio to the sample's mean
times the histograms' mean (a ratio estimate: Cochran, Sampling Techniques, 1977, chapter 6). Moved
to its histogram's mean is each block of channels where means matter most: for lanes that never wait
and for what FIFOs save. Of joined lanes that would be too much: those that take equally long would
not do so any more, and the longest be too long by a part of a cycle, 1 to 3 % (SqueezeNet's last
layer, 4 lanes).

Channels, groups and filters are dealt to lanes by falling rate in snake order, as the simulator
does. Lanes of fewer streams are then sums of lanes of more: a snake folded is a snake.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..intmath import divisors
from ..segment_cycles import block_rates, falling, mean_cycles, segment_cycles
from ..snake import folded
from ..sparsity import SegmentHistogram, WindowSample
from .feeding import NO_FEEDS, SHARES, FedLanes, Feeds, by_share, near, window_trend
from .foldings import IntArray
from .lane_steps import between_fines, saved_shares, stepped_fines, stepped_positions

FloatArray = npt.NDArray[np.float64]
Lanes = npt.NDArray[np.float32]

# Tables kept: those of a network of 100 layers with 5 packings, so that an estimate after a solve
# finds them; a table holds the sample it was made of, 128 KiB at the most.
_REMEMBERED = 512
# float32 words of a block of lanes at once, 8 MiB: several values of ``fine`` together.
_WORDS_AT_ONCE = 1 << 21


@dataclass(frozen=True, slots=True, eq=False)
class LaneCycles:
    """Mean cycles per segment of joined lanes.

    Attributes:
        outs, ins, groups: coarse_out, coarse_in and coarse_group, ascending.
        mean: (fine,) of all lanes.
        windows, positions, never: (outs, ins, groups, fine) of lanes that are joined after every
            window and after every output position, and of the slowest lane.
        saved: (outs, ins, groups, fine) share of ``windows`` beyond the mean that lanes with FIFOs
            of two windows save, if positions have nothing in common.
        fed: the same lanes if windows take time to come in.
    """

    outs: IntArray
    ins: IntArray
    groups: IntArray
    mean: FloatArray
    windows: FloatArray
    positions: FloatArray
    never: FloatArray
    saved: FloatArray
    fed: FedLanes


def _folds(lanes: Lanes, axis: int) -> Iterator[tuple[int, Lanes]]:
    """(count, lanes joined to so many) along an axis, for all divisors from the largest on."""
    made = {lanes.shape[axis]: lanes}
    for count in reversed(divisors(lanes.shape[axis])):
        if count not in made:
            made[count] = folded(made[min(c for c in made if c % count == 0)], count, axis)
        yield count, made[count]


def sampled_cycles(
    sample: WindowSample, histogram: SegmentHistogram, groups: int, fine: int
) -> FloatArray:
    """Cycles of the sample's segments, each block moved to its mean in the histogram,
    (positions, groups, blocks, filters of the sample).

    What a simulation draws from: in the long run channels have their measured means.
    """
    products = sample.segments(groups, histogram.packed)
    every = np.array([fine], dtype=np.int64)
    cycles = segment_cycles(histogram.segment_products, every)[:, 0][products]
    means = cycles.mean(axis=(0, 3))
    move = mean_cycles(histogram, every, groups)[:, :, 0] - means
    return np.asarray(cycles + move[..., None])


def _segments(
    sample: WindowSample, histogram: SegmentHistogram, rates: FloatArray, max_fine: int
) -> Iterator[tuple[Lanes, Lanes]]:
    """Cycles beyond the first of all segments for fine = 1..max_fine, several at once, dealt by
    falling rate.

    Args:
        sample: windows.
        histogram: gives the packing, the rates of blocks and groups, and the means.
        rates: (groups, filters of the sample).
        max_fine: largest number of multipliers of an engine.

    Yields:
        (filters, blocks, groups, fine, positions + 1), the last position being the mean of all,
        each block moved to its mean in the histogram; and (blocks, groups, fine, 1) by how much.
    """
    groups = rates.shape[0]
    group, block = falling(block_rates(histogram, groups))
    chosen = np.argsort(-rates, axis=1, kind="stable")[group[:, 0]]
    products = sample.segments(groups, histogram.packed)
    dealt = (group[:, :, None], block[:, :, None], chosen[:, None, :])
    products = np.maximum(products[:, *dealt].transpose(3, 2, 1, 0), 1) - 1
    small = products.astype(np.min_scalar_type(histogram.segment_products), order="C")
    step = max(1, _WORDS_AT_ONCE // small.size)
    for first in range(1, max_fine + 1, step):
        fine = np.arange(first, min(first + step, max_fine + 1), dtype=np.int64)
        shape = (*small.shape[:3], len(fine), small.shape[3] + 1)
        cycles = np.empty(shape, dtype=np.float32)
        for index, multipliers in enumerate(fine.tolist()):
            cycles[..., index, :-1] = small // small.dtype.type(multipliers)
        cycles[..., -1] = cycles[..., :-1].mean(axis=-1)
        expected = mean_cycles(histogram, fine, groups)[group, block].swapaxes(0, 1)
        move = expected - 1.0 - cycles[..., -1].mean(axis=0, dtype=np.float64)
        moves = move.astype(np.float32)
        cycles[..., -1] += moves
        yield cycles, moves[..., None]


@lru_cache(maxsize=_REMEMBERED)
def lane_cycles(
    sample: WindowSample,
    histogram: SegmentHistogram,
    filter_rates: tuple[float, ...],
    groups: int,
    max_fine: int,
    feeds: Feeds = NO_FEEDS,
) -> LaneCycles:
    """Cycles of the lanes of a layer for fine = 1..max_fine.

    Where the sample has some of the filters only, ``outs`` counts lanes of these.

    Args:
        sample: windows of some positions.
        histogram: of the packing.
        filter_rates: of all filters.
        groups: of the layer.
        max_fine: largest number of multipliers of an engine.
        feeds: what comes in meanwhile.
    """
    from .kernels.joined import join  # here, as it loads numba

    rates = np.asarray(filter_rates).reshape(groups, -1)[:, list(sample.filters)]
    blocks = histogram.counts.shape[0] // groups
    outs, ins, together = (np.array(divisors(n)) for n in (rates.shape[1], blocks, groups))
    grid = (len(outs), len(ins), len(together))
    positions = sample.counts.shape[0] + 1
    found = np.empty((2, *grid, max_fine, positions), dtype=np.float32)
    some = stepped_positions(positions - 1)
    saved: list[FloatArray] = []
    of_sample = np.empty(max_fine)
    in_window = rates.shape[1] / outs  # segments of a lane
    feed = np.asarray(feeds.segments).reshape(len(outs), -1)
    # beyond the first of a window's segments, and a cycle
    feeding = np.stack([feed - 1.0, feed / feeds.window_cycles], axis=-1)
    feeding = (feeding * in_window[:, None, None]).astype(np.float32)
    fed_mean = np.empty((*grid, feed.shape[1], max_fine))
    squares = np.empty((*grid, max_fine))
    first = 0
    for segments, move in _segments(sample, histogram, rates, max_fine):
        fine = slice(first, first + segments.shape[3])
        chosen = np.intersect1d(stepped_fines(max_fine) - 1 - first, np.arange(segments.shape[3]))
        of_sample[fine] = 1.0 + segments[..., :-1].mean(axis=(0, 1, 2, 4), dtype=np.float64)
        first += segments.shape[3]
        if len(chosen):
            stepped = segments[:, :, :, chosen, :-1][..., some].swapaxes(3, 4)
            moved = 1.0 + move[:, :, chosen].swapaxes(2, 3)
            whole = np.add(stepped, moved, order="C")
            saved.append(saved_shares([lanes for _, lanes in _folds(whole, 0)][::-1]))
        words = segments.shape[3] * positions
        cycles = np.empty((3, *grid, words), dtype=np.float32)
        fed = np.empty((*grid, feed.shape[1], words), dtype=np.float32)
        dealt = segments.reshape(*segments.shape[:3], -1)
        join(dealt, outs, ins, together, feeding, cycles[0], cycles[1], fed, cycles[2])
        found[..., fine, :] = cycles[:2].reshape(2, *grid, -1, positions)
        squares[..., fine] = _of_positions(cycles[2], positions)
        fed_mean[..., fine] = _of_positions(fed, positions)
    lanes_of = outs[:, None, None, None] * ins[:, None, None] * together[:, None]
    per_segment = lanes_of / (rates.size * blocks)
    mean = mean_cycles(histogram, np.arange(1, max_fine + 1), groups).mean(axis=(0, 1))
    beyond = found[..., :-1].mean(axis=-1, dtype=np.float64)
    counted = 1.0 + beyond * per_segment
    several = 1.0 + fed_mean * per_segment[..., None]
    starved = several - np.maximum(counted[0][..., None, :], feed[:, None, None, :, None])
    of_fed = _fed(
        histogram, found[0], squares, counted[0], feed, starved, in_window, (ins, together)
    )
    windows, joined = np.maximum(counted * (mean / of_sample), mean)
    never = np.maximum(1.0 + found[1, ..., -1] * per_segment, mean)
    windows = np.maximum(windows, never)
    joined = joined.clip(never, windows)
    shares = between_fines(np.concatenate(saved, axis=-1), max_fine)
    return LaneCycles(outs, ins, together, mean, windows, joined, never, shares, of_fed)


def _of_positions(cycles: Lanes, positions: int) -> FloatArray:
    """Mean over the sample's positions: (..., fine) of (..., fine x positions)."""
    fines = cycles.shape[-1] // positions
    by_fine = cycles.reshape(*cycles.shape[:-1], fines, positions)
    return np.asarray(by_fine[..., :-1].mean(axis=-1, dtype=np.float64))


def _fed(
    histogram: SegmentHistogram,
    totals: Lanes,
    squares: FloatArray,
    counted: FloatArray,
    feed: FloatArray,
    starved: FloatArray,
    in_window: FloatArray,
    shape: tuple[IntArray, IntArray],
) -> FedLanes:
    """What lanes in lockstep wait for windows that come in.

    Args:
        histogram: of all segments.
        totals: (outs, ins, groups, fine, positions + 1) cycles of a position beyond the first.
        squares: (outs, ins, groups, fine) sums of a position's windows' squares.
        counted: (outs, ins, groups, fine) cycles per segment.
        feed: (outs, feeds) cycles that a segment takes to come in.
        starved: of ``FedLanes``.
        in_window: (outs,) segments of a lane.
        shape: coarse_in and coarse_group, ascending.
    """
    ins, together = shape
    starved = np.maximum(starved, 0.0)
    places = np.ones((*counted.shape, SHARES))
    noise = np.zeros(counted.shape)
    if not (feed > 1.0).any():  # a segment takes a cycle at least
        return FedLanes(starved, noise, places, places[0])
    trend, of_trend = window_trend(histogram, ins, together, counted.shape[-1])
    windows = (ins[-1] // ins)[:, None, None] * (together[-1] // together)[:, None]
    close = near(counted[..., None, :], feed[:, None, None, :, None]).any(axis=-2)
    if close.any():
        beyond = totals[..., :-1][close].astype(np.float64)  # cells, positions
        several = np.broadcast_to(windows, counted.shape)[close]
        segments = in_window[:, None, None, None] * windows
        first = np.broadcast_to(segments, counted.shape)[close]
        places[close] = by_share(beyond + first[:, None])
        within = squares[close] / several - ((beyond / several[:, None]) ** 2).mean(axis=1)
        relative = within / ((first + beyond.mean(axis=1)) / several) ** 2
        apart = relative - np.broadcast_to(of_trend, counted.shape)[close]
        noise[close] = np.maximum(apart, 0.0) * several / np.maximum(several - 1, 1)
    return FedLanes(starved, noise, places, trend)
