"""Broadcast engines: dynamic ones of a filter without zero weights, for all filters at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cost_strategies import conv_of
from profiles import dense_layer_sparsity, random_layer_sparsity

from hass import ops
from hass.cost import EngineKind, FifoNeed, Folding, LayerShape, MemoryKind, as_arrays
from hass.cost.layer import layer_costs
from hass.cost.ops.conv import compute_cycles, engine_stages, weight_rows
from hass.device import Family
from hass.errors import ProfileError
from hass.shapes import output_map
from hass.sparsity import LayerSparsity
from hass.values import Arithmetic, FeatureMap

BROADCAST = Folding(EngineKind.BROADCAST, weight_memory=MemoryKind.BRAM)


def made(groups: int = 1, kernel: ops.Pair = (3, 3)) -> tuple[LayerShape, LayerSparsity]:
    op = ops.Conv2d(8 * groups, kernel, groups=groups)
    source = FeatureMap(9, 8, 8 * groups)
    shape = LayerShape(op, (source,), output_map(op, [source]), (FifoNeed(),))
    return shape, random_layer_sparsity(op, source, np.random.default_rng(1), weight_density=0.3)


def cycles(shape: LayerShape, folding: Folding, sparsity: LayerSparsity) -> int:
    return int(compute_cycles(shape, as_arrays([folding]), sparsity)[0])


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("coarse_in", [1, 4])
@pytest.mark.parametrize("depth", [1, 8])
def test_filters_share_the_cycles_of_one(groups: int, coarse_in: int, depth: int) -> None:
    shape, sparsity = made(groups)
    folding = replace(BROADCAST, coarse_in=coarse_in, lane_fifo_depth=depth)
    alone = replace(shape, op=replace(conv_of(shape), out_channels=groups))
    dynamic = replace(folding, engine=EngineKind.DYNAMIC)
    one = cycles(alone, dynamic, sparsity.of_activations(groups))
    for filters in (1, 2, 8):
        several = cycles(shape, replace(folding, coarse_out=filters), sparsity)
        assert several == pytest.approx(one * 8 / filters, abs=8)


def test_zero_weights_change_nothing_and_activations_without_zeros_are_dense() -> None:
    shape, sparsity = made()
    op = conv_of(shape)
    folding = replace(BROADCAST, coarse_in=2, coarse_out=4)
    fewer = replace(sparsity, pair_density=0.0, weight_density=0.0)
    assert cycles(shape, folding, fewer) == cycles(shape, folding, sparsity)
    dense = cycles(shape, folding, dense_layer_sparsity(op, shape.inputs[0]))
    assert dense == cycles(shape, replace(folding, engine=EngineKind.DENSE), sparsity)
    with pytest.raises(ProfileError, match="hass profile"):
        cycles(shape, folding, replace(sparsity, acts=None))


def test_a_memory_for_each_engine_holds_what_an_activation_meets() -> None:
    shape, sparsity = made()
    folding = as_arrays([replace(BROADCAST, coarse_in=2, coarse_out=4, packed=2)])
    rows = weight_rows(shape, folding, sparsity, Arithmetic())
    segments = 8 // (2 * 2) * (8 // 4)
    assert (int(rows.depth[0]), int(rows.width_bits[0])) == (segments * 18, 4 * 16)
    assert int(rows.copies[0]) == 2


def test_a_filter_more_is_cheaper_than_a_dynamic_lane() -> None:
    shape, sparsity = made()
    costs = {}
    for engine in (EngineKind.BROADCAST, EngineKind.DYNAMIC, EngineKind.DENSE):
        one = replace(BROADCAST, engine=engine, coarse_out=1)
        both = as_arrays([one, replace(one, coarse_out=8)])
        found = layer_costs(shape, both, sparsity, Family.SERIES7, Arithmetic())
        assert (found.dsp == [1, 8]).all()
        costs[engine] = int(found.lut[1] - found.lut[0])
    assert costs[EngineKind.BROADCAST] < costs[EngineKind.DENSE] < costs[EngineKind.DYNAMIC]


def test_it_waits_for_its_weights_a_cycle_longer_than_a_dynamic_engine() -> None:
    stages = [
        int(engine_stages(as_arrays([replace(BROADCAST, engine=engine)]))[0])
        for engine in (EngineKind.BROADCAST, EngineKind.DYNAMIC)
    ]
    assert stages[0] == stages[1] + 1
