"""Scale and shift by constants: BatchNormalization, and Add, Sub, Mul, Div, Neg with constants.

All become a depthwise 1x1 Conv2d; a rewrite folds it into a neighbour.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import FloatArray
from .node import Node, describe
from .values import Constant, Stream, in_data_order, is_floating

FLOAT64 = npt.NDArray[np.float64]


def add_affine(node: Node, source: Stream, scale: npt.ArrayLike, shift: npt.ArrayLike) -> Stream:
    """Add ``scale * x + shift``; both are scalars or (channels,)."""
    channels = source.map.channels
    op = ops.Conv2d(channels, (1, 1), groups=channels)
    weight = np.broadcast_to(np.asarray(scale), (channels,)).reshape(channels, 1, 1, 1)
    bias = np.broadcast_to(np.asarray(shift), (channels,))
    name = node.draft.add_conv(node.layer, op, source.layer, weight, bias)
    return replace(source, layer=name)


def per_channel(node: Node, constant: Constant, source: Stream) -> FLOAT64:
    """A constant that is broadcast against a stream, as one value per channel (or one for all).

    Raises:
        UnsupportedOpError: if it makes the stream larger, or varies within a channel or over the
            batch.
    """
    if not is_floating(constant):
        raise node.refuse(f"a constant of type {constant.dtype}, expected floating point")
    dims = source.dims
    if constant.size == 1 and constant.ndim <= len(dims):
        return constant.astype(np.float64).reshape(())
    batched = constant.ndim == len(dims)
    if constant.ndim > len(dims) or (batched and constant.shape[0] != 1):
        raise node.refuse(f"a constant of shape {list(constant.shape)} on {describe(source)}")
    frame = constant[0] if batched else constant
    try:
        full = in_data_order(np.broadcast_to(frame, dims[1:]), source)
    except ValueError:
        text = f"a constant of shape {list(constant.shape)} does not fit {describe(source)}"
        raise node.refuse(text) from None
    values = full[:, 0, 0]
    if not np.array_equal(full, np.broadcast_to(values[:, None, None], full.shape)):
        raise node.refuse("a constant that varies over positions, only per channel is supported")
    return values.astype(np.float64)


def batch_normalization(node: Node) -> Stream:
    """BatchNormalization in inference: scale * (x - mean) / sqrt(var + epsilon) + shift."""
    if node.opset < 9 and not node.integer("spatial", 1):
        raise node.refuse("spatial = 0: a scale for every position, only per channel is supported")
    if node.integer("training_mode", 0) or any(node.used_outputs[1:]):
        raise node.refuse("training mode")
    source = node.stream(0)
    if not source.has_channel_axis:
        raise node.refuse(f"input 0 is {describe(source)}, expected channels in dimension 1")
    parameters: list[FloatArray] = [node.floats(index) for index in range(1, 5)]
    if any(values.shape != (source.map.channels,) for values in parameters):
        shapes = [list(values.shape) for values in parameters]
        raise node.refuse(f"parameters of shapes {shapes} on {source.map.channels} channels")
    scale, shift, mean, variance = (values.astype(np.float64) for values in parameters)
    if float(variance.min()) + node.floating("epsilon", 1e-5) <= 0:
        raise node.refuse("variance + epsilon is not positive")
    factor = scale / np.sqrt(variance + node.floating("epsilon", 1e-5))
    return add_affine(node, source, factor, shift - mean * factor)


def arithmetic_by_constant(node: Node) -> Stream:
    """Add, Sub, Mul or Div of a stream and a constant, in either order where that is affine."""
    stream_first = isinstance(node.input(0), Stream)
    source = node.stream(0 if stream_first else 1)
    constant = node.constant(1 if stream_first else 0)
    if constant is None:
        raise node.refuse("takes two inputs")
    value = per_channel(node, constant, source)
    match node.op:
        case "Add":
            return add_affine(node, source, 1.0, value)
        case "Mul":
            return add_affine(node, source, value, 0.0)
        case "Sub" if stream_first:
            return add_affine(node, source, 1.0, -value)
        case "Sub":
            return add_affine(node, source, -1.0, value)
        case "Div" if stream_first and np.all(value != 0):
            return add_affine(node, source, 1.0 / value, 0.0)
        case _:
            raise node.refuse("division by the frame's data or by zero")


def negate(node: Node) -> Stream:
    """Neg."""
    return add_affine(node, node.stream(0), -1.0, 0.0)


HANDLERS = {"BatchNormalization": batch_normalization, "Neg": negate}
