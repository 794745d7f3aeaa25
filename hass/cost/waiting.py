"""Cycles per segment of sparse lanes: imbalance between lanes, and waiting for each other.

Two things make joined lanes slower than their mean: some lanes have more work (imbalance), and at
any moment some lane happens to have more of it (waiting). Lanes are joined window by window: a
window is handed to the coarse_out lanes of its input stream at once, a lane computes its filters of
it and accumulates on its own. With lane_fifo_depth D a lane may be D windows ahead of the slowest.

Lanes that are joined after every m windows take, per window, the less the larger m is: w(m) is
counted in a sample (``lanes``) for m = 1, m = the windows of a position, and m without end. Lanes
with a FIFO do as those joined after m windows, m being as long as the lanes' spread over it,
m * (w(m) - w(no end)), needs to reach what the FIFO holds. Between the counted m the logarithm of
the waiting is interpolated; over more than a position it falls as the mean of positions does that
are correlated as measured.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from ..intmath import divisors
from ..ops import Conv2d
from ..sparsity import LayerSparsity, SegmentHistogram, WindowSample
from .coefficients import coefficients
from .foldings import FoldingArrays, IntArray
from .lanes import FloatArray, lane_cycles

# Tables are made for a multiple of so many values of ``fine``: few are made twice.
FINES_AT_ONCE = 8
_REMEMBERED = 512  # tables, as in ``lanes``


@lru_cache(maxsize=4096)
def longest_of(lanes: int) -> float:
    """Expected largest of so many standard normal numbers (Blom, Statistical Estimates and
    Transformed Beta-Variables, 1958).

    >>> longest_of(1), round(longest_of(2), 2), round(longest_of(64), 2)
    (0.0, 0.59, 2.34)
    """
    return NormalDist().inv_cdf((lanes - 0.375) / (lanes + 0.25))


def waiting_left(
    windows: FloatArray,
    positions: FloatArray,
    held: FloatArray,
    per_position: FloatArray,
    correlation: float,
) -> FloatArray:
    """Waiting per window of lanes with FIFOs.

    Args:
        windows: waiting per window of lanes that are joined after every window.
        positions: of lanes that are joined after every position, at most ``windows``.
        held: spread of the lanes that the FIFOs even out, in the same unit.
        per_position: windows of a lane per position.
        correlation: between neighbouring positions.
    """
    r = min(max(correlation, 0.0), 1.0)
    fresh = (1.0 - r) / (1.0 + r)
    spread = windows + held
    at_position = per_position * positions
    inside = (spread < at_position) & (held > 0.0)
    # n positions together have the variance n * (1 + (n - 1) * fresh) of one
    square = np.divide(spread, at_position, out=np.ones_like(spread), where=at_position > 0.0) ** 2
    count = (square * fresh + np.sqrt((square * fresh) ** 2 + 4.0 * square * (1.0 - fresh))) / 2.0
    far = positions / np.sqrt(1.0 + (np.maximum(count, 1.0) - 1.0) * fresh)
    start, end, grown = (np.where(inside, x, 1.0) for x in (windows, positions, at_position))
    power = np.log(end / start) / np.where(inside, np.log(grown / start), 1.0)
    near = start * (np.where(inside, spread, 1.0) / start) ** power
    return np.where(held > 0.0, np.where(inside, near, far), windows)


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
    correlation: float,
    groups: int,
    max_fine: int,
    depths: tuple[int, ...],
) -> FloatArray:
    """Cycles per segment, (depths, coarse_out, coarse_in, coarse_group, fine); the divisors of the
    filters, blocks and groups ascending, fine from 1."""
    counted = lane_cycles(sample, histogram, filter_rates, groups, max_fine)
    filters = len(filter_rates) // groups
    outs = np.array(divisors(filters), dtype=np.int64)
    # lanes as wide as asked for, fewer of them, where the sample has some of the filters only
    kept = np.maximum(1, outs * len(sample.filters) // filters)
    row = np.searchsorted(counted.outs, kept, side="right") - 1
    others = counted.ins[:, None] * counted.groups
    longest = _longest(outs[:, None, None] * others)
    seen = _longest(counted.outs[row][:, None, None] * others)
    more = np.divide(longest, seen, out=np.ones_like(seen), where=seen > 0.0)[..., None]
    never = counted.never[row]
    held = coefficients().waiting.window_share.value * counted.windows[row]
    per_position = histogram.counts.shape[0] / others[..., None]
    products = histogram.segment_products
    dense = np.ceil(products / np.arange(1, max_fine + 1))
    result = np.empty((len(depths), *never.shape))
    for index, depth in enumerate(depths):
        result[index] = never + waiting_left(
            (counted.windows[row] - never) * more,
            (counted.positions[row] - never) * more,
            held * (depth - 1),
            per_position,
            correlation,
        )
    # an engine with more multipliers can always do as one with fewer
    result = np.minimum.accumulate(np.minimum(result, dense), axis=-1)
    for axis, lanes in enumerate((outs, counted.ins, counted.groups), 1):
        _never_more(result, lanes, axis)
    return result


def _longest(lanes: IntArray) -> FloatArray:
    return np.array([longest_of(count) for count in lanes.ravel().tolist()]).reshape(lanes.shape)


def joined_segment_cycles(
    op: Conv2d, sparsity: LayerSparsity, foldings: FoldingArrays
) -> FloatArray:
    """Mean cycles per segment of the joined lanes of dynamic engines, (n,).

    Between the slowest lane's mean and ceil(M / fine); equals the latter at density 1.

    Args:
        op: the layer.
        sparsity: what was measured in it.
        foldings: n legal foldings.

    Raises:
        ProfileError: if a ``packed`` of the foldings was not measured.
    """
    result = np.empty(len(foldings), dtype=np.float64)
    outs = np.array(divisors(op.out_channels // op.groups))
    groups = np.array(divisors(op.groups))
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
            sparsity.lag1_correlation,
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
