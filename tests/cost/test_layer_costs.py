"""What must hold of every layer's cost, whatever its shape, folding and sparsity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cost_strategies import conv_foldings, conv_of, conv_shapes, sparsity_of
from hypothesis import given
from hypothesis import strategies as st

from hass import ops
from hass.cost import (
    EngineKind,
    FifoNeed,
    Folding,
    LayerCosts,
    LayerShape,
    MemoryKind,
    as_arrays,
    layer_costs,
)
from hass.cost.engines import EngineSize, dense_engine, dynamic_engine, pair_engine
from hass.cost.even_flow import window_flow
from hass.cost.window import rolling_rows, window_stores
from hass.device import RESOURCE_NAMES, Family
from hass.intmath import divisors
from hass.shapes import output_map
from hass.sparsity import LayerSparsity
from hass.values import Arithmetic, FeatureMap

ENGINES = [EngineKind.DENSE, EngineKind.DYNAMIC, EngineKind.STATIC]
FACTORS = ("coarse_in", "coarse_out", "coarse_group", "fine")


def cost(shape: LayerShape, folding: Folding, sparsity: LayerSparsity | None = None) -> LayerCosts:
    return layer_costs(shape, as_arrays([folding]), sparsity, Family.SERIES7, Arithmetic())


def frame_ii(shape: LayerShape, folding: Folding, sparsity: LayerSparsity | None = None) -> int:
    return int(cost(shape, folding, sparsity).frame_ii_cycles[0])


@given(st.data())
def test_sparse_engines_at_density_one_equal_dense(data: st.DataObject) -> None:
    shape = data.draw(conv_shapes())
    dense = data.draw(conv_foldings(shape, EngineKind.DENSE))
    full = sparsity_of(shape, 1.0, 0)
    for engine in (EngineKind.DYNAMIC, EngineKind.STATIC):
        sparse = replace(dense, engine=engine)
        assert frame_ii(shape, sparse, full) == frame_ii(shape, dense)
        assert frame_ii(shape, sparse, None) == frame_ii(shape, dense)


@given(st.data(), st.floats(0.05, 1.0), st.integers(0, 1000))
def test_more_parallelism_never_raises_frame_ii(
    data: st.DataObject, density: float, seed: int
) -> None:
    shape = data.draw(conv_shapes())
    engine = data.draw(st.sampled_from(ENGINES))
    folding = data.draw(conv_foldings(shape, engine))
    sparsity = sparsity_of(shape, density, seed)
    op = conv_of(shape)
    limits = {
        "coarse_in": shape.inputs[0].channels // op.groups // folding.packed,
        "coarse_out": op.out_channels // op.groups,
        "coarse_group": op.groups,
        "fine": folding.packed * op.kernel[0] * op.kernel[1],
    }
    before = frame_ii(shape, folding, sparsity)
    for name in FACTORS:
        for wider in divisors(limits[name]):
            if wider % getattr(folding, name) == 0:
                after = frame_ii(shape, replace(folding, **{name: wider}), sparsity)
                assert after <= before, (name, wider)


@given(st.data(), st.floats(0.05, 1.0), st.integers(0, 1000))
def test_frame_ii_is_at_least_active_macs_over_multipliers(
    data: st.DataObject, density: float, seed: int
) -> None:
    shape = data.draw(conv_shapes())
    engine = data.draw(st.sampled_from(ENGINES))
    folding = data.draw(conv_foldings(shape, engine))
    sparsity = replace(
        sparsity_of(shape, density, seed), filter_rates=(1.0,) * conv_of(shape).out_channels
    )
    op = conv_of(shape)
    macs = shape.out.words * shape.inputs[0].channels // op.groups * op.kernel[0] * op.kernel[1]
    bound = macs * sparsity.pair_density / folding.multipliers
    if engine is EngineKind.STATIC:  # which multiplies zero activations too
        live = sparsity.weight_counts.counts.sum()
        bound = shape.out.pixels * live / folding.multipliers
    assert frame_ii(shape, folding, sparsity) >= bound * (1 - 1e-9)
    assert frame_ii(shape, replace(folding, engine=EngineKind.DENSE)) >= macs / folding.multipliers


@given(st.data(), st.integers(0, 1000))
def test_resources_are_positive_and_dsps_are_the_multipliers(
    data: st.DataObject, seed: int
) -> None:
    shape = data.draw(conv_shapes())
    engine = data.draw(st.sampled_from(ENGINES))
    folding = data.draw(conv_foldings(shape, engine))
    costs = cost(shape, folding, sparsity_of(shape, 0.5, seed))
    assert (costs.resources() >= 0).all()
    assert costs.lut[0] > 0 and costs.ff[0] > 0
    assert costs.dsp[0] == folding.multipliers
    narrow = layer_costs(shape, as_arrays([folding]), None, Family.SERIES7, Arithmetic(8, 8, 32))
    assert narrow.dsp[0] == folding.multipliers


@given(st.data(), st.integers(0, 1000))
def test_many_foldings_at_once_equal_one_by_one(data: st.DataObject, seed: int) -> None:
    shape = data.draw(conv_shapes())
    sparsity = sparsity_of(shape, 0.4, seed)
    engine = data.draw(st.sampled_from(ENGINES))
    first = data.draw(conv_foldings(shape, engine))
    rest = data.draw(st.lists(conv_foldings(shape, engine), max_size=5))
    foldings = [first, *(replace(f, weight_memory=first.weight_memory) for f in rest)]
    many = layer_costs(shape, as_arrays(foldings), sparsity, Family.SERIES7, Arithmetic())
    for index, folding in enumerate(foldings):
        one = cost(shape, folding, sparsity)
        assert many.frame_ii_cycles[index] == one.frame_ii_cycles[0]
        assert many.latency_cycles[index] == one.latency_cycles[0]
        np.testing.assert_array_equal(many.resources()[index], one.resources()[0])


@given(st.data(), st.integers(0, 1000))
def test_deeper_lane_fifos_never_raise_frame_ii(data: st.DataObject, seed: int) -> None:
    shape = data.draw(conv_shapes())
    sparsity = sparsity_of(shape, 0.4, seed)
    folding = data.draw(conv_foldings(shape, EngineKind.DYNAMIC))
    cycles = [
        frame_ii(shape, replace(folding, lane_fifo_depth=depth), sparsity)
        for depth in (1, 2, 4, 8, 16, 32)
    ]
    assert cycles == sorted(cycles, reverse=True)


def _size(products: int, fine: int, bits: int) -> EngineSize:
    return EngineSize(np.array([products]), np.array([fine]), bits, bits, 32)


@pytest.mark.parametrize(
    ("coarse_out", "fine", "bits", "family", "shared"),
    [
        (2, 3, 8, Family.ULTRASCALE_PLUS, True),
        (4, 9, 8, Family.ULTRASCALE_PLUS, False),  # nine products overflow the lower filter's bits
        (4, 9, 7, Family.ULTRASCALE_PLUS, True),
        (2, 1, 8, Family.ULTRASCALE_PLUS, False),  # one multiplier accumulates in its DSP
        (3, 3, 8, Family.ULTRASCALE_PLUS, False),
        (2, 3, 16, Family.ULTRASCALE_PLUS, False),
        (2, 3, 8, Family.SERIES7, False),
    ],
)
def test_two_filters_share_a_dsp_where_a_pair_is_built(
    coarse_out: int, fine: int, bits: int, family: Family, shared: bool
) -> None:
    op, source = ops.Conv2d(12, (3, 3)), FeatureMap(8, 8, 4)
    shape = LayerShape(op, (source,), FeatureMap(6, 6, 12), (FifoNeed(),))
    arithmetic = Arithmetic(bits, bits, 32)
    for engine in ENGINES:
        folding = Folding(engine, coarse_out=coarse_out, fine=fine, weight_memory=MemoryKind.LUTRAM)
        sparsity = sparsity_of(shape, 0.5, 0)
        costs = layer_costs(shape, as_arrays([folding]), sparsity, family, arithmetic)
        half = shared and engine is EngineKind.DENSE
        assert costs.dsp[0] == folding.multipliers // (2 if half else 1)


def test_a_pair_costs_no_more_than_two_engines() -> None:
    """So that pairs are built wherever they can be. Where there is one turn there is no
    multiplexer to share, and the delays of the weights cost a little more."""
    for fine in (2, 3, 5, 7):
        for turns in (1, 2, 9):
            pair, one = (
                build(_size(fine * turns, fine, 8)) for build in (pair_engine, dense_engine)
            )
            assert pair.dsp[0] == one.dsp[0] == fine
            assert pair.lut[0] <= 2 * one.lut[0] + (8 * fine if turns == 1 else 0)


@pytest.mark.parametrize(("fine", "lut", "ff"), [(1, 197, 611), (2, 339, 666)])
def test_dynamic_engine_costs_what_was_synthesised(fine: int, lut: int, ff: int) -> None:
    """M = 9, 16 bit (yosys 0.23, 7-series); LUT within the worst error of the fit, FF exactly.
    tests/hw_templates/test_calibrate.py has all points."""
    engine = dynamic_engine(_size(9, fine, 16))
    assert engine.lut[0] == pytest.approx(lut, rel=0.12)
    assert engine.ff[0] == ff


@pytest.mark.parametrize(
    ("products", "fine", "bits", "lut", "ff"),
    [
        (1, 1, 16, 3, 3),
        (9, 1, 16, 60, 11),
        (9, 3, 16, 92, 72),
        (9, 9, 16, 195, 140),
        (16, 8, 16, 297, 140),
        (36, 3, 8, 142, 58),
    ],
)
def test_dense_engine_costs_what_was_synthesised(
    products: int, fine: int, bits: int, lut: int, ff: int
) -> None:
    """yosys 0.23, 7-series; LUT within the worst error of the fit, FF exactly."""
    engine = dense_engine(_size(products, fine, bits))
    assert engine.lut[0] == pytest.approx(lut, rel=0.08, abs=1)
    assert engine.ff[0] == ff


def test_line_buffers_depend_on_the_width_not_the_height() -> None:
    """Rows are buffered: a wide map needs more than a tall one (a known defect of other models)."""
    op = ops.Conv2d(4, (3, 3))
    folding = Folding(EngineKind.DENSE, fine=1, weight_memory=MemoryKind.LUTRAM)

    def bram(source: FeatureMap) -> int:
        out = FeatureMap(source.height - 2, source.width - 2, 4)
        shape = LayerShape(op, (source,), out, (FifoNeed(),))
        return int(cost(shape, folding).bram18[0])

    assert bram(FeatureMap(8, 400, 16)) > bram(FeatureMap(400, 8, 16))


def test_names_of_resources_match_the_columns() -> None:
    assert RESOURCE_NAMES == ("lut", "ff", "dsp", "bram18", "uram")


def test_a_window_of_one_row_pays_for_the_rows_that_roll() -> None:
    """Strided along its row, it does not keep pace with its pixels: a row waits, as simulated."""
    op = ops.Conv2d(8, (1, 3), (1, 2), (0, 1, 0, 1))
    source = FeatureMap(32, 64, 16)
    held = window_flow(op, source, output_map(op, [source])).held_pixels
    assert rolling_rows(op, source, held) == 1
    lines, _ = window_stores(op, source, np.array([1]), 16, held)
    assert int(lines.depth_words[0]) >= source.width * source.channels
    assert int(np.ravel(lines.width_bits)[0]) >= 16


@pytest.mark.parametrize(
    ("op", "act_bits", "dsp", "bram18"),
    [
        (ops.LeakyRelu(0.1), 16, 1, 0),
        (ops.LeakyRelu(0.125), 16, 0, 0),  # a shift
        (ops.PRelu((0.1,) * 11 + (0.2,)), 16, 1, 0),
        (ops.Curve(ops.Function.GELU), 8, 0, 0),  # 256 words of 8 bits lie in LUTs
        (ops.Curve(ops.Function.GELU), 10, 0, 1),  # 1024 words of 10 bits
        (ops.Curve(ops.Function.GELU), 11, 1, 1),  # 512 pieces of two times 18 bits
        (ops.Curve(ops.Function.GELU), 18, 1, 1),
    ],
)
def test_what_a_function_of_each_word_takes(
    op: ops.Op, act_bits: int, dsp: int, bram18: int
) -> None:
    source = FeatureMap(7, 5, 12)
    shape = LayerShape(op, (source,), source, (FifoNeed(),))
    streams = [1, 4]
    foldings = as_arrays([Folding(coarse_in=n, coarse_out=n) for n in streams])
    costs = layer_costs(shape, foldings, None, Family.SERIES7, Arithmetic(act_bits, 8, 32))
    assert costs.dsp.tolist() == [dsp * n for n in streams]
    assert costs.bram18.tolist() == [bram18 * n for n in streams]
    assert (costs.lut > 0).all()
