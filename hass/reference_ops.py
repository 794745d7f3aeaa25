"""The integers of ops without weights: what the emitted hardware computes, bit for bit, in numpy.

- Add: both operands brought to the finer of their formats (at most ``MAX_ALIGN_BITS`` from the
  coarser one), summed, requantised. Mul: the product, requantised. Concat: each input requantised.
- AvgPool2d, GlobalAvgPool: the sum times ``reciprocal(count)``, requantised.
- MaxPool2d, Relu, Clip, Slice, Pad, Upsample, DepthToSpace, Shuffle, Fork, Output: no arithmetic;
  the format of their input.
- LeakyRelu, PRelu: words below zero times ``leaky_slopes``, all requantised.
- Curve: ``curve_table``.
- HardSigmoid: ``alpha * x + beta`` in products of 16-bit constants, requantised, then held in
  [0, 1]. HardSwish: x times HardSigmoid(1/6, 1/2) of x in a format of ``act_bits - 2`` fractional
  bits. Sigmoid: a table with a step of 1/64 on [-8, 8), x rounded to the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import ops
from .curve_table import apply_curve
from .exact_sums import window_view
from .fixed_point import (
    MAX_ALIGN_BITS,
    SIGMOID_FRAC_BITS,
    SIGMOID_WORDS,
    IntArray,
    frac_bits_for,
    quantise,
    reciprocal,
    requantise,
    shift_round,
    sigmoid_table,
)
from .moves import moved
from .values import FixedPoint

CONSTANT_BITS = 16  # of HardSigmoid's alpha
MAX_CONSTANT_FRAC_BITS = 17  # of alpha: 1 then fits the sum behind the finest input format
SUM_BITS = 48  # of alpha * x + beta


@dataclass(frozen=True, slots=True)
class LinearConstants:
    """Integers of ``alpha * x + beta``: alpha with ``alpha_frac_bits``, beta with those of the
    product."""

    alpha: int
    alpha_frac_bits: int
    beta: int


def linear_constants(op: ops.HardSigmoid | ops.HardSwish, source: FixedPoint) -> LinearConstants:
    """The constants of a HardSigmoid, or of the one inside a HardSwish, behind a format."""
    alpha, beta = (op.alpha, op.beta) if isinstance(op, ops.HardSigmoid) else (1.0 / 6.0, 0.5)
    frac_bits = min(MAX_CONSTANT_FRAC_BITS, frac_bits_for(abs(alpha), CONSTANT_BITS))
    product = FixedPoint(SUM_BITS, frac_bits + source.frac_bits)
    integer = int(quantise(alpha, FixedPoint(CONSTANT_BITS, frac_bits)))
    return LinearConstants(integer, frac_bits, int(quantise(beta, product)))


def leaky_slopes(op: ops.LeakyRelu | ops.PRelu) -> tuple[IntArray, int]:
    """Slopes of a leaky function as (multipliers, frac_bits): of one, or of each channel.

    The multipliers of powers of two are 1, if they are alone.

    >>> leaky_slopes(ops.LeakyRelu(0.25)), leaky_slopes(ops.LeakyRelu(0.1))
    ((array([1]), 2), (array([13107]), 17))
    """
    slopes = np.array(op.slopes if isinstance(op, ops.PRelu) else [op.alpha])
    largest = float(np.abs(slopes).max())
    frac_bits = max(0, min(MAX_CONSTANT_FRAC_BITS, frac_bits_for(largest, CONSTANT_BITS)))
    multipliers = quantise(slopes, FixedPoint(CONSTANT_BITS, frac_bits))
    while not (multipliers % 2).any() and frac_bits > 0:
        multipliers, frac_bits = multipliers // 2, frac_bits - 1
    return multipliers, frac_bits


def unit_format(act_bits: int) -> FixedPoint:
    """The finest format of ``act_bits`` that holds 1."""
    return FixedPoint(act_bits, act_bits - 2)


def align_frac_bits(first: FixedPoint, second: FixedPoint) -> int:
    """Fractional bits in which an Add sums two operands."""
    low, high = sorted((first.frac_bits, second.frac_bits))
    return min(high, low + MAX_ALIGN_BITS)


def windows(
    source: IntArray, op: ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d, fill: int = 0
) -> IntArray:
    """(N, C, H, W) to the windows (N, C, H_out, W_out, kh, kw), a view of the padded map."""
    top, left, bottom, right = op.pads
    padded = np.pad(
        source, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=np.int64(fill)
    )
    return window_view(padded, op)


def _reduced(
    combine: np.ufunc, source: IntArray, op: ops.MaxPool2d | ops.AvgPool2d, fill: int = 0
) -> IntArray:
    """The windows' taps combined, (N, C, H_out, W_out); tap by tap, as windows are small."""
    taken = windows(source, op, fill)
    result = taken[..., 0, 0].copy()
    for row, column in list(np.ndindex(*op.kernel))[1:]:
        combine(result, taken[..., row, column], out=result)
    return result


def _average(op: ops.AvgPool2d, source: IntArray, frac_bits: int, out: FixedPoint) -> IntArray:
    total = _reduced(np.add, source, op)
    taps = op.kernel[0] * op.kernel[1]
    table = np.array([0, *(reciprocal(n, taps)[0] for n in range(1, taps + 1))])
    divisor = np.full(total.shape[2:], taps)
    if op.divisor is ops.Divisor.INSIDE:
        ones = np.ones_like(source[:1, :1])
        divisor = _reduced(np.add, ones, op)[0, 0]
    return requantise(total * table[divisor], frac_bits + reciprocal(taps)[1], out)


def _hard(
    op: ops.HardSigmoid | ops.HardSwish, source: IntArray, fmt: FixedPoint, out: FixedPoint
) -> IntArray:
    constants = linear_constants(op, fmt)
    gate_format = out if isinstance(op, ops.HardSigmoid) else unit_format(out.width_bits)
    product = source * constants.alpha + constants.beta
    gate = requantise(product, constants.alpha_frac_bits + fmt.frac_bits, gate_format)
    gate = np.clip(gate, 0, int(quantise(1.0, gate_format)))
    if isinstance(op, ops.HardSigmoid):
        return gate
    return requantise(source * gate, fmt.frac_bits + gate_format.frac_bits, out)


def _sigmoid(source: IntArray, fmt: FixedPoint, out: FixedPoint) -> IntArray:
    half = SIGMOID_WORDS // 2
    index = requantise(source, fmt.frac_bits, FixedPoint(half.bit_length(), SIGMOID_FRAC_BITS))
    return np.asarray(sigmoid_table(out)[index + half])


def _leaky(
    op: ops.LeakyRelu | ops.PRelu, source: IntArray, fmt: FixedPoint, out: FixedPoint
) -> IntArray:
    multipliers, frac_bits = leaky_slopes(op)
    low = source * multipliers[:, None, None]
    return requantise(
        np.where(source < 0, low, source << frac_bits), fmt.frac_bits + frac_bits, out
    )


def apply(
    op: ops.Op, sources: Sequence[IntArray], formats: Sequence[FixedPoint], out: FixedPoint
) -> IntArray:
    """One op without weights on integers.

    Args:
        op: any op but Input and Conv2d.
        sources: (N, C, H, W) each, in port order.
        formats: theirs.
        out: format of the result.
    """
    first, fmt = sources[0], formats[0]
    match op:
        case ops.Output() | ops.Fork():
            return first
        case ops.Relu():
            return np.maximum(first, 0)
        case ops.Clip():
            low, high = (int(quantise(x, fmt)) for x in (op.low, op.high))
            return np.clip(first, low, high)
        case ops.HardSigmoid() | ops.HardSwish():
            return _hard(op, first, fmt, out)
        case ops.Sigmoid():
            return _sigmoid(first, fmt, out)
        case ops.LeakyRelu() | ops.PRelu():
            return _leaky(op, first, fmt, out)
        case ops.Curve():
            return apply_curve(op, first, fmt, out)
        case ops.MaxPool2d():
            return _reduced(np.maximum, first, op, fmt.low)
        case ops.AvgPool2d():
            return _average(op, first, fmt.frac_bits, out)
        case ops.GlobalAvgPool():
            multiplier, extra = reciprocal(first.shape[2] * first.shape[3])
            total = first.sum(axis=(2, 3), keepdims=True)
            return requantise(total * multiplier, fmt.frac_bits + extra, out)
        case ops.Add():
            common = align_frac_bits(*formats)
            aligned = [
                shift_round(x, f.frac_bits - common) for x, f in zip(sources, formats, strict=True)
            ]
            return requantise(aligned[0] + aligned[1], common, out)
        case ops.Mul():
            product = sources[0] * sources[1]
            return requantise(product, formats[0].frac_bits + formats[1].frac_bits, out)
        case ops.Concat():
            parts = [requantise(x, f.frac_bits, out) for x, f in zip(sources, formats, strict=True)]
            return np.concatenate(parts, axis=1)
        case ops.Slice() | ops.Pad() | ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            return moved(op, first)
        case ops.Input() | ops.Conv2d():
            raise ValueError(f"{ops.op_name(op)} is not applied here")
