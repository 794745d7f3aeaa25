"""Lanes that each take some channels of a window, image by image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..intmath import divisors
from ..lane_work import FloatArray, LaneWork, lane_work_of
from ..segment_cycles import block_rates, falling
from ..snake import folded
from ..sparsity import SegmentHistogram
from .occupancy import MaskArray
from .products import SmallCounts


class LaneImages:
    """Windows of the first images, all channels of a position together.

    Args:
        groups: of the layer.
    """

    def __init__(self, groups: int) -> None:
        self._groups = groups
        self._counts: list[SmallCounts] = []
        self._inside: list[MaskArray] = []

    def add(self, counts: SmallCounts, inside: MaskArray) -> None:
        """Add n images.

        Args:
            counts: (C, n, P) active inputs of a channel's window at the positions.
            inside: (n, P) which positions are of the map.
        """
        self._counts.append(counts)
        self._inside.append(inside)

    def result(self, histograms: Sequence[SegmentHistogram]) -> tuple[LaneWork, ...]:
        """Of each packing; nothing where no image was added."""
        if not self._counts:
            return ()
        counts = np.concatenate(self._counts, axis=1)
        inside = np.concatenate(self._inside)
        return tuple(_lane_work(counts, inside, found, self._groups) for found in histograms)


def _dealt(
    counts: SmallCounts, histogram: SegmentHistogram, groups: int
) -> npt.NDArray[np.float32]:
    """(blocks, groups, n, P) cycles of the segments, blocks and groups by falling mean."""
    shape = (groups, -1, histogram.packed, *counts.shape[1:])
    segments = np.maximum(counts.reshape(shape).sum(axis=2, dtype=np.float32), 1.0)
    dealt = segments[falling(block_rates(histogram, groups))]
    return np.ascontiguousarray(dealt.swapaxes(0, 1))


def _lane_work(
    counts: SmallCounts, inside: MaskArray, histogram: SegmentHistogram, groups: int
) -> LaneWork:
    dealt = _dealt(counts, histogram, groups) * inside
    blocks, _, images, positions = dealt.shape
    of_image = inside.sum(axis=1)
    alone = dealt.sum(axis=3, dtype=np.float64) / of_image
    rows = []
    for ins in divisors(blocks):
        by_window = dealt.reshape(blocks // ins, ins, groups, images, positions).max(axis=1)
        for together in divisors(groups):
            grouped = by_window.reshape(len(by_window), -1, together, images, positions)
            windows = grouped.max(axis=2).sum(axis=(0, 1, 3), dtype=np.float64) / of_image
            lanes = folded(folded(alone, ins, 0), together, 1)
            rows.append((windows, lanes.max(axis=(0, 1))))
    shape = (len(divisors(blocks)), len(divisors(groups)), 2, images)
    cycles: FloatArray = np.array(rows).reshape(shape)
    return lane_work_of(histogram.packed, np.moveaxis(cycles, 2, 0))
