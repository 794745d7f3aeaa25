"""Emitted C++ cycle by cycle: every process an iteration a cycle, streams as deep as they say.

What the vendor's co-simulation would show, but for the registers of pipelines. The emitted text
runs as it is; only its calls are started side by side, and its depths set.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from block_bench import COMPILER, FLAGS, Case, beat_words, write_file

from hass.hw_templates import render
from hass.values import Arithmetic

INCLUDE = Path(__file__).with_name("cycle_include")
COUNT = """
#ifndef HASS_COUNT_H
#define HASS_COUNT_H
#include <hls_stream.h>
#define HASS_COUNT_LAYER(NAME)
#define HASS_COUNT_PROCESS(NAME)
#define HASS_COUNT_ITERATION cycle::wait();
#endif
"""
MAIN = """
template <typename T, int S>
static void feed(hls::stream<hass::vec<T, S> >& stream, std::istream& data, int words) {
    for (int beat = 0; beat < words / S; ++beat) {
        hass::vec<T, S> beat_words;
        for (int s = 0; s < S; ++s) {
            long long value = 0;
            data >> value;
            beat_words[s] = value;
        }
        cycle::wait();
        stream.write(beat_words);
    }
}

template <typename T, int S>
static void drain(hls::stream<hass::vec<T, S> >& stream, std::istream& data, int frames, int words,
                  const char* name) {
    int wrong = 0;
    for (int frame = 0; frame < frames; ++frame) {
        for (int beat = 0; beat < words / S; ++beat) {
            cycle::wait();
            hass::vec<T, S> beat_words = stream.read();
            for (int s = 0; s < S; ++s) {
                long long value = 0;
                data >> value;
                const long long found = beat_words[s];
                wrong += found != value;
            }
        }
        std::printf("%s %lld %d\\n", name, cycle::the_clock().now, wrong);
    }
}
"""
# statements that start a process: calls of templates and of layers, at the start of a line
CALL = re.compile(r"^( +)((?:hass::)?(?:%s)<[^;]*;|l\d\d\d\w*::run\([^;]*;)", re.M)


def side_by_side(text: str, processes: str = r"\w+") -> str:
    """Emitted text whose processes start side by side.

    Args:
        text: of a layer, of the top level, or of an engine made of processes.
        processes: those that it starts, a regular expression.
    """
    text = re.sub(
        r"^#pragma HLS STREAM variable=(\w+) depth=(.*)$",
        r"cycle::set_depth(\1, \2);",
        text,
        flags=re.M,
    )
    calls = re.compile(CALL.pattern % processes, re.M)
    first = calls.search(text)
    assert first is not None
    started = calls.sub(r"\1region.spawn([&, frames] { \2 });", text[first.start() :])
    return f"{text[: first.start()]}    cycle::region region;\n{started}"


def _headers(folder: Path) -> None:
    for target, text in render.copied_headers().items():
        if target.endswith("engine_dynamic.h"):
            text = side_by_side(text, "fork_segments|dynamic_lane|join_lanes")
            text = text.replace("[&, frames] { dynamic_lane", "[&, frames, lane] { dynamic_lane")
        if target.endswith("engine_static.h"):
            text = side_by_side(text, "static_lanes|join_lanes")
        if not target.endswith("hls_stream.h"):
            write_file(folder / target, COUNT if target.endswith("count.h") else text)
    shutil.copy(INCLUDE / "hls_stream.h", folder / "tb/csim_include/hls_stream.h")


def _test(ident: str, case: Case) -> str:
    ins = [f"in{port}" for port in range(len(case.inputs))]
    outs = [f"out{k}" for k in range(case.outputs)]
    frames = len(case.expected)
    lines = [f"static void test_{ident}() {{"]
    widths = [*case.block.inputs, *(case.block.output for _ in outs)]
    for name, width in zip([*ins, *outs], widths, strict=True):
        lines.append(f"    hls::stream<hass::vec<act_t, {width}> > {name};")
        lines.append(f'    std::ifstream data_{name}("{ident}_{name}.txt");')
    lines.append(f"    cycle::region region;\n    const int frames = {frames};")
    for name, words in zip(ins, case.inputs, strict=True):
        lines.append(f"    region.spawn([&] {{ feed({name}, data_{name}, {words.size}); }});")
    lines.append(f"    region.spawn([&] {{ {ident}::run(frames, {', '.join([*ins, *outs])}); }});")
    size = case.expected[0].size
    for name in outs:
        call = f'drain({name}, data_{name}, frames, {size}, "{ident}_{name}")'
        lines.append(f"    region.spawn([&] {{ {call}; }});")
    return "\n".join(lines) + "\n}\n"


NETWORK_MAIN = """
#include <cstdio>
#include <fstream>
#include "src/top.h"

static std::ifstream input("tb/data/input.dat"), expected("tb/data/expected.dat");
static hls::stream<input_beat_t> frame_in;
static hls::stream<output_beat_t> frame_out;

static void feed() {
    const unsigned long long mask = (1ULL << ACT_BITS) - 1;
    for (int beat = 0; beat < FRAMES * INPUT_BEATS; ++beat) {
        input_beat_t packed;
        for (int s = 0; s < INPUT_STREAMS; ++s) {
            long long value = 0;
            input >> value;
            packed.data.range(s * ACT_BITS + ACT_BITS - 1, s * ACT_BITS) =
                static_cast<unsigned long long>(value) & mask;
        }
        cycle::wait();
        frame_in.write(packed);
    }
}

static void drain() {
    int wrong = 0;
    for (int frame = 0; frame < FRAMES; ++frame) {
        for (int beat = 0; beat < OUTPUT_BEATS; ++beat) {
            cycle::wait();
            output_beat_t packed = frame_out.read();
            for (int s = 0; s < OUTPUT_STREAMS; ++s) {
                const unsigned long long bits =
                    packed.data.range(s * ACT_BITS + ACT_BITS - 1, s * ACT_BITS);
                const act_t word = static_cast<long long>(bits);
                long long value = 0;
                expected >> value;
                wrong += static_cast<long long>(word) != value;
            }
        }
        std::printf("out_out0 %lld %d\\n", cycle::the_clock().now, wrong);
    }
}

static void all() {
    cycle::region region;
    region.spawn(feed);
    region.spawn(drain);
    region.spawn([] { hass_top(FRAMES, frame_in, frame_out); });
}

int main() { cycle::run(cycle::spawn(all)); }
"""


def network_frame_ends(project: Path, frames: int) -> list[int]:
    """Cycles at which each frame has left an emitted project, all words as expected. The project's
    files are changed."""
    if COMPILER is None:
        pytest.skip("g++ is not installed: emitted C++ is not tested")
    _headers(project)
    for path in (*(project / "src/layers").iterdir(), project / "src/top.cpp"):
        path.write_text(side_by_side(path.read_text()))
    write_file(project / "main.cpp", NETWORK_MAIN)
    sources = (f"-DFRAMES={frames}", "src/top.cpp", "main.cpp")
    return [now for _, now in _ran(project, sources)]


def _ran(folder: Path, sources: Sequence[str]) -> list[tuple[str, int]]:
    """Compile and run: an output, and when a frame has left it, in order."""
    assert COMPILER is not None
    command = (COMPILER, *FLAGS, "-isystem", "tb/csim_include", *sources, "-o", "main")
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[:4000]
    ran = subprocess.run(["./main"], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{ran.stdout}\n{ran.stderr}"
    ends = []
    for line in ran.stdout.splitlines():
        name, now, wrong = line.split()
        assert wrong == "0", line
        ends.append((name, int(now)))
    return ends


def frame_ends(cases: Sequence[Case], arithmetic: Arithmetic, folder: Path) -> dict[str, list[int]]:
    """Case name -> cycles at which each frame has left the block (its last output), all words as
    expected."""
    if COMPILER is None:
        pytest.skip("g++ is not installed: emitted C++ is not tested")
    _headers(folder)
    write_file(folder / "src/types.h", render.types_header(arithmetic))
    head, tests, calls = ["#include <cstdio>\n#include <fstream>\n"], [MAIN], []
    for index, case in enumerate(cases):
        ident = f"c{index:03d}"
        outs = [f"out{k}" for k in range(case.outputs)] if case.outputs > 1 else ["out"]
        header = side_by_side(render.layer_header(ident, "x", case.block, outs))
        write_file(folder / f"src/layers/{ident}.h", header)
        if case.block.tables:
            write_file(folder / f"weights/{ident}.h", render.weights_header(ident, case.block))
        head.append(f'#include "src/layers/{ident}.h"\n')
        tests.append(_test(ident, case))
        calls.append(f"    cycle::run(cycle::spawn(test_{ident}));\n")
        for port, words in enumerate(case.inputs):
            write_file(
                folder / f"{ident}_in{port}.txt", " ".join(map(str, beat_words(words).ravel()))
            )
        for k in range(case.outputs):
            text = " ".join(map(str, beat_words(case.expected).ravel()))
            write_file(folder / f"{ident}_out{k}.txt", text)
    main = "int main() {\n" + "".join(calls) + "    return 0;\n}\n"
    write_file(folder / "main.cpp", "".join([*head, *tests, main]))
    ends: dict[str, list[int]] = {case.name: [] for case in cases}
    for name, now in _ran(folder, ("main.cpp",)):
        if name.endswith("_out0"):
            ends[cases[int(name[1:4])].name].append(now)
    return ends
