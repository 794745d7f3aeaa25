"""The rtl folder of emitted projects: every word and every cycle against reference and model."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from chain_networks import Chain, network
from emit_designs import make_design
from rtl_bench import RTL, needs_iverilog
from test_rtl_lint import check_lint

import hass
from hass import ops
from hass.cost import EngineKind, Folding, MemoryKind, as_arrays, layer_shapes
from hass.cost.foldings import DATA_DEPENDENT
from hass.cost.ops.conv import compute_cycles, conv_cost, weight_rows
from hass.cost.static_schedule import static_cycles
from hass.design import Design
from hass.fixed_point import requantise, wrap
from hass.graph import Graph, Weights
from hass.hw_templates.calibrate.yosys import counted
from hass.hw_templates.emitter import TestFrames as Frames
from hass.hw_templates.emitter import emit_project
from hass.hw_templates.rtl_words import Fields, words_text
from hass.identifiers import identifiers
from hass.measure.occupancy import weight_counts
from hass.prune import pruned_weights
from hass.sparsity import SparsitySetting
from hass.values import Arithmetic, FeatureMap, FixedPoint

DIGITS = Path(__file__).parents[2] / "models" / "digits"
NARROW = Arithmetic(act_bits=8, weight_bits=8, acc_bits=24)
SAME = (1, 1, 1, 1)
DENSE = Folding(engine=EngineKind.DENSE, weight_memory=MemoryKind.BRAM)
STATIC = replace(DENSE, engine=EngineKind.STATIC)
DYNAMIC = replace(DENSE, engine=EngineKind.DYNAMIC)
BROADCAST = replace(DENSE, engine=EngineKind.BROADCAST)
IN_LUTS = MemoryKind.LUTRAM
# name -> layer and folding; names mean harm to SystemVerilog
LAYERS: dict[str, tuple[ops.Conv2d, Folding]] = {
    "module": (  # pairs that share multipliers, a last turn with room left, a tree
        ops.Conv2d(8, (3, 3), (1, 1), SAME),
        replace(DENSE, coarse_out=2, coarse_in=3, fine=4),
    ),
    "endmodule; //": (  # depthwise
        ops.Conv2d(8, (3, 3), (1, 1), SAME, 8),
        replace(DYNAMIC, coarse_group=2, fine=2),
    ),
    "always": (  # sums of channels that wait, in memories and not
        ops.Conv2d(12, (1, 1)),
        replace(DENSE, packed=2, coarse_out=2, weight_memory=IN_LUTS),
    ),
    "`include": (  # exchanged filters
        ops.Conv2d(16, (3, 3), (2, 2), SAME),
        replace(STATIC, coarse_out=4, coarse_in=2, fine=2),
    ),
    "$finish": (  # lanes at different filters of a window
        ops.Conv2d(6, (1, 1)),
        replace(DYNAMIC, packed=8, coarse_out=3, fine=2),
    ),
    "a b": (  # groups side by side, one filter a lane
        ops.Conv2d(4, (1, 3), groups=2),
        replace(STATIC, coarse_out=2, coarse_group=2, weight_memory=IN_LUTS),
    ),
    "日本": (  # lanes apart, several filters and channel steps
        ops.Conv2d(8, (1, 1)),
        replace(DYNAMIC, packed=2, coarse_out=2, lane_fifo_depth=2),
    ),
    "broadcast": (  # engines that hold their sums for the others, filters in turn
        ops.Conv2d(8, (3, 3), (1, 1), SAME),
        replace(BROADCAST, coarse_in=4, coarse_out=4),
    ),
    "loaded": (  # one engine, two groups
        ops.Conv2d(8, (2, 1), groups=2),
        replace(BROADCAST, coarse_out=2, packed=2, weight_memory=MemoryKind.URAM),
    ),
    "ahead": (  # engines apart
        ops.Conv2d(8, (1, 1)),
        replace(BROADCAST, packed=2, coarse_in=2, coarse_out=4, lane_fifo_depth=2),
    ),
    "ultra": (
        ops.Conv2d(4, (2, 1)),
        replace(STATIC, coarse_out=2, packed=4, weight_memory=MemoryKind.URAM),
    ),
}


@dataclass(frozen=True, slots=True)
class Emitted:
    """A project, and what it was emitted from."""

    folder: Path
    design: Design
    graph: Graph
    weights: Weights
    idents: dict[str, str]


def _emitted(
    folder: Path,
    graph: Graph,
    weights: Weights,
    foldings: dict[str, Folding],
    frames: Frames,
    arithmetic: Arithmetic,
) -> Emitted:
    settings = {layer.name: SparsitySetting(0.6, 0.1) for layer in graph.convs}
    design = make_design(graph, weights, foldings, settings, frames.images, arithmetic)
    emit_project(design, graph, weights, folder, frames=frames)
    idents = identifiers([layer.name for layer in graph])
    return Emitted(folder, design, graph, pruned_weights(weights, settings), idents)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    chain: Chain = []
    before = "in"
    for name, (op, _) in LAYERS.items():
        chain += [(name, op, [before]), (f"{name} relu", ops.Relu(), [name])]
        before = f"{name} relu"
    graph, weights = network(chain, FeatureMap(7, 6, 3), 1)
    images = np.random.default_rng(1).normal(0, 1, (2, 3, 7, 6)).astype(np.float32)
    foldings = {layer.name: Folding() for layer in graph}
    foldings |= {name: folding for name, (_, folding) in LAYERS.items()}
    folder = tmp_path_factory.mktemp("small") / "hw"
    frames = Frames(images, (), "Noise.")
    return _emitted(folder, graph, weights, foldings, frames, NARROW)


def rtlsim(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """``make rtlsim`` in iverilog."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed: emitted RTL is NOT simulated")
    command = ["make", "-s", "-k", "RTL_SIM=iverilog", *(arguments or ("rtlsim",))]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


SAYS = re.compile(
    r"(\w+): (\d+) words and their sums compared, (\d+) of \d+ beats differ"
    r"(?:; (\d+) windows took (\d+) cycles, modelled (\d+))?"
)


def _said(done: subprocess.CompletedProcess[str]) -> dict[str, list[int]]:
    """Layer -> words, beats that differ, windows, cycles, modelled cycles."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rror" not in done.stderr and "WARNING" not in done.stdout + done.stderr
    found = {match[1]: match for match in SAYS.finditer(done.stdout)}
    return {name: [int(x) for x in match.groups()[1:] if x] for name, match in found.items()}


def _position_cycles(emitted: Emitted, name: str) -> int:
    """Cycles of a position by the cost model, dense and static engines."""
    layer, folding = emitted.graph[name], emitted.design.plan.foldings[name]
    assert isinstance(layer.op, ops.Conv2d)
    one = as_arrays([folding])
    if folding.engine is EngineKind.STATIC:
        counts = weight_counts(emitted.weights[f"{name}.weight"])
        return int(static_cycles(layer.op, counts, one).cycles[0])
    shape = layer_shapes(emitted.graph)[name]
    return int(compute_cycles(shape, one, None)[0]) // layer.out.pixels


def _check(emitted: Emitted, said: dict[str, list[int]]) -> None:
    assert set(said) == {emitted.idents[layer.name] for layer in emitted.graph.convs}
    for layer in emitted.graph.convs:
        folding = emitted.design.plan.foldings[layer.name]
        words, differing, windows, took, modelled = said[emitted.idents[layer.name]]
        assert words > 0 and differing == 0, layer.name
        assert isinstance(layer.op, ops.Conv2d)
        channels = emitted.graph.in_maps(layer.name)[0].channels
        streams = folding.coarse_in * folding.coarse_group * folding.packed
        positions, left = divmod(windows, channels // streams)
        assert left == 0 and words == positions * layer.op.out_channels
        if folding.lane_fifo_depth == 1:
            assert took == modelled, layer.name
        else:
            assert 0.9 * modelled <= took <= modelled, layer.name
        if folding.engine not in DATA_DEPENDENT:
            # quantised weights may have more zeros, and then take fewer cycles
            most = positions * _position_cycles(emitted, layer.name)
            assert 0.98 * most <= took <= most, layer.name


@needs_iverilog
def test_every_kind_of_layer_computes_the_words_in_the_modelled_cycles(small: Emitted) -> None:
    design = small.design
    convs = [small.graph[name].op for name in LAYERS]
    assert any(isinstance(op, ops.Conv2d) and op.groups > 1 for op in convs)
    texts = {n: (small.folder / f"rtl/{small.idents[n]}.sv").read_text() for n in LAYERS}
    assert ".PAIRED(1)" in texts["module"] and ".PAIRED(0)" in texts["always"]
    assert "hass_exchange" in texts["`include"] and "hass_exchange" not in texts["a b"]
    assert design.arithmetic == NARROW
    _check(small, _said(rtlsim(small.folder)))


@needs_iverilog
def test_stalls_change_no_word(small: Emitted) -> None:
    said = _said(rtlsim(small.folder, "rtlsim", "STALL=1"))
    assert len(said) == len(LAYERS)
    assert all(found[0] > 0 and found[1] == 0 for found in said.values())


@needs_iverilog
@pytest.mark.parametrize("what", ["weight", "bias", "sum", "word", "cycle"])
def test_what_is_wrong_is_found(what: str, small: Emitted, tmp_path: Path) -> None:
    folder = tmp_path / "hw"
    shutil.copytree(small.folder, folder)
    ident = small.idents["always"]
    data = folder / "rtl/tb/data" / ident
    path = {
        "weight": folder / f"rtl/weights/{ident}_weights_00000.mem",
        "bias": folder / f"rtl/weights/{ident}_biases_00000.mem",
        "sum": data / "sums.hex",
        "word": data / "words.hex",
        "cycle": data / "begins.hex",
    }[what]
    lines = path.read_text().split()
    path.write_text("\n".join(f"{int(line, 16) ^ 1 << 4:0{len(line)}x}" for line in lines))
    done = rtlsim(folder, f"rtlsim-{ident}")
    assert done.returncode != 0
    said = "did not begin in the modelled cycle" if what == "cycle" else "wrong words"
    assert said in done.stdout + done.stderr


def test_without_a_simulator_that_is_said(small: Emitted) -> None:
    done = rtlsim(small.folder, "rtlsim", "RTL_SIM=")
    assert done.returncode != 0
    assert "the RTL is not simulated" in done.stderr


@needs_iverilog
def test_the_digits_network_whole(tmp_path: Path) -> None:
    model = hass.read_model(DIGITS / "digits.onnx")
    dataset = hass.open_dataset(DIGITS, model.graph.frame)
    images = next(iter(dataset.batches(hass.measure.Split.SELECTION, 2, limit=2))).images
    foldings = {layer.name: Folding() for layer in model.graph}
    engines = (DENSE, STATIC, DYNAMIC)
    for index, layer in enumerate(model.graph.convs):
        assert isinstance(layer.op, ops.Conv2d)
        wide = {"coarse_group" if layer.op.groups > 1 else "coarse_out": 2}
        foldings[layer.name] = replace(engines[index % 3], **wide)
    frames = Frames(images, (), "Digits.")
    emitted = _emitted(tmp_path / "hw", model.graph, model.weights, foldings, frames, Arithmetic())
    _check(emitted, _said(rtlsim(emitted.folder)))


@pytest.mark.parametrize("name", ["module", "`include", "日本", "ultra"])
def test_a_layer_is_lint_clean(name: str, small: Emitted) -> None:
    check_lint(small.folder / f"rtl/{small.idents[name]}.sv", small.folder / "rtl/hass")


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Emitted:
    """One layer, whose weights lie in two banks of block RAM."""
    graph, weights = network([("one", ops.Conv2d(200, (1, 1)), ["in"])], FeatureMap(1, 2, 30))
    images = np.random.default_rng(0).normal(0, 1, (1, 30, 1, 2)).astype(np.float32)
    foldings = {layer.name: Folding() for layer in graph}
    foldings["one"] = replace(DENSE, coarse_out=2, packed=2, fine=2)
    folder = tmp_path_factory.mktemp("deep") / "hw"
    return _emitted(folder, graph, weights, foldings, Frames(images, (), "Noise."), NARROW)


@needs_iverilog
def test_weights_in_several_banks_follow_each_other(deep: Emitted) -> None:
    banks = sorted(deep.folder.glob("rtl/weights/*_weights_*.mem"))
    assert [len(path.read_text().split()) for path in banks] == [1024, 476]
    _check(deep, _said(rtlsim(deep.folder)))


@pytest.mark.skipif(
    shutil.which("yosys") is None,
    reason="yosys is not installed: no emitted layer is synthesised (apt-get install yosys)",
)
def test_a_synthesised_layer_has_the_models_multipliers_and_memories(deep: Emitted) -> None:
    ident = deep.idents["one"]
    script = (
        f"read_verilog -sv rtl/hass/*.sv rtl/{ident}.sv; "
        f"synth_xilinx -family xcup -top {ident} -flatten -noiopad -noclkbuf; "
        "tee -q -o stat.json stat -json"
    )
    done = subprocess.run(
        ["yosys", "-q", "-p", script],
        cwd=deep.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = (deep.folder / "stat.json").read_text(encoding="utf-8")
    counts = counted(json.loads(text[text.index("{") :])["design"]["num_cells_by_type"])
    shape, one = layer_shapes(deep.graph)["one"], as_arrays([deep.design.plan.foldings["one"]])
    cost = conv_cost(shape, one, None, deep.design.device.family, NARROW)
    cost += weight_rows(shape, one, None, NARROW).stored(one.weight_memory)
    assert (counts.dsp, counts.bram18) == (cost.dsp[0], cost.bram18[0]) == (2, 3)


def test_what_has_no_rtl_is_said(small: Emitted) -> None:
    text = (small.folder / "rtl/README.md").read_text(encoding="utf-8")
    for layer in small.graph:
        if layer.name in small.idents and not isinstance(layer.op, ops.Input | ops.Output):
            assert f"{small.idents[layer.name]} (" in text, layer.name
    for words in ("off chip", "sliding window", "FIFOs between layers"):
        assert words in text
    modules = {path.stem for path in (small.folder / "rtl").glob("*.sv")}
    assert modules == {small.idents[layer.name] for layer in small.graph.convs}
    for path in (small.folder / "rtl").rglob("*.sv"):
        assert re.findall(r"(?m)^module (\w+)", path.read_text()) == [path.stem]


REQUANTISE = """
module bench;
    logic signed [{acc}-1:0] in;
    logic signed [{act}-1:0] out;
    logic [{acc}-1:0] words [0:{count}-1];
    hass_requantise #(.ACC_BITS({acc}), .ACT_BITS({act}), .SHIFT({shift})) dut (.in, .out);
    initial begin
        $readmemh("in.hex", words);
        for (int i = 0; i < {count}; i = i + 1) begin
            in = words[i];
            #1 $display("%0d", out);
        end
    end
endmodule
"""


@needs_iverilog
@pytest.mark.parametrize(
    ("acc", "act", "shift"),
    [(24, 8, 5), (24, 8, 1), (24, 8, 0), (20, 6, -3), (12, 8, -9), (16, 8, 20)],
)
def test_accumulators_are_rounded_and_saturated(
    acc: int, act: int, shift: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(acc + act + shift)
    ends = 1 << (acc - 1)
    near = rng.integers(-(1 << act), 1 << act, 200) << max(shift, 0) >> 1
    integers = np.concatenate([rng.integers(-ends, ends, 100), near, [-ends, ends - 1, 0, -1]])
    integers = wrap(integers, acc)
    (tmp_path / "in.hex").write_text(words_text(Fields(integers[:, None], acc)))
    text = REQUANTISE.format(acc=acc, act=act, shift=shift, count=len(integers))
    (tmp_path / "bench.sv").write_text(text)
    command = ["iverilog", "-g2012", "-o", "sim", "bench.sv", str(RTL / "hass_requantise.sv")]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run(["./sim"], cwd=tmp_path, capture_output=True, text=True, check=True)
    found = [int(line) for line in done.stdout.split()]
    expected = requantise(integers, shift, FixedPoint(act, 0))
    assert found == expected.tolist()
    assert {expected.min(), expected.max()} >= ({-(1 << (act - 1))} if shift < acc else {0})
