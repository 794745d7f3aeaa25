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
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..intmath import divisors
from ..ops import Conv2d
from ..sparsity import LayerSparsity, SegmentHistogram, WindowSample
from .foldings import FoldingArrays, IntArray
from .lane_fifos import STAYS, longest_of, longest_paths, lost_share
from .lanes import FloatArray, lane_cycles

# Tables are made for a multiple of so many values of ``fine``: few are made twice.
FINES_AT_ONCE = 8
_REMEMBERED = 512  # tables, as in ``lanes``
_LEAST_LANES = 4  # of a sample of some filters, that stand for more
_LEAST = 1e-9  # instead of zero in a denominator
_FAR = 4096  # positions, of which no two have anything in common but what lasts for a frame
_MOST_ALIKE = 0.99


@dataclass(frozen=True, slots=True)
class Correlation:
    """How alike the positions of a layer are.

    Attributes:
        neighbours: correlation of neighbouring positions.
        frame: correlation of positions of a frame however far apart.
        frame_positions: positions of a frame.
        share: of the variance that is so correlated; the rest is of each position alone.
    """

    neighbours: float
    frame: float
    frame_positions: int
    share: float = 1.0


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


@lru_cache(maxsize=_REMEMBERED)
def _sums(neighbours: float) -> tuple[FloatArray, FloatArray]:
    """Correlations at distances 1, 2, ..., and the same times the distance, summed up from 0 on."""
    steps = np.arange(1, _FAR + 1, dtype=np.float64)
    latent = math.sin(min(max(neighbours, 0.0), _MOST_ALIKE) * math.pi / 2.0)
    alike = np.arcsin(latent**steps) * (2.0 / math.pi)
    sums = [np.concatenate([[0.0], np.cumsum(terms)]) for terms in (alike, steps * alike)]
    return sums[0], sums[1]


def mean_share(neighbours: float, count: FloatArray) -> FloatArray:
    """Variance of the mean of ``count`` neighbouring positions, as a share of that of one.

    What is zero and what is not is taken as the sign of a Gaussian process whose correlation falls
    geometrically; that of the signs then falls more slowly, by the arcsine law (Van Vleck and
    Middleton, "The spectrum of clipped noise", 1966).

    Args:
        neighbours: correlation of neighbours.
        count: at least 1; between whole numbers the sum's variance is interpolated.
    """
    alike, weighed = _sums(neighbours)
    whole = np.floor(count).astype(np.int64)

    def total(n: npt.NDArray[np.int64]) -> FloatArray:
        place = np.minimum(n - 1, _FAR)
        return np.asarray(n + 2.0 * (n * alike[place] - weighed[place]))

    first = total(whole)
    between = first + (count - whole) * (total(whole + 1) - first)
    return np.asarray(between / count**2)


def strayed(
    window: FloatArray,
    position: FloatArray,
    per_position: FloatArray,
    joined: FloatArray,
    correlation: Correlation,
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
    """
    frame = correlation.frame
    r = min(max(correlation.neighbours - frame, 0.0) / max(1.0 - frame, _LEAST), 1.0)
    more = per_position * position - window
    last = np.maximum(per_position, 1.0 + _LEAST)
    evened = (joined - 1.0) / (last - 1.0)
    faded = (1.0 - 1.0 / joined) / (1.0 - 1.0 / last)
    near = (window + more * np.where(more > 0.0, faded, evened)) / joined
    together = np.maximum(joined / per_position, 1.0)
    lasting = frame / np.maximum(together / correlation.frame_positions, 1.0)
    alike = lasting + (1.0 - frame) * mean_share(r, together)
    far = position * (correlation.share * alike + (1.0 - correlation.share) / together)
    return np.asarray(np.where(joined < per_position, near, far))


def _never_more(joined: FloatArray, lanes: IntArray, axis: int) -> None:
    """In place: more lanes can always do as fewer of them, so that a layer takes no more cycles.

    Args:
        joined: cycles per segment.
        lanes: ascending, along the axis.
        axis: of joined.
    """
    at = np.moveaxis(joined, axis, 0)
    for index, count in enumerate(lanes.tolist()):
        for fewer, other in enumerate(lanes[:index].tolist()):
            if count % other == 0:
                np.minimum(at[index], at[fewer] * (count / other), out=at[index])


@lru_cache(maxsize=_REMEMBERED)
def _joined(
    sample: WindowSample,
    histogram: SegmentHistogram,
    filter_rates: tuple[float, ...],
    correlation: Correlation,
    groups: int,
    max_fine: int,
    depths: tuple[int, ...],
) -> FloatArray:
    """Cycles per segment, (depths, coarse_out, coarse_in, coarse_group, fine); the divisors of the
    filters, blocks and groups ascending, fine from 1."""
    counted = lane_cycles(sample, histogram, filter_rates, groups, max_fine)
    outs, row, more = _lanes_out(counted.outs, len(sample.filters), len(filter_rates) // groups)
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
        apart = strayed(window, position, per_position, stays, _NOTHING_IN_COMMON)
        two = windows - counted.saved[row] * (windows - mean)
        lost = lost_share(mean + np.sqrt(imbalance + apart), np.maximum(two, never))
        alike = _cycles_alike(histogram, max_fine).tolist()
        square = np.stack(
            [
                strayed(
                    window[..., fine],
                    position[..., fine],
                    per_position[..., 0],
                    stays[..., 0],
                    replace(correlation, share=share),
                )
                for fine, share in enumerate(alike)
            ],
            axis=-1,
        )
        joined = mean + np.sqrt(imbalance + square)
        # lockstep is counted, and what is deeper takes no longer
        result = np.maximum(np.minimum(longest_paths(joined, lost, depths), windows), never)
        result[[depth == 1 for depth in depths]] = windows
    dense = np.ceil(histogram.segment_products / np.arange(1, max_fine + 1))
    # an engine with more multipliers can always do as one with fewer
    result = np.minimum.accumulate(np.minimum(result, dense), axis=-1)
    for axis, lanes in enumerate((outs, counted.ins, counted.groups), 1):
        _never_more(result, lanes, axis)
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
    op: Conv2d, sparsity: LayerSparsity, foldings: FoldingArrays, frame_positions: int
) -> FloatArray:
    """Mean cycles per segment of the joined lanes of dynamic engines, (n,).

    Between the slowest lane's mean and ceil(M / fine); equals the latter at density 1.

    Args:
        op: the layer.
        sparsity: what was measured in it.
        foldings: n legal foldings.
        frame_positions: output positions of a frame.

    Raises:
        ProfileError: if a ``packed`` of the foldings was not measured.
    """
    result = np.empty(len(foldings), dtype=np.float64)
    outs = np.array(divisors(op.out_channels // op.groups))
    groups = np.array(divisors(op.groups))
    correlation = Correlation(
        sparsity.lag1_correlation, sparsity.frame_correlation, frame_positions
    )
    for packed in np.unique(foldings.packed).tolist():
        histogram = sparsity.histogram(packed)
        rows = np.flatnonzero(foldings.packed == packed)
        chosen = foldings.take(rows)
        most = -(-int(chosen.fine.max()) // FINES_AT_ONCE) * FINES_AT_ONCE
        depths = np.unique(chosen.lane_fifo_depth)
        table = _joined(
            sparsity.sample,
            histogram,
            sparsity.filter_rates,
            correlation,
            op.groups,
            min(most, histogram.segment_products),
            tuple(depths.tolist()),
        )
        ins = np.array(divisors(histogram.counts.shape[0] // op.groups))
        result[rows] = table[
            np.searchsorted(depths, chosen.lane_fifo_depth),
            np.searchsorted(outs, chosen.coarse_out),
            np.searchsorted(ins, chosen.coarse_in),
            np.searchsorted(groups, chosen.coarse_group),
            chosen.fine - 1,
        ]
    return result
