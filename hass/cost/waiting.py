"""Cycles per segment of sparse lanes: imbalance between lanes, and waiting for each other.

Two things make joined lanes slower than their mean: some lanes have more work (imbalance), and at
any moment some lane happens to have more of it (waiting). Lanes are joined window by window: a
window is handed to the coarse_out lanes of its input stream at once, a lane computes its filters of
it and accumulates on its own. With lane_fifo_depth D a lane may be D windows ahead of the slowest.

Lanes that are joined after every m windows wait the less the larger m is. It is counted in a sample
(``lanes``) for m = 1, for the windows of a position, and without end; what lies between and beyond
follows from how variances add up (``strayed``). What lanes with FIFOs take follows from that for
all m (``lane_fifos``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..intmath import divisors
from ..ops import Conv2d
from ..sparsity import LayerSparsity, SegmentHistogram, WindowSample
from .alike import Correlation, mean_of_frame_share
from .feeding import Feed, fed_cycles, feeds_of, kept_windows
from .foldings import FoldingArrays, IntArray
from .lane_fifos import STAYS, longest_of, longest_paths, lost_share
from .lanes import FloatArray, lane_cycles

# Tables are made for a multiple of so many values of ``fine``: few are made twice.
FINES_AT_ONCE = 8
_REMEMBERED = 512  # tables, as in ``lanes``
_LEAST_LANES = 4  # of a sample of some filters, that stand for more
_LEAST = 1e-9  # instead of zero in a denominator


@dataclass(frozen=True, slots=True)
class _Sampled:
    """What joined lanes are counted on.

    Attributes:
        sample: windows of some positions.
        histogram: of the packing.
        filter_rates: of all filters.
        groups: of the layer.
    """

    sample: WindowSample
    histogram: SegmentHistogram
    filter_rates: tuple[float, ...]
    groups: int


NOTHING_COMES_IN = Feed(pixels=0.0, turns=())
_NOTHING_IN_COMMON = Correlation(neighbours=0.0, frame=0.0, frame_positions=1)


def _cycles_alike(histogram: SegmentHistogram, max_fine: int) -> FloatArray:
    """(fine,) share of the variance of a segment's cycles that goes with its active products: as
    cycles are rounded up, they have so much of their correlation, to first order."""
    counts = histogram.counts.astype(np.float64)
    weights = counts / counts.sum(axis=1, keepdims=True)
    products = np.arange(counts.shape[1], dtype=np.float64)
    cycles = np.maximum(1.0, np.ceil(products / np.arange(1.0, max_fine + 1)[:, None]))

    def covariance(first: FloatArray, second: FloatArray) -> FloatArray:
        """(fine,) of two (fine, M + 1) quantities, within blocks."""
        apart = [x[:, None] - (weights @ x.T).T[..., None] for x in (first, second)]
        return np.asarray((apart[0] * apart[1] * weights).sum(axis=(1, 2)))

    every = np.broadcast_to(products, cycles.shape)
    own = covariance(every, every) * covariance(cycles, cycles)
    return np.asarray(covariance(every, cycles) ** 2 / np.maximum(own, _LEAST))


def strayed(
    window: FloatArray,
    position: FloatArray,
    per_position: FloatArray,
    joined: FloatArray,
    correlation: Correlation,
    share: FloatArray,
) -> FloatArray:
    """Square of how far the slowest of lanes that are joined after every ``joined`` windows strays
    from its own mean, per window.

    It falls as the variance of a lane's mean does: m times it is constant, but for two effects
    within a position. Lanes may even out towards its end, as what is left of a finite population
    does: then m times it falls linearly. Or a window has too few different lengths for one of many
    lanes to stand out: as skewness, that fades with 1 / m. Beyond, a part of what sets lanes apart
    stays for a frame; the rest is correlated with its neighbours' (``mean_share``). Frames are
    independent.

    Args:
        window: of lanes that are joined after every window.
        position: of lanes that are joined after every position, at most ``window``.
        per_position: windows of a lane per position.
        joined: windows, at least 1.
        correlation: of positions.
        share: of the variance that is so correlated; the rest is of each position alone.
    """
    more = per_position * position - window
    last = np.maximum(per_position, 1.0 + _LEAST)
    evened = (joined - 1.0) / (last - 1.0)
    faded = (1.0 - 1.0 / joined) / (1.0 - 1.0 / last)
    near = (window + more * np.where(more > 0.0, faded, evened)) / joined
    together = np.maximum(joined / per_position, 1.0)
    alike = mean_of_frame_share(correlation, together)
    far = position * (share * alike + (1.0 - share) / together)
    return np.asarray(np.where(joined < per_position, near, far))


@lru_cache(maxsize=_REMEMBERED)
def _joined(
    sampled: _Sampled,
    correlation: Correlation,
    feed: Feed,
    max_fine: int,
    depths: tuple[int, ...],
) -> FloatArray:
    """Cycles per segment, (1 + turns, depths, coarse_out, coarse_in, coarse_group, fine): if
    windows are always there, and if they come in, for each of ``Feed.turns``; the divisors of the
    filters, blocks and groups ascending, fine from 1."""
    histogram, groups = sampled.histogram, sampled.groups
    kept, filters = len(sampled.sample.filters), len(sampled.filter_rates) // groups
    outs, row, more = _lanes_out(np.array(divisors(kept), dtype=np.int64), kept, filters)
    feeds, column, of_segment = feeds_of(feed, histogram.packed * feed.pixels, outs, row, filters)
    counted = lane_cycles(sampled.sample, histogram, sampled.filter_rates, groups, max_fine, feeds)
    # what lanes that share windows add grows with the longest of so many
    windows, positions, never = (
        found[0] + (found[row] - found[0]) * more[:, None, None, None]
        for found in (counted.windows, counted.positions, counted.never)
    )
    never = np.maximum(never, counted.mean)
    windows = np.maximum(windows, never)
    positions = positions.clip(never, windows)
    per_position = histogram.counts.shape[0] / (counted.ins[:, None] * counted.groups)[..., None]
    # of lanes joined after every window and every position; a lane's own variance and the lanes'
    # means' add up to what sets the slowest apart
    mean, imbalance = counted.mean, (never - counted.mean) ** 2
    window = np.maximum((windows - mean) ** 2 - imbalance, 0.0)
    position = np.maximum((positions - mean) ** 2 - imbalance, 0.0)
    if depths == (1,):
        result = windows[None]
    else:
        stays = STAYS[:, None, None, None, None]
        apart = strayed(window, position, per_position, stays, _NOTHING_IN_COMMON, np.ones(1))
        two = windows - counted.saved[row] * (windows - mean)
        lost = lost_share(mean + np.sqrt(imbalance + apart), np.maximum(two, never))
        alike = _cycles_alike(histogram, max_fine)
        square = strayed(window, position, per_position, stays, correlation, alike)
        joined = mean + np.sqrt(imbalance + square)
        # lockstep is counted, and what is deeper takes no longer
        result = np.maximum(np.minimum(longest_paths(joined, lost, depths), windows), never)
        result[[depth == 1 for depth in depths]] = windows
    sides = (outs, counted.ins, counted.groups)
    dense = np.ceil(histogram.segment_products / np.arange(1, max_fine + 1))
    every = [_bounded(np.minimum(result, dense), sides)]
    lockstep = _bounded(np.minimum(windows, dense)[None], sides)[0]
    ahead = np.array([depth if depth > 1 else 0 for depth in depths])
    room = ahead[:, None, None, None] + kept_windows(feed.pixels, per_position)
    lanes = counted.fed.of(row)
    for least, of_lanes in zip(of_segment, column, strict=True):
        fed = fed_cycles(
            every[0], lockstep, least, room, per_position, correlation, lanes, of_lanes
        )
        most = np.maximum(dense, least[:, None, None, None])
        every.append(_bounded(np.minimum(fed, most), sides))
    return np.stack(every)


def _bounded(result: FloatArray, lanes: tuple[IntArray, IntArray, IntArray]) -> FloatArray:
    """Cycles per segment, (depths, coarse_out, coarse_in, coarse_group, fine), of which fewer lanes
    or multipliers never take fewer."""
    from .kernels.bounded import never_more  # here, as it loads numba

    # an engine with more multipliers can always do as one with fewer
    result = np.minimum.accumulate(result, axis=-1)
    for axis, counts in enumerate(lanes, 1):
        before = math.prod(result.shape[:axis])
        never_more(result.reshape(before, len(counts), -1), counts)
    return result


def _lanes_out(
    counted: IntArray, kept: int, filters: int
) -> tuple[IntArray, npt.NDArray[np.intp], FloatArray]:
    """coarse_out, ascending; the number of counted lanes that stands for it; and what to multiply
    the waiting that these add by. Of a sample of some filters there are fewer lanes: as wide, or
    narrower where so few would be left that they say little; what filters differ by falls with the
    square root of their number.

    Args:
        counted: lanes of the sample's filters, ascending.
        kept: filters of the sample.
        filters: all of a group.
    """
    outs = np.array(divisors(filters), dtype=np.int64)
    wanted = np.minimum(outs, np.maximum(outs * kept / filters, _LEAST_LANES))
    row = np.abs(np.log(counted[:, None] / wanted)).argmin(axis=0)
    seen = counted[row]
    longest = [
        longest_of(most) / longest_of(few) if few > 1 else 1.0
        for most, few in zip(outs.tolist(), seen.tolist(), strict=True)
    ]
    return outs, row, np.array(longest) * np.sqrt((kept / seen) / (filters / outs))


def joined_segment_cycles(
    op: Conv2d,
    sparsity: LayerSparsity,
    foldings: FoldingArrays,
    frame_positions: int,
    feed: Feed = NOTHING_COMES_IN,
    turns: IntArray | None = None,
) -> FloatArray:
    """Mean cycles per segment of the joined lanes of dynamic engines, (n,).

    Between the slowest lane's mean and ceil(M / fine), or what the segment takes to come in;
    equals the larger of the last two at density 1.

    Args:
        op: the layer.
        sparsity: what was measured in it.
        foldings: n legal foldings.
        frame_positions: output positions of a frame.
        feed: what comes in.
        turns: (n,) of ``Feed.turns`` of each folding; without them windows are always there.

    Raises:
        ProfileError: if a ``packed`` of the foldings was not measured.
    """
    result = np.empty(len(foldings), dtype=np.float64)
    outs = np.array(divisors(op.out_channels // op.groups))
    groups = np.array(divisors(op.groups))
    correlation = Correlation(
        sparsity.lag1_correlation, sparsity.frame_correlation, frame_positions
    )
    fed = np.zeros(len(foldings), dtype=np.int64)
    if turns is not None:
        fed = 1 + np.searchsorted(feed.turns, turns)
    for packed in np.unique(foldings.packed).tolist():
        histogram = sparsity.histogram(packed)
        rows = np.flatnonzero(foldings.packed == packed)
        chosen = foldings.take(rows)
        most = -(-int(chosen.fine.max()) // FINES_AT_ONCE) * FINES_AT_ONCE
        depths = np.unique(chosen.lane_fifo_depth)
        sampled = _Sampled(sparsity.sample, histogram, sparsity.filter_rates, op.groups)
        table = _joined(
            sampled,
            correlation,
            feed,
            min(most, histogram.segment_products),
            tuple(depths.tolist()),
        )
        ins = np.array(divisors(histogram.counts.shape[0] // op.groups))
        result[rows] = table[
            fed[rows],
            np.searchsorted(depths, chosen.lane_fifo_depth),
            np.searchsorted(outs, chosen.coarse_out),
            np.searchsorted(ins, chosen.coarse_in),
            np.searchsorted(groups, chosen.coarse_group),
            chosen.fine - 1,
        ]
    return result
