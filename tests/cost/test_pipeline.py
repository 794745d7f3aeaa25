"""The pipeline: joins, bottleneck, sums, off-chip bound, first frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hass import ops
from hass.cost import OFF_CHIP, EngineKind, Folding, MemoryKind, estimate, layer_shapes
from hass.cost.buffers import needed_entries
from hass.device import Device, Family, Resources, load_device
from hass.errors import ProfileError
from hass.graph import Edge, Graph, Layer, build_graph
from hass.sparsity import SparsityProfile
from hass.values import FeatureMap

PART = Resources(230_400, 460_800, 1_728, 624, 96)
DEVICE = Device("test", "test", Family.ULTRASCALE_PLUS, PART, PART, 200.0, 19.2, ())


def residual() -> Graph:
    """Input, conv, fork, conv 3x3 against identity, add, global pool, classifier."""
    wide = FeatureMap(11, 7, 8)
    conv = ops.Conv2d(8, (3, 3), pads=(1, 1, 1, 1))
    layers = [
        Layer("in", ops.Input(), FeatureMap(11, 7, 3)),
        Layer("stem", conv, wide),
        Layer("fork", ops.Fork(), wide),
        Layer("branch", conv, wide),
        Layer("add", ops.Add(), wide),
        Layer("pool", ops.GlobalAvgPool(), FeatureMap(1, 1, 8)),
        Layer("fc", ops.Conv2d(10, (1, 1)), FeatureMap(1, 1, 10)),
        Layer("out", ops.Output(), FeatureMap(1, 1, 10)),
    ]
    edges = [
        Edge("in", "stem"),
        Edge("stem", "fork"),
        Edge("fork", "branch"),
        Edge("branch", "add", 0),
        Edge("fork", "add", 1),
        Edge("add", "pool"),
        Edge("pool", "fc"),
        Edge("fc", "out"),
    ]
    return build_graph("residual", layers, edges)


def smallest(graph: Graph) -> dict[str, Folding]:
    dense = Folding(EngineKind.DENSE, weight_memory=MemoryKind.BRAM)
    return {layer.name: dense if isinstance(layer.op, ops.Conv2d) else Folding() for layer in graph}


def test_frame_ii_is_the_slowest_layers_and_resources_add_up() -> None:
    graph = residual()
    result = estimate(graph, smallest(graph), DEVICE)
    # 11 * 7 positions, 8 * 8 channel pairs, 9 taps, one multiplier
    assert result.bottleneck == "branch"
    assert result.frame_ii_cycles == 11 * 7 * 8 * 8 * 9
    assert result.throughput_fps == pytest.approx(200e6 / result.frame_ii_cycles)
    total = sum((item.resources for item in result.layers.values()), Resources())
    assert result.resources == total
    assert result.multipliers == 3
    macs = 11 * 7 * 9 * (3 * 8 + 8 * 8) + 80
    assert result.active_macs_per_frame == macs
    assert result.multiplier_bound_share == pytest.approx(macs / (3 * result.frame_ii_cycles))


def test_the_skip_of_a_residual_holds_what_the_window_holds_back() -> None:
    graph = residual()
    shapes = layer_shapes(graph)
    through, skipped = shapes["add"].fifos
    # the results of a position come in a burst, and are read a pixel after the first of them
    assert through.words == 8 + 8
    # a full row and 2 of 7 columns, one position in the engine, and that pixel
    assert skipped.words == (7 + 2 + 1 + 1) * 8
    assert skipped.entries > through.entries
    for name in ("stem", "branch", "pool"):
        assert [need.words for need in shapes[name].fifos] == [0]
    assert [need.words for name in ("fork", "fc") for need in shapes[name].fifos] == [
        8,
        8,
    ]  # bursts


def test_wider_streams_make_shallower_fifos() -> None:
    shape = layer_shapes(residual())["add"]
    narrow, wide = needed_entries(shape, 1, EngineKind.NONE, np.array([1, 8]))
    assert narrow - wide == 88 - 11


def test_fifos_fill_their_memories() -> None:
    graph = residual()
    result = estimate(graph, smallest(graph), DEVICE)
    (skip,) = (fifo for fifo in result.fifos if fifo.dst == "add" and fifo.port == 1)
    needed = needed_entries(layer_shapes(graph)["add"], 1, EngineKind.NONE, np.array([1]))
    assert 64 < needed < skip.depth_words == 128  # banks of 64 words


def test_off_chip_bandwidth_bounds_throughput() -> None:
    graph = residual()
    slow = replace(DEVICE, off_chip_gbytes_per_s=1e-6)
    result = estimate(graph, smallest(graph), slow)
    assert result.bottleneck == OFF_CHIP
    words = 11 * 7 * 3 + 10
    assert result.frame_ii_cycles == words * 2 * 200_000  # 2 bytes a word, 1000 bytes/s, 200 MHz


def test_first_frame_takes_fill_and_the_slowest_layer() -> None:
    graph = residual()
    result = estimate(graph, smallest(graph), DEVICE)
    starts = [result.layers[layer.name].start_cycles for layer in graph]
    assert starts == sorted(starts)
    assert result.depth_cycles <= result.latency_cycles
    # the pool needs the whole frame, so the first word out waits for the bottleneck
    assert result.frame_ii_cycles < result.latency_cycles < 2 * result.frame_ii_cycles


def test_a_profile_of_another_network_is_refused() -> None:
    graph = residual()
    profile = SparsityProfile("g", "w", "d", {}, {}, {}, None)
    with pytest.raises(ProfileError, match="stem, branch, fc"):
        estimate(graph, smallest(graph), DEVICE, profile=profile)


def test_a_layer_without_a_folding_is_refused() -> None:
    graph = residual()
    with pytest.raises(ValueError, match="no folding for fc"):
        estimate(graph, {k: v for k, v in smallest(graph).items() if k != "fc"}, DEVICE)


def test_global_pool_in_a_side_branch_needs_whole_frames() -> None:
    """Squeeze and excitation: the multiplier's other input is held for the pool's frame and the
    work of the layers behind it, which are held to an eighth of a frame time each."""
    wide, one = FeatureMap(6, 5, 4), FeatureMap(1, 1, 4)
    layers = [
        Layer("in", ops.Input(), wide),
        Layer("fork", ops.Fork(), wide),
        Layer("pool", ops.GlobalAvgPool(), one),
        Layer("down", ops.Conv2d(4, (1, 1)), one),
        Layer("gate", ops.HardSigmoid(1 / 6, 0.5), one),
        Layer("mul", ops.Mul(), wide),
        Layer("out", ops.Output(), wide),
    ]
    edges = [
        Edge("in", "fork"),
        Edge("fork", "pool"),
        Edge("pool", "down"),
        Edge("down", "gate"),
        Edge("fork", "mul", 0),
        Edge("gate", "mul", 1),
        Edge("mul", "out"),
    ]
    shapes = layer_shapes(build_graph("se", layers, edges))
    held, gated = shapes["mul"].fifos
    assert shapes["down"].haste == 8 and shapes["mul"].haste == 1
    # pool: 1 frame; "down": 1 / 8 frame; its results at the gate: 1 / 8; a pixel
    assert held.words == 120 + 15 + 15 + 4
    assert gated.words == 4  # the next frame's gate comes before this frame's last pixel


def test_every_bundled_device_gives_an_estimate() -> None:
    graph = residual()
    for name in ("zcu104", "u250", "pynq-z2"):
        assert estimate(graph, smallest(graph), load_device(name)).frame_ii_cycles > 0
