"""Compiles emitted blocks, several into one program, and compares them with integers expected."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hass.fixed_point import IntArray
from hass.hw_templates import render
from hass.hw_templates.blocks import Block
from hass.values import Arithmetic

COMPILER = shutil.which("g++")
FLAGS = ("-O1", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas")

MAIN = """
template <typename T, int S>
static void feed(hls::stream<hass::vec<T, S> >& stream, std::istream& data, int words) {
    for (int beat = 0; beat < words / S; ++beat) {
        hass::vec<T, S> words_of_beat;
        for (int s = 0; s < S; ++s) {
            long long value = 0;
            data >> value;
            words_of_beat[s] = value;
        }
        stream.write(words_of_beat);
    }
}

template <typename T, int S>
static int differences(hls::stream<hass::vec<T, S> >& stream, std::istream& data, int words) {
    int wrong = 0;
    for (int beat = 0; beat < words / S; ++beat) {
        hass::vec<T, S> words_of_beat = stream.read();
        for (int s = 0; s < S; ++s) {
            long long value = 0;
            data >> value;
            const long long found = words_of_beat[s];
            wrong += found != value;
        }
    }
    return wrong + (stream.empty() ? 0 : 1000000);
}

static void report(const char* block, int call) {
    for (const auto& count : hass::loop_iterations())
        std::printf("count %s %d %s %llu\\n", block, call, std::get<2>(count.first).c_str(),
                    count.second);
    hass::loop_iterations().clear();
}
"""

Iterations = list[tuple[str, int]]  # of each process of a block, in their order


@dataclass(frozen=True)
class Case:
    """One block, its input frames (N, C, H, W) per port, and what must come out of every output.

    ``calls`` are the frames of each call, N in all.
    """

    name: str
    block: Block
    inputs: tuple[IntArray, ...]
    expected: IntArray
    outputs: int = 1
    calls: tuple[int, ...] = (1, 3)


def beat_words(frames: IntArray) -> IntArray:
    return np.ascontiguousarray(frames.transpose(0, 2, 3, 1)).reshape(frames.shape[0], -1)


def _case_source(ident: str, case: Case) -> str:
    ins = [f"in{port}" for port in range(len(case.inputs))]
    outs = [f"out{k}" for k in range(case.outputs)]
    lines = [f"static void test_{ident}(std::istream& data) {{"]
    widths = [*case.block.inputs, *(case.block.output for _ in outs)]
    for name, width in zip([*ins, *outs], widths, strict=True):
        lines.append(f'    hls::stream<hass::vec<act_t, {width}> > {name}("{ident}.{name}");')
    lines.append("    int wrong = 0;")
    assert sum(case.calls) == len(case.expected)
    for call, frames in enumerate(case.calls):
        for name, words in zip(ins, case.inputs, strict=True):
            lines.append(f"    feed({name}, data, {frames * words[0].size});")
        lines.append(f"    {ident}::run({', '.join([str(frames), *ins, *outs])});")
        lines.append(f'    report("{ident}", {call});')
        size = frames * case.expected[0].size
        lines.extend(f"    wrong += differences({name}, data, {size});" for name in outs)
    lines.extend(f"    wrong += {name}.empty() ? 0 : 1000000;" for name in ins)
    lines.append(f'    std::printf("{ident} %d\\n", wrong);')
    lines.append("}")
    return "\n".join(lines) + "\n"


def run_cases(
    cases: Sequence[Case], arithmetic: Arithmetic, folder: Path
) -> tuple[dict[str, int], dict[str, tuple[Iterations, ...]]]:
    """Compile and run cases.

    Returns:
        Case name -> wrong words; and case name -> iterations of each call.
    """
    if COMPILER is None:
        pytest.skip("g++ is not installed: emitted C++ is not tested")
    sources = ["#include <cstdio>\n#include <fstream>\n", '#include "src/types.h"\n', MAIN]
    data: list[str] = []
    calls: list[str] = []
    for target, text in render.copied_headers().items():
        write_file(folder / target, text)
    write_file(folder / "src/types.h", render.types_header(arithmetic))
    for index, case in enumerate(cases):
        ident = f"c{index:03d}"
        outs = [f"out{k}" for k in range(case.outputs)] if case.outputs > 1 else ["out"]
        write_file(
            folder / f"src/layers/{ident}.h", render.layer_header(ident, "x", case.block, outs)
        )
        if case.block.tables:
            write_file(folder / f"weights/{ident}.h", render.weights_header(ident, case.block))
        sources.insert(2, f'#include "src/layers/{ident}.h"\n')
        sources.append(_case_source(ident, case))
        calls.append(f"    test_{ident}(data);\n")
        done = 0
        for frames in case.calls:
            maps = (*case.inputs, *[case.expected] * case.outputs)
            parts = (beat_words(words)[done : done + frames].ravel() for words in maps)
            data.extend(" ".join(map(str, part)) for part in parts)
            done += frames
    main = 'int main() {\n    std::ifstream data("data.txt");\n'
    sources.append(f"{main}{''.join(calls)}    return 0;\n}}\n")
    sources.insert(1, '#include "src/hass_hls/count.h"\n')
    write_file(folder / "main.cpp", "".join(sources))
    write_file(folder / "data.txt", "\n".join(data) + "\n")
    include = ("-isystem", "tb/csim_include", "-DHASS_COUNT_CYCLES")
    command = (COMPILER, *FLAGS, *include, "main.cpp", "-o", "main")
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[:4000]
    ran = subprocess.run(["./main"], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    wrong: dict[str, int] = {}
    counts = {case.name: tuple(Iterations() for _ in case.calls) for case in cases}
    for line in ran.stdout.splitlines():
        words_of_line = line.split()
        if words_of_line[0] == "count":
            block, call, process, iterations = words_of_line[1:]
            found = counts[cases[int(block[1:])].name][int(call)]
            found.append((process, int(iterations)))
        else:
            wrong[cases[int(words_of_line[0][1:])].name] = int(words_of_line[1])
    return wrong, counts


def write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
