"""The FIFO's and the sliding window's RTL: every word, in order, in the cycles that are due."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import rtl_bench as bench
from rtl_bench import FLOWING, TRAFFICS, Stimulus, Traffic

WORDS = 150


@pytest.mark.parametrize("depth", [2, 3, 16, 100])
@bench.needs_iverilog
def test_fifo(depth: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(depth)
    words = rng.integers(0, 1 << 13, WORDS).tolist()
    stimulus = Stimulus(words, 13, 13, WORDS)
    program = bench.compiled(tmp_path, "fifo", stimulus, {"DEPTH": depth})
    for traffic in (*TRAFFICS, Traffic(0.9, 0.5, 4), Traffic(0.5, 0.9, 5)):
        log = bench.run(program, stimulus, traffic)
        assert [int(word, 16) for word in log.words] == words
        held = np.cumsum(log.given) - np.cumsum(log.taken)
        assert held.max() <= depth + 1
        assert (held >= 0).all()
    flowing = bench.run(program, stimulus, FLOWING)
    assert np.flatnonzero(flowing.taken)[0] == 2
    assert np.diff(np.flatnonzero(flowing.taken)).max() == 1
    blocked = bench.run(program, stimulus, Traffic(1.0, 0.15, 6))
    held = np.cumsum(blocked.given) - np.cumsum(blocked.taken)
    assert held.max() == depth + 1, "a full FIFO holds what was paid for, and its register"


# (depth, width, ultra): in LUTs, in one BRAM and in banks of several depths, in URAM with 8, 2 and
# 1 words side by side
MEMORIES = [
    *((16, 8, 0), (100, 16, 0), (600, 13, 0), (2304, 24, 0), (5000, 16, 0), (3000, 9, 0)),
    *((9000, 5, 1), (12000, 36, 1), (5000, 80, 1)),
]


@pytest.mark.parametrize("case", MEMORIES, ids=lambda case: "x".join(map(str, case)))
@bench.needs_iverilog
def test_memory(case: tuple[int, int, int], tmp_path: Path) -> None:
    """Random writes and reads; the bench compares, and says how many words it saw."""
    names = ("DEPTH", "WIDTH", "ULTRA")
    program = tmp_path / "memory.vvp"
    settings = [f"-Pmemory_bench.{name}={value}" for name, value in zip(names, case, strict=True)]
    source = bench.RTL / "bench" / "memory_bench.sv"
    library = ("-y", str(bench.RTL), "-Y", ".sv", "-s", "memory_bench")
    subprocess.run(
        ["iverilog", "-g2012", *library, *settings, "-o", str(program), str(source)], check=True
    )
    done = subprocess.run(["vvp", "-N", str(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert int(done.stdout.split()[0]) > 10_000


# (height, width, channels, rows, columns, stride): odd shapes, one row, 1x1, no rows, wide buffers
WINDOWS = [
    (5, 7, 3, 3, 3, 1),
    (7, 6, 1, 3, 3, 2),
    (6, 5, 2, 2, 3, 1),
    (4, 9, 5, 1, 3, 2),
    (4, 3, 2, 3, 1, 1),
    (3, 3, 4, 1, 1, 2),
    (6, 20, 8, 5, 5, 1),
]


@pytest.mark.parametrize("case", WINDOWS, ids=lambda case: "x".join(map(str, case)))
@bench.needs_iverilog
def test_window(case: tuple[int, ...], tmp_path: Path) -> None:
    names = ("HEIGHT", "WIDTH", "CHANNELS", "ROWS", "COLUMNS", "STRIDE")
    height, width, channels, rows, columns, stride = case
    frames = np.random.default_rng(sum(case)).integers(-128, 128, (2, height, width, channels))
    places = [
        (frame, row, column, channel)
        for frame in range(2)
        for row in range(0, height - rows + 1, stride)
        for column in range(0, width - columns + 1, stride)
        for channel in range(channels)
    ]
    expected = [
        frames[f, r : r + rows, c : c + columns, ch].ravel().tolist() for f, r, c, ch in places
    ]
    taps = rows * columns
    words = (frames.ravel() & 0xFF).tolist()
    stimulus = Stimulus(words, 8, 8 * taps, len(places))
    parameters = dict(zip(names, case, strict=True))
    program = bench.compiled(tmp_path, "window", stimulus, parameters)
    for traffic in TRAFFICS:
        log = bench.run(program, stimulus, traffic)
        assert [bench.unpack(word, 8, taps) for word in log.words] == expected
    # without hindrance a word goes in each cycle, and a window leaves with its last word
    log = bench.run(program, stimulus, FLOWING)
    assert log.given[: len(words)].sum() == len(log.given[: len(words)])
    shape = (2, height, width, channels)
    last = [
        int(np.ravel_multi_index((f, r + rows - 1, c + columns - 1, ch), shape))
        for f, r, c, ch in places
    ]
    np.testing.assert_array_equal(np.flatnonzero(log.taken), last)
