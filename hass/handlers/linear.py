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
    source = node.stream(0)
    if not source.is_vector:
        raise node.refuse(f"input 0 is {describe(source)}, expected (N, {source.map.words})")
    if matrix.shape[0] != source.map.words:
        raise node.refuse(f"a {list(matrix.shape)} matrix on {source.map.words} words per frame")
    if source.axes:  # its rows are in the order of a transposed frame
        rows = in_data_order(np.arange(source.map.words), source)
        matrix = matrix[rows.reshape(-1)]
    out_channels = int(matrix.shape[1])
    op = ops.Conv2d(out_channels, (source.map.height, source.map.width))
    weight = np.ascontiguousarray(matrix.T).reshape(out_channels, *frame_dims(source.map))
    name = node.draft.add_conv(node.layer, op, source.layer, weight, bias)
    return Stream(name, node.draft.map(name), (*source.dims[:-1], out_channels))


def _per_position(node: Node, matrix: FloatArray) -> Stream:
    """``x @ matrix`` where the last dimension counts channels: a 1x1 convolution."""
    source = node.stream(0)
    if matrix.shape[0] != source.map.channels:
        raise node.refuse(f"a {list(matrix.shape)} matrix on {describe(source)}")
    op = ops.Conv2d(int(matrix.shape[1]), (1, 1))
    weight = np.ascontiguousarray(matrix.T)[:, :, None, None]
    bias = np.zeros(op.out_channels)
    name = node.draft.add_conv(node.layer, op, source.layer, weight, bias)
    shape = list(source.shape)
    shape[source.axes[-1]] = op.out_channels
    return replace(source, layer=name, map=node.draft.map(name), shape=tuple(shape))


def gemm(node: Node) -> Stream:
    """Gemm: alpha * A @ B + beta * C, B optionally transposed."""
    if node.integer("transA", 0):
        raise node.refuse("transA = 1")
    if len(node.stream(0).dims) != 2:
        raise node.refuse(f"input 0 is {describe(node.stream(0))}, expected two dimensions")
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
    return _fully_connected(node, scaled, shift)


def matmul(node: Node) -> Stream:
    """MatMul of the frame, as a vector or with channels last, and a constant matrix; a following
    Add is its bias."""
    matrix = node.floats(1)
    if matrix.ndim > 2 and math.prod(matrix.shape[:-2]) == 1:
        matrix = matrix.reshape(matrix.shape[-2:])
    if matrix.ndim != 2:
        raise node.refuse(f"input 1 has {matrix.ndim} dimensions, expected 2")
    source = node.stream(0)
    if source.has_channels_last and not source.is_vector:
        return _per_position(node, matrix)
    return _fully_connected(node, matrix, np.zeros(matrix.shape[1]))


HANDLERS = {"Gemm": gemm, "MatMul": matmul}
