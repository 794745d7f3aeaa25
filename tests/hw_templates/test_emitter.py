"""Whole emitted projects: they compile, agree with the reference, and are written with care."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from chain_networks import EVERY_OP, Chain, network
from csim_counts import layer_cycles, make
from emit_designs import make_design, random_foldings
from test_emitted_rtl import rtlsim

from hass import ops
from hass.cost import EngineKind, Folding, MemoryKind, layer_shapes
from hass.design import Design
from hass.errors import GraphError, OutputError, ProfileError, SpecError
from hass.folding.legal import ON_CHIP_MEMORIES
from hass.frames import TestFrames as Frames
from hass.graph import Graph, Weights
from hass.hw_templates.emitter import emit_project
from hass.hw_templates.names import printable
from hass.hw_templates.window import WindowBuffers, window_buffers
from hass.identifiers import identifier
from hass.shapes import output_map
from hass.sparsity import SparsitySetting
from hass.values import FeatureMap, Precision, WordLengths, arithmetic_of
from hass.word_lengths import arithmetic_by_layer

NETWORK = (FeatureMap(8, 6, 3), 12)
HOSTILE = [
    '*/ int main() { return 0; } /*"',
    "日本語",
    "class",
    "a\nb",
    "trailing\\",
    "??/",
    "{{ 7 * 7 }}",
    "../../etc/passwd",
]
# a residual block: what the bundled network is made of, under names that mean harm
HARM: Chain = [
    (HOSTILE[0], ops.Conv2d(4, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    (HOSTILE[1], ops.Relu(), [HOSTILE[0]]),
    (HOSTILE[2], ops.Fork(), [HOSTILE[1]]),
    (HOSTILE[3], ops.Conv2d(6, (3, 3), (2, 2), (1, 1, 1, 1)), [HOSTILE[2]]),
    (HOSTILE[4], ops.Conv2d(6, (1, 1), (2, 2)), [HOSTILE[2]]),
    (HOSTILE[5], ops.Add(), [HOSTILE[3], HOSTILE[4]]),
    (HOSTILE[6], ops.GlobalAvgPool(), [HOSTILE[5]]),
    (HOSTILE[7], ops.Conv2d(3, (1, 1)), [HOSTILE[6]]),
]


def _made(
    chain: Chain, seed: int, arithmetic: WordLengths | None = None
) -> tuple[Design, Graph, Weights, Frames]:
    source, count = NETWORK
    graph, weights = network(chain, source)
    rng = np.random.default_rng(seed)
    images = rng.normal(0, 1, (count, source.channels, source.height, source.width))
    frames = Frames(images.astype(np.float32), tuple(n % 3 for n in range(count)), "Noise.")
    settings = {
        layer.name: SparsitySetting(0.5, 0.1 * (index % 3))
        for index, layer in enumerate(graph.convs)
    }
    foldings = random_foldings(graph, seed)
    design = make_design(graph, weights, foldings, settings, frames.images, arithmetic)
    return design, graph, weights, frames


@pytest.fixture(scope="module")
def small() -> tuple[Design, Graph, Weights, Frames]:
    return _made(HARM, 0)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("seed", [0, 1])
def test_every_op_compiles_and_agrees_bit_for_bit(seed: int, tmp_path: Path) -> None:
    design, graph, weights, frames = _made(EVERY_OP, seed)
    emitted = emit_project(design, graph, weights, tmp_path / "hw", frames=frames)
    done = make(tmp_path / "hw")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr
    assert f"frames compared: {len(frames.images)}\nmismatches: 0\n" in done.stdout
    assert emitted.top1 is not None
    assert f"top-1: {round(emitted.top1 * emitted.frames)} of {emitted.frames}" in done.stdout


def test_layers_with_their_own_word_lengths_agree_bit_for_bit(tmp_path: Path) -> None:
    narrow, least = arithmetic_of(8), arithmetic_of(4)
    own = {"stem": narrow, "dw": replace(narrow, weight_bits=4), "reduce": narrow}
    own |= {"expand": least, "grouped": replace(narrow, acc_bits=26), "fc": least}
    design, graph, weights, frames = _made(EVERY_OP, 1, Precision(arithmetic_of(16), own))
    # between two narrow layers, from a wide one, from a narrow one, and of a skip that stays wide
    lengths = arithmetic_by_layer(graph, design.precision)
    assert (lengths["relu"].act_bits, lengths["reduce"].out_bits) == (4, 4)
    assert (lengths["dw"].in_bits, lengths["dw"].act_bits, lengths["dw"].out_bits) == (16, 8, 16)
    emit_project(design, graph, weights, tmp_path / "hw", frames=frames)
    done = make(tmp_path / "hw")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stderr
    assert f"frames compared: {len(frames.images)}\nmismatches: 0\n" in done.stdout
    done = rtlsim(tmp_path / "hw")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" 0 of ") == len(graph.convs)
    readme = (tmp_path / "hw/README.md").read_text()
    assert "| l005_dw | 8 | 4 | 20 |" in readme


def test_hostile_names_are_harmless_and_layers_take_the_cycles_of_the_model(
    small: tuple[Design, Graph, Weights, Frames], tmp_path: Path
) -> None:
    design, graph, weights, frames = small
    emit_project(design, graph, weights, tmp_path / "hw", frames=frames)
    assert [path.name for path in tmp_path.iterdir()] == ["hw"]
    done = make(tmp_path / "hw")
    assert done.returncode == 0, done.stdout + done.stderr
    found = layer_cycles(tmp_path / "hw", tmp_path / "data", len(frames.images))
    shapes = layer_shapes(graph)
    dense = {
        identifier(index, layer.name): design.plan.estimate.layers[layer.name].frame_ii_cycles
        // shapes[layer.name].haste
        for index, layer in enumerate(graph)
        if design.plan.foldings[layer.name].engine in (EngineKind.DENSE, EngineKind.NONE)
        and not isinstance(layer.op, ops.Input | ops.Output)
    }
    assert dense == {layer: cycles for layer, cycles in found.items() if layer in dense}


@pytest.mark.parametrize("what", ["value", "missing word", "input"])
def test_a_wrong_word_ends_csim_with_an_error(
    what: str, small: tuple[Design, Graph, Weights, Frames], tmp_path: Path
) -> None:
    design, graph, weights, frames = small
    emit_project(design, graph, weights, tmp_path / "hw", frames=frames)
    path = tmp_path / "hw/tb/data" / ("input.dat" if what == "input" else "expected.dat")
    words = path.read_text().split()
    if what == "missing word":
        words.pop()
    elif what == "value":
        words[-1] = str(int(words[-1]) + 1)
    else:
        words[: len(words) // 4] = ["0"] * (len(words) // 4)
    path.write_text(" ".join(words))
    done = make(tmp_path / "hw")
    assert done.returncode != 0
    if what == "value":
        assert "mismatches: 1\n" in done.stdout


def test_reading_an_empty_stream_ends_the_simulation(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed: the stand-in streams are not tested")
    include = Path(__file__).parents[2] / "hw_templates/hls/csim_include"
    source = '#include <hls_stream.h>\nint main() { hls::stream<int> s("dry"); return s.read(); }\n'
    (tmp_path / "a.cpp").write_text(source)
    subprocess.run(["g++", "-isystem", str(include), "a.cpp", "-o", "a"], cwd=tmp_path, check=True)
    done = subprocess.run(["./a"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "dry" in done.stderr


def test_emission_is_deterministic(
    small: tuple[Design, Graph, Weights, Frames], tmp_path: Path
) -> None:
    design, graph, weights, _ = small
    emit_project(design, graph, weights, tmp_path / "a")
    emit_project(design, graph, weights, tmp_path / "elsewhere/b")
    first = _files(tmp_path / "a")
    assert first == _files(tmp_path / "elsewhere/b")
    assert "random numbers (seed 0)" in first["README.md"].decode()
    assert all(re.fullmatch(r"[\w./]+", name) for name in first)


def test_top_level_is_as_recorded(
    small: tuple[Design, Graph, Weights, Frames],
    tmp_path: Path,
    golden: Callable[[str, str], None],
) -> None:
    design, graph, weights, _ = small
    one = Folding(engine=EngineKind.DENSE, weight_memory=MemoryKind.BRAM)
    foldings = {x.name: one if x in graph.convs else Folding() for x in graph}
    wide = HOSTILE[0]
    foldings[wide] = replace(one, engine=EngineKind.DYNAMIC, coarse_out=2, coarse_in=3, fine=2)
    found = make_design(graph, weights, foldings, design.settings, small[3].images)
    emit_project(found, graph, weights, tmp_path / "hw")
    # FIFO depths are the cost model's, which has tests of its own
    text = re.sub(r"depth=\d+", "depth=...", (tmp_path / "hw/src/top.cpp").read_text())
    layer = (tmp_path / f"hw/src/layers/{identifier(1, wide)}.h").read_text()
    golden("emitted_top.txt", text)
    golden("emitted_layer.txt", re.sub(r"(SHIFT|CLIP_LIMIT) = -?\d+", r"\1 = ...", layer))


def test_fifos_are_bound_to_the_plans_memories(
    small: tuple[Design, Graph, Weights, Frames], tmp_path: Path
) -> None:
    design, graph, weights, _ = small
    kinds = itertools.cycle([MemoryKind.NONE, *ON_CHIP_MEMORIES])
    fifos = tuple(replace(f, memory=next(kinds)) for f in design.plan.estimate.fifos)
    plan = replace(design.plan, estimate=replace(design.plan.estimate, fifos=fifos))
    emit_project(replace(design, plan=plan), graph, weights, tmp_path / "hw")
    text = (tmp_path / "hw/src/top.cpp").read_text()
    bound = re.findall(r"BIND_STORAGE variable=to_\w+ type=fifo impl=(\w+)", text)
    assert bound == [f.memory.value for f in fifos if f.memory is not MemoryKind.NONE]
    assert set(bound) == {"lutram", "bram", "uram"}


def test_windows_hold_what_the_model_counts_where_it_puts_it() -> None:
    def buffers(kernel: tuple[int, int], kind: MemoryKind, padded: bool = True) -> WindowBuffers:
        source = FeatureMap(30, 64, 32)
        top, left = (size // 2 if padded else 0 for size in kernel)
        op = ops.Conv2d(8, kernel, pads=(top, left, top, left))
        return window_buffers(op, source, output_map(op, [source]), 1, 16, kind)

    found = [
        buffers((3, 3), kind) for kind in (MemoryKind.LUTRAM, MemoryKind.BRAM, MemoryKind.URAM)
    ]
    # 65,536 bits of lines are too many for LUTs; 32 words of columns never lie elsewhere
    assert [buffer.lines.value for buffer in found] == ["bram", "bram", "uram"]
    assert {buffer.columns for buffer in found} == {MemoryKind.LUTRAM}
    assert {buffer.rolling for buffer in found} == {0}
    one_row = buffers((1, 3), MemoryKind.BRAM)
    assert one_row.lines is MemoryKind.NONE
    # without padding, windows come in rows that are shorter than those of the words
    assert buffers((3, 3), MemoryKind.BRAM, padded=False).rolling == 5


def test_an_existing_folder_is_kept(
    small: tuple[Design, Graph, Weights, Frames], tmp_path: Path
) -> None:
    design, graph, weights, _ = small
    folder = tmp_path / "hw"
    (folder / "notes").mkdir(parents=True)
    (folder / "notes/mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        emit_project(design, graph, weights, folder)
    assert set(_files(tmp_path)) == {"hw/notes/mine.txt"}
    emit_project(design, graph, weights, folder, force=True)
    emit_project(design, graph, weights, folder, force=True)
    assert (folder / "notes/mine.txt").read_text() == "mine"
    assert (folder / "src/top.cpp").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["hw"]


def test_a_file_in_the_place_of_the_folder_is_refused(
    small: tuple[Design, Graph, Weights, Frames], tmp_path: Path
) -> None:
    design, graph, weights, _ = small
    (tmp_path / "hw").write_text("mine")
    for target in (tmp_path / "hw", tmp_path / "hw/below"):
        with pytest.raises(OutputError, match="cannot write"):
            emit_project(design, graph, weights, target, force=True)
    assert (tmp_path / "hw").read_text() == "mine"


def test_a_design_without_ranges_says_how_to_get_them(
    small: tuple[Design, Graph, Weights, Frames], tmp_path: Path
) -> None:
    design, graph, weights, _ = small
    with pytest.raises(ProfileError, match="hass fold --profile"):
        emit_project(replace(design, output_max_abs={}), graph, weights, tmp_path / "hw")
    assert not (tmp_path / "hw").exists()


def test_the_wrong_network_is_refused(
    small: tuple[Design, Graph, Weights, Frames], tmp_path: Path
) -> None:
    design, graph, weights, _ = small
    name = f"{HOSTILE[0]}.bias"
    with pytest.raises(GraphError, match="weights are not those of the design"):
        emit_project(design, graph, weights.replace({name: np.zeros(4)}), tmp_path / "hw")


def test_all_foldings_that_cannot_be_built_are_named_at_once(tmp_path: Path) -> None:
    design, graph, weights, frames = _made(HARM, 1)
    foldings = dict(design.plan.foldings)
    dense = Folding(engine=EngineKind.DENSE, weight_memory=MemoryKind.BRAM)
    foldings["class"] = Folding(coarse_in=3, coarse_out=3)
    foldings["a\nb"] = replace(dense, coarse_out=4)
    broken = make_design(graph, weights, foldings, {}, frames.images)
    with pytest.raises(SpecError) as caught:
        emit_project(broken, graph, weights, tmp_path / "hw")
    assert [mistake.where for mistake in caught.value.mistakes] == [
        "foldings.class",
        "foldings.a\nb",
    ]


@pytest.mark.parametrize("name", HOSTILE)
def test_identifiers_and_comments_are_plain(name: str) -> None:
    assert re.fullmatch(r"l007[a-z0-9_]*", identifier(7, name))
    assert re.fullmatch(r"[ -~]*", printable(name))
    assert not set(printable(name)) & set('"\\*?|`')
