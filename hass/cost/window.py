"""The sliding window in front of a convolution or a pooling: line buffers and column buffers."""

from __future__ import annotations

import numpy as np

from ..intmath import ceil_div as ceil_to
from ..values import FeatureMap
from .coefficients import coefficients
from .even_flow import WindowOp
from .foldings import IntArray, MemoryKind
from .primitives import (
    BYTE_BITS,
    Amount,
    Terms,
    amount,
    buffer,
    ceil_div,
    clog2,
    counter,
    fitted_lut,
    mux_lut,
    ring,
)
from .stores import Store, stored

REGISTER_WORDS = 2  # hass_recall.sv: up to so many words wait in registers, without a memory


def window_cost(
    op: WindowOp,
    source: FeatureMap,
    streams: IntArray,
    act_bits: int,
    held_pixels: int,
    memory: MemoryKind = MemoryKind.BRAM,
) -> Amount:
    """A kh x kw window over ``streams`` parallel streams, side by side in one memory, as
    hass_window.sv has it; nothing for a 1x1 window without a stride.

    kh - 1 rows are held in line buffers, kw - 1 columns in column buffers; the registers that
    these are read into hold the window. A dilated window holds the rows and columns between its
    taps too; of its rows only those with taps go on to the column buffers. A window that does not
    keep pace with its pixels needs more: rows of which one is written while the others are read,
    each row of the window chosen among them.

    Args:
        op: kernel, stride and padding.
        source: the input map.
        streams: words per cycle, (n,).
        act_bits: of a word.
        held_pixels: see ``even_flow``; ``kh - 1`` rows (``extent``) are there in any case.
        memory: where those of its buffers lie that are deep.
    """
    stores = window_stores(op, source, streams, act_bits, held_pixels)
    return window_control(op, source, streams, act_bits, held_pixels) + stored(stores, memory)


def window_stores(
    op: WindowOp, source: FeatureMap, streams: IntArray, act_bits: int, held_pixels: int
) -> tuple[Store, ...]:
    """A window's line buffers and column buffers, as they lie in memories."""
    bits = act_bits * streams
    if op.kernel == (1, 1):
        if op.stride == (1, 1) and held_pixels == 0:
            return ()
        return (Store(kept_words(op, source, streams, held_pixels), bits, 1, buffer),)
    lines, taps = _depths(op, source, streams, held_pixels)
    rows = op.kernel[0]
    kept_rows, kept_columns = op.extent[0] - 1, op.extent[1] - 1
    rolling = rolling_rows(op, source, held_pixels)
    if rolling:
        # each row has a write enable of its own, in whole bytes of 9 bits (UG473, UG573)
        row_bits = BYTE_BITS * ceil_div(bits, BYTE_BITS)
        line_buffer = Store(lines, row_bits * rolling, 1, buffer)
    else:
        line_buffer = Store(_recalled_words(lines), bits * kept_rows, 1, ring)
    return line_buffer, Store(_recalled_words(taps), bits * rows * kept_columns, 1, ring)


def window_counters(op: WindowOp, source: FeatureMap, streams: IntArray) -> Amount:
    """Counters of a window and what they decide, (n,) by its streams."""
    return amount(
        lut=fitted_lut(0, window_terms(op, source, streams), coefficients().window),
        ff=sum(_counter_bits(op, source, streams)),
    )


def window_control(
    op: WindowOp, source: FeatureMap, streams: IntArray, act_bits: int, held_pixels: int
) -> Amount:
    """All of a window but the memories of its buffers."""
    if op.kernel == op.stride == (1, 1) and held_pixels == 0:
        return amount(ff=np.zeros_like(streams))
    control = window_counters(op, source, streams)
    bits = act_bits * streams
    if op.kernel == (1, 1):
        kept = np.maximum(kept_words(op, source, streams, held_pixels), 1)
        return control + counter(2 * clog2(kept))
    lines, taps = _depths(op, source, streams, held_pixels)
    rows = op.kernel[0]
    kept_rows, kept_columns = op.extent[0] - 1, op.extent[1] - 1
    rolling = rolling_rows(op, source, held_pixels)
    if rolling:
        choose = amount(lut=mux_lut(rolling, bits * rows))
        control = control + choose + counter(clog2(lines) + clog2(rolling))
    else:
        control = control + _recall_registers(lines, bits * kept_rows)
    return control + _recall_registers(taps, bits * rows * kept_columns)


def rolling_rows(op: WindowOp, source: FeatureMap, held_pixels: int) -> int:
    """Rows side by side of which one is written while the others are read, where the window does
    not keep pace with its pixels; each row of the window is one of those. 0 where it does."""
    rows, columns = op.extent
    stored_rows = ceil_to(max(0, held_pixels - (columns - 1)), source.width)
    return stored_rows if stored_rows > rows - 1 else 0


def kept_words(op: WindowOp, source: FeatureMap, streams: IntArray, held_pixels: int) -> IntArray:
    """The pixels of a strided 1x1 window that wait for their position; the others are let go."""
    pixels = ceil_to(held_pixels, op.stride[1]) + 1 if held_pixels else 0
    return np.asarray(pixels * ceil_div(source.channels, streams))


def window_terms(op: WindowOp, source: FeatureMap, streams: IntArray) -> Terms:
    """What each LUT coefficient of a window's control is multiplied by, (n,) each."""
    return {
        "lut_control": np.ones(streams.shape),
        "lut_per_counter_bit": np.asarray(sum(_counter_bits(op, source, streams)), np.float64),
        "lut_per_stride": np.full(streams.shape, float(sum(step > 1 for step in op.stride))),
    }


def _padded(op: WindowOp, source: FeatureMap) -> tuple[int, int]:
    """Height and width of the frame that the window slides over."""
    top, left, bottom, right = op.pads
    return source.height + top + bottom, source.width + left + right


def _depths(
    op: WindowOp, source: FeatureMap, streams: IntArray, held_pixels: int
) -> tuple[IntArray, IntArray]:
    """Words that wait in each of the line buffers and in the column buffers, (n,) each; 0 without.
    A window of one row has line buffers where it does not keep pace with its pixels."""
    words = ceil_div(source.channels, streams)
    _, width = _padded(op, source)
    has_lines = op.kernel[0] > 1 or rolling_rows(op, source, held_pixels) > 0
    lines = width * words if has_lines else np.zeros_like(words)
    return lines, words if op.kernel[1] > 1 else np.zeros_like(words)


def _counter_bits(op: WindowOp, source: FeatureMap, streams: IntArray) -> list[IntArray]:
    """Bits of each counter, (n,) each; 0 where there is nothing to count: channel, column and row,
    the next column and row of the stride's grid, and the memories' addresses."""
    channels = clog2(ceil_div(source.channels, streams))
    bits = [channels]
    is_counted = False  # an axis is, if windows end at some of its positions only, or an outer is
    for size, kernel, stride in zip(_padded(op, source), op.kernel, op.stride, strict=True):
        is_counted = is_counted or kernel > 1 or stride > 1
        position = np.full_like(channels, int(clog2(size)) if is_counted else 0)
        # the next place on the grid never changes its lowest bits, as many as 2 divides the stride
        constant = (stride & -stride).bit_length() - 1
        bits += [position, np.maximum(position - constant, 0) if stride > 1 else 0 * position]
    for depth in _depths(op, source, streams, 0):  # rolling rows have counters of their own
        bits.append(np.where(depth > REGISTER_WORDS, clog2(np.maximum(depth - 1, 1)), 0))
    return bits


def _recalled_words(depth: IntArray) -> IntArray:
    """Words in the memory that delays one by ``depth`` steps; its read register is the last."""
    return np.where(depth > REGISTER_WORDS, depth - 1, 0)


def _recall_registers(depth: IntArray, width_bits: IntArray) -> Amount:
    """Of a word delayed by so few steps that it takes no memory."""
    return amount(ff=np.where(depth <= REGISTER_WORDS, depth * width_bits, 0))


def lead_frames(op: WindowOp, source: FeatureMap) -> float:
    """Share of an input frame that must have arrived before the first window is complete."""
    rows = min(max(op.extent[0] - op.pads[0], 1), source.height)
    columns = min(max(op.extent[1] - op.pads[1], 1), source.width)
    return ((rows - 1) * source.width + columns) / source.pixels
