"""What blocks hold so that none of them ever waits: the even flow.

In the even flow the words of a frame pass each point of the pipeline at an even pace, over one
frame time, and every engine works on its positions at an even pace. A self-timed pipeline is never
later than any schedule that its buffers allow (a marked graph is monotone: Baccelli, Cohen, Olsder,
Quadrat, "Synchronization and Linearity", 1992, ch. 2), so buffers that are enough for the even flow
let the pipeline run at the frame II of its slowest layer.

With Q pixels in and P positions out per frame, pixel q has arrived at (q + 1) / Q frame times, and
position p is worked on from lead + p / P on. Maps are handled row by row: what is asked of rows and
of columns adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .. import ops
from ..intmath import ceil_div
from ..values import FeatureMap

Ints = npt.NDArray[np.int64]
WindowOp = ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d


@dataclass(frozen=True, slots=True)
class EvenFlow:
    """What one block asks for.

    Attributes:
        delay_frames: from the first word in until work on the first position begins.
        held_pixels: pixels of the input held besides the window that is worked on.
        held_positions: positions of the output held, as they come unevenly.
    """

    delay_frames: float
    held_pixels: int
    held_positions: int


def window_ends(size: int, count: int, kernel: int, stride: int, pad: int) -> Ints:
    """(count,) last index inside a map that each window covers along one side; -1: none."""
    start = np.arange(count, dtype=np.int64) * stride - pad
    end = np.minimum(start + kernel - 1, size - 1)
    return np.where((end >= 0) & (start < size), end, -1)


def window_last_users(size: int, count: int, kernel: int, stride: int, pad: int) -> Ints:
    """(size,) last window that covers each index along one side; -1: none."""
    index = np.arange(size, dtype=np.int64) + pad
    last = np.minimum(index // stride, count - 1)
    return np.where(last * stride + kernel > index, last, -1)


def axis_ends(
    op: WindowOp | ops.Pad | ops.Reordering, source: FeatureMap, out: FeatureMap, axis: int
) -> Ints:
    """(positions along a side,) last pixel that each needs; -1: none.

    Args:
        op, source, out: the layer.
        axis: 0: rows, 1: columns.
    """
    size, count = _sides(source, axis), _sides(out, axis)
    match op:
        case ops.Upsample() | ops.DepthToSpace():
            return np.arange(count, dtype=np.int64) // op.factor[axis]
        case ops.Shuffle():
            return np.arange(count, dtype=np.int64)
        case ops.Pad():
            return window_ends(size, count, 1, 1, op.pads[axis])
        case _:
            return window_ends(size, count, op.extent[axis], op.stride[axis], op.pads[axis])


def axis_last_users(
    op: WindowOp | ops.Pad | ops.Reordering, source: FeatureMap, out: FeatureMap, axis: int
) -> Ints:
    """(pixels along a side,) last position that needs each; -1: none. Args: as of ``axis_ends``."""
    size, count = _sides(source, axis), _sides(out, axis)
    match op:
        case ops.Upsample() | ops.DepthToSpace():
            return (np.arange(size, dtype=np.int64) + 1) * op.factor[axis] - 1
        case ops.Shuffle():
            return np.arange(size, dtype=np.int64)
        case ops.Pad():
            return window_last_users(size, count, 1, 1, op.pads[axis])
        case _:
            return window_last_users(size, count, op.extent[axis], op.stride[axis], op.pads[axis])


def _sides(source: FeatureMap, axis: int) -> int:
    return source.width if axis else source.height


def _furthest(partners: Ints, partner_step: int, step: int) -> int:
    """Largest ``partners[i] * partner_step - i * step`` over indices with a partner; 0 without."""
    index = np.flatnonzero(partners >= 0)
    if not len(index):
        return 0
    return int((partners[index] * partner_step - index * step).max())


@lru_cache(maxsize=4096)
def _sliding(
    op: WindowOp | ops.Pad | ops.Reordering, source: FeatureMap, out: FeatureMap, haste: int
) -> tuple[float, int]:
    """Lead in frames and held pixels of windows that slide over a map."""
    # a pixel and a position, in units of 1 / (P * Q) frame times
    pixel, position = out.pixels, source.pixels
    in_row, out_row = source.width * pixel, out.width * position
    lead = _furthest(axis_ends(op, source, out, 0), in_row, out_row)
    lead += _furthest(axis_ends(op, source, out, 1), pixel, position)
    lead = max(lead, 0)
    hold = _furthest(axis_last_users(op, source, out, 0), out_row, in_row)
    hold += _furthest(axis_last_users(op, source, out, 1), position, pixel)
    # a position is held while it is worked on, but for the share of a pixel that is let go
    # word by word, if the window moves on with every position; where there are more positions than
    # pixels, a pixel must be whole before
    let_go = 0 if isinstance(op, ops.Upsample | ops.DepthToSpace) else out.pixels
    work = max(ceil_div(source.pixels, haste) - let_go, 0)
    whole = 1 if out.pixels > source.pixels else 0
    held = max(0, ceil_div(lead + hold + work, out.pixels)) + whole
    return (lead + out.pixels) / (out.pixels * source.pixels), held


def window_flow(op: WindowOp, source: FeatureMap, out: FeatureMap, haste: int = 1) -> EvenFlow:
    """Of a sliding window.

    Exact for windows that each take the same time: with N windows (blocks of channels) per
    position, ``held_pixels`` and one more window are held. Where windows take different times, the
    FIFO in front holds up to a pixel more.

    Args:
        op: the layer.
        source, out: its maps.
        haste: a single position is worked on in 1 / haste of a frame time.
    """
    if out.pixels == 1 and not isinstance(op, ops.Conv2d):
        # a pooling works as fast as words arrive
        held = min((op.extent[0] - 1) * source.width + op.extent[1] - 1, source.pixels - 1)
        return EvenFlow((source.pixels - 1) / source.pixels, held, 1)
    lead, held = _sliding(op, source, out, haste if out.pixels == 1 else 1)
    return EvenFlow(lead, held, 0)


@lru_cache(maxsize=4096)
def pass_flow(op: ops.Conv2d, source: FeatureMap, out: FeatureMap, rows: int) -> EvenFlow:
    """Of a convolution that works on ``rows`` output rows together, a divisor of their number.

    Work on such a pass takes its share of the frame time. It begins once the last pixel of the last
    row's windows is there, and lets go of no pixel before its end.
    """
    columns = axis_ends(op, source, out, 1)
    ends = axis_ends(op, source, out, 0)[rows - 1 :: rows]
    passes = out.height // rows
    # in units of 1 / (passes * Q) frame times
    pixel, work = passes, source.pixels
    number = np.arange(passes, dtype=np.int64)
    arrived = np.where(ends < 0, 0, ends * source.width + int(columns.max()) + 1)
    lead = max(0, int((arrived * pixel - number * work).max()))
    users = axis_last_users(op, source, out, 0)
    index = np.flatnonzero(users >= 0)
    let_go = lead + (users[index] // rows + 1) * work
    held = int((let_go - index * source.width * pixel).max()) if len(index) else 0
    return EvenFlow(lead / (passes * source.pixels), ceil_div(held, pixel), 0)


@lru_cache(maxsize=4096)
def slice_flow(op: ops.Slice, source: FeatureMap, out: FeatureMap) -> EvenFlow:
    """Of a slice: its positions come when their pixels do."""
    rows = np.arange(op.rows.start, op.rows.stop, op.rows.step, dtype=np.int64)
    columns = np.arange(op.columns.start, op.columns.stop, op.columns.step, dtype=np.int64)
    row_times = rows * (source.width * out.pixels) - np.arange(out.height) * (
        out.width * source.pixels
    )
    column_times = columns * out.pixels - np.arange(out.width) * source.pixels
    lead = int(row_times.max() + column_times.max())
    hold = lead - int(row_times.min() + column_times.min())
    return EvenFlow(
        (lead + out.pixels) / (out.pixels * source.pixels), 0, 1 + ceil_div(hold, source.pixels)
    )


def pad_flow(op: ops.Pad, source: FeatureMap, out: FeatureMap) -> EvenFlow:
    """Of a padding: it takes no pixels while it puts out zeros."""
    if not any((*op.pads, op.channels_front, op.channels_back)):
        return EvenFlow(0.0, 0, 0)
    lead, held = _sliding(op, source, out, 1)
    return EvenFlow(lead, held + 1, 0)  # words of a pixel go out more slowly than they came


def reorder_flow(op: ops.Reordering, source: FeatureMap, out: FeatureMap) -> EvenFlow:
    """Of a block that keeps pixels to put out their words in another order: a pixel is whole before
    the first of it leaves."""
    lead, held = _sliding(op, source, out, 1)
    # words of one pixel of a Shuffle leave while those of the next one come
    return EvenFlow(lead, 2 if isinstance(op, ops.Shuffle) else held, 0)


def burst_words(op: ops.Op, inputs: tuple[FeatureMap, ...], out: FeatureMap) -> int:
    """Words that the FIFO behind a block must hold, as they come in bursts.

    The results of a position come with the last block of channels; those of a global
    pooling with the last pixel.
    """
    match op:
        case ops.Conv2d():
            return out.channels if inputs[0].channels > op.groups else 0
        case ops.GlobalAvgPool():
            return out.channels
        case ops.MaxPool2d() | ops.AvgPool2d():
            return window_flow(op, inputs[0], out).held_positions * out.channels
        case ops.Slice():
            return slice_flow(op, inputs[0], out).held_positions * out.channels
        case _:
            return 0
