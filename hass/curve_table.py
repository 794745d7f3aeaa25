"""A ``Curve`` in integers: the table that the reference, the emitted hardware and the cost share.

Words of at most ``DIRECT_BITS`` bits have an entry each: the curve, rounded to the output's format.
Wider words fall on at most 512 straight pieces, chords of the curve, with a value and a slope in 18
bits each, in one BRAM18 and with one DSP:

    word = values[i] + slopes[i] * (x - start of piece i), requantised

Pieces are even, 512 of 2**h words around 0, and the two at the ends go on along the lines that the
curve comes close to; they cover the words where it is more than ``LINE_ERROR`` from these. Where
alpha is 1, the error is below ``LINE_ERROR``, besides what is rounded off in the output's format.

Or, of a curve without such a line, they are 32 to each octave of the words above 0, and one for
each word below 64. A slope is then the rise over the piece, and the word's place in it a share:
values may lie many octaves apart.
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
    """The pieces of a curve between two formats.

    Attributes:
        values: (n,) the curve where each begins, in ``PIECE_BITS``.
        slopes: (n,) in ``PIECE_BITS``.
        length_bits: an even piece has ``2**length_bits`` words, piece PIECES / 2 begins at 0; None:
            they are those of octaves.
        align_bits: fractional bits that a product has more than a value.
        sum_frac_bits: of a product, and of its sum with the aligned value.
    """

    values: IntArray
    slopes: IntArray
    length_bits: int | None
    align_bits: int
    sum_frac_bits: int


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
def pieces(op: Curve, source: FixedPoint, out: FixedPoint) -> Pieces:
    """The pieces of a curve between two formats, the first of more than ``DIRECT_BITS`` bits.

    Values are at least as fine as the output's words; those that its format does not hold may not
    fit either, and saturate.
    """
    lines = curves.lines(op)
    return _octaves(op, source, out) if lines is None else _even(op, source, out, *lines)


def _even(
    op: Curve, source: FixedPoint, out: FixedPoint, left: curves.Line, right: curves.Line
) -> Pieces:
    step, half = 2.0**-source.frac_bits, PIECES // 2
    # words on each side of 0: no more than there are, and at least one a piece
    covered_bits = min(source.width_bits - 1, source.frac_bits + _reach(op, left, right))
    length_bits = max(covered_bits - (half.bit_length() - 1), 0)
    starts = (np.arange(PIECES + 1) - half) << length_bits
    ends = curves.value(op, starts * step)
    values, slopes = ends[:-1], np.diff(ends) / (step * 2.0**length_bits)
    if half << length_bits <= source.high:
        for place, (slope, at_zero) in zip((0, -1), (left, right), strict=True):
            values[place] = at_zero + slope * starts[:-1][place] * step
            slopes[place] = slope
    slope_frac_bits = min(_fitting(slopes), SUM_FRAC_BITS - source.frac_bits)
    sum_frac_bits = source.frac_bits + slope_frac_bits
    value_frac_bits = min(max(_fitting(values), out.frac_bits), sum_frac_bits)
    return Pieces(
        quantise(values, FixedPoint(PIECE_BITS, value_frac_bits)),
        quantise(slopes, FixedPoint(PIECE_BITS, slope_frac_bits)),
        length_bits,
        sum_frac_bits - value_frac_bits,
        sum_frac_bits,
    )


def _fitting(values: curves.Reals) -> int:
    """Most fractional bits with which all values fit ``PIECE_BITS``."""
    return frac_bits_for(float(np.abs(values).max()), PIECE_BITS)


def octaves_of(width_bits: int) -> int:
    """Octaves whose pieces have several words."""
    return width_bits - 2 - OCTAVE_BITS  # the first two have pieces of one


def _octaves(op: Curve, source: FixedPoint, out: FixedPoint) -> Pieces:
    each, octaves = 1 << OCTAVE_BITS, octaves_of(source.width_bits)
    above = [np.arange(each, 2 * each) << shift for shift in range(1, octaves + 1)]
    starts = np.concatenate([np.arange(2 * each), *above, [1 << (source.width_bits - 1)]])
    ends = curves.value(op, starts * 2.0**-source.frac_bits)
    frac_bits = max(_fitting(ends), out.frac_bits)
    words = quantise(ends, FixedPoint(PIECE_BITS, frac_bits))
    return Pieces(words[:-1], np.diff(words), None, octaves, frac_bits + octaves)


def _place(table: Pieces, words: IntArray) -> tuple[IntArray, IntArray]:
    """The piece that each word falls on, and how far it is from the piece's start."""
    if table.length_bits is None:
        positive = np.maximum(words, 0)
        bits = np.frexp(positive.astype(np.float64))[1].astype(np.int64)
        shift = np.maximum(bits - 1 - OCTAVE_BITS, 0)
        leading = positive >> shift
        share = (positive - (leading << shift)) << (table.align_bits - shift)
        return (shift << OCTAVE_BITS) + leading, share
    half = PIECES // 2
    piece = np.clip(words >> table.length_bits, -half, half - 1)
    return piece + half, words - (piece << table.length_bits)


def apply_curve(op: Curve, words: IntArray, source: FixedPoint, out: FixedPoint) -> IntArray:
    """Output words of input words; same shape."""
    if is_direct(source.width_bits):
        return np.asarray(direct_table(op, source, out)[words - source.low])
    table = pieces(op, source, out)
    piece, offset = _place(table, words)
    total = (table.values << table.align_bits)[piece] + table.slopes[piece] * offset
    return requantise(total, table.sum_frac_bits, out)
