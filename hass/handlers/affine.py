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
from .over_channels import spread_by
from .values import Constant, Positional, Stream, in_data_order, is_floating

FLOAT64 = npt.NDArray[np.float64]


def add_affine(node: Node, source: Stream, scale: npt.ArrayLike, shift: npt.ArrayLike) -> Stream:
    """Add ``scale * x + shift``; both are scalars, (channels,), or (C, H, W): then they are left
    to the matrix behind them."""
    factor, offset = np.asarray(scale, np.float64), np.asarray(shift, np.float64)
    before = source.positional
    if before is None and max(factor.ndim, offset.ndim) < 2:
        channels = source.map.channels
        op = ops.Conv2d(channels, (1, 1), groups=channels)
        weight = np.broadcast_to(factor, (channels,)).reshape(channels, 1, 1, 1)
        bias = np.broadcast_to(offset, (channels,))
        name = node.draft.add_conv(node.layer, op, source.layer, weight, bias)
        return replace(source, layer=name)
    factor, offset = (v[:, None, None] if v.ndim == 1 else v for v in (factor, offset))
    if before is not None:
        factor, offset = factor * before.scale, factor * before.shift + offset
    return replace(source, positional=Positional(factor, offset))


def per_channel(node: Node, constant: Constant, source: Stream) -> FLOAT64:
    """A constant that is broadcast against a stream, as one value per channel (or one for all).

    Raises:
        UnsupportedOpError: if it makes the stream larger, or varies within a channel or over the
            batch.
    """
    values = per_word(node, constant, source)
    if values.ndim > 1:
        raise node.refuse("a constant that varies over positions, only per channel is supported")
    return values


def per_word(node: Node, constant: Constant, source: Stream) -> FLOAT64:
    """The same; where it varies within a channel, as one value for each word (C, H, W).

    Raises:
        UnsupportedOpError: if it makes the stream larger, or varies over the batch.
    """
    if not is_floating(constant):
        raise node.refuse(f"a constant of type {constant.dtype}, expected floating point")
    dims = source.dims
    if source.folded and constant.shape[:-1] in ((), (1,)) and constant.shape[-1:] == dims[-1:]:
        return constant.reshape(-1).astype(np.float64)
    if constant.size == 1 and constant.ndim <= len(dims):
        return constant.astype(np.float64).reshape(())
    batched = constant.ndim == len(dims)
    if constant.ndim > len(dims) or (batched and constant.shape[0] != 1):
        raise node.refuse(f"a constant of shape {list(constant.shape)} on {describe(source)}")
    frame = constant[0] if batched else constant
    if source.folded:
        raise node.refuse(f"a constant of shape {list(constant.shape)} on {describe(source)}")
    try:
        full = in_data_order(np.broadcast_to(frame, dims[1:]), source)
    except ValueError:
        text = f"a constant of shape {list(constant.shape)} does not fit {describe(source)}"
        raise node.refuse(text) from None
    values = full[:, 0, 0]
    if not np.array_equal(full, np.broadcast_to(values[:, None, None], full.shape)):
        return full.astype(np.float64)
    return values.astype(np.float64)


def batch_normalization(node: Node) -> Stream:
    """BatchNormalization in inference: scale * (x - mean) / sqrt(var + epsilon) + shift."""
    if node.opset < 9 and not node.integer("spatial", 1):
        raise node.refuse("spatial = 0: a scale for every position, only per channel is supported")
    if node.integer("training_mode", 0) or any(node.used_outputs[1:]):
        raise node.refuse("training mode")
    source = node.view(0)
    is_flat = source.is_vector and source.map.pixels > 1 and len(source.dims) == 2
    if not (source.has_channel_axis or is_flat):
        raise node.refuse(f"input 0 is {describe(source)}, expected channels in dimension 1")
    parameters: list[FloatArray] = [node.floats(index) for index in range(1, 5)]
    count = source.dims[1]
    if any(values.shape != (count,) for values in parameters):
        shapes = [list(values.shape) for values in parameters]
        raise node.refuse(f"parameters of shapes {shapes} on {count} channels")
    if is_flat:  # of a flattened map: one of each word
        parameters = [in_data_order(values, source) for values in parameters]
    scale, shift, mean, variance = (values.astype(np.float64) for values in parameters)
    if float(variance.min()) + node.floating("epsilon", 1e-5) <= 0:
        raise node.refuse("variance + epsilon is not positive")
    factor = scale / np.sqrt(variance + node.floating("epsilon", 1e-5))
    return add_affine(node, source, factor, shift - mean * factor)


def arithmetic_by_constant(node: Node) -> Stream:
    """Add, Sub, Mul or Div of a stream and a constant, in either order where that is affine."""
    stream_first = isinstance(node.input(0), Stream)
    source = node.view(0 if stream_first else 1)
    constant = node.constant(1 if stream_first else 0)
    if constant is None:
        raise node.refuse("takes two inputs")
    source = spread_by(node, source, constant)
    value = per_word(node, constant, source)
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
    return add_affine(node, node.view(0), -1.0, 0.0)


HANDLERS = {"BatchNormalization": batch_normalization, "Neg": negate}
