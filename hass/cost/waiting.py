"""Cycles per segment of sparse lanes: imbalance between lanes, and waiting for each other.

A lane's segment with k active products takes max(1, ceil(k / fine)) cycles. Two things make the
joined lanes slower than their mean: some lanes have more work (imbalance), and at any moment some
lane happens to have more of it (waiting).

Lanes are joined window by window: a window is handed to the coarse_out lanes of its input stream
at once, a lane computes its filters of it and accumulates on its own. With lane_fifo_depth D a lane
may be D windows ahead of the slowest. Lanes of one input stream see the same zero activations, so
only zero weights make them differ, and a window's filters average those out; lanes of different
input streams differ in both.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..sparsity import LayerSparsity, SegmentHistogram
from .coefficients import coefficients
from .foldings import FoldingArrays, IntArray

FloatArray = npt.NDArray[np.float64]

# Answers kept, of each kind. The foldings of one layer are costed together, so that more would
# find nothing again (15,723 hits of 21,108 with 32 as with 4,096, over 20 trials of ResNet-20), but
# would keep the histograms of profiles long past.
_REMEMBERED = 256


def segment_cycles(products: int, fine: IntArray) -> FloatArray:
    """Cycles of a segment with k = 0..products active products: (products + 1, len(fine))."""
    active = np.arange(products + 1, dtype=np.int64)[:, None]
    return np.asarray(np.maximum(1, -(-active // fine[None, :])), dtype=np.float64)


def snake_lane_means(rates: FloatArray, cycles: FloatArray, lanes: int) -> FloatArray:
    """Mean cycles of each lane when blocks are dealt by falling rate in snake order.

    Args:
        rates: (blocks,) what to sort by.
        cycles: (blocks, n) expected cycles.
        lanes: a divisor of blocks.

    Returns:
        (lanes, n).
    """
    order = np.argsort(-rates, kind="stable").reshape(-1, lanes).copy()
    order[1::2] = order[1::2, ::-1]
    return np.asarray(cycles[order].mean(axis=0))


@lru_cache(maxsize=_REMEMBERED)
def _slowest_lane(histogram: SegmentHistogram, lanes: int, max_fine: int) -> FloatArray:
    """Mean segment cycles of the slowest of ``lanes`` lanes for fine = 1..max_fine."""
    fine = np.arange(1, max_fine + 1, dtype=np.int64)
    expected = histogram.probabilities() @ segment_cycles(histogram.segment_products, fine)
    slowest = snake_lane_means(expected[:, 0], expected, lanes).max(axis=0)
    # an engine with more multipliers can always do as one with fewer
    return np.asarray(np.minimum.accumulate(slowest))


@lru_cache(maxsize=_REMEMBERED)
def _filter_imbalance(rates: tuple[float, ...], lanes: int) -> float:
    """Slowest lane's mean filter rate over the mean of all, filters dealt in snake order."""
    array = np.asarray(rates, dtype=np.float64)
    mean = float(array.mean())
    if mean <= 0.0:
        return 1.0
    return max(1.0, float(snake_lane_means(array, array[:, None], lanes).max()) / mean)


def _relief(cv: FloatArray, correlation: float, depth: FloatArray) -> FloatArray:
    """Share of the lockstep waiting left with ``depth`` windows of run-ahead (1: all of it)."""
    fit = coefficients().waiting
    r = min(max(correlation, 0.0), 0.95)
    decay = ((1.0 - r) / (1.0 + r)) ** fit.correlation_power
    scale = np.where(cv > 0, fit.scale / np.maximum(cv, 1e-12), 0.0) * decay
    ahead = np.maximum(depth - 1.0, 0.0)
    return np.asarray(1.0 / (1.0 + scale * ahead ** (fit.power - fit.power_r2 * r * r)))


def waiting_share(
    cv: FloatArray, correlation: float, blocks: IntArray, depth: IntArray
) -> FloatArray:
    """Share of the lockstep waiting left with a lane FIFO of ``depth`` windows, (n,).

    What changes from window to window is evened out by the FIFO at once. What a channel keeps from
    one position to the next is evened out only over positions, depth / blocks of them; its part of
    the deviation falls with the square root of the channels that a lane sums.

    Args:
        cv: standard deviation / mean of a window's cycles, (n,).
        correlation: of a channel's windows between neighbouring positions.
        blocks: windows (channels, or packs of them) of a lane per position, (n,).
        depth: windows, (n,).
    """
    r = min(max(correlation, 0.0), 0.95)
    root = np.sqrt(blocks.astype(np.float64))
    lasting = r ** ((1.0 - 1.0 / blocks) / 2.0) / root
    positions = 1.0 + (depth - 1) / blocks
    fresh = _relief(cv, 0.0, depth.astype(np.float64))
    return (1.0 - lasting) * fresh + lasting * _relief(cv / root, r, positions)


@lru_cache(maxsize=_REMEMBERED)
def _lockstep(histogram: SegmentHistogram, max_fine: int, lanes: tuple[float, ...]) -> FloatArray:
    """E[longest of L lanes] - E[one] of segment cycles, (max_fine, len(lanes)), and the
    coefficient of variation as a last column."""
    fine = np.arange(1, max_fine + 1, dtype=np.int64)
    products = histogram.segment_products
    mass = histogram.probabilities().mean(axis=0)
    cycles = segment_cycles(products, fine)
    mean = mass @ cycles
    deviation = np.sqrt(np.maximum(mass @ cycles**2 - mean**2, 0.0))
    counts = np.asarray(lanes, dtype=np.float64)
    result = np.empty((max_fine, len(lanes) + 1))
    for index in range(max_fine):
        taken = cycles[:, index].astype(np.int64)
        longest = int(taken[-1])
        # P(cycles <= t) for t = 0..longest-1; E[max] is the sum over t of 1 - P(cycles <= t)**L
        cumulative = np.cumsum(np.bincount(taken, weights=mass)[:longest]).clip(0.0, 1.0)
        result[index, :-1] = (1.0 - cumulative[None, :] ** counts[:, None]).sum(axis=1)
        result[index, :-1] -= mean[index]
    result[:, -1] = deviation / mean
    result[:, :-1][np.abs(result[:, :-1]) < 1e-9] = 0.0
    return result


def weight_variance_share(sparsity: LayerSparsity) -> float:
    """Share of the variance of active products that zero weights cause, 0..1.

    For independent zeros of densities w and a: (1 - w) / (1 - w * a); the rest is the activations',
    the same for all filters of a window.
    """
    both = sparsity.weight_density * sparsity.act_density
    return (1.0 - sparsity.weight_density) / (1.0 - both) if both < 1.0 else 0.0


def joined_segment_cycles(
    sparsity: LayerSparsity, foldings: FoldingArrays, filters: IntArray, blocks: IntArray
) -> FloatArray:
    """Mean cycles per segment of the joined lanes of dynamic engines, (n,).

    Between the slowest lane's mean and ceil(M / fine); equals the latter at density 1.
    First order: windows of different channels are independent, with the layer's mean distribution.

    Args:
        sparsity: what was measured.
        foldings: n foldings.
        filters: filters of a lane per window, (n,).
        blocks: windows of a lane per position, (n,).

    Raises:
        ProfileError: if a ``packed`` of the foldings was not measured.
    """
    result = np.empty(len(foldings), dtype=np.float64)
    lanes_in = foldings.coarse_in * foldings.coarse_group
    lanes_out = foldings.coarse_out * foldings.coarse_group
    by_weights = weight_variance_share(sparsity) / filters
    spread = (1.0 - weight_variance_share(sparsity)) + by_weights  # variance, of a segment's
    apart = np.where(spread > 0, by_weights / np.maximum(spread, 1e-12), 0.0)
    lanes = np.round(lanes_in * foldings.coarse_out.astype(np.float64) ** apart, 2)
    for packed in np.unique(foldings.packed):
        histogram = sparsity.histogram(int(packed))
        rows = np.flatnonzero(foldings.packed == packed)
        fine = foldings.fine[rows]
        max_fine = int(fine.max())
        counts, lane_index = np.unique(lanes[rows], return_inverse=True)
        joined = _lockstep(histogram, max_fine, tuple(float(c) for c in counts))
        slowest = np.empty(len(rows))
        for count in np.unique(lanes_in[rows]):
            some = lanes_in[rows] == count
            slowest[some] = _slowest_lane(histogram, int(count), max_fine)[fine[some] - 1]
        imbalance = np.empty(len(rows))
        for count in np.unique(lanes_out[rows]):
            imbalance[lanes_out[rows] == count] = _filter_imbalance(
                sparsity.filter_rates, int(count)
            )
        deviation = np.sqrt(spread[rows])
        share = waiting_share(
            joined[fine - 1, -1] * deviation,
            sparsity.lag1_correlation,
            blocks[rows],
            foldings.lane_fifo_depth[rows],
        )
        waiting = joined[fine - 1, lane_index] * deviation * share
        ceiling = np.ceil(histogram.segment_products / fine)
        result[rows] = np.minimum(slowest * imbalance + waiting, ceiling)
    return result
