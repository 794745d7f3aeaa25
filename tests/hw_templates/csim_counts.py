"""What C simulation of an emitted project counts: cycles that a further frame takes."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest


def make(folder: Path) -> subprocess.CompletedProcess[str]:
    """``make csim``."""
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is not installed: emitted projects are not compiled")
    command = ["make", "-s", "csim"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def layer_cycles(project: Path, scratch: Path, frames: int) -> dict[str, float]:
    """Layer (as it is called in C++) -> cycles per frame of its busiest process: what it takes for
    ``frames`` more than for one, so without the filling.

    Args:
        project: made with ``make csim``.
        scratch: a folder for what is needed.
        frames: of the project's test data, at least 2.
    """
    few, many = (_iterations(project, scratch / str(count), count) for count in (1, frames))
    cycles: dict[str, float] = {}
    for (layer, process), iterations in many.items():
        more = (iterations - few[layer, process]) / (frames - 1)
        cycles[layer] = max(cycles.get(layer, 0), more)
    return cycles


def _iterations(project: Path, folder: Path, frames: int) -> dict[tuple[str, str], int]:
    """(layer, process) -> iterations for the first frames, all words as expected."""
    folder.mkdir(parents=True)
    for name in ("input.dat", "expected.dat"):
        lines = (project / "tb/data" / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(lines[:frames]))
    counts = folder / "cycles.csv"
    subprocess.run([project / "build/csim", folder, counts], check=True, capture_output=True)
    with counts.open() as file:
        return {
            (row["layer"], f"{row['number']} {row['process']}"): int(row["iterations"])
            for row in csv.DictReader(file)
        }
