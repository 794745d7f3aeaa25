"""Fixed-point rules against exact rational arithmetic, and what the chosen formats promise."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hass import fixed_point as fp
from hass import ops
from hass.errors import ProfileError, SpecError
from hass.graph import Edge, Graph, Layer, Weights
from hass.values import Arithmetic, FeatureMap, FixedPoint

FORMATS = st.builds(FixedPoint, st.integers(2, 18), st.integers(fp.MIN_FRAC_BITS, fp.MAX_FRAC_BITS))
SUMS = st.integers(-(1 << 47), (1 << 47) - 1)


def _nearest(value: Fraction, fmt: FixedPoint) -> int:
    scaled = value * Fraction(2) ** fmt.frac_bits
    return max(fmt.low, min(fmt.high, math.floor(scaled + Fraction(1, 2))))


@given(st.floats(-1e6, 1e6), FORMATS)
def test_quantise_rounds_half_up_and_saturates(value: float, fmt: FixedPoint) -> None:
    assert int(fp.quantise(value, fmt)) == _nearest(Fraction(value), fmt)


def test_just_below_a_half_is_rounded_down() -> None:
    assert int(fp.quantise(np.nextafter(0.5, 0.0), FixedPoint(8, 0))) == 0


@given(FORMATS, st.data())
def test_quantise_undoes_dequantise(fmt: FixedPoint, data: st.DataObject) -> None:
    integer = data.draw(st.integers(fmt.low, fmt.high))
    assert int(fp.quantise(fp.dequantise(integer, fmt), fmt)) == integer


@given(SUMS, st.integers(-32, 60), FORMATS)
def test_requantise_is_exact(integer: int, frac_bits: int, fmt: FixedPoint) -> None:
    value = Fraction(integer) / Fraction(2) ** frac_bits
    assert int(fp.requantise(integer, frac_bits, fmt)) == _nearest(value, fmt)


@given(st.lists(st.integers(-(1 << 40), 1 << 40), max_size=20), st.integers(2, 48))
def test_wrapping_sums_agree_in_any_order(values: list[int], width_bits: int) -> None:
    at_once = int(fp.wrap(sum(values), width_bits))
    step_by_step = 0
    for value in reversed(values):
        step_by_step = int(fp.wrap(step_by_step + value, width_bits))
    assert at_once == step_by_step
    assert -(1 << (width_bits - 1)) <= at_once < 1 << (width_bits - 1)


@given(st.floats(0, 1e3), FORMATS, st.data())
def test_integer_clip_is_the_rule_on_values(
    threshold: float, fmt: FixedPoint, data: st.DataObject
) -> None:
    integer = data.draw(st.integers(fmt.low, fmt.high))
    value = abs(Fraction(integer)) / Fraction(2) ** fmt.frac_bits
    assert (abs(integer) <= fp.clip_limit(threshold, fmt)) == (value <= Fraction(threshold))


@given(st.floats(1e-9, 1e6), st.integers(2, 18))
def test_frac_bits_are_the_most_that_fit(max_abs: float, width_bits: int) -> None:
    frac_bits = fp.frac_bits_for(max_abs, width_bits)
    high = (1 << (width_bits - 1)) - 1

    def rounded(bits: int) -> int:
        return math.floor(Fraction(max_abs) * Fraction(2) ** bits + Fraction(1, 2))

    if frac_bits > fp.MIN_FRAC_BITS:
        assert rounded(frac_bits) <= high
    if frac_bits < fp.MAX_FRAC_BITS:
        assert rounded(frac_bits + 1) > high


@given(st.integers(1, 300), st.data())
def test_reciprocals_share_the_point_of_the_largest(largest: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(1, largest))
    multiplier, frac_bits = fp.reciprocal(count, largest)
    assert frac_bits == fp.reciprocal(largest)[1]
    assert abs(Fraction(multiplier, 2**frac_bits) - Fraction(1, count)) <= Fraction(1, 2**frac_bits)
    assert fp.reciprocal(largest)[0] < 1 << fp.RECIPROCAL_BITS


def test_sigmoid_table_is_symmetric_about_its_middle() -> None:
    table = fp.sigmoid_table(FixedPoint(16, 14))
    assert table[fp.SIGMOID_WORDS // 2] == 1 << 13
    assert (np.abs(table[1:] + table[:0:-1] - (1 << 14)) <= 1).all()


def _conv_relu(scale: float) -> tuple[Graph, Weights]:
    shape = FeatureMap(4, 5, 3)
    out = FeatureMap(4, 5, 2)
    layers = (
        Layer("in", ops.Input(), shape),
        Layer("conv", ops.Conv2d(2, (1, 1)), out),
        Layer("relu", ops.Relu(), out),
        Layer("out", ops.Output(), out),
    )
    edges = (Edge("in", "conv"), Edge("conv", "relu"), Edge("relu", "out"))
    weights = Weights(
        {"conv.weight": np.full((2, 3, 1, 1), scale), "conv.bias": np.array([0.25, -0.5])}
    )
    return Graph("net", layers, edges), weights


@settings(max_examples=50)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e4), st.sampled_from([20, 24, 32, 40]))
def test_accumulator_keeps_its_head_room(scale: float, out_max: float, acc_bits: int) -> None:
    graph, weights = _conv_relu(scale)
    measured = {"in": 1.0, "conv": out_max, "relu": out_max / 2}
    formats = fp.choose_formats(graph, weights, measured, Arithmetic(8, 8, acc_bits))
    accumulator = formats.accumulator(graph, "conv")
    room = 2**fp.HEAD_ROOM_BITS
    assert Fraction(out_max) * Fraction(2) ** accumulator.frac_bits * room <= accumulator.high + 1
    assert formats.outputs["relu"] == formats.outputs["conv"]


def test_negatives_that_a_relu_cuts_off_need_not_fit() -> None:
    graph, weights = _conv_relu(1.0)
    formats = fp.choose_formats(
        graph, weights, {"in": 1.0, "conv": 100.0, "relu": 0.9}, Arithmetic()
    )
    assert formats.outputs["conv"].frac_bits == fp.frac_bits_for(0.9, 16)


def test_missing_maxima_are_listed_together() -> None:
    graph, weights = _conv_relu(1.0)
    with pytest.raises(ProfileError, match=r"2 layer\(s\).*in, conv"):
        fp.choose_formats(graph, weights, {"relu": 1.0}, Arithmetic())


def test_an_accumulator_beyond_a_dsp_is_refused() -> None:
    graph, weights = _conv_relu(1.0)
    with pytest.raises(SpecError, match="acc_bits"):
        fp.choose_formats(graph, weights, {"in": 1.0, "conv": 1.0}, Arithmetic(acc_bits=50))
