"""Cycles of segments on engines that skip zeros: max(1, ceil(k / fine)) of k active products."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .sparsity import SegmentHistogram

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]


def segment_cycles(products: int, fine: IntArray) -> FloatArray:
    """Cycles of a segment with k = 0..products active products: (products + 1, len(fine))."""
    active = np.arange(products + 1, dtype=np.int64)[:, None]
    return np.asarray(np.maximum(1, -(-active // fine[None, :])), dtype=np.float64)


def mean_cycles(histogram: SegmentHistogram, fine: IntArray, groups: int) -> FloatArray:
    """(groups, blocks, fine) mean cycles of a segment."""
    means = histogram.probabilities() @ segment_cycles(histogram.segment_products, fine)
    return means.reshape(groups, -1, len(fine))


def block_rates(histogram: SegmentHistogram, groups: int) -> FloatArray:
    """(groups, blocks) mean cycles with one multiplier: what blocks and groups are dealt by."""
    return mean_cycles(histogram, np.ones(1, dtype=np.int64), groups)[:, :, 0]


def falling(rates: FloatArray) -> tuple[IntArray, IntArray]:
    """Indices (groups, 1) and (groups, blocks) that bring rates of (groups, blocks) into the order
    in which they are dealt: groups by falling mean, and the blocks of each by falling rate."""
    group = np.argsort(-rates.mean(axis=1), kind="stable")
    return group[:, None], np.argsort(-rates, axis=1, kind="stable")[group]
