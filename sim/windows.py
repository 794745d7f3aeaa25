"""When a sliding window has what it needs, and what it needs no longer: by position and pixel.

Positions and pixels are numbered row by row. A map's pixels arrive in that order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from hass import ops
from hass.graph import Layer
from hass.intmath import ceil_div
from hass.values import FeatureMap

Ints = npt.NDArray[np.int64]
WindowOp = ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d


def _ends(size: int, count: int, kernel: int, stride: int, pad: int) -> Ints:
    """Last index inside a map that each of ``count`` windows covers along one side; -1: none."""
    start = np.arange(count, dtype=np.int64) * stride - pad
    end = np.minimum(start + kernel - 1, size - 1)
    return np.where((end >= 0) & (start < size), end, -1)


def _last_users(size: int, count: int, kernel: int, stride: int, pad: int) -> Ints:
    """Last window that covers each of ``size`` indices along one side; -1: none."""
    index = np.arange(size, dtype=np.int64) + pad
    last = np.minimum(index // stride, count - 1)
    return np.where(last * stride + kernel > index, last, -1)


def _crossed(rows: Ints, columns: Ints, width: int) -> Ints:
    both = rows[:, None] * width + columns[None, :]
    outside = (rows[:, None] < 0) | (columns[None, :] < 0)
    return np.where(outside, -1, both).reshape(-1)


def _both(
    along: Callable[[int, int, int, int, int], Ints],
    op: WindowOp,
    source: FeatureMap,
    out: FeatureMap,
    width: int,
) -> Ints:
    rows = along(source.height, out.height, op.kernel[0], op.stride[0], op.pads[0])
    columns = along(source.width, out.width, op.kernel[1], op.stride[1], op.pads[1])
    return _crossed(rows, columns, width)


def completing_pixels(op: WindowOp, source: FeatureMap, out: FeatureMap) -> Ints:
    """(positions,) pixel that completes each position's window; -1 where it is all padding."""
    return _both(_ends, op, source, out, source.width)


def last_positions(op: WindowOp, source: FeatureMap, out: FeatureMap) -> Ints:
    """(pixels,) last position that needs each pixel; -1 where none does."""
    return _both(_last_users, op, source, out, out.width)


def charged_pixels(op: WindowOp, source: FeatureMap) -> int:
    """Pixels that the buffers hold which ``hass.cost.window`` charges: kh - 1 rows and kw - 1
    columns; the present one is in the window's registers."""
    held = (op.kernel[0] - 1) * source.width + op.kernel[1] - 1
    return min(held, source.pixels - 1)


def _even_hold(need: Ints, first: Ints, pixels: int) -> int:
    """Pixels to hold where they arrive evenly over a frame time and positions leave evenly.

    Args:
        need: (positions,) last pixel that a position needs, or -1.
        first: (positions,) first pixel that it needs, or at least ``pixels``.
        pixels: of a frame.
    """
    positions = len(need)
    oldest = np.minimum(np.minimum.accumulate(first[::-1])[::-1], pixels)
    # from here in units of 1 / positions of a pixel
    starts = np.arange(positions, dtype=np.int64) * pixels
    lead = int(np.max((need + 1) * positions - starts))
    held = starts + pixels + lead - oldest * positions
    return ceil_div(int(held.max()), positions)


def even_pixels(op: WindowOp, source: FeatureMap, out: FeatureMap) -> int:
    """Pixels that must be held where neither input nor engine ever waits: pixels arrive evenly
    over a frame time, and positions are worked on evenly over one."""
    need = completing_pixels(op, source, out)
    rows = np.maximum(np.arange(out.height, dtype=np.int64) * op.stride[0] - op.pads[0], 0)
    columns = np.maximum(np.arange(out.width, dtype=np.int64) * op.stride[1] - op.pads[1], 0)
    first = np.where(need < 0, source.pixels, _crossed(rows, columns, source.width))
    return _even_hold(need, first, source.pixels)


def _sliced_burst(op: ops.Slice, source: FeatureMap, out: FeatureMap) -> int:
    """Positions that a slice must hold to give them evenly over a frame time, its pixels
    arriving evenly over one."""
    rows = np.arange(op.rows.start, op.rows.stop, op.rows.step, dtype=np.int64)
    columns = np.arange(op.columns.start, op.columns.stop, op.columns.step, dtype=np.int64)
    arrived = (_crossed(rows, columns, source.width) + 1) * out.pixels
    given = np.arange(out.pixels, dtype=np.int64) * source.pixels
    lead = int((arrived - given).max())
    held = given + source.pixels - (arrived - lead)
    return ceil_div(int(held.max()), source.pixels)


def burst_words(layer: Layer, inputs: Sequence[FeatureMap]) -> int:
    """Words that a block without a line buffer behind its work must hold to give them evenly."""
    match layer.op:
        case ops.Conv2d() | ops.GlobalAvgPool():
            return layer.out.channels  # the results of a position come one right after the other
        case ops.Slice():
            return _sliced_burst(layer.op, inputs[0], layer.out) * layer.out.channels
        case _:
            return 0


def intake_words(layer: Layer, inputs: Sequence[FeatureMap]) -> int:
    """Words that must be held in front of a block that takes them in bursts."""
    if not isinstance(layer.op, ops.Pad) or not any(layer.op.pads):
        return 0
    source = inputs[0]
    top, left, bottom, right = layer.op.pads
    pixels = np.arange(source.pixels, dtype=np.int64).reshape(source.height, source.width)
    need = np.pad(pixels, ((top, bottom), (left, right)), constant_values=-1).reshape(-1)
    first = np.where(need < 0, source.pixels, need)
    return _even_hold(need, first, source.pixels) * source.channels
