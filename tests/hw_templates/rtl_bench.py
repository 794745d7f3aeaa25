"""Runs a block of hw_templates/rtl in iverilog on given streams and reads back every cycle."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

RTL = Path(__file__).parents[2] / "hw_templates" / "rtl"
ACC_BITS = 32
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

needs_iverilog = pytest.mark.skipif(
    shutil.which("iverilog") is None,
    reason="iverilog is not installed: the RTL is NOT simulated (apt-get install iverilog)",
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """When the bench offers and accepts words: probabilities per cycle, and a seed."""

    offer: float = 1.0
    accept: float = 1.0
    seed: int = 0

    def bits(self, cycles: int) -> tuple[BoolArray, BoolArray]:
        """(cycles,) offers and (cycles,) accepts."""
        rng = np.random.default_rng(self.seed)
        return rng.random(cycles) < self.offer, rng.random(cycles) < self.accept


FLOWING = Traffic()
TRAFFICS = (FLOWING, Traffic(0.4, 1.0, 1), Traffic(1.0, 0.35, 2), Traffic(0.6, 0.6, 3))


@dataclass(frozen=True, slots=True, eq=False)
class Stimulus:
    """What goes into a block, as integers that hold whole words."""

    words: Sequence[int]
    in_bits: int
    out_bits: int
    out_words: int
    side: Sequence[int] = (0,)
    side_bits: int = 1
    carry: Sequence[int] = (0,)


@dataclass(frozen=True, slots=True, eq=False)
class Log:
    """Every cycle of a run, (cycles,) each, and the words that came out.

    Attributes:
        offered: a word was offered. given: it was taken.
        stalled: a result was offered and not accepted. taken: it was accepted.
        words: the words that were accepted, as text of hexadecimal digits.
    """

    offered: BoolArray
    given: BoolArray
    stalled: BoolArray
    taken: BoolArray
    words: tuple[str, ...]

    def raised(self) -> IntArray:
        """Cycles in which each input word was first offered."""
        fresh = np.concatenate([[True], self.given[:-1] | ~self.offered[:-1]])
        return np.flatnonzero(self.offered & fresh)

    def moving(self) -> IntArray:
        """Cycles that the block did not stand still, before each cycle."""
        return np.concatenate([[0], np.cumsum(~self.stalled)[:-1]])


def pack(values: Sequence[int], bits: int) -> int:
    """Values, two's complement, as one word; the first lies lowest."""
    word = 0
    for value in reversed(values):
        word = (word << bits) | (int(value) & ((1 << bits) - 1))
    return word


def unpack(text: str, bits: int, count: int) -> list[int]:
    """The ``count`` signed values of a word of hexadecimal digits; ValueError on x and z."""
    word, values = int(text, 16), []
    for index in range(count):
        value = (word >> (bits * index)) & ((1 << bits) - 1)
        values.append(value - (1 << bits) if value >> (bits - 1) else value)
    return values


def _write(path: Path, words: Sequence[int]) -> None:
    path.write_text("".join(f"{word:x}\n" for word in words), encoding="ascii")


def compiled(
    folder: Path,
    block: str,
    stimulus: Stimulus,
    parameters: Mapping[str, int],
    netlist: Sequence[Path] = (),
) -> Path:
    """The bench with one block, compiled, and the files of its streams; runs with ``run``.

    Args:
        netlist: sources that take the block's place, of which no warnings are wanted.
    """
    _write(folder / "in.hex", stimulus.words)
    _write(folder / "side.hex", stimulus.side)
    _write(folder / "carry.hex", stimulus.carry)
    given = {
        "IN_BITS": stimulus.in_bits,
        "OUT_BITS": stimulus.out_bits,
        "SIDE_BITS": stimulus.side_bits,
        "IN_WORDS": len(stimulus.words),
        "OUT_WORDS": stimulus.out_words,
        "SIDE_WORDS": len(stimulus.side),
        "CARRY_WORDS": len(stimulus.carry),
        "CYCLES": _cycles(stimulus),
        **parameters,
    }
    settings = [f"-Pstream_bench.{name}={value}" for name, value in given.items()]
    program = folder / "bench.vvp"
    done = subprocess.run(
        [
            *("iverilog", "-g2012", "-y", str(RTL), "-Y", ".sv", "-s", "stream_bench"),
            *(("-Wall",) if not netlist else ()),
            *(f'-Pstream_bench.BLOCK="{block}"', *settings, "-o", str(program)),
            *(str(path) for path in (*netlist, RTL / "bench" / "stream_bench.sv")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    unexpected = [line for line in done.stderr.splitlines() if "timescale" not in line]
    assert netlist or not unexpected, "\n".join(unexpected)
    return program


def _cycles(stimulus: Stimulus) -> int:
    """Enough for the slowest traffic here; a block that hangs ends the run there."""
    return 400 + 12 * max(len(stimulus.words), len(stimulus.side)) + 4 * stimulus.out_words


def run(program: Path, stimulus: Stimulus, traffic: Traffic) -> Log:
    """One run; fails where words are missing at the end."""
    offers, accepts = traffic.bits(_cycles(stimulus))
    _write(program.parent / "offer.hex", offers.astype(int).tolist())
    _write(program.parent / "accept.hex", accepts.astype(int).tolist())
    done = subprocess.run(
        ["vvp", "-N", str(program), f"+dir={program.parent}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.count(" ") == 4]
    bits = np.array([[field == "1" for field in row[:4]] for row in rows], dtype=np.bool_)
    assert {field for row in rows for field in row[:4]} <= {"0", "1"}, "x or z in the handshake"
    in_valid, in_ready, out_valid, out_ready = bits.T
    taken = out_valid & out_ready
    words = tuple(rows[cycle][4] for cycle in np.flatnonzero(taken))
    assert len(words) == stimulus.out_words, f"{len(words)} of {stimulus.out_words} words came out"
    return Log(in_valid, in_valid & in_ready, out_valid & ~out_ready, taken, words)
