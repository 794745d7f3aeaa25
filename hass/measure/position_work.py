"""Active products of each output position, over all filters: exact."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import FloatArray
from ..values import FeatureMap
from ..work_shares import MOST_PARTS, WorkShares, in_parts, shares_of
from .occupancy import MaskArray


def live_filters(weights: FloatArray, groups: int) -> npt.NDArray[np.float32]:
    """(C, kh, kw) filters whose weight at a tap is not zero.

    Args:
        weights: (F, C / groups, kh, kw), as pruned.
        groups: of the layer.
    """
    by_group = (weights != 0).reshape(groups, -1, *weights.shape[1:])
    counts = by_group.sum(axis=1, dtype=np.float32)
    return np.asarray(counts.reshape(-1, *weights.shape[2:]))


def position_products(
    active: MaskArray, op: ops.Conv2d, out: FeatureMap, live: npt.NDArray[np.float32]
) -> npt.NDArray[np.float64]:
    """(images, positions) products of which neither operand is zero.

    Args:
        active: (n, C, H, W), where the (clipped) inputs are not zero.
        op, out: the layer, and its output map.
        live: of ``live_filters``.
    """
    top, left, bottom, right = op.pads
    padded = np.pad(active, ((0, 0), (0, 0), (top, bottom), (left, right)))
    images, channels, height, width = padded.shape
    # over channels first, by one matrix product; whole numbers that float32 holds
    words = padded.reshape(images, channels, -1).astype(np.float32)
    by_tap = live.reshape(channels, -1).T @ words
    maps = by_tap.reshape(images, *op.kernel, height, width)
    total = np.zeros((images, out.height, out.width))
    for row in range(op.kernel[0]):
        for column in range(op.kernel[1]):
            down, across = row * op.dilation[0], column * op.dilation[1]
            total += maps[
                :,
                row,
                column,
                down : down + op.stride[0] * (out.height - 1) + 1 : op.stride[0],
                across : across + op.stride[1] * (out.width - 1) + 1 : op.stride[1],
            ]
    return total.reshape(images, -1)


class PlacedWork:
    """Where in the frames of some images the work of a layer is.

    Args:
        op, out: the layer, and its output map.
        live: of ``live_filters``; ones for activations alone.
    """

    def __init__(self, op: ops.Conv2d, out: FeatureMap, live: npt.NDArray[np.float32]) -> None:
        self._op, self._out, self._live = op, out, live
        self._parts: list[npt.NDArray[np.float64]] = []

    def add(self, active: MaskArray) -> None:
        """Add n images, (n, C, H, W)."""
        products = position_products(active, self._op, self._out, self._live)
        self._parts.append(in_parts(products, min(self._out.pixels, MOST_PARTS)))

    def result(self) -> WorkShares | None:
        """What was added; None where nothing was."""
        return shares_of(np.concatenate(self._parts)) if self._parts else None
