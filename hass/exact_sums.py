"""Exact sums of products of integers, as fast as floating point takes them.

Matrices of floats multiply far faster than those of integers, and a float holds every integer up to
a power of two: where no sum of |products| exceeds it, nothing rounds, in whatever order it is
taken. What is computed comes in parts that stay in a core's cache until they are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from . import ops
from .fixed_point import IntArray
from .intmath import ceil_div

EXACT_FLOAT = 1 << 53  # float64 holds every integer up to here
EXACT_FLOAT32 = 1 << 24  # and float32
# Words of a part: of the im2col matrix, and of the sums. 1 MiB of float64, a core's cache; smaller
# matrices multiply more slowly.
PART_WORDS = 1 << 17
# Where each channel has its own filter, a part is gone over twice for every tap: 256 KiB.
CHANNEL_WORDS = 1 << 15

NumberArray = npt.NDArray[Any]
Part = tuple[slice, slice, NumberArray]  # output channels, output rows, (channels, N, rows, W)


def window_view(padded: NumberArray, op: ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d) -> NumberArray:
    """(A, B, H, W) to the windows (A, B, H_out, W_out, kh, kw), a view."""
    view = np.lib.stride_tricks.sliding_window_view(padded, op.extent, axis=(2, 3))
    down, right = op.stride
    return np.asarray(view[:, :, ::down, ::right, :: op.dilation[0], :: op.dilation[1]])


class Factors:
    """The weights of a convolution, made ready once for many maps.

    Args:
        op: the convolution.
        weight: (out_channels, channels / groups, kh, kw).
    """

    def __init__(self, op: ops.Conv2d, weight: IntArray) -> None:
        self._op, self._weight = op, weight
        self._reach = int(np.abs(weight).reshape(len(weight), -1).sum(axis=1).max())

    def bound(self, largest: int) -> int:
        """What no sum of |products| exceeds where no |word| exceeds ``largest``."""
        return largest * self._reach

    @cached_property
    def _float64(self) -> NumberArray:
        return self._weight.astype(np.float64)

    @cached_property
    def _float32(self) -> NumberArray:
        return self._weight.astype(np.float32)

    def _of_type(self, bound: int) -> NumberArray:
        """The weights in the fastest type in which no sum rounds."""
        if bound <= EXACT_FLOAT32:
            return self._float32
        return self._float64 if bound <= EXACT_FLOAT else self._weight

    def sums(self, source: IntArray, largest: int) -> Iterator[Part]:
        """Exact sums of products, before the bias, part by part.

        Args:
            source: (N, C, H, W).
            largest: no |word| of it exceeds this.

        Yields:
            Which output channels and rows, and their sums (channels, N, rows, W_out), in a type
            that holds them exactly; arrays that may be written over.
        """
        weight = self._of_type(self.bound(largest))
        op, channels = self._op, source.shape[1]
        if channels == op.groups == op.out_channels:
            return _by_channel(op, source, weight)
        return _by_group(op, source, weight)


def _padded(source: IntArray, pads: ops.Pads, dtype: npt.DTypeLike) -> NumberArray:
    """(N, C, H, W) to (C, N, H + pads, W + pads) of a type."""
    top, left, bottom, right = pads
    frames, channels, height, width = source.shape
    shape = (channels, frames, top + height + bottom, left + width + right)
    padded = np.zeros(shape, dtype) if any(pads) else np.empty(shape, dtype)
    padded[:, :, top : top + height, left : left + width] = source.transpose(1, 0, 2, 3)
    return padded


def _by_group(op: ops.Conv2d, source: IntArray, weight: NumberArray) -> Iterator[Part]:
    """As matrix products, some rows at a time."""
    # channels in front: a matrix product then gives whole maps, not single positions
    taken = window_view(_padded(source, op.pads, weight.dtype), op)
    channels, frames, height, width = taken.shape[:4]
    taps = op.kernel[0] * op.kernel[1]
    products = channels // op.groups * taps
    factors = weight.reshape(op.groups, -1, products)
    per_row = max(op.out_channels, channels * taps) * frames * width
    parts = ceil_div(height, max(1, PART_WORDS // per_row))
    step = ceil_div(height, parts)
    everything = slice(0, op.out_channels)
    for start in range(0, height, step):
        part = taken[:, :, start : start + step]
        places = part.shape[1:4]
        if taps == 1:
            patches = part
        else:
            patches = np.empty((channels, *op.kernel, *places), dtype=weight.dtype)
            for row, column in np.ndindex(*op.kernel):
                patches[:, row, column] = part[..., row, column]
        sums = np.matmul(factors, patches.reshape(op.groups, products, -1))
        yield everything, slice(start, start + step), sums.reshape(op.out_channels, *places)


def _by_channel(op: ops.Conv2d, source: IntArray, weight: NumberArray) -> Iterator[Part]:
    """Where each channel has one filter of its own: tap by tap, some channels at a time."""
    frames, channels, height, width = source.shape
    step = max(1, CHANNEL_WORDS // (frames * height * width))
    down, right = op.stride
    for start in range(0, channels, step):
        some = slice(start, min(start + step, channels))
        # channels behind: rows of small maps are too short for numpy's inner loops
        maps = _padded(source[:, some], op.pads, weight.dtype)
        last = np.ascontiguousarray(maps.transpose(1, 2, 3, 0))
        rows = (last.shape[1] - op.extent[0]) // down + 1
        columns = (last.shape[2] - op.extent[1]) // right + 1
        sums = np.zeros((frames, rows, columns, last.shape[3]), weight.dtype)
        products = np.empty_like(sums)
        for row, column in np.ndindex(*op.kernel):
            first_row, first_column = row * op.dilation[0], column * op.dilation[1]
            seen = last[
                :,
                first_row : first_row + (rows - 1) * down + 1 : down,
                first_column : first_column + (columns - 1) * right + 1 : right,
            ]
            sums += np.multiply(seen, weight[some, 0, row, column], out=products)
        yield some, slice(0, rows), sums.transpose(3, 0, 1, 2)
