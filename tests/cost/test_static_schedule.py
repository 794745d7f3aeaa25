"""Static engines: cycles counted lane by lane on the weights themselves, and what they cost."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from cost_strategies import conv_foldings, conv_of, conv_shapes, sparsity_of
from hypothesis import given
from hypothesis import strategies as st

from hass.cost import (
    EngineKind,
    Folding,
    LayerCosts,
    LayerShape,
    MemoryKind,
    as_arrays,
    layer_costs,
)
from hass.cost.lane_filters import dealt_filters, exchange_allowed
from hass.cost.ops.conv import compute_cycles
from hass.cost.primitives import counter
from hass.cost.shape import FifoNeed
from hass.cost.static_schedule import static_cycles, static_filters, static_window_cycles
from hass.device import Family
from hass.fixed_point import IntArray
from hass.measure.occupancy import weight_counts
from hass.ops import Conv2d
from hass.shapes import output_map
from hass.sparsity import LayerSparsity, WeightCounts
from hass.values import Arithmetic, FeatureMap


def by_hand(weight: npt.NDArray[np.float64], groups: int, folding: Folding, order: IntArray) -> int:
    """Cycles of one output position, as the lanes spend them, window after window.

    ``order``: (steps, coarse_out) filters of the lanes.
    """
    filters, channels = weight.shape[0] // groups, weight.shape[1]
    assert order.size == filters
    blocks = channels // folding.packed
    cycles = 0
    for group_step in range(groups // folding.coarse_group):
        for step in range(blocks // folding.coarse_in):
            lanes = []
            for g in range(folding.coarse_group):
                group = group_step * folding.coarse_group + g
                for o in range(folding.coarse_out):
                    for i in range(folding.coarse_in):
                        block = step * folding.coarse_in + i
                        inside = slice(block * folding.packed, (block + 1) * folding.packed)
                        lane = 0
                        for number in order[:, o]:
                            live = int((weight[group * filters + number, inside] != 0).sum())
                            lane += max(1, math.ceil(live / folding.fine))
                        lanes.append(lane)
            cycles += max(lanes)
    return cycles


def costs_of(shape: LayerShape, folding: Folding, sparsity: LayerSparsity) -> LayerCosts:
    return layer_costs(shape, as_arrays([folding]), sparsity, Family.SERIES7, Arithmetic())


@given(st.data(), st.floats(0.0, 1.0), st.integers(0, 1000))
def test_cycles_are_those_of_the_very_weights(
    data: st.DataObject, density: float, seed: int
) -> None:
    shape = data.draw(conv_shapes())
    op = conv_of(shape)
    rng = np.random.default_rng(seed)
    size = (op.out_channels, shape.inputs[0].channels // op.groups, *op.kernel)
    weight = np.where(rng.random(size) < density, rng.uniform(0.5, 1.0, size), 0.0)
    folding = data.draw(conv_foldings(shape, EngineKind.STATIC))
    sparsity = replace(
        sparsity_of(shape, 0.5, seed), weight_counts=weight_counts(weight.astype(np.float32))
    )
    order = static_filters(op, sparsity.weight_counts, folding)
    dealt = dealt_filters(op.out_channels // op.groups, folding.coarse_out)
    assert (np.sort(order, axis=1) == dealt).all()
    expected = by_hand(weight, op.groups, folding, order)
    assert expected <= by_hand(weight, op.groups, folding, dealt)
    windows = static_window_cycles(op, sparsity.weight_counts, folding)
    assert int(windows.sum()) == expected
    found = compute_cycles(shape, as_arrays([folding]), sparsity)
    assert int(found[0]) == shape.out.pixels * expected


def layer(kernel: tuple[int, int]) -> LayerShape:
    source = FeatureMap(16, 16, 64)
    op = Conv2d(64, kernel)
    return LayerShape(op, (source,), output_map(op, [source]), (FifoNeed(),))


def test_weight_memory_holds_a_row_per_cycle_and_the_indices() -> None:
    """A quarter of the weights left, 2 of 4 filters' lanes: 64 * 64 / 2 rows of 2 * (16 + 4) + 1
    bits instead of 3 times as many of 2 * 2 * 16 bits."""
    shape = layer((3, 3))
    sparsity = sparsity_of(shape, 1.0, 0)
    quarter = np.full((64, 64), 2)
    sparsity = replace(sparsity, weight_counts=replace(sparsity.weight_counts, counts=quarter))
    static = Folding(EngineKind.STATIC, 1, 2, 1, 2, 1, 1, MemoryKind.BRAM)
    dense = replace(static, engine=EngineKind.DENSE, fine=3)
    dynamic = replace(static, engine=EngineKind.DYNAMIC)
    assert costs_of(shape, static, sparsity).frame_ii_cycles[0] == 14 * 14 * 64 * 32
    brams = [int(costs_of(shape, f, sparsity).bram18[0]) for f in (static, dense, dynamic)]
    assert brams[0] < brams[1] and brams[0] < brams[2]


def test_no_selector_but_a_multiplexer_per_multiplier() -> None:
    shape = layer((3, 3))
    sparsity = sparsity_of(shape, 0.5, 0)
    one = Folding(EngineKind.STATIC, 4, 4, 1, 3, 1, 1, MemoryKind.BRAM)
    static, dynamic, dense = (
        int(costs_of(shape, replace(one, engine=engine), sparsity).lut[0])
        for engine in (EngineKind.STATIC, EngineKind.DYNAMIC, EngineKind.DENSE)
    )
    assert dense < static < dynamic


def heavy_and_light(heavy: int, light: int) -> WeightCounts:
    """64 filters of 64 channels, every other one heavy."""
    return WeightCounts(9, np.tile([[heavy], [light]], (32, 64)))


def test_filters_are_exchanged_where_dealing_in_turn_fills_one_lane() -> None:
    """Dealt in turn, one of two lanes has all heavy filters; exchanged, each has half of them."""
    shape = layer((3, 3))
    folding = Folding(EngineKind.STATIC, 1, 2, 1, 1, 1, 1, MemoryKind.BRAM)
    found = static_cycles(conv_of(shape), heavy_and_light(6, 2), as_arrays([folding]))
    assert found.exchanged.all()
    assert int(found.cycles[0]) == 64 * 16 * (6 + 2)
    alike = static_cycles(conv_of(shape), heavy_and_light(4, 4), as_arrays([folding]))
    assert not alike.exchanged.any()
    assert int(alike.cycles[0]) == 64 * 32 * 4


def test_an_exchange_costs_multiplexers_and_saves_rows() -> None:
    """Two lanes: a 2:1 multiplexer for each of 2 * 16 bits, 32 steps of 2 places of a bit in a
    table and a counter of 5 bits. The weight memory has a row for each cycle saved."""
    shape = layer((3, 3))
    folding = Folding(EngineKind.STATIC, 1, 2, 1, 1, 1, 1, MemoryKind.BRAM)
    uneven, even = (
        replace(sparsity_of(shape, 1.0, 0), weight_counts=counts)
        for counts in (heavy_and_light(6, 2), heavy_and_light(4, 4))
    )
    with_exchange, without = costs_of(shape, folding, uneven), costs_of(shape, folding, even)
    assert with_exchange.frame_ii_cycles[0] == without.frame_ii_cycles[0]
    assert int(with_exchange.bram18[0]) == int(without.bram18[0])
    table_and_address = 2 + int(counter(5).lut)
    assert int(with_exchange.lut[0] - without.lut[0]) == 2 * 16 + table_and_address


def test_exchanges_stay_small_beside_the_lanes() -> None:
    """Up to 16 words, one 4:1 stage for each lane that adds up to a word, more than one step."""
    lanes_in = np.array([1, 2, 4, 5])
    assert exchange_allowed(4, lanes_in, 64).tolist() == [True] * 4
    assert exchange_allowed(8, lanes_in, 64).tolist() == [False, False, True, True]
    assert exchange_allowed(16, lanes_in, 64).tolist() == [False, False, False, True]
    assert not exchange_allowed(32, lanes_in * 100, 64).any()
    assert not exchange_allowed(4, lanes_in, 4).any()
    assert not exchange_allowed(1, lanes_in, 64).any()
