"""The sliding window in front of a convolution or a pooling: line buffers and column buffers."""

from __future__ import annotations

import numpy as np

from ..intmath import ceil_div as ceil_to
from ..values import FeatureMap
from .coefficients import coefficients
from .even_flow import WindowOp
from .foldings import IntArray
from .primitives import (
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

REGISTER_WORDS = 2  # hass_recall.sv: up to so many words wait in registers, without a memory


def window_cost(
    op: WindowOp, source: FeatureMap, streams: IntArray, act_bits: int, held_pixels: int
) -> Amount:
    """Buffers of a kh x kw window over ``streams`` parallel streams, side by side in one memory,
    as hass_window.sv has them; nothing for a 1x1 window without a stride.

    kh - 1 rows are held in line buffers, kw - 1 columns in column buffers; the registers that
    these are read into hold the window. A window that does not keep pace with its pixels needs
    more: rows of which one is written while the others are read, each row of the window chosen
    among them.

    Args:
        op: kernel, stride and padding.
        source: the input map.
        streams: words per cycle, (n,).
        act_bits: of a word.
        held_pixels: see ``even_flow``; ``kh - 1`` rows are there in any case.
    """
    if op.kernel == op.stride == (1, 1) and held_pixels == 0:
        return amount(ff=np.zeros_like(streams))
    lines, taps = _depths(op, source, streams)
    rows, columns = op.kernel
    bits = act_bits * streams
    stored = ceil_to(max(0, held_pixels - (columns - 1)), source.width)
    if op.kernel == (1, 1):
        line_buffer = _kept(op, source, streams, bits, held_pixels)
    elif stored > rows - 1:
        line_buffer = _rolling_rows(lines, bits, rows, stored)
    else:
        line_buffer = _recall(lines, bits * (rows - 1))
    tap_buffer = _recall(taps, bits * rows * (columns - 1))
    return line_buffer + tap_buffer + window_control(op, source, streams)


def window_control(op: WindowOp, source: FeatureMap, streams: IntArray) -> Amount:
    """Counters of a window and what they decide, (n,) by its streams."""
    return amount(
        lut=fitted_lut(0, window_terms(op, source, streams), coefficients().window),
        ff=sum(_counter_bits(op, source, streams)),
    )


def _rolling_rows(depth: IntArray, bits: IntArray, rows: int, stored: int) -> Amount:
    """``stored`` rows side by side in a memory with byte enables (UG473, UG573): one is written
    while the others are read, and each row of the window is one of those."""
    choose = mux_lut(stored, bits * rows)
    return buffer(depth, bits * stored) + amount(lut=choose) + counter(clog2(depth) + clog2(stored))


def _kept(
    op: WindowOp, source: FeatureMap, streams: IntArray, bits: IntArray, held_pixels: int
) -> Amount:
    """The pixels of a strided 1x1 window that wait for their position; the others are let go."""
    pixels = ceil_to(held_pixels, op.stride[1]) + 1 if held_pixels else 0
    depth = pixels * ceil_div(source.channels, streams)
    return buffer(depth, bits) + counter(2 * clog2(np.maximum(depth, 1)))


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


def _depths(op: WindowOp, source: FeatureMap, streams: IntArray) -> tuple[IntArray, IntArray]:
    """Words that wait in the line buffers and in the column buffers, (n,) each; 0 without."""
    words = ceil_div(source.channels, streams)
    _, width = _padded(op, source)
    lines = width * words if op.kernel[0] > 1 else np.zeros_like(words)
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
    for depth in _depths(op, source, streams):
        bits.append(np.where(depth > REGISTER_WORDS, clog2(np.maximum(depth - 1, 1)), 0))
    return bits


def _recall(depth: IntArray, width_bits: IntArray) -> Amount:
    """A word delayed by ``depth`` steps: registers, or a memory whose read register is the last."""
    registers = amount(ff=np.where(depth <= REGISTER_WORDS, depth * width_bits, 0))
    return registers + ring(np.where(depth > REGISTER_WORDS, depth - 1, 0), width_bits)


def lead_frames(op: WindowOp, source: FeatureMap) -> float:
    """Share of an input frame that must have arrived before the first window is complete."""
    rows = min(max(op.kernel[0] - op.pads[0], 1), source.height)
    columns = min(max(op.kernel[1] - op.pads[1], 1), source.width)
    return ((rows - 1) * source.width + columns) / source.pixels
