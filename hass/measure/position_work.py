"""Active products of each output position, over all filters: exact."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import FloatArray
from ..values import FeatureMap
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
    padded = np.pad(active, ((0, 0), (0, 0), (top, bottom), (left, right))).astype(np.float32)
    total = np.zeros((len(active), out.height, out.width))
    for row in range(op.kernel[0]):
        for column in range(op.kernel[1]):
            down, across = row * op.dilation[0], column * op.dilation[1]
            tap = padded[
                :,
                :,
                down : down + op.stride[0] * (out.height - 1) + 1 : op.stride[0],
                across : across + op.stride[1] * (out.width - 1) + 1 : op.stride[1],
            ]
            total += np.einsum("nchw,c->nhw", tap, live[:, row, column], optimize=True)
    return total.reshape(len(active), -1)
