"""The sliding window in front of a convolution or a pooling: line buffers and window registers."""

from __future__ import annotations

import numpy as np

from ..intmath import ceil_div as ceil_to
from ..values import FeatureMap
from .even_flow import WindowOp
from .foldings import IntArray
from .primitives import Amount, amount, buffer, ceil_div, clog2, counter, mux_lut


def stored_rows(op: WindowOp, source: FeatureMap, held_pixels: int) -> int:
    """Rows that the line buffers store so that ``held_pixels`` are held besides the window's
    own columns; at least kh - 1."""
    rows, columns = op.kernel
    return max(rows - 1, ceil_to(max(0, held_pixels - (columns - 1)), source.width))


def window_cost(
    op: WindowOp,
    source: FeatureMap,
    streams: IntArray,
    act_bits: int,
    held_pixels: int,
) -> Amount:
    """Buffers of a kh x kw window over ``streams`` parallel streams.

    Rows are held in line buffers (one word of all rows side by side per stream), kw - 1 columns
    in column buffers; every tap has a register. kh - 1 rows are shifted up by a row as a pixel
    comes; of more rows, which a window that does not keep pace with its pixels needs, one is
    written while the others are read (by byte enables, UG473/UG573), and each row of the window is
    chosen among them.

    Args:
        op: kernel and padding.
        source: the input map.
        streams: words per cycle, (n,).
        act_bits: of a word.
        held_pixels: see ``even_flow``.
    """
    rows, columns = op.kernel
    position = counter(clog2(source.height) + clog2(source.width) + clog2(source.channels))
    stored = stored_rows(op, source, held_pixels)
    if rows == columns == 1 and not stored:
        return position + amount(ff=np.zeros_like(streams))
    padded_width = source.width + op.pads[1] + op.pads[3]
    per_stream = ceil_div(source.channels, streams)
    lines = buffer(padded_width * per_stream, np.full_like(streams, stored * act_bits))
    taps = buffer(per_stream, np.full_like(streams, rows * (columns - 1) * act_bits))
    registers = amount(ff=np.full_like(streams, rows * columns * act_bits))
    if stored > rows - 1:
        choose = mux_lut(stored, np.full_like(streams, rows * act_bits))
        registers = registers + amount(lut=choose)
        position = position + position  # the pixel written, and the position read
    return (lines + taps + registers).times(streams) + position


def lead_frames(op: WindowOp, source: FeatureMap) -> float:
    """Share of an input frame that must have arrived before the first window is complete."""
    rows = min(max(op.kernel[0] - op.pads[0], 1), source.height)
    columns = min(max(op.kernel[1] - op.pads[1], 1), source.width)
    return ((rows - 1) * source.width + columns) / source.pixels
