"""The energy proxy: by hand for small layers, and what sparsity does to it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from profiles import random_profile

from hass import ops
from hass.cost import EngineKind, Folding, MemoryKind, estimate
from hass.cost.energy import energy_proxy_pj
from hass.cost.flow import layer_shapes
from hass.cost.foldings import as_arrays
from hass.device import load_device
from hass.graph import Edge, Graph, Layer, build_graph
from hass.values import Arithmetic, FeatureMap

DEVICE = load_device("zcu104")
NET: Graph = build_graph(
    "net",
    [
        Layer("in", ops.Input(), FeatureMap(6, 5, 4)),
        Layer("conv", ops.Conv2d(8, (3, 3), pads=(1, 1, 1, 1)), FeatureMap(6, 5, 8)),
        Layer("out", ops.Output(), FeatureMap(6, 5, 8)),
    ],
    [Edge("in", "conv"), Edge("conv", "out")],
)
MACS = 6 * 5 * 8 * 4 * 9
MAC_PJ = 0.2 * 16 * 16 / 64 + 0.1 * 32 / 32  # Horowitz: 8-bit product 0.2 pJ, 32-bit sum 0.1 pJ
READ_PJ, MOVE_PJ = 10 / 64, 1300 / 64  # 64 bits of a cache of 8 KB, of DRAM


def folded(engine: EngineKind, **factors: int) -> dict[str, Folding]:
    conv = Folding(engine, packed=4, weight_memory=MemoryKind.LUTRAM, **factors)
    return {"in": Folding(), "conv": conv, "out": Folding()}


def layers_pj(engine: EngineKind, *, clipped: bool = True, **factors: int) -> dict[str, int]:
    profile = random_profile(NET, seed=0, act_density=0.5) if clipped else None
    found = estimate(NET, folded(engine, **factors), DEVICE, profile=profile)
    energies = {name: layer.energy_proxy_pj for name, layer in found.layers.items()}
    assert found.energy_proxy_pj == sum(filter(None, energies.values()))
    return {name: energy for name, energy in energies.items() if energy is not None}


def test_a_dense_layer_by_hand() -> None:
    found = layers_pj(EngineKind.DENSE, clipped=False)
    words_in, words_out = 6 * 5 * 4, 6 * 5 * 8
    read_bits = words_in * 9 * 16 + MACS * 16  # each word in 9 places of a window; weights
    assert found["conv"] == math.ceil(MACS * MAC_PJ + read_bits * READ_PJ)
    assert found["in"] == math.ceil(words_in * 16 * MOVE_PJ)
    assert found["out"] == math.ceil(words_out * 16 * (MOVE_PJ + READ_PJ))
    assert layers_pj(EngineKind.DENSE) == found  # zeros are multiplied as all else is


def test_sparse_engines_save_what_they_do_not_do() -> None:
    sparsity = random_profile(NET, seed=0, act_density=0.5).layers["conv"]
    window = 6 * 5 * 4 * 9 * 16 * READ_PJ
    dynamic = MACS * sparsity.pair_density * MAC_PJ + MACS * 16 * READ_PJ
    assert layers_pj(EngineKind.DYNAMIC)["conv"] == pytest.approx(dynamic + window, abs=1)
    bits = 16 + 6  # 36 products: 6 bits of an index
    static = MACS * sparsity.weight_density * (MAC_PJ + bits * READ_PJ)
    assert layers_pj(EngineKind.STATIC)["conv"] == pytest.approx(static + window, abs=1)


def test_a_broadcast_engine_reads_the_weights_that_it_multiplies() -> None:
    acts = random_profile(NET, seed=0, act_density=0.5).layers["conv"].acts
    assert acts is not None
    window = 6 * 5 * 4 * 9 * 16 * READ_PJ
    expected = MACS * acts.density * (MAC_PJ + 16 * READ_PJ) + window
    assert layers_pj(EngineKind.BROADCAST)["conv"] == pytest.approx(expected, abs=1)


def test_partial_sums_are_read_where_they_wait() -> None:
    whole = layers_pj(EngineKind.DENSE, clipped=False)["conv"]
    blocks = replace(folded(EngineKind.DENSE)["conv"], packed=1)
    split = estimate(NET, {**folded(EngineKind.DENSE), "conv": blocks}, DEVICE)
    extra = 6 * 5 * 8 * 4 * 32 * READ_PJ  # 4 blocks of channels of each word, 32 bits
    assert split.layers["conv"].energy_proxy_pj == pytest.approx(whole + extra, abs=1)


def test_narrow_words_take_less() -> None:
    shape = layer_shapes(NET)["conv"]
    arrays = as_arrays([folded(EngineKind.DENSE)["conv"]])
    wide, narrow = (
        int(energy_proxy_pj(shape, arrays, None, arithmetic)[0])
        for arithmetic in (Arithmetic(), Arithmetic(8, 8, 32))
    )
    assert narrow < 0.55 * wide
