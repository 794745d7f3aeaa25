"""The sliding window in front of a convolution or a pooling: line buffers and window registers."""

from __future__ import annotations

import numpy as np

from ..ops import AvgPool2d, Conv2d, MaxPool2d
from ..values import FeatureMap
from .foldings import IntArray
from .primitives import Amount, amount, buffer, ceil_div, clog2, counter


def window_cost(
    op: Conv2d | MaxPool2d | AvgPool2d, source: FeatureMap, streams: IntArray, act_bits: int
) -> Amount:
    """Buffers of a kh x kw window over ``streams`` parallel streams; nothing for a 1x1 window.

    kh - 1 rows are held in line buffers (one word of all rows side by side per stream), kw - 1
    columns in column buffers; every tap has a register.
    """
    rows, columns = op.kernel
    position = counter(clog2(source.height) + clog2(source.width) + clog2(source.channels))
    if rows == columns == 1:
        return position + amount(ff=np.zeros_like(streams))
    padded_width = source.width + op.pads[1] + op.pads[3]
    per_stream = ceil_div(source.channels, streams)
    lines = buffer(padded_width * per_stream, np.full_like(streams, (rows - 1) * act_bits))
    taps = buffer(per_stream, np.full_like(streams, rows * (columns - 1) * act_bits))
    registers = amount(ff=np.full_like(streams, rows * columns * act_bits))
    return (lines + taps + registers).times(streams) + position


def lead_frames(op: Conv2d | MaxPool2d | AvgPool2d, source: FeatureMap) -> float:
    """Share of an input frame that must have arrived before the first window is complete."""
    rows = min(max(op.kernel[0] - op.pads[0], 1), source.height)
    columns = min(max(op.kernel[1] - op.pads[1], 1), source.width)
    return ((rows - 1) * source.width + columns) / source.pixels
