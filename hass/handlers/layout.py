"""Ops that only change the view of a frame: reshapes, transposes, and those that do nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import onnx

from ..errors import UnsupportedOpError
from .node import Node, describe
from .reorder import rearranged
from .values import Stream
from .views import reshaped, transposed

_FLOATS = {
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.BFLOAT16,
}


def _reshaped(node: Node, shape: tuple[int, ...]) -> Stream:
    source = node.view(0)
    if math.prod(shape) != math.prod(source.dims):
        raise node.refuse(f"to {list(shape)} of {describe(source)}: sizes differ")
    if source.folded:
        source = replace(source, folded=())
    batch, channels = source.dims[0], source.map.channels
    if shape == (batch * source.map.pixels, channels) and source.has_channels_last:
        return replace(source, folded=shape)
    if batch == 1 and shape == (source.map.words,) and source.map.pixels == 1:
        flat = reshaped(source, (1, *shape))
        if flat is not None and not flat.axes:
            return replace(flat, folded=shape)
    if not shape or shape[0] != batch:
        raise node.refuse(f"to {list(shape)} of {describe(source)}: moves the batch dimension")
    result = reshaped(source, shape)
    if result is not None and not result.axes:
        return result
    try:  # words that really move, as in a channel shuffle
        return rearranged(node, source, shape)
    except UnsupportedOpError:
        if result is None:
            raise
        return result


def flatten(node: Node) -> Stream:
    """Flatten."""
    dims = node.view(0).dims
    axis = node.integer("axis", 1)
    if not -len(dims) <= axis <= len(dims):
        raise node.refuse(f"axis {axis} of {len(dims)} dimensions")
    axis += len(dims) if axis < 0 else 0
    return _reshaped(node, (math.prod(dims[:axis]), math.prod(dims[axis:])))


def reshape(node: Node) -> Stream:
    """Reshape by a constant, or by what was computed from static shapes; 0 copies, -1 infers."""
    dims = node.view(0).dims
    wanted = node.integer_list(1)
    if wanted is None:
        raise node.refuse("has no shape input")
    copies = not node.integer("allowzero", 0)
    if any(size == 0 and (not copies or axis >= len(dims)) for axis, size in enumerate(wanted)):
        raise node.refuse(f"to {list(wanted)}: an empty dimension")
    shape = [dims[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    if shape.count(-1) > 1 or any(size < -1 for size in shape):
        raise node.refuse(f"to {list(wanted)}: not a shape")
    if -1 in shape:
        rest = math.prod(size for size in shape if size != -1)
        shape[shape.index(-1)] = math.prod(dims) // rest
    return _reshaped(node, tuple(shape))


def axes_of(node: Node, rank: int) -> tuple[int, ...] | None:
    """Axes of Squeeze and Unsqueeze: an attribute, or an input from opset 13 on."""
    axes = node.integers("axes") if node.opset < 13 else node.integer_list(1)
    if axes is None:
        return None
    if any(not -rank <= axis < rank for axis in axes):
        raise node.refuse(f"axes {list(axes)} of {rank} dimensions")
    return tuple(sorted(axis % rank for axis in axes))


def squeeze(node: Node) -> Stream:
    """Squeeze."""
    dims = node.view(0).dims
    axes = axes_of(node, len(dims))
    if axes is None:
        axes = tuple(axis for axis, size in enumerate(dims) if size == 1)
    if any(dims[axis] != 1 for axis in axes):
        raise node.refuse(f"axes {list(axes)} of {describe(node.view(0))} are not 1")
    return _reshaped(node, tuple(size for axis, size in enumerate(dims) if axis not in axes))


def unsqueeze(node: Node) -> Stream:
    """Unsqueeze."""
    dims = list(node.view(0).dims)
    given = node.integers("axes") if node.opset < 13 else node.integer_list(1)
    axes = axes_of(node, len(dims) + len(given or ()))
    for axis in axes or ():
        dims.insert(axis, 1)
    return _reshaped(node, tuple(dims))


def transpose(node: Node) -> Stream:
    """Transpose: kept pending until another one cancels it; moved ones are a mere reshape."""
    source = node.view(0)
    rank = len(source.dims)
    perm = node.integers("perm") or tuple(reversed(range(rank)))
    if sorted(perm) != list(range(rank)):
        raise node.refuse(f"perm {list(perm)} of {rank} dimensions")
    if perm[0] != 0:
        raise node.refuse(f"perm {list(perm)}: moves the batch dimension")
    return transposed(source, perm)


def gather(node: Node) -> Stream:
    """Gather of all words of one frame in their order: torch's newer exporter writes a view so."""
    source, indices = node.view(0), node.constant(1)
    if indices is not None and indices.shape[:1] == (1,) and len(source.folded) == 1:
        result = reshaped(replace(source, folded=()), indices.shape)
        in_order = np.array_equal(indices.reshape(-1), np.arange(source.map.words))
        if result is not None and in_order:
            return result
    raise node.refuse("of the frame is not supported, only of constants")


def identity(node: Node) -> Stream:
    """Identity."""
    return node.view(0)


def dropout(node: Node) -> Stream:
    """Dropout in inference."""
    training = node.constant(2) if node.opset >= 12 else None
    if any(node.used_outputs[1:]) or (training is not None and bool(training.any())):
        raise node.refuse("training mode, or its mask is used")
    return node.view(0)


def cast(node: Node) -> Stream:
    """Cast between floating-point types: nothing, as all is computed in float32."""
    to = node.integer("to", 0)
    if to not in _FLOATS:
        raise node.refuse("of the frame to a type that is not floating point")
    return node.view(0)


def cast_like(node: Node) -> Stream:
    """CastLike: to the type of other values of the network, which is floating point."""
    return node.view(0)


HANDLERS = {
    "Flatten": flatten,
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Gather": gather,
    "Identity": identity,
    "Dropout": dropout,
    "Cast": cast,
    "CastLike": cast_like,
}
