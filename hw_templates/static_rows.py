"""The memory of static engines: the non-zero weights in the order of the work, fixed here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hass.fixed_point import IntArray


@dataclass(frozen=True, slots=True)
class StaticRows:
    """What the engines read, a row a cycle, the same at every output position.

    Attributes:
        words: (rows, lanes, fine); weight * 2**index_bits + index of its activation in the segment.
        marks: (rows, lanes + 1); 1 in a lane's last row of a filter, and in the last column in the
            last row of a window.
    """

    words: IntArray
    marks: IntArray


def index_bits(products: int) -> int:
    """Bits of an index into a segment."""
    return (products - 1).bit_length()


def static_rows(windows: IntArray, fine: int) -> StaticRows:
    """The schedule of ``hass.cost.static_schedule``, which counts its rows.

    Args:
        windows: (windows of a position, lanes, filters of a lane, M) weights.
        fine: multipliers of an engine.
    """
    lanes, products = windows.shape[1], windows.shape[3]
    live = windows != 0
    turns = np.maximum(1, -(-live.sum(axis=3) // fine))
    lengths = turns.sum(axis=2).max(axis=1)
    first = np.cumsum(lengths) - lengths
    starts = first[:, None, None] + np.cumsum(turns, axis=2) - turns
    words = np.zeros((int(lengths.sum()), lanes, fine), dtype=np.int64)
    marks = np.zeros((len(words), lanes + 1), dtype=np.int64)
    marks[starts + turns - 1, np.arange(lanes)[None, :, None]] = 1
    marks[first + lengths - 1, lanes] = 1
    window, lane, number, index = np.nonzero(live)
    place = live.cumsum(axis=3)[window, lane, number, index] - 1
    rows = starts[window, lane, number] + place // fine
    weights = windows[window, lane, number, index]
    words[rows, lane, place % fine] = (weights << index_bits(products)) + index
    return StaticRows(words, marks)
