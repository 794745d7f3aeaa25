"""Local response normalisation over channels, as AlexNet and GoogLeNet have it."""

from __future__ import annotations

import numpy as np

from .. import ops
from .affine import add_affine
from .node import Node
from .values import Stream


def lrn(node: Node) -> Stream:
    """LRN: x / (bias + alpha / size * sum of squares of the channels around) ** beta.

    A product of x with itself, a 1x1 convolution whose weights are a band (alpha / (size * bias)),
    a Curve and a product with x; and a scale where the bias is not 1.
    """
    source = node.spatial_stream(0)
    channels = source.map.channels
    size = node.integer("size", 0)
    # the defaults are float32 numbers of the ONNX schema
    alpha = node.floating("alpha", float(np.float32(1e-4)))
    beta, bias = node.floating("beta", 0.75), node.floating("bias", 1.0)
    if size < 1 or size % 2 == 0 or alpha <= 0.0 or bias <= 0.0:
        found = f"size {size}, alpha {alpha:g}, bias {bias:g}"
        raise node.refuse(f"{found}; expected an odd size, and alpha and bias above 0")
    draft, name = node.draft, node.layer
    squares = draft.add(f"{name}.squares", ops.Mul(), [source.layer, source.layer])
    distance = np.arange(channels)[None, :] - np.arange(channels)[:, None]
    band = np.where(np.abs(distance) <= size // 2, alpha / (size * bias), 0.0)
    op = ops.Conv2d(channels, (1, 1))
    sums = draft.add_conv(f"{name}.sums", op, squares, band[:, :, None, None], np.zeros(channels))
    gate = draft.add(f"{name}.gate", ops.Curve(ops.Function.DECAY, beta), [sums])
    product = Stream(
        draft.add(name, ops.Mul(), [source.layer, gate]), source.map, source.shape, source.axes
    )
    return product if bias == 1.0 else add_affine(node, product, bias**-beta, 0.0)


HANDLERS = {"LRN": lrn}
