"""A ``Curve`` in integers: the table that the reference, the emitted hardware and the cost share.

Words of at most ``DIRECT_BITS`` bits have an entry each: the curve, rounded to the output's format.
Wider words fall on at most 512 straight pieces, chords of the curve, with a value and a slope in 18
bits each, in one BRAM18 and with one DSP:

    word = values[i] + slopes[i] * (x - start of piece i), requantised

Pieces are even, 512 of 2**h words around 0, and the two at the ends go on along the lines that the
curve comes close to; they cover the words where it is more than ``LINE_ERROR`` from these. Or, of a
curve without such a line, they are 32 to each octave of the words above 0, and one for each word
below 64. Where alpha is 1, the error is below ``LINE_ERROR``, besides what is rounded off in the
output's format.
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
OCTAVE_BITS = 5  # of an octave's pieces
SUM_FRAC_BITS = 47  # at most, of values and products; ``reference_ops.SUM_BITS`` less a sign


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The pieces of a curve behind a format.

    Attributes:
        values: (PIECES,) the curve where each begins, in ``PIECE_BITS``.
        slopes: (PIECES,) in ``PIECE_BITS``, real ones times ``2**slope_frac_bits``.
        length_bits: an even piece has ``2**length_bits`` words, piece PIECES / 2 begins at 0; None:
            they are those of octaves.
        slope_frac_bits: of a slope.
        align_bits: fractional bits that a product has more than a value.
    """

    values: IntArray
    slopes: IntArray
    length_bits: int | None
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


def _reach(op: Curve, left: curves.Line, right: curves.Line) -> int:
    """Exponent of the smallest power of two from which on the curve is close to its lines."""
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
    lines = curves.lines(op)
    step = 2.0**-source.frac_bits
    if lines is None:
        starts = octave_starts(source.width_bits)
        ends = curves.value(op, starts * step)
        return _packed(ends[:-1], np.diff(ends) / (np.diff(starts) * step), None, source)
    half = PIECES // 2
    # words on each side of 0: no more than there are, and at least one a piece
    covered_bits = min(source.width_bits - 1, source.frac_bits + _reach(op, *lines))
    length_bits = max(covered_bits - (half.bit_length() - 1), 0)
    starts = (np.arange(PIECES + 1) - half) << length_bits
    ends = curves.value(op, starts * step)
    values, slopes = ends[:-1], np.diff(ends) / (step * 2.0**length_bits)
    if half << length_bits <= source.high:
        for place, (slope, at_zero) in zip((0, -1), lines, strict=True):
            values[place] = at_zero + slope * starts[:-1][place] * step
            slopes[place] = slope
    return _packed(values, slopes, length_bits, source)


def octave_starts(width_bits: int) -> IntArray:
    """First words of the pieces of octaves, and the word behind the last one."""
    each = 1 << OCTAVE_BITS
    octaves = width_bits - 2 - OCTAVE_BITS  # the first two have pieces of a word
    above = [np.arange(each, 2 * each) << shift for shift in range(1, octaves + 1)]
    return np.concatenate([np.arange(2 * each), *above, [1 << (width_bits - 1)]])


def _packed(
    values: curves.Reals, slopes: curves.Reals, length_bits: int | None, source: FixedPoint
) -> Pieces:
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


def _place(table: Pieces, words: IntArray) -> tuple[IntArray, IntArray]:
    """The piece that each word falls on, and how far it is from the piece's start."""
    if table.length_bits is None:
        positive = np.maximum(words, 0)
        bits = np.frexp(positive.astype(np.float64))[1].astype(np.int64)
        shift = np.maximum(bits - 1 - OCTAVE_BITS, 0)
        leading = positive >> shift
        return (shift << OCTAVE_BITS) + leading, positive - (leading << shift)
    half = PIECES // 2
    piece = np.clip(words >> table.length_bits, -half, half - 1)
    return piece + half, words - (piece << table.length_bits)


def apply_curve(op: Curve, words: IntArray, source: FixedPoint, out: FixedPoint) -> IntArray:
    """Output words of input words; same shape."""
    if is_direct(source.width_bits):
        return np.asarray(direct_table(op, source, out)[words - source.low])
    table = pieces(op, source)
    piece, offset = _place(table, words)
    total = (table.values << table.align_bits)[piece] + table.slopes[piece] * offset
    return requantise(total, table.sum_frac_bits(source), out)
