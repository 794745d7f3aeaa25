"""Cost of activations and of elementwise sums and products."""

from __future__ import annotations

import numpy as np

from ...ops import Activation, Add, Clip, HardSigmoid, HardSwish, Mul, Relu, Sigmoid
from ...values import Arithmetic
from ..coefficients import coefficients
from ..foldings import IntArray
from ..primitives import (
    Amount,
    adders,
    amount,
    bram18_count,
    scaled,
)

SIGMOID_TABLE_WORDS = 1024  # one BRAM18 at 16 bits, the size hls4ml's tables default to


def activation_cost(op: Activation, streams: IntArray, arithmetic: Arithmetic) -> Amount:
    """Per stream: a comparison and a gate (Relu), two maxima (Clip), constant multiplications
    (hard functions) or a table (Sigmoid)."""
    bits = arithmetic.act_bits
    fabric = coefficients().fabric
    gate = amount(lut=np.asarray(bits), ff=np.asarray(bits))
    clamp = amount(lut=scaled(2 * bits, fabric.max_lut_per_bit.value), ff=np.asarray(2 * bits))
    one = amount(dsp=1)
    match op:
        case Relu():
            each = gate
        case Clip():
            each = clamp
        case HardSigmoid():
            each = one + clamp + adders(1, bits)
        case HardSwish():
            each = one + one + clamp + adders(1, bits)
        case Sigmoid():
            each = amount(bram18=bram18_count(SIGMOID_TABLE_WORDS, bits)) + clamp
    return each.times(streams)


def binary_cost(op: Add | Mul, streams: IntArray, arithmetic: Arithmetic) -> Amount:
    """An adder with alignment and saturation, or a multiplier with rounding, per stream;
    the memory in which a broadcast operand is held is apart (``buffers``)."""
    bits = arithmetic.act_bits
    if isinstance(op, Add):
        each = adders(1, bits + 1) + adders(1, bits)
    else:
        each = amount(dsp=1) + adders(1, bits)
    return each.times(streams)
