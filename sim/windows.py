"""Which pixels a sliding window needs when: numbers of positions and pixels, row by row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hass import ops
from hass.cost.even_flow import WindowOp, axis_ends, axis_last_users
from hass.values import FeatureMap

Ints = npt.NDArray[np.int64]


def _crossed(rows: Ints, columns: Ints, width: int) -> Ints:
    both = rows[:, None] * width + columns[None, :]
    outside = (rows[:, None] < 0) | (columns[None, :] < 0)
    return np.where(outside, -1, both).reshape(-1)


def pass_ends(op: WindowOp, source: FeatureMap, out: FeatureMap, rows: int) -> tuple[Ints, Ints]:
    """Where ``rows`` output rows are worked on together: (positions,) last pixel that the windows
    of a position's pass cover, -1 where it is all padding; (pixels,) last position of the last pass
    that needs a pixel, -1 where none does."""
    size = rows * out.width
    completing = completing_pixels(op, source, out).reshape(-1, size).max(axis=1)
    last = last_positions(op, source, out)
    ends = (last // size + 1) * size - 1
    # a row of pixels stays together: its first ones may be in no window of their own
    return np.repeat(completing, size), np.where(last < 0, -1, ends)


def completing_pixels(op: WindowOp | ops.Reordering, source: FeatureMap, out: FeatureMap) -> Ints:
    """(positions,) pixel that completes each position's window; -1 where it is all padding."""
    rows, columns = (axis_ends(op, source, out, axis) for axis in (0, 1))
    return _crossed(rows, columns, source.width)


def last_positions(op: WindowOp | ops.Reordering, source: FeatureMap, out: FeatureMap) -> Ints:
    """(pixels,) last position that needs each pixel; -1 where none does."""
    rows, columns = (axis_last_users(op, source, out, axis) for axis in (0, 1))
    return _crossed(rows, columns, out.width)
