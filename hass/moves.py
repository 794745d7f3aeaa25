"""Ops that only move words, on maps (N, C, H, W) of numbers of any type."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from . import ops

Maps = npt.NDArray[Any]
IndexArray = npt.NDArray[np.int64]


def moved(op: ops.Slice | ops.Pad | ops.Reordering, source: Maps) -> Maps:
    """What an op makes of maps.

    >>> moved(ops.Shuffle(2), np.arange(6).reshape(1, 6, 1, 1)).ravel().tolist()
    [0, 3, 1, 4, 2, 5]
    >>> moved(ops.Upsample((1, 2)), np.array([[[[7, 8]]]])).tolist()
    [[[[7, 7, 8, 8]]]]
    >>> moved(ops.DepthToSpace((2, 1)), np.arange(4).reshape(1, 4, 1, 1)).tolist()
    [[[[0], [2]], [[1], [3]]]]
    """
    match op:
        case ops.Slice():
            return _sliced(op, source)
        case ops.Pad():
            return _padded(op, source)
        case ops.Upsample():
            return np.repeat(np.repeat(source, op.factor[0], axis=2), op.factor[1], axis=3)
        case ops.DepthToSpace():
            return _spread(op, source)
        case ops.Shuffle():
            return source[:, shuffled_channels(op, source.shape[1])]


def shuffled_channels(op: ops.Shuffle, channels: int) -> IndexArray:
    """(channels,) channel of the input that stands at each place of the output."""
    return np.arange(channels, dtype=np.int64).reshape(op.groups, -1).T.reshape(-1)


def _sliced(op: ops.Slice, source: Maps) -> Maps:
    rows, columns, channels = (
        slice(span.start, span.stop, span.step) for span in (op.rows, op.columns, op.channels)
    )
    return source[:, channels, rows, columns]


def _padded(op: ops.Pad, source: Maps) -> Maps:
    top, left, bottom, right = op.pads
    channels = (op.channels_front, op.channels_back)
    return np.pad(source, ((0, 0), channels, (top, bottom), (left, right)))


def _spread(op: ops.DepthToSpace, source: Maps) -> Maps:
    frames, _, height, width = source.shape
    down, right = op.factor
    blocks = source.reshape(frames, down, right, -1, height, width)
    return blocks.transpose(0, 3, 4, 1, 5, 2).reshape(frames, -1, height * down, width * right)
