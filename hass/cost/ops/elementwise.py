"""Cost of activations and of elementwise sums and products."""

from __future__ import annotations

import numpy as np

from ... import curves
from ...curve_table import DIRECT_BITS, OCTAVE_BITS, PIECE_BITS, PIECES, octaves_of
from ...ops import (
    Activation,
    Add,
    Clip,
    Curve,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Mul,
    PRelu,
    Relu,
    Sigmoid,
)
from ...reference_ops import CONSTANT_BITS, leaky_slopes
from ...values import Arithmetic
from ..coefficients import coefficients
from ..foldings import IntArray
from ..primitives import (
    LUTRAM_MAX_BITS,
    Amount,
    adders,
    amount,
    bram18_count,
    ceil_div,
    clog2,
    counter,
    mux_lut,
    rom_lut,
    scaled,
)

SIGMOID_TABLE_WORDS = 1024  # one BRAM18 at 16 bits, the size hls4ml's tables default to


def activation_cost(op: Activation, streams: IntArray, arithmetic: Arithmetic) -> Amount:
    """Per stream: a comparison and a gate (Relu), two maxima (Clip), constant multiplications
    (hard functions), a table (Sigmoid), or one of straight pieces with a multiplier (Curve)."""
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
        case LeakyRelu():
            # a gate chooses the operand; a slope of a power of two is a shift
            multipliers, _ = leaky_slopes(op)
            product = amount() if (np.abs(multipliers) == 1).all() else one
            each = product + gate + adders(1, bits)
        case PRelu():
            rows = ceil_div(len(op.slopes), streams)
            slopes = amount(lut=rom_lut(rows, CONSTANT_BITS), ff=np.asarray(CONSTANT_BITS))
            each = one + gate + adders(1, bits) + slopes
            return each.times(streams) + counter(clog2(rows))
        case Curve():
            each = _curve_table(bits) + gate if bits <= DIRECT_BITS else _curve_pieces(op, bits)
    return each.times(streams)


def _curve_table(bits: int) -> Amount:
    """A word for each word, in LUTs where these are few."""
    words = 1 << bits
    if words * bits <= LUTRAM_MAX_BITS:
        return amount(lut=rom_lut(words, bits))
    return amount(bram18=bram18_count(words, bits))


def _curve_pieces(op: Curve, bits: int) -> Amount:
    """The piece of a word, what is left of the word, value and slope, a product to which the DSP
    adds the value, and the rounding.

    An even piece's number is the word's upper bits, held at the ends of the table. One of an octave
    takes a priority encoder, and multiplexers of the leading bits and of those behind them.
    """
    fabric = coefficients().fabric
    table = amount(bram18=bram18_count(PIECES, 2 * PIECE_BITS), dsp=1)
    if curves.lines(op) is None:
        octaves = octaves_of(bits)
        shifted = mux_lut(octaves + 1, OCTAVE_BITS + 1 + octaves)
        found = amount(lut=bits + shifted, ff=np.asarray(2 * bits))
        return table + found + adders(1, bits)
    held = amount(lut=scaled(2 * bits, fabric.max_lut_per_bit.value), ff=np.asarray(2 * bits))
    return table + held + adders(2, bits)


def binary_cost(op: Add | Mul, streams: IntArray, arithmetic: Arithmetic) -> Amount:
    """An adder with alignment and saturation, or a multiplier with rounding, per stream;
    the memory in which a broadcast operand is held is apart (``buffers``)."""
    bits = arithmetic.act_bits
    if isinstance(op, Add):
        each = adders(1, bits + 1) + adders(1, bits)
    else:
        each = amount(dsp=1) + adders(1, bits)
    return each.times(streams)
