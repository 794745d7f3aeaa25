"""``hass export --to finn``: what it writes, what it refuses, and what FINN made of it.

``finn_reports`` holds what FINN+ 1.6.1 (a fork of FINN on PyPI) said of these folders on
2026-11-27: estimate_layer_cycles.json as it is, and the folding that build.py applied. To make it
again, set HASS_FINN_PYTHON to an interpreter with finn-plus, and run with --update-golden.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from chain_networks import EVERY_OP, Chain, network
from qonnx_networks import (
    FOR_FINN,
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
from hass.export.finn_folding import finn_folding
from hass.export.finn_layers import finn_outputs
from hass.fixed_point import dequantise
from hass.onnx_io import read_model
from hass.reference import run_reference
from hass.values import Arithmetic, FeatureMap

REPORTS = Path(__file__).parent / "finn_reports"
DIGITS = Path(__file__).parents[2] / "models" / "digits" / "digits.onnx"
FINN_PYTHON = os.environ.get("HASS_FINN_PYTHON")
LAST_SCALE = "ElementwiseMul_hls_0"  # the output's scale, which only FINN's newer line keeps
# FINN+ asks for its launcher's settings and for Vivado's simulator, neither of which is needed.
FINN_ALONE = """
import os, runpy, sys, types
from finn.util.settings import initialize_dummy_settings
initialize_dummy_settings()
stub = types.ModuleType("finn.xsi")
stub.__getattr__ = lambda name: None
sys.modules["finn.xsi"] = stub
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
SUM_AND_AVERAGE: Chain = [
    ("a", ops.Conv2d(6, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    ("fork", ops.Fork(), ["a"]),
    ("b", ops.Conv2d(6, (3, 3), (1, 1), (1, 1, 1, 1)), ["fork"]),
    ("gain", ops.Conv2d(6, (1, 1)), ["b"]),
    ("sum", ops.Add(), ["gain", "fork"]),
    ("average", ops.AvgPool2d((3, 3), (1, 1), (1, 1, 1, 1)), ["sum"]),
]
RECORDED = ("residual", "shortcut", "straight4", "column", "digits")
COLUMN: Chain = [
    ("a", ops.Conv2d(4, (3, 1), (1, 1), (1, 0, 1, 0)), ["in"]),
    ("r", ops.Relu(), ["a"]),
    ("dw", ops.Conv2d(4, (2, 1), (2, 1), (0, 0, 0, 0), 4), ["r"]),
    ("r2", ops.Relu(), ["dw"]),
    ("mean", ops.GlobalAvgPool(), ["r2"]),
    ("fc", ops.Conv2d(3, (1, 1)), ["mean"]),
]
Entries = Mapping[str, Mapping[str, int]]


def digits_source() -> ExportSource:
    model = read_model(DIGITS)
    return source_of(model.graph, model.weights)


def recorded_source(name: str) -> ExportSource:
    match name:
        case "digits":
            return digits_source()
        case "straight4":
            return chain_source(STRAIGHT, arithmetic=Arithmetic(4, 4, 24))
        case "shortcut":
            return chain_source(SHORTCUT)
        case "column":
            return chain_source(COLUMN, FeatureMap(16, 1, 3))
        case _:
            return chain_source(FOR_FINN, weight_sparsity=0.6, act_threshold=0.1)


def exported(source: ExportSource, folder: Path) -> Export:
    exporter = load_exporter("finn")
    export_design(exporter, source, folder)
    return exporter.export(source)


def read_json(path: Path) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = json.loads(path.read_text())
    return found


def without_fifos(entries: Entries) -> dict[str, dict[str, int]]:
    """Folding alone; FIFO depths follow hass's own, which change with its model."""
    return {
        node: {key: value for key, value in entry.items() if "FIFO" not in key}
        for node, entry in entries.items()
        if node not in ("Defaults", LAST_SCALE)
    }


@pytest.mark.parametrize("name", RECORDED)
def test_names_folding_and_cycles_are_finns(name: str, tmp_path: Path) -> None:
    source = recorded_source(name)
    exported(source, tmp_path / "f")
    reported = json.loads((REPORTS / f"{name}.json").read_text())
    cycles = {k: v for k, v in reported["cycles"].items() if k != LAST_SCALE}
    said = read_json(tmp_path / "f" / "folding_config.json")
    assert set(said) - {"Defaults"} == set(cycles)
    assert without_fifos(said) == without_fifos(reported["applied"])
    assert {node.key: node.cycles for node in finn_folding(source).nodes} == cycles


@pytest.mark.skipif(
    FINN_PYTHON is None,
    reason="HASS_FINN_PYTHON names no interpreter with FINN, so FINN is NOT run: reports are old",
)
@pytest.mark.parametrize("name", RECORDED)
def test_finn_computes_what_hass_computes(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    exported(recorded_source(name), tmp_path / "f")
    (tmp_path / "2022.2").mkdir()
    environment = {
        **os.environ,
        "FINN_BUILD_DIR": str(tmp_path),
        "FINN_ROOT": str(tmp_path),
        "XILINX_VIVADO": str(tmp_path / "2022.2"),
    }
    command = [str(FINN_PYTHON), "-c", FINN_ALONE, str(tmp_path / "f" / "build.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    output = tmp_path / "f" / "output"
    assert "mismatches: 0" in (output / "build_dataflow.log").read_text()
    report = {
        "applied": json.loads((output / "applied_folding.json").read_text()),
        "cycles": json.loads((output / "report" / "estimate_layer_cycles.json").read_text()),
    }
    path = REPORTS / f"{name}.json"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(report, indent=1) + "\n")
    recorded = json.loads(path.read_text())
    assert report["cycles"] == recorded["cycles"]
    assert without_fifos(report["applied"]) == without_fifos(recorded["applied"])


@pytest.mark.parametrize("chain", [FOR_FINN, STRAIGHT, SHORTCUT])
def test_the_file_computes_what_finn_computes(chain: Chain, tmp_path: Path) -> None:
    source = chain_source(chain, weight_sparsity=0.6)
    exported(source, tmp_path / "f")
    frames = np.load(tmp_path / "f" / "input.npy")
    expected = np.load(tmp_path / "f" / "expected_output.npy")
    assert len(frames) == 4
    assert np.array_equal(run_half_up(tmp_path / "f" / "model.onnx", frames), expected)


@pytest.mark.parametrize("bits", [3, 8])
def test_what_finn_can_compute_alike_is_hass_own(bits: int) -> None:
    """Averages over powers of two and no sums: nothing is approximated."""
    source = chain_source(STRAIGHT, arithmetic=Arithmetic(bits, bits, 24))
    frames = source.frames.images
    wanted = run_reference(source.graph, source.weights, source.formats, {}, frames)["out"]
    assert np.array_equal(finn_outputs(source, frames), wanted)


@pytest.mark.parametrize(("seed", "differs"), [(0, False), (1, False), (10, True)])
def test_sums_and_averages_are_as_near_as_they_must_be(seed: int, differs: bool) -> None:
    """An operand that is rounded to the other's step is off by half a step of the coarser one; the
    sum and its average are rounded on top of that, each by one of its steps at most."""
    graph, weights = network(SUM_AND_AVERAGE, FeatureMap(9, 7, 3), seed)
    source = source_of(graph, weights)
    frames, formats = source.frames.images, source.formats.outputs
    wanted = run_reference(graph, source.weights, source.formats, {}, frames)["out"]
    distance = dequantise(np.abs(finn_outputs(source, frames) - wanted), formats["out"])
    operands = [formats[edge.src].frac_bits for edge in graph.in_edges("sum")]
    steps = [2.0 ** -formats[name].frac_bits for name in ("sum", "average")]
    assert distance.max() <= 0.5 * 2.0 ** -min(operands) + sum(steps)
    assert bool(distance.any()) == differs


@pytest.mark.parametrize("chain", [FOR_FINN, STRAIGHT, ONE_PIXEL])
def test_words_are_as_finn_takes_them(chain: Chain, tmp_path: Path) -> None:
    """Behind a Relu without sign, elsewhere with one; weights narrow, at most 8 bits."""
    first = FeatureMap(1, 1, 6) if chain is ONE_PIXEL else FeatureMap(9, 7, 3)
    exported(chain_source(chain, first), tmp_path / "f")
    model = onnx.load(tmp_path / "f" / "model.onnx")
    makers = {node.output[0]: node for node in model.graph.node}
    arrays = {x.name: onnx.numpy_helper.to_array(x) for x in model.graph.initializer}
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"l\d{3}(_[a-z0-9]+)*", name) for name in names)
    quants = [node for node in model.graph.node if node.op_type == "Quant"]
    assert quants and quants[-1] is model.graph.node[-1]
    for node in quants:
        said = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        of_weights = node.input[0] in arrays
        maker = makers.get(node.input[0])
        behind_relu = maker is not None and maker.op_type == "Relu"
        assert said["narrow"] == int(of_weights)
        assert said["signed"] == int(not behind_relu)
        assert arrays[node.input[3]].item() <= (7 if behind_relu else 8)


@pytest.mark.parametrize("name", RECORDED)
def test_foldings_are_legal(name: str) -> None:
    source = recorded_source(name)
    folding = finn_folding(source)
    keys = [node.key for node in folding.nodes]
    assert len(set(keys)) == len(keys)
    for layer, unit in folding.units.items():
        assert unit.rows % unit.pe == 0 and unit.columns % unit.simd == 0
        nodes = {node.op_type: node for node in folding.nodes if node.layer == layer}
        channels = source.graph.in_maps(layer)[0].channels
        window = nodes.get("ConvolutionInputGenerator")
        if window is not None:
            assert channels % window.factors["SIMD"] == 0
        if unit.op_type == "VVAU":
            assert unit.simd == 1 or unit.pe == unit.rows == channels
            if window is not None:
                assert window.factors["SIMD"] == unit.pe
                assert window.factors["parallel_window"] == int(unit.simd > 1)
        elif window is not None and window.factors["parallel_window"]:
            assert window.factors["SIMD"] == channels


def test_every_layer_is_spoken_of_with_both_cycles(tmp_path: Path) -> None:
    source = chain_source(FOR_FINN, weight_sparsity=0.6, act_threshold=0.1)
    remarks = exported(source, tmp_path / "f").remarks
    assert any("gets no" in x.what or "computes zeros" in x.what for x in remarks)
    for layer in source.graph.convs:
        told = [remark for remark in remarks if remark.layer == layer.name]
        estimate = source.design.plan.estimate.layers[layer.name]
        text = f"{estimate.frame_ii_cycles:,} here ({estimate.folding.engine.value})"
        assert any("cycles per frame there (dense" in x.what and text in x.what for x in told)
        assert any(x.fate is Fate.LEFT_OUT and "the clip of |x| <= 0.1" in x.what for x in told)


def test_wide_words_and_all_that_finn_cannot_take_are_refused_at_once() -> None:
    graph, weights = network(EVERY_OP, FeatureMap(8, 6, 3))
    with pytest.raises(SpecError) as refused:
        load_exporter("finn").export(source_of(graph, weights, Arithmetic()))
    wheres = [mistake.where for mistake in refused.value.mistakes]
    assert wheres[:2] == ["--to finn, arithmetic.act_bits", "--to finn, arithmetic.weight_bits"]
    assert "search with 8 bits" in str(refused.value)
    layers = {found[1] for where in wheres if (found := re.search(r"layer '(\w+)'", where))}
    assert layers == {
        *("hs", "max", "r6", "gate", "scaled", "grouped", "sig", "cat", "avg"),
        *("leaky", "slopes", "bent"),
        *("dealt", "twice"),
    }


def test_scripts_and_settings_belong_together(tmp_path: Path) -> None:
    source = chain_source(FOR_FINN)
    exported(source, tmp_path / "f")
    assert ast.get_docstring(ast.parse((tmp_path / "f" / "build.py").read_text()))
    settings = json.loads((tmp_path / "f" / "dataflow_build_config.json").read_text())
    for key, value in settings.items():
        if key.endswith(("_file", "_npy")):
            assert (tmp_path / "f" / value).is_file()
    plan = json.loads((tmp_path / "f" / "hass_plan.json").read_text())
    weighted = source.graph.of_type(ops.Conv2d, ops.AvgPool2d, ops.GlobalAvgPool, ops.MaxPool2d)
    assert {entry["layer"] for entry in plan["layers"]} == {layer.name for layer in weighted}
    specialised = json.loads((tmp_path / "f" / "specialize_layers_config.json").read_text())
    units = [x for x in plan["layers"] if x["op_type"] != "Pool"]
    assert len(specialised) == 1 + len(units)
