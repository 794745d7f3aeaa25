"""Trained networks, searched and emitted: the C++ computes what the design states, bit for bit.

The bundled network always; the others need HASS_DATA_DIR. One frame of MobileNetV3-Small, which
has squeeze-and-excitation and is only folded: its search takes minutes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner
from real_data import few_of

from hass.cli import main

FRAMES, PROFILED = 100, 16
COUNTS = {"calibration": PROFILED, "selection": FRAMES, "test": PROFILED}
BUNDLED = Path(__file__).parents[2] / "models" / "digits"
FLAGS = "-std=c++17 -Wall -Wextra -Werror"


@dataclass(frozen=True, slots=True)
class Counts:
    """What an emitted testbench says."""

    frames: int
    mismatches: int
    correct: int


def verb(*argv: object) -> str:
    """stdout of a verb that must succeed."""
    done = CliRunner().invoke(main, [str(word) for word in argv])
    assert done.exit_code == 0, done.output
    return done.stdout


def real(path: str) -> Path:
    """A file of the real networks and images."""
    folder = os.environ.get("HASS_DATA_DIR")
    if folder is None:
        pytest.skip("HASS_DATA_DIR is not set: no real networks here")
    return Path(folder) / path


def run_emitted(folder: Path, optimise: str = "-O2") -> Counts:
    """Compile a project, with every warning an error, and run it."""
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is not installed: emitted projects are not compiled")
    done = subprocess.run(
        ["make", "-s", "csim", f"CXXFLAGS={optimise} {FLAGS}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(
        r"frames compared: (\d+)\nmismatches: (\d+)\ntop-1: (\d+) of (\d+)", done.stdout
    )
    assert found is not None, done.stdout
    frames, mismatches, correct, labelled = map(int, found.groups())
    assert frames == labelled
    return Counts(frames, mismatches, correct)


def check_searched(model: Path, data: Path, device: str, folder: Path, *options: str) -> None:
    """Search briefly, emit what was searched, and hold its C++ to what the design states."""
    out, hardware = folder / "out", folder / "hw"
    limits = ("--trials", 3, "--selection-images", FRAMES, "--profile-images", PROFILED)
    verb("search", model, "--data", data, "--device", device, *limits, *options, "-o", out)
    best = json.loads((out / "best.json").read_text())
    stated = best["integer_accuracy"]["selection"]
    assert stated["images"] == FRAMES
    # of a network that works: nothing is right by chance
    assert stated["correct"] > 2 * FRAMES // 3
    chosen = ("--split", "selection", "--frames", FRAMES)
    printed = verb("emit", out / "best.json", *chosen, "-o", hardware)
    assert f"({stated['correct']} of its first {FRAMES} images)" in printed
    assert run_emitted(hardware) == Counts(FRAMES, 0, stated["correct"])


@pytest.mark.slow
@pytest.mark.parametrize("bits", ["16", "8"])
def test_the_bundled_network(bits: str, tmp_path: Path) -> None:
    check_searched(BUNDLED / "digits.onnx", BUNDLED, "zcu104", tmp_path, "--bits", bits)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data"),
    [
        ("cifar10/resnet20_jpeg.onnx", "cifar10/dataset.toml"),
        ("cifar10/resnet8.onnx", "cifar10/raw.toml"),
        ("cifar10/mlperftiny_resnet.onnx", "cifar10/raw.toml"),
        ("kws/dscnn.onnx", "kws/dataset.toml"),
    ],
)
def test_real_networks(model: str, data: str, tmp_path: Path) -> None:
    check_searched(real(model), few_of(real(data), tmp_path, COUNTS), "zcu104", tmp_path)


@pytest.mark.slow
def test_squeeze_and_excitation(tmp_path: Path) -> None:
    model, data = real("imagenet/mobilenetv3_small.onnx"), real("imagenet/tf128.toml")
    profile, design, folder = tmp_path / "profile.json", tmp_path / "d.json", tmp_path / "hw"
    verb("profile", model, "--data", data, "--images", 4, "-o", profile)
    quickly = ("--engines", "dense", "--solver", "greedy")
    verb("fold", model, "--device", "u250", "--profile", profile, *quickly, "-o", design)
    verb("emit", design, "--data", data, "--frames", 1, "-o", folder)
    assert run_emitted(folder, "-O1").mismatches == 0  # one frame: compiling is most of the time
