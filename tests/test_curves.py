"""Curves in integers: near the functions, within their words, and lines far out."""

from __future__ import annotations

import numpy as np
import pytest

from hass import curves, ops
from hass.curve_table import LINE_ERROR, PIECE_BITS, PIECES, _place, apply_curve, pieces
from hass.fixed_point import dequantise, frac_bits_for
from hass.ops import Curve, Function
from hass.values import FixedPoint

CURVES = [*(Curve(f) for f in Function), Curve(Function.SILU, 1.702), Curve(Function.ELU, 0.5)]


def _words(fmt: FixedPoint) -> np.ndarray:
    return np.arange(fmt.low, fmt.high + 1, dtype=np.int64)


def _output(op: Curve, source: FixedPoint) -> FixedPoint:
    """The format that a curve's values on all words of another would get."""
    largest = float(np.abs(curves.value(op, dequantise(_words(source), source))).max())
    return FixedPoint(source.width_bits, frac_bits_for(largest, source.width_bits))


@pytest.mark.parametrize("op", CURVES, ids=str)
@pytest.mark.parametrize("width_bits", [4, 8, 10, 11, 16, 18])
def test_every_word_is_near_the_function(op: Curve, width_bits: int) -> None:
    for frac_bits in (-16, -3, 0, 2, 5, 8, 11, 13, 17, 30):
        source = FixedPoint(width_bits, frac_bits)
        out, words = _output(op, source), _words(source)
        found = dequantise(apply_curve(op, words, source, out), out)
        # narrow words have an entry each, others a piece; both are rounded
        pieces_error = 0.0 if width_bits <= 10 else LINE_ERROR
        step = 2.0**-out.frac_bits
        wanted = curves.value(op, dequantise(words, source))
        assert np.abs(found - wanted).max() <= pieces_error + 0.75 * step, frac_bits


@pytest.mark.parametrize("op", CURVES, ids=str)
@pytest.mark.parametrize("width_bits", [11, 18])
def test_sums_fit_what_the_hardware_adds_in(op: Curve, width_bits: int) -> None:
    for frac_bits in range(-16, 31):
        source = FixedPoint(width_bits, frac_bits)
        table = pieces(op, source, _output(op, source))
        places = np.array([source.low, -1, 0, 63, 64, 65, source.high])
        assert _place(table, places)[0].max() < len(table.values) <= PIECES
        for entries in (table.values, table.slopes):
            assert -(1 << (PIECE_BITS - 1)) <= entries.min() <= entries.max() < 1 << PIECE_BITS - 1
        offset = 1 << width_bits
        total = np.abs(table.values << table.align_bits) + np.abs(table.slopes) * offset
        assert total.max() < 1 << 49  # ap_int<50> of curve_pieces.h
        assert table.align_bits >= 0


def test_far_out_a_curve_is_its_line() -> None:
    source = FixedPoint(16, 6)  # -512 to 512
    words = np.array([source.low, -20_000, 20_000, source.high])
    found = apply_curve(Curve(Function.SILU), words, source, source)
    assert found.tolist() == [0, 0, 20_000, source.high]
    tanh = apply_curve(Curve(Function.TANH), words, source, FixedPoint(16, 14))
    assert tanh.tolist() == [-(1 << 14), -(1 << 14), 1 << 14, 1 << 14]


def test_a_decay_is_near_many_octaves_down() -> None:
    """As in a normalisation, where words are variances and the output is small."""
    source, out = FixedPoint(16, -3), FixedPoint(16, 23)
    words = np.arange(9_000, source.high, dtype=np.int64)
    found = dequantise(apply_curve(Curve(Function.DECAY, 0.5), words, source, out), out)
    wanted = (1.0 + dequantise(words, source)) ** -0.5
    assert np.abs(found / wanted - 1).max() < 3e-4


def test_a_parameter_that_a_function_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="tanh has no alpha, got 2"):
        ops.Curve(Function.TANH, 2.0)
    with pytest.raises(ValueError, match=r"alpha of elu is in 1/16\.\.16, got 100"):
        ops.Curve(Function.ELU, 100.0)
