"""``hass export --to onnx``: the integer reference bit for bit, and the QDQ model near it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from chain_networks import EVERY_OP, Chain, network
from drawn_designs import drawn_source
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import run
from strategies import graphs

from hass import ops
from hass.cuts import Part
from hass.export import ExportSource, Fate, export_design, load_exporter
from hass.export.onnx_files import expected_outputs
from hass.export.onnx_maker import packed_int4
from hass.export.onnx_network import onnx_network
from hass.fixed_point import requantise
from hass.graph import Edge, Graph, Layer, Weights
from hass.onnx_io import read_model, take_part
from hass.reference import convolve, integer_weights, run_reference
from hass.sparsity import NO_CLIPS
from hass.values import Arithmetic, FeatureMap, Precision, WordLengths, arithmetic_of

ONNX = load_exporter("onnx")
EVERY_OP_MAP = FeatureMap(8, 6, 3)


def models_of(source: ExportSource) -> dict[str, bytes]:
    files = ONNX.export(source).files
    return {name: bytes(data) for name, data in files.items() if name.endswith(".onnx")}


def outputs_of(model: bytes, source: ExportSource) -> np.ndarray:
    (found,) = run(model, source.frames.images)
    return found


@pytest.mark.parametrize(
    "arithmetic",
    [
        Arithmetic(),
        Arithmetic(8, 8, 32),
        Arithmetic(10, 9, 24),
        Arithmetic(4, 4, 16),
        Arithmetic(18, 18, 48),
        Arithmetic(16, 16, 20),  # accumulators that wrap
        Arithmetic(16, 4, 32),
        Precision(Arithmetic(), {"stem": arithmetic_of(8), "dw": arithmetic_of(4)}),
        Precision(arithmetic_of(8), {"expand": arithmetic_of(4), "fc": Arithmetic(6, 16, 24)}),
    ],
    ids=str,
)
@pytest.mark.parametrize("headroom", [1.0, 0.4])  # at 0.4 most layers saturate
def test_exact_model_is_the_reference_bit_for_bit(arithmetic: WordLengths, headroom: float) -> None:
    graph, weights = network(EVERY_OP, EVERY_OP_MAP)
    source = drawn_source(graph, weights, arithmetic=arithmetic, headroom=headroom)
    models = models_of(source)
    expected = expected_outputs(source)
    assert expected.shape == (8, 5) and len(np.unique(expected)) > 3
    np.testing.assert_array_equal(outputs_of(models["model.onnx"], source), expected)
    if arithmetic == Arithmetic(18, 18, 48):
        assert set(models) == {"model.onnx"}
        return
    assert outputs_of(models["model_qdq.onnx"], source).shape == expected.shape


@pytest.mark.parametrize(
    ("arithmetic", "limit_steps"), [(Arithmetic(), 64), (Arithmetic(8, 8, 32), 16)], ids=str
)
def test_qdq_model_is_near(arithmetic: Arithmetic, limit_steps: int) -> None:
    """The table of the sigmoid alone has steps of 2**-6, which are up to 2**7 of a 16-bit word."""
    graph, weights = network(EVERY_OP, EVERY_OP_MAP)
    source = drawn_source(graph, weights, settings=NO_CLIPS, arithmetic=arithmetic, count=20)
    expected = expected_outputs(source)
    found = outputs_of(models_of(source)["model_qdq.onnx"], source)
    steps = np.abs(found - expected) * 2.0 ** source.formats.outputs["out"].frac_bits
    assert 0 < steps.max() <= limit_steps
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.95


@settings(max_examples=30, deadline=None)
@given(
    graphs(),
    st.sampled_from([Arithmetic(), Arithmetic(8, 8, 32), Arithmetic(6, 5, 18)]),
    st.sampled_from([0.3, 1.0, 3.0]),
    st.integers(0, 9),
)
def test_exact_model_of_any_network(
    drawn: tuple[Graph, Weights], arithmetic: Arithmetic, headroom: float, seed: int
) -> None:
    source = drawn_source(*drawn, seed=seed, count=2, arithmetic=arithmetic, headroom=headroom)
    models = models_of(source)  # which the exporter has checked with full_check
    expected = expected_outputs(source)
    np.testing.assert_array_equal(outputs_of(models["model.onnx"], source), expected)
    assert outputs_of(models["model_qdq.onnx"], source).shape == expected.shape


def test_qdq_differs_in_halves_only_where_float32_is_exact() -> None:
    chain: Chain = [("conv", ops.Conv2d(5, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"])]
    graph, weights = network(chain, FeatureMap(9, 7, 4))
    source = drawn_source(
        graph, weights, count=40, settings=NO_CLIPS, arithmetic=Arithmetic(4, 4, 32)
    )
    formats = source.formats
    words = run_reference(graph, weights, formats, {}, source.frames.images, taps=("in", "conv"))
    integers = integer_weights(graph, weights, formats)
    op = graph["conv"].op
    assert isinstance(op, ops.Conv2d)
    sums = convolve(op, words["in"], integers["conv.weight"])
    sums = sums + integers["conv.bias"].reshape(1, -1, 1, 1)
    out, accumulator = formats.outputs["conv"], formats.accumulator(graph, "conv")
    shift = accumulator.frac_bits - out.frac_bits
    assert shift > 1
    np.testing.assert_array_equal(words["conv"], requantise(sums, accumulator.frac_bits, out))
    found = outputs_of(models_of(source)["model_qdq.onnx"], source) * 2.0**out.frac_bits
    differ = found != words["conv"]
    assert 0 < differ.mean() < 0.1
    assert (np.abs(found - words["conv"])[differ] == 1).all()
    assert (sums[differ] % (1 << shift) == 1 << (shift - 1)).all()


def test_accumulators_wrap_only_where_some_input_overflows() -> None:
    graph, weights = network(EVERY_OP, EVERY_OP_MAP)
    for arithmetic, expected in ((Arithmetic(8, 8, 32), False), (Arithmetic(8, 8, 16), True)):
        source = drawn_source(graph, weights, arithmetic=arithmetic)
        model = onnx.load_from_string(models_of(source)["model.onnx"])
        assert any(n.name.endswith("/accumulator") for n in model.graph.node) is expected
        network_words = onnx_network(source)
        assert any(network_words.may_wrap(layer.name) for layer in graph.convs) is expected


def test_sums_beyond_float64_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, weights = network(EVERY_OP, EVERY_OP_MAP)
    source = drawn_source(graph, weights)
    bounds = onnx_network(source).largest_sums
    monkeypatch.setattr("hass.export.onnx_network.EXACT_FLOAT", bounds["stem"] - 1)
    fates = {r.layer: r.fate for r in ONNX.export(source).remarks if r.layer}
    near = {name for name, bound in bounds.items() if bound >= bounds["stem"]}
    assert {name for name, fate in fates.items() if fate is Fate.APPROXIMATED} == near


def test_int4_words_are_packed_as_onnx_unpacks_them() -> None:
    integers = np.arange(-8, 7, dtype=np.int64)
    proto = onnx.TensorProto(
        data_type=onnx.TensorProto.INT4, dims=[15], raw_data=packed_int4(integers)
    )
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(proto).astype(np.int64), integers)


def _renamed(graph: Graph, weights: Weights, names: dict[str, str]) -> tuple[Graph, Weights]:
    layers = tuple(Layer(names[x.name], x.op, x.out) for x in graph)
    edges = tuple(Edge(names[e.src], names[e.dst], e.port) for e in graph.edges)
    arrays = {}
    for key in weights:
        layer, _, part = key.rpartition(".")
        arrays[f"{names[layer]}.{part}"] = weights[key]
    return Graph("weird ∂ name", layers, edges), Weights(arrays)


def test_names_that_look_like_others_are_kept_apart() -> None:
    graph, weights = network(EVERY_OP, EVERY_OP_MAP)
    taken = ["output", "input", "input/word", "half", "low16", "zero", "input.scale", "positions"]
    taken += ["input/raw", "stem.weight", "12", "a b", "Übung/ß", "input/steps", "half_1", "x:0"]
    plain = [layer.name for layer in graph]
    names = dict(zip(plain, [*taken, *plain[len(taken) :]], strict=True))
    weird = _renamed(graph, weights, names)
    source = drawn_source(*weird)
    models = models_of(source)
    np.testing.assert_array_equal(
        outputs_of(models["model.onnx"], source), expected_outputs(source)
    )
    for content in models.values():
        model = onnx.load_from_string(content)
        nodes = [node.name for node in model.graph.node]
        assert len(nodes) == len(set(nodes))
        kept = {n.name for n in weird[0] if not isinstance(n.op, ops.Fork | ops.Input)}
        assert kept <= set(nodes)


def test_single_positions_and_a_part_of_a_network(tmp_path: Path, tiny_model: Path) -> None:
    chain: Chain = [
        ("one", ops.Conv2d(6, (1, 1)), ["in"]),
        ("relu", ops.Relu(), ["one"]),
        ("two", ops.Conv2d(4, (1, 1), groups=2), ["relu"]),
    ]
    part = take_part(read_model(tiny_model), Part(after="relu1", until="add"))
    for graph, weights in (network(chain, FeatureMap(1, 1, 5)), (part.graph, part.weights)):
        source = drawn_source(graph, weights)
        found = outputs_of(models_of(source)["model.onnx"], source)
        np.testing.assert_array_equal(found, expected_outputs(source))


def test_a_clip_behind_a_relu_loads() -> None:
    """onnxruntime fuses the two and cannot where they are float64."""
    chain: Chain = [("relu", ops.Relu(), ["in"]), ("r6", ops.Clip(0.0, 0.75), ["relu"])]
    source = drawn_source(*network(chain, FeatureMap(2, 3, 1)))
    found = outputs_of(models_of(source)["model.onnx"], source)
    np.testing.assert_array_equal(found, expected_outputs(source))
    assert found.max() == 0.75 and found.min() == 0.0


def test_the_check_script_finds_a_bit_that_differs(tmp_path: Path) -> None:
    graph, weights = network(EVERY_OP, EVERY_OP_MAP)
    folder = tmp_path / "out"
    exported = export_design(ONNX, drawn_source(graph, weights), folder)
    check = [sys.executable, str(folder / "check.py")]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "model.onnx: 8 of 8 frames equal bit for bit" in done.stdout
    expected = np.load(folder / "expected_output.npy")
    expected[3, 2] += np.load(folder / "output_step.npy")
    np.save(folder / "expected_output.npy", expected)
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "7 of 8 frames equal bit for bit, largest difference 1 steps" in done.stdout
    fates = {remark.fate for remark in exported.remarks if remark.layer}
    assert fates == {Fate.EXACT}


def test_nodes_and_metadata_say_the_folding() -> None:
    graph, weights = network(EVERY_OP, EVERY_OP_MAP)
    source = drawn_source(graph, weights)
    for content in models_of(source).values():
        model = onnx.load_from_string(content)
        onnx.checker.check_model(model, full_check=True)
        metadata = {entry.key: entry.value for entry in model.metadata_props}
        foldings = json.loads(metadata["hass.foldings"])
        assert set(foldings) == set(source.design.plan.foldings)
        assert foldings["dw"]["coarse_group"] == source.design.plan.foldings["dw"].coarse_group
        assert json.loads(metadata["hass.arithmetic"])["act_bits"] == 16
        (node,) = [node for node in model.graph.node if node.name == "dw"]
        assert f"fine {source.design.plan.foldings['dw'].fine}" in node.doc_string
        names = {initializer.name for initializer in model.graph.initializer}
        assert {"add.scale", "dw.weight", "dw.weight_scale", "dw.act_threshold"} <= names
