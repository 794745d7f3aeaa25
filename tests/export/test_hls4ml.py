"""``hass export --to hls4ml``: what it writes, what it refuses, and hls4ml's own word on it."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from chain_networks import EVERY_OP, network
from qonnx_networks import (
    FOR_HLS4ML,
    FORKED,
    ONE_PIXEL,
    SHORTCUT,
    STRAIGHT,
    chain_source,
    run_half_up,
    source_of,
)

from hass import ops
from hass.errors import SpecError
from hass.export import Export, ExportSource, Fate, export_design, load_exporter
from hass.export.hls4ml_knobs import legal_reuse_factors
from hass.fixed_point import dequantise
from hass.graph import Graph
from hass.reference import run_reference
from hass.values import Arithmetic, FeatureMap

WIDE = Arithmetic()
needs_hls4ml = pytest.mark.skipif(
    importlib.util.find_spec("hls4ml") is None or importlib.util.find_spec("qonnx") is None,
    reason="hls4ml is NOT installed, so what is exported to it is NOT built: pip install .[hls4ml]",
)


def exported(source: ExportSource, folder: Path) -> Export:
    exporter = load_exporter("hls4ml")
    export_design(exporter, source, folder)
    return exporter.export(source)


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "build_hls4ml.py")]
    return subprocess.run(command, cwd=folder.parent, capture_output=True, text=True, check=False)


def settings(folder: Path) -> dict[str, dict[str, str]]:
    """Node -> its settings, as text, read from the YAML file line by line."""
    found: dict[str, dict[str, str]] = {}
    node = ""
    for line in (folder / "hls4ml_config.yml").read_text().splitlines():
        if match := re.fullmatch(r" {4}(\w+):", line):
            node = match[1]
            found[node] = {}
        elif match := re.fullmatch(r" {6,8}(\w+): (\S.*)", line):
            found.setdefault(node, {})[match[1]] = match[2]
    return found


@pytest.mark.slow
@needs_hls4ml
def test_hls4ml_computes_what_hass_computes(tmp_path: Path) -> None:
    """Convolutions of all kinds, sums, products, averages, names that mean harm."""
    exported(chain_source(FOR_HLS4ML, weight_sparsity=0.6, act_threshold=0.1), tmp_path / "h")
    done = build(tmp_path / "h")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "values: 15, mismatches: 0" in done.stdout
    strategies = {entry.get("Strategy") for entry in settings(tmp_path / "h").values()}
    assert {'"Latency"', '"Resource"', '"resource_unrolled"'} <= strategies


@needs_hls4ml
def test_a_difference_ends_the_build(tmp_path: Path) -> None:
    """16 bits, an input that is read twice, and one expected value that is off by the last bit."""
    source = chain_source(FORKED, FeatureMap(4, 3, 3), WIDE)
    exported(source, tmp_path / "h")
    path = tmp_path / "h" / "expected_output.npy"
    expected = np.load(path)
    expected[0, 0] += 2.0 ** -source.formats.outputs["cat"].frac_bits
    np.save(path, expected)
    done = build(tmp_path / "h")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "values: 300, mismatches: 1" in done.stdout


@needs_hls4ml
def test_names_that_the_model_lacks_end_the_build(tmp_path: Path) -> None:
    exported(chain_source(ONE_PIXEL, FeatureMap(1, 1, 6)), tmp_path / "h")
    path = tmp_path / "h" / "hls4ml_config.yml"
    path.write_text(path.read_text().replace("l003_b:", "l003_c:"))
    done = build(tmp_path / "h")
    assert done.returncode != 0
    assert "names nodes that the model lacks: l003_c" in done.stderr


@needs_hls4ml
def test_reuse_factors_are_those_that_hls4ml_takes() -> None:
    code = (
        "import json, sys\n"
        "from hls4ml.backends import get_backend\n"
        "backend = get_backend('Vitis')\n"
        "sizes = [(i, o) for i in range(1, 41) for o in range(1, 25)]\n"
        "print(json.dumps([backend.get_valid_reuse_factors(*size) for size in sizes]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    ours = [list(legal_reuse_factors(i, o)) for i in range(1, 41) for o in range(1, 25)]
    assert ours == theirs


@pytest.mark.parametrize("chain", [FOR_HLS4ML, STRAIGHT, SHORTCUT])
def test_the_file_computes_what_hass_computes(
    chain: list[tuple[str, ops.Op, list[str]]], tmp_path: Path
) -> None:
    """The QONNX file, run by other means, Quant nodes rounding half up as the script makes them."""
    source = chain_source(chain, weight_sparsity=0.3)
    exported(source, tmp_path / "h")
    frames = source.frames.images
    integers = run_reference(source.graph, source.weights, source.formats, {}, frames)["out"]
    wanted = dequantise(integers, source.formats.outputs["out"])
    assert np.array_equal(np.load(tmp_path / "h" / "expected_output.npy"), wanted)
    assert np.array_equal(np.load(tmp_path / "h" / "input.npy"), frames)
    assert np.array_equal(run_half_up(tmp_path / "h" / "model.onnx", frames), wanted)


def test_names_are_legal_and_settings_go_by_them(tmp_path: Path) -> None:
    source = chain_source(FOR_HLS4ML, weight_sparsity=0.6)
    exported(source, tmp_path / "h")
    model = onnx.load(tmp_path / "h" / "model.onnx")
    nodes = {node.name: node for node in model.graph.node}
    assert len(nodes) == len(model.graph.node)
    assert all(re.fullmatch(r"l\d{3}(_[a-z0-9]+)*", name) for name in nodes)
    names = json.loads((tmp_path / "h" / "layers.json").read_text())
    silent = (ops.Fork, ops.Output)
    assert set(names) == {x.name for x in source.graph if not isinstance(x.op, silent)}
    said = settings(tmp_path / "h")
    assert set(said) - {"Precision", "global_in"} <= set(nodes)
    for layer in source.graph.convs:
        accumulator = source.formats.accumulator(source.graph, layer.name)
        whole = accumulator.width_bits - accumulator.frac_bits
        entry = said[names[layer.name]]
        assert entry["accum"] == entry["bias"] == f'"fixed<{accumulator.width_bits},{whole}>"'
        assert int(entry["ReuseFactor"]) >= 1


def test_weights_are_whole_numbers_of_their_words(tmp_path: Path) -> None:
    exported(chain_source(FOR_HLS4ML, weight_sparsity=0.6), tmp_path / "h")
    model = onnx.load(tmp_path / "h" / "model.onnx")
    arrays = {x.name: onnx.numpy_helper.to_array(x) for x in model.graph.initializer}
    quants = [node for node in model.graph.node if node.name.endswith("_wq")]
    assert len(quants) == 10
    for node in quants:
        scale = arrays[node.input[1]].item()
        assert np.frexp(scale)[0] == 0.5  # a power of two
        integers = arrays[node.input[0]] / scale
        assert np.array_equal(integers, np.round(integers))
        assert np.abs(integers).max() < 2 ** (arrays[node.input[3]].item() - 1)


def test_every_layer_is_spoken_of_with_both_cycles(tmp_path: Path) -> None:
    source = chain_source(FOR_HLS4ML, weight_sparsity=0.6, act_threshold=0.1)
    remarks = exported(source, tmp_path / "h").remarks
    for layer in source.graph.convs:
        told = [remark for remark in remarks if remark.layer == layer.name]
        estimate = source.design.plan.estimate.layers[layer.name]
        text = f"{estimate.frame_ii_cycles:,} here ({estimate.folding.engine.value})"
        assert any("cycles per frame there (dense)" in x.what and text in x.what for x in told)
        assert any(x.fate is Fate.LEFT_OUT and "the clip of |x| <= 0.1" in x.what for x in told)
        if estimate.folding.engine.value == "dynamic":
            assert all(x.fate is not Fate.EXACT for x in told)


def test_all_that_hls4ml_cannot_take_is_refused_at_once() -> None:
    graph, weights = network(EVERY_OP, FeatureMap(8, 6, 3))
    with pytest.raises(SpecError) as refused:
        load_exporter("hls4ml").export(source_of(graph, weights))
    layers = {re.search(r"layer '(\w+)'", mistake.where)[1] for mistake in refused.value.mistakes}  # type: ignore[index]
    assert layers == {
        *("hs", "max", "r6", "gate", "scaled", "grouped", "sig", "avg", "leaky", "slopes", "bent"),
        *("dealt", "twice"),
    }


def test_reuse_factors_are_legal_and_nearest(tmp_path: Path) -> None:
    source = chain_source(FOR_HLS4ML)
    exported(source, tmp_path / "h")
    said, names = settings(tmp_path / "h"), json.loads((tmp_path / "h/layers.json").read_text())
    seen = 0
    for layer in source.graph.convs:
        inputs, wanted = _products(source.graph, layer.name)
        if inputs is None or said[names[layer.name]]["Strategy"] == '"Latency"':
            continue
        multipliers = source.design.plan.foldings[layer.name].multipliers
        found = int(said[names[layer.name]]["ReuseFactor"])
        legal = legal_reuse_factors(inputs, wanted // inputs)
        distance = abs(found - -(-wanted // multipliers))
        assert found in legal
        assert all(abs(other - -(-wanted // multipliers)) >= distance for other in legal)
        seen += 1
    assert seen > 2


def _products(graph: Graph, name: str) -> tuple[int | None, int]:
    op = graph[name].op
    assert isinstance(op, ops.Conv2d)
    inputs = graph.in_maps(name)[0].channels * op.kernel[0] * op.kernel[1]
    return (inputs if op.groups == 1 else None), inputs * op.out_channels


def test_the_script_is_python(tmp_path: Path) -> None:
    exported(chain_source(ONE_PIXEL, FeatureMap(1, 1, 6)), tmp_path / "h")
    tree = ast.parse((tmp_path / "h" / "build_hls4ml.py").read_text())
    assert ast.get_docstring(tree)
