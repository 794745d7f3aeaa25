"""How often each tap of a window meets a value that is not zero: exact, over all positions.

The active pairs of a layer are the sum over taps (channel, row, column of the kernel) of
(positions at which the tap's input is not zero) x (filters whose weight at the tap is not zero).
So the exact pair density needs no convolution, only these two counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import FloatArray
from ..sparsity import WeightCounts
from ..values import FeatureMap

Int64Array = npt.NDArray[np.int64]
MaskArray = npt.NDArray[np.bool_]

BLOCK_WORDS = 1 << 20  # float64 words of weight masks at once: 8 MiB, whatever the layer


@dataclass(frozen=True, slots=True)
class TapSelector:
    """Sums over the positions at which a tap looks, as two small matrix products.

    Attributes:
        rows: (kh, H), 1 where input row y is seen by kernel row dy at some output row.
        columns: (W, kw), the same for columns.
    """

    rows: FloatArray
    columns: FloatArray

    def occupancy(self, active: MaskArray) -> Int64Array:
        """Positions with an active input per image and tap.

        Args:
            active: (n, C, H, W).

        Returns:
            (n, C, kh, kw). Exact while H * W <= 2**24, the integers of a float32.
        """
        values = active.astype(np.float32)
        if self.rows.shape[0] == 1 and self.rows.all() and self.columns.all():
            sums = values.reshape(*values.shape[:2], -1).sum(axis=2)[:, :, None, None]
        else:
            sums = np.matmul(np.matmul(self.rows, values), self.columns)
        return np.asarray(np.rint(sums), dtype=np.int64)


def tap_selector(op: ops.Conv2d, source: FeatureMap, out: FeatureMap) -> TapSelector:
    """The selector of a layer."""
    rows = _seen(op, 0, source.height, out.height)
    columns = _seen(op, 1, source.width, out.width)
    return TapSelector(rows, np.ascontiguousarray(columns.T))


def _seen(op: ops.Conv2d, axis: int, size: int, out: int) -> FloatArray:
    result = np.zeros((op.kernel[axis], size), dtype=np.float32)
    for tap in range(op.kernel[axis]):
        places = np.arange(out) * op.stride[axis] - op.pads[axis] + tap * op.dilation[axis]
        result[tap, places[(places >= 0) & (places < size)]] = 1.0
    return result


def tap_filters(weights: FloatArray, groups: int) -> Int64Array:
    """Filters of its group with a non-zero weight at each tap, (C, kh, kw)."""
    filters, channels, height, width = weights.shape
    live = (weights != 0).reshape(groups, filters // groups, channels, height, width)
    counts = live.sum(axis=1, dtype=np.int64)
    return np.asarray(counts.reshape(groups * channels, height, width))


def weight_counts(weights: FloatArray) -> WeightCounts:
    """Non-zero weights of each window of (F, C / groups, kh, kw)."""
    filters, channels, height, width = weights.shape
    live = (weights != 0).reshape(filters, channels, height * width)
    return WeightCounts(height * width, live.sum(axis=2, dtype=np.int64))


def filter_rates(
    weights: FloatArray, groups: int, occupancy: Int64Array
) -> npt.NDArray[np.float64]:
    """Active products of each output channel relative to their mean, (F,); all 1 if none is.

    Args:
        weights: (F, C / groups, kh, kw).
        groups: of the layer.
        occupancy: (C, kh, kw) positions with an active input per tap.
    """
    filters, channels, height, width = weights.shape
    live = (weights != 0).reshape(groups, filters // groups, -1)
    taps = occupancy.reshape(groups, channels * height * width, 1).astype(np.float64)
    step = max(1, BLOCK_WORDS // taps.size)
    parts = [
        np.matmul(live[:, start : start + step].astype(np.float64), taps)
        for start in range(0, filters // groups, step)
    ]
    pairs = np.concatenate(parts, axis=1).reshape(filters)
    mean = float(pairs.mean())
    return pairs / mean if mean > 0 else np.ones(filters)
