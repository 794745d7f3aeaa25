"""``hass export --to fpgaconvnet``: schema, chain of streams, legal foldings, network."""

from __future__ import annotations

import csv
import io
import json
import math
import tomllib
from typing import Any

import numpy as np
import onnx
import pytest
from chain_networks import EVERY_OP, Chain, network, without_growth
from drawn_designs import drawn_foldings, drawn_source
from fpgaconvnet_check import check, layers_of, model_of, text_of
from fpgaconvnet_schema import parse_partitions
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import assert_close, run
from strategies import graphs

from hass import ops
from hass.cost import EngineKind, Folding, MemoryKind
from hass.design import LayerDensity
from hass.device import load_device
from hass.errors import GraphError, SpecError
from hass.export import Export, ExportSource, Fate, load_exporter
from hass.export.fpgaconvnet_files import platform_toml
from hass.export.fpgaconvnet_folding import their_folding, window_histogram
from hass.export.fpgaconvnet_onnx import rounded_weights
from hass.export.fpgaconvnet_ops import lower_ops
from hass.graph import Graph, Weights
from hass.intmath import divisors
from hass.onnx_io import write_model
from hass.sparsity import NO_CLIPS, SparsitySetting, act_thresholds_of
from hass.values import Arithmetic, FeatureMap

TARGET = load_exporter("fpgaconvnet")
EVERY_OP_MAP = FeatureMap(8, 6, 3)
INSIDE = ops.Divisor.INSIDE


def said(export: Export, layer: str, fate: Fate) -> str:
    return " | ".join(r.what for r in export.remarks if r.layer == layer and r.fate is fate)


@pytest.mark.parametrize("seed", range(6))
def test_every_op(seed: int) -> None:
    graph, weights = network(without_growth(EVERY_OP), EVERY_OP_MAP)
    export = TARGET.export(drawn_source(graph, weights, seed=seed, count=2))
    layers = check(export)
    kinds = {layer["type"] for layer in layers.values()}
    assert kinds >= {"CONVOLUTION", "POOLING", "AVERAGE_POOLING", "SPLIT", "ELTWISE", "CONCAT"}
    assert "Conv" in said(export, "cut", Fate.APPROXIMATED)
    assert "Conv" in said(export, "wide", Fate.APPROXIMATED)
    assert "edges" in said(export, "avg", Fate.APPROXIMATED)
    assert said(export, "mean", Fate.EXACT).startswith("GlobalAveragePool_")
    assert "0 and 6" in said(export, "r6", Fate.APPROXIMATED)
    assert "broadcast" in said(export, "scaled", Fate.APPROXIMATED)
    assert "fork_split" not in layers and any(n.endswith("_split") for n in layers)


@settings(max_examples=25, deadline=None)
@given(graphs(), st.integers(0, 9))
def test_any_network(drawn: tuple[Graph, Weights], seed: int) -> None:
    source = drawn_source(*drawn, seed=seed, count=1)
    if len(source.graph.layers) == 2:
        with pytest.raises(GraphError, match="needs a layer"):
            TARGET.export(source)
        return
    windows = [layer.op for layer in source.graph.of_type(ops.Conv2d, ops.MaxPool2d)]
    dilated = any(op.dilation != (1, 1) for op in windows)  # type: ignore[union-attr]
    if dilated or source.graph.of_type(ops.Upsample, ops.DepthToSpace):
        with pytest.raises(SpecError, match=r"whose maps do not grow|a window without dilation"):
            TARGET.export(source)
        return
    check(TARGET.export(source))


SLICES: Chain = [
    ("stem", ops.Conv2d(8, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    ("fork", ops.Fork(), ["stem"]),
    ("half", ops.Slice(ops.Span(0, 9, 2), ops.Span(1, 7, 2), ops.Span(0, 8)), ["fork"]),
    ("part", ops.Slice(ops.Span(2, 8, 3), ops.Span(0, 3), ops.Span(1, 7, 2)), ["fork"]),
    ("more", ops.Pad((0, 0, 0, 0), 2, 6), ["half"]),
    ("frame", ops.Pad((1, 0, 2, 3)), ["part"]),
    ("mean", ops.AvgPool2d((2, 3), (1, 2)), ["frame"]),
    ("one", ops.MaxPool2d((1, 1), (2, 1)), ["mean"]),
    ("first", ops.Conv2d(4, (5, 3)), ["more"]),
    ("last", ops.Conv2d(4, (2, 2)), ["one"]),
    ("sum", ops.Add(), ["first", "last"]),
]


def _floats_agree(source: ExportSource) -> None:
    """The ONNX file computes what hass's own does with the same rounded weights."""
    rounded = rounded_weights(source, lower_ops(source.graph, source.weights))
    weights = Weights({key: rounded[key] for key in source.weights})
    thresholds = act_thresholds_of(source.design.settings)
    frames = source.frames.images
    (expected,) = run(write_model(source.graph, weights, act_thresholds=thresholds), frames)
    (found,) = run(model_of(TARGET.export(source)).SerializeToString(), frames)
    assert_close(found, expected)


def test_rewritten_layers_compute_the_same() -> None:
    graph, weights = network(SLICES, FeatureMap(9, 7, 3))
    assert graph["one"].out.height == 2 and graph["first"].out.pixels == 1
    source = drawn_source(graph, weights, settings=NO_CLIPS, arithmetic=Arithmetic(16, 12, 32))
    export = TARGET.export(source)
    check(export)
    _floats_agree(source)
    for name in ("half", "part", "more", "frame", "mean", "one"):
        assert said(export, name, Fate.APPROXIMATED).startswith("Conv_")


def test_poolings_as_large_as_the_map() -> None:
    chain: Chain = [
        ("padded", ops.MaxPool2d((4, 3), (1, 1), (0, 0, 0, 1)), ["in"]),
        ("max", ops.MaxPool2d((1, 2), (1, 1)), ["padded"]),
    ]
    source = drawn_source(*network(chain, FeatureMap(4, 3, 2)))
    export = TARGET.export(source)
    layers = check(export)
    _floats_agree(source)
    assert layers["MaxPool_0"]["type"] == "POOLING"
    assert "padding" in said(export, "padded", Fate.APPROXIMATED)
    assert layers["GlobalMaxPool_1"]["type"] == "AVERAGE_POOLING"


CLIPS: Chain = [
    ("stem", ops.Conv2d(4, (3, 3)), ["in"]),
    ("relu", ops.Relu(), ["stem"]),
    ("next", ops.Conv2d(4, (1, 1)), ["relu"]),
    ("act", ops.Relu(), ["next"]),
    ("fork", ops.Fork(), ["act"]),
    ("left", ops.Conv2d(4, (3, 3), (1, 1), (1, 1, 1, 1)), ["fork"]),
    ("add", ops.Add(), ["left", "fork"]),
    ("below", ops.Conv2d(4, (1, 1)), ["add"]),
]


def test_clips_become_thresholds_where_words_are_not_negative() -> None:
    graph, weights = network(CLIPS, FeatureMap(6, 5, 3))
    clips = {"next": 0.3, "left": 0.2}
    chosen = {name: SparsitySetting(0.25, threshold) for name, threshold in clips.items()}
    source = drawn_source(graph, weights, settings=chosen)
    layers = check(TARGET.export(source))
    thresholds = {
        layer["name"]: layer["parameters"]["threshold"]
        for layer in layers.values()
        if layer["type"] == "THRESHOLDEDRELU"
    }
    assert thresholds == {"ThresholdedRelu_1": 0.3, "ThresholdedRelu_4": 0.2}
    _floats_agree(source)
    two_sided = drawn_source(graph, weights, settings=chosen | {"below": SparsitySetting(0.0, 0.1)})
    export = TARGET.export(two_sided)
    check(export)
    assert "0.1" in said(export, "below", Fate.LEFT_OUT)
    assert "ThresholdedRelu_4" in said(export, "left", Fate.EXACT)


DENSITY = LayerDensity(0.5, 0.4, 0.3)
FOLDINGS = [
    # engine, kernel, coarse_in, packed, fine -> op_type, coarse_in, fine, exact
    (EngineKind.DENSE, (3, 3), 2, 1, 9, "dense", 2, 9, True),
    (EngineKind.DENSE, (3, 3), 2, 1, 3, "dense", 2, 3, True),
    (EngineKind.DENSE, (1, 1), 2, 4, 1, "dense", 2, 1, True),
    (EngineKind.DENSE, (1, 1), 2, 4, 2, "dense", 4, 1, False),
    (EngineKind.DYNAMIC, (3, 3), 1, 1, 4, "sparse", 1, 4, False),
    (EngineKind.DYNAMIC, (3, 3), 1, 2, 8, "sparse", 1, 8, False),
    (EngineKind.DYNAMIC, (1, 1), 1, 8, 3, "pointwise_sparse", 4, 1, False),
    (EngineKind.BROADCAST, (3, 3), 2, 1, 1, "sparse", 2, 1, True),
    (EngineKind.BROADCAST, (1, 1), 1, 4, 1, "pointwise_sparse", 1, 1, False),
    (EngineKind.STATIC, (3, 3), 2, 1, 4, "dense", 2, 3, False),
    (EngineKind.STATIC, (3, 3), 2, 1, 8, "dense", 2, 9, False),
    (EngineKind.STATIC, (2, 2), 1, 2, 8, "dense", 2, 4, False),
    (EngineKind.STATIC, (1, 1), 1, 8, 8, "dense", 8, 1, False),
]


@pytest.mark.parametrize("case", FOLDINGS, ids=lambda c: f"{c[0]}-{c[1]}-{c[3]}-{c[4]}")
def test_foldings_go_to_the_nearest_legal_one(case: tuple[Any, ...]) -> None:
    engine, kernel, coarse_in, packed, fine, op_type, new_coarse_in, new_fine, exact = case
    op = ops.Conv2d(16, kernel)
    folding = Folding(engine, coarse_in, 4, 1, fine, packed, 1, MemoryKind.BRAM)
    found = their_folding(op, folding, DENSITY)
    assert (found.op_type, found.coarse_in, found.fine) == (op_type, new_coarse_in, new_fine)
    assert (found.coarse_out, found.coarse_group) == (4, 1)
    if exact:
        assert found.changed == ""
    elif engine is not EngineKind.DYNAMIC or packed > 1:
        assert f"fine {fine} become" in found.changed and f"fine {new_fine}" in found.changed
    legal = range(1, math.prod(kernel) + 1) if op_type == "sparse" else divisors(math.prod(kernel))
    best = min(abs(math.log(f * lanes / fine)) for f in legal for lanes in divisors(packed))
    assert abs(math.log(new_fine * new_coarse_in / coarse_in / fine)) == pytest.approx(best)


def test_sparse_engines_carry_their_histograms() -> None:
    graph, weights = network(without_growth(EVERY_OP), EVERY_OP_MAP)
    foldings = drawn_foldings(graph, 0)
    kinds = {"stem": 4, "dw": 3, "reduce": 1}
    for name, fine in kinds.items():
        foldings[name] = Folding(EngineKind.DYNAMIC, fine=fine, weight_memory=MemoryKind.BRAM)
    source = drawn_source(graph, weights, foldings=foldings, settings=NO_CLIPS)
    export = TARGET.export(source)
    layers = check(export)
    stem = layers["Conv_0"]
    assert (stem["op_type"], stem["parameters"]["fine"]) == ("sparse", 4)
    zeros = 1.0 - source.design.densities["stem"].act_density
    histogram = np.array(stem["parameters"]["sparsity"][:10])
    assert histogram @ np.arange(10) / 9 == pytest.approx(zeros)
    assert histogram.tolist() == window_histogram(9, zeros)
    assert stem["parameters"]["skip_all_zero_window"] is False
    assert f"{zeros:.1%}" in said(export, "stem", Fate.APPROXIMATED)
    plain = {node.name: node for node in model_of(export).graph.node}
    for node in model_of(export, "model_sparse.onnx").graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        histograms = attributes.pop("channel_sparsity_hist", None)
        layer = layers[node.name]
        assert (histograms is not None) == (
            layer.get("op_type", "") in ("sparse", "pointwise_sparse")
        )
        if histograms is not None:
            taps = math.prod(attributes["kernel_shape"])
            shares = np.reshape(histograms, (layer["parameters"]["channels_in"], taps + 1))
            np.testing.assert_allclose(shares.sum(axis=1), 1.0, rtol=1e-5)
        assert len(plain[node.name].attribute) == len(attributes)


def test_what_has_no_place_there_is_said() -> None:
    graph, weights = network(without_growth(EVERY_OP), EVERY_OP_MAP)
    foldings = drawn_foldings(graph, 0)
    foldings["stem"] = Folding(EngineKind.DENSE, weight_memory=MemoryKind.OFF_CHIP, rows_per_pass=2)
    foldings["dw"] = Folding(
        EngineKind.DYNAMIC,
        lane_fifo_depth=8,
        weight_memory=MemoryKind.LUTRAM,
        line_memory=MemoryKind.URAM,
        fifo_memory=MemoryKind.URAM,
    )
    foldings["reduce"] = Folding(EngineKind.STATIC, weight_memory=MemoryKind.URAM)
    foldings["expand"] = Folding(EngineKind.DENSE, weight_memory=MemoryKind.BRAM)
    source = drawn_source(graph, weights, foldings=foldings, settings=NO_CLIPS)
    export = TARGET.export(source)
    layers = check(export)
    assert "2 rows" in said(export, "stem", Fate.LEFT_OUT)
    for words in ("LUTRAM", "8 windows", "line buffers in URAM", "FIFOs in URAM"):
        assert words in said(export, "dw", Fate.LEFT_OUT)
    assert "zero weights" in said(export, "reduce", Fate.APPROXIMATED)
    node = said(export, "reduce", Fate.APPROXIMATED).split(":")[0]
    assert layers[node]["parameters"]["use_uram"] is True
    assert said(export, "expand", Fate.APPROXIMATED) == said(export, "expand", Fate.LEFT_OUT) == ""


def test_fifo_depths_are_hasss() -> None:
    graph, weights = network(without_growth(EVERY_OP), EVERY_OP_MAP)
    source = drawn_source(graph, weights, settings=NO_CLIPS)
    layers = layers_of(TARGET.export(source))
    (add,) = [layer for layer in layers.values() if layer.get("op_type") == "add"]
    depths = [f.depth_words for f in source.design.plan.estimate.fifos if f.dst == "add"]
    assert [s["buffer_depth"] for s in add["streams_in"]] == [max(2, depth) for depth in depths]
    assert max(depths) > 2


def test_dense_engines_take_the_same_cycles_there() -> None:
    chain: Chain = [
        ("plain", ops.Conv2d(8, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
        ("grouped", ops.Conv2d(12, (3, 3), (1, 1), (1, 1, 1, 1), 4), ["plain"]),
        ("depthwise", ops.Conv2d(12, (3, 3), (1, 1), (1, 1, 1, 1), 12), ["grouped"]),
        ("sparse", ops.Conv2d(6, (3, 3), (1, 1), (1, 1, 1, 1)), ["depthwise"]),
    ]
    graph, weights = network(chain, FeatureMap(10, 8, 6))
    lanes = {
        "plain": (EngineKind.DENSE, 3, 2, 1, 3),
        "grouped": (EngineKind.DENSE, 2, 1, 2, 3),
        "depthwise": (EngineKind.DENSE, 1, 1, 2, 1),
        "sparse": (EngineKind.DYNAMIC, 2, 3, 1, 3),
    }
    foldings = {
        name: Folding(*factors, weight_memory=MemoryKind.BRAM) for name, factors in lanes.items()
    }
    foldings |= {n: f for n, f in drawn_foldings(graph, 0).items() if n not in foldings}
    source = drawn_source(graph, weights, foldings=foldings, settings=NO_CLIPS)
    text = text_of(TARGET.export(source), "cycles.csv")
    rows = {row["layer"]: row for row in csv.DictReader(io.StringIO(text))}
    products = {"plain": 80 * 2 * 4 * 3, "grouped": 80 * 1 * 2 * 3 * 3, "depthwise": 80 * 6 * 9}
    for name, cycles in products.items():
        assert int(rows[name]["cycles_there"]) == cycles
        assert int(rows[name]["hass_cycles"]) == cycles
    assert rows["sparse"]["engine"] == "sparse"
    dense = 80 * 6 * 2 * 3
    density = source.design.densities["sparse"].act_density
    counts = np.random.default_rng(0).binomial(9, density, 100_000)
    mean = np.maximum(1, -(-counts // 3)).mean() / 3
    assert int(rows["sparse"]["cycles_there"]) == pytest.approx(dense * mean, rel=0.01)


def test_platforms_say_what_the_device_has() -> None:
    for name in ("zcu104", "u250", "pynq-z2"):
        device = load_device(name)
        found = tomllib.loads(platform_toml(device, 187.5))
        assert found["resources"]["DSP"] == device.available.dsp
        assert found["resources"]["BRAM"] == device.available.bram18
        assert found["device"]["part"] == device.part
        assert found["system"]["board_frequency"] == 187.5
        assert found["system"]["memory_bandwidth"] == 8 * device.off_chip_gbytes_per_s


def test_the_schema_finds_mistakes() -> None:
    graph, weights = network(SLICES, FeatureMap(9, 7, 3))
    text = text_of(TARGET.export(drawn_source(graph, weights)), "partition.json")
    with pytest.raises(json_format.ParseError, match="coarse_inn"):
        parse_partitions(text.replace('"coarse_in"', '"coarse_inn"'))
    with pytest.raises(json_format.ParseError, match="CONVOLUTIONAL"):
        parse_partitions(text.replace('"CONVOLUTION"', '"CONVOLUTIONAL"'))
    wrong = json.loads(text)
    del wrong["partition"][0]["layers"][1]["onnx_node"]
    with pytest.raises(ValueError, match="onnx_node"):
        parse_partitions(json.dumps(wrong))
