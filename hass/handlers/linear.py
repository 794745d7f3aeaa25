"""Gemm and MatMul: a Conv2d whose kernel covers the whole feature map."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import FloatArray
from .node import Node, describe
from .values import Stream, frame_dims, in_data_order


def _fully_connected(node: Node, matrix: FloatArray, bias: npt.ArrayLike) -> Stream:
    """``x @ matrix + bias``, matrix (words of the frame, out_channels)."""
    source = node.view(0)
    words = source.map.words
    if source.folded or not source.is_vector:
        raise node.refuse(f"input 0 is {describe(source)}, expected (N, {words})")
    if matrix.shape[0] != words:
        raise node.refuse(f"a {list(matrix.shape)} matrix on {words} words per frame")
    if source.axes:  # its rows are in the order of a transposed frame
        rows = in_data_order(np.arange(words), source)
        matrix = matrix[rows.reshape(-1)]
    if source.positional is not None:
        dims, wide = frame_dims(source.map), matrix.astype(np.float64)
        scale = np.broadcast_to(source.positional.scale, dims).reshape(-1)
        shift = np.broadcast_to(source.positional.shift, dims).reshape(-1)
        bias = np.asarray(bias, np.float64) + shift @ wide
        matrix = (scale[:, None] * wide).astype(np.float32)
    out_channels = int(matrix.shape[1])
    op = ops.Conv2d(out_channels, (source.map.height, source.map.width))
    weight = np.ascontiguousarray(matrix.T).reshape(out_channels, *frame_dims(source.map))
    name = node.draft.add_conv(node.layer, op, source.layer, weight, bias)
    return Stream(name, node.draft.map(name), (*source.dims[:-1], out_channels))


def _per_position(node: Node, matrix: FloatArray, bias: npt.ArrayLike) -> Stream:
    """``x @ matrix + bias`` where the last dimension counts channels: a 1x1 convolution."""
    source = node.rows(0)
    if matrix.shape[0] != source.map.channels:
        raise node.refuse(f"a {list(matrix.shape)} matrix on {describe(source)}")
    op = ops.Conv2d(int(matrix.shape[1]), (1, 1))
    weight = np.ascontiguousarray(matrix.T)[:, :, None, None]
    name = node.draft.add_conv(node.layer, op, source.layer, weight, bias)
    out = node.draft.map(name)
    shape = list(source.shape)
    shape[source.axes[-1]] = out.channels
    folded = (*source.folded[:-1], out.channels) if source.folded else ()
    return replace(source, layer=name, map=out, shape=tuple(shape), folded=folded)


def gemm(node: Node) -> Stream:
    """Gemm: alpha * A @ B + beta * C, B optionally transposed."""
    if node.integer("transA", 0):
        raise node.refuse("transA = 1")
    source = node.view(0)
    if len(source.dims) != 2:
        raise node.refuse(f"input 0 is {describe(source)}, expected two dimensions")
    matrix = node.floats(1)
    if matrix.ndim != 2:
        raise node.refuse(f"input 1 has {matrix.ndim} dimensions, expected 2")
    matrix = matrix.T if node.integer("transB", 0) else matrix
    bias = np.zeros(matrix.shape[1], np.float32) if node.input(2) is None else node.floats(2)
    if bias.ndim > 2 or (bias.ndim == 2 and bias.shape[0] != 1):
        raise node.refuse(f"input 2 of shape {list(bias.shape)}, expected one value per output")
    if bias.size not in (1, matrix.shape[1]):
        raise node.refuse(f"{bias.size} biases for {matrix.shape[1]} outputs")
    alpha, beta = node.floating("alpha", 1.0), node.floating("beta", 1.0)
    shift = np.broadcast_to(bias.reshape(-1).astype(np.float64) * beta, (matrix.shape[1],))
    scaled = matrix if alpha == 1.0 else (matrix.astype(np.float64) * alpha).astype(np.float32)
    return (_per_position if source.folded else _fully_connected)(node, scaled, shift)


def matmul(node: Node) -> Stream:
    """MatMul of the frame, as a vector or with channels last, and a constant matrix; a following
    Add is its bias."""
    matrix = node.floats(1)
    if matrix.ndim > 2 and math.prod(matrix.shape[:-2]) == 1:
        matrix = matrix.reshape(matrix.shape[-2:])
    if matrix.ndim != 2:
        raise node.refuse(f"input 1 has {matrix.ndim} dimensions, expected 2")
    source, no_bias = node.view(0), np.zeros(matrix.shape[1])
    if source.folded or (source.has_channels_last and not source.is_vector):
        return _per_position(node, matrix, no_bias)
    return _fully_connected(node, matrix, no_bias)


HANDLERS = {"Gemm": gemm, "MatMul": matmul}
