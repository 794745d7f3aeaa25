"""A ``Curve`` in integers: the table that the reference, the emitted hardware and the cost share.

Words of at most ``DIRECT_BITS`` bits have an entry each: the curve, rounded to the output's format.
Wider words fall on 512 straight pieces between chords of the curve, of 2**h words each side of 0,
and the two at the ends go on along the lines that the curve comes close to:

    word = values[i] + slopes[i] * (x - start of piece i), requantised

with a value and a slope in 18 bits each: one BRAM18, and one DSP. Pieces cover the words where the
curve is more than ``LINE_ERROR`` from its lines, so they are as short as the words allow: where
alpha is 1, the error is below ``LINE_ERROR`` besides what the output's format rounds off.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from . import curves
from .fixed_point import IntArray, frac_bits_for, quantise, requantise
from .ops import Curve
from .values import FixedPoint

DIRECT_BITS = 10  # 1024 words of 10 bits are one BRAM18
PIECES = 512  # a BRAM18 holds 512 words of 36 bits
PIECE_BITS = 18  # of a value and of a slope: the narrow side of a DSP48's multiplier
LINE_ERROR = 2.0**-11
MAX_REACH = 8  # exponent of where every curve is a line, whatever its alpha
SUM_FRAC_BITS = 47  # at most, of values and products; ``reference_ops.SUM_BITS`` less a sign


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The pieces of a curve behind a format.

    Attributes:
        values: (PIECES,) the curve where each begins, in ``PIECE_BITS``.
        slopes: (PIECES,) in ``PIECE_BITS``, real ones times ``2**slope_frac_bits``.
        length_bits: a piece has ``2**length_bits`` words; piece PIECES / 2 begins at 0.
        slope_frac_bits: of a slope.
        align_bits: fractional bits that a product has more than a value.
    """

    values: IntArray
    slopes: IntArray
    length_bits: int
    slope_frac_bits: int
    align_bits: int

    def sum_frac_bits(self, source: FixedPoint) -> int:
        """Fractional bits of a product, and of the sum with the aligned value."""
        return source.frac_bits + self.slope_frac_bits


def is_direct(width_bits: int) -> bool:
    """Whether words have an entry each."""
    return width_bits <= DIRECT_BITS


@lru_cache(maxsize=256)
def direct_table(op: Curve, source: FixedPoint, out: FixedPoint) -> IntArray:
    """(2**width,) output words of all input words, the lowest first."""
    words = np.arange(source.low, source.high + 1, dtype=np.int64)
    return quantise(curves.value(op, np.ldexp(words.astype(np.float64), -source.frac_bits)), out)


def _reach(op: Curve) -> int:
    """Exponent of the smallest power of two from which on the curve is close to its lines."""
    left, right = curves.lines(op)
    for exponent in range(MAX_REACH):
        end = 2.0**exponent
        found = curves.value(op, [-end, end])
        wanted = (left[1] - left[0] * end, right[1] + right[0] * end)
        if np.abs(found - wanted).max() <= LINE_ERROR:
            return exponent
    return MAX_REACH


@lru_cache(maxsize=256)
def pieces(op: Curve, source: FixedPoint) -> Pieces:
    """The pieces of a curve behind a format of more than ``DIRECT_BITS`` bits."""
    half = PIECES // 2
    # words on each side of 0: no more than there are, and at least one a piece
    covered_bits = min(source.width_bits - 1, source.frac_bits + _reach(op))
    length_bits = max(covered_bits - (half.bit_length() - 1), 0)
    starts = (np.arange(PIECES + 1) - half) << length_bits
    step = 2.0**-source.frac_bits
    ends = curves.value(op, starts * step)
    values, slopes = ends[:-1], np.diff(ends) / (step * 2.0**length_bits)
    if half << length_bits <= source.high:
        for place, (slope, at_zero) in zip((0, -1), curves.lines(op), strict=True):
            values[place] = at_zero + slope * starts[:-1][place] * step
            slopes[place] = slope
    slope_frac_bits = min(
        frac_bits_for(float(np.abs(slopes).max()), PIECE_BITS), SUM_FRAC_BITS - source.frac_bits
    )
    value_frac_bits = min(
        frac_bits_for(float(np.abs(values).max()), PIECE_BITS), source.frac_bits + slope_frac_bits
    )
    return Pieces(
        quantise(values, FixedPoint(PIECE_BITS, value_frac_bits)),
        quantise(slopes, FixedPoint(PIECE_BITS, slope_frac_bits)),
        length_bits,
        slope_frac_bits,
        source.frac_bits + slope_frac_bits - value_frac_bits,
    )


def apply_curve(op: Curve, words: IntArray, source: FixedPoint, out: FixedPoint) -> IntArray:
    """Output words of input words; same shape."""
    if is_direct(source.width_bits):
        return np.asarray(direct_table(op, source, out)[words - source.low])
    table, half = pieces(op, source), PIECES // 2
    piece = np.clip(words >> table.length_bits, -half, half - 1)
    offset = words - (piece << table.length_bits)
    piece += half
    total = (table.values << table.align_bits)[piece] + table.slopes[piece] * offset
    return requantise(total, table.sum_frac_bits(source), out)
