"""Cost of pooling blocks, but for the memories that hold their rows and sums (``buffers``)."""

from __future__ import annotations

import numpy as np

from ...ops import AvgPool2d, Divisor, GlobalAvgPool, MaxPool2d
from ...values import Arithmetic
from ..coefficients import coefficients
from ..even_flow import window_flow
from ..foldings import IntArray
from ..primitives import Amount, adders, amount, buffer, clog2, counter, scaled
from ..shape import LayerShape
from ..window import window_control


def _is_power_of_two(value: int) -> bool:
    return value & (value - 1) == 0


def _window(
    op: MaxPool2d | AvgPool2d, shape: LayerShape, streams: IntArray, arithmetic: Arithmetic
) -> Amount:
    (source,) = shape.inputs
    held = window_flow(op, source, shape.out).held_pixels
    return window_control(op, source, streams, arithmetic.act_bits, held)


def max_pool_cost(
    op: MaxPool2d, shape: LayerShape, streams: IntArray, arithmetic: Arithmetic
) -> Amount:
    """Window and a tree of kh * kw - 1 maxima per stream."""
    taps = op.kernel[0] * op.kernel[1]
    bits = (taps - 1) * arithmetic.act_bits
    tree = amount(
        lut=scaled(bits, coefficients().fabric.max_lut_per_bit.value), ff=np.asarray(bits)
    )
    window = _window(op, shape, streams, arithmetic)
    return window + tree.times(streams)


def avg_pool_cost(
    op: AvgPool2d, shape: LayerShape, streams: IntArray, arithmetic: Arithmetic
) -> Amount:
    """Window, adder tree, and a multiplication by the reciprocal (a shift where that is exact);
    where the divisor varies at the border, a small table of reciprocals."""
    taps = op.kernel[0] * op.kernel[1]
    tree = adders(taps - 1, arithmetic.acc_bits)
    shift = op.divisor is Divisor.WINDOW and _is_power_of_two(taps)
    divide = amount(dsp=0 if shift else 1)
    if op.divisor is Divisor.INSIDE and any(op.pads):
        divide = divide + buffer(taps, arithmetic.act_bits)
    window = _window(op, shape, streams, arithmetic)
    return window + (tree + divide).times(streams)


def global_avg_pool_cost(
    op: GlobalAvgPool, shape: LayerShape, streams: IntArray, arithmetic: Arithmetic
) -> Amount:
    """Running sums and a multiplication by the reciprocal; the sums' memory is apart."""
    source = shape.inputs[0]
    divide = amount(dsp=0 if _is_power_of_two(source.pixels) else 1)
    return (adders(1, arithmetic.acc_bits) + divide).times(streams) + counter(
        clog2(source.pixels) + clog2(source.channels)
    )
