"""``hass emit``: from files to a folder whose testbench passes."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import onnx
import pytest
from click.testing import CliRunner, Result
from tiny_network import write_tiny_model

from hass.cli import main


def run(*argv: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in argv])


def write_other(folder: Path) -> Path:
    """``tiny_model``, trained otherwise."""
    model = onnx.load(write_tiny_model(folder / "other.onnx"))
    weight = model.graph.initializer[0]
    weight.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(weight) * 2, "w1"))
    onnx.save(model, folder / "other.onnx")
    return folder / "other.onnx"


def test_emitted_with_real_data(design_file: Path, tiny_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hw"
    done = run("emit", design_file, "-o", folder, "--data", tiny_data, "--frames", 5, "--json")
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert printed["frames"] == 5
    assert printed["files"] == sum(path.is_file() for path in folder.rglob("*"))
    assert (folder / "tb/data/labels.dat").is_file()
    assert json.loads((folder / "design.json").read_text()) == json.loads(design_file.read_text())
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is not installed: the emitted project is not compiled")
    made = subprocess.run(
        ["make", "-s", "csim"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert f"top-1: {round(printed['top1'] * 5)} of 5" in made.stdout


@pytest.mark.parametrize("bits", [16, 8])
def test_the_emitted_hardware_has_the_accuracy_that_the_design_states(
    bits: int, tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    profile, file, folder = tmp_path / "p.json", tmp_path / "d.json", tmp_path / "hw"
    measured = run("profile", tiny_model, "--data", tiny_data, "--images", 4, "-o", profile)
    assert measured.exit_code == 0, measured.output
    fold = ("fold", tiny_model, "--device", "zcu104", "--profile", profile, "-o", file)
    done = run(*fold, "--data", tiny_data, "--bits", bits)
    assert done.exit_code == 0, done.output
    design = json.loads(file.read_text())
    assert design["arithmetic"]["act_bits"] == bits
    assert f"in {bits}-bit integers" in done.stdout
    stated = design["integer_accuracy"]["selection"]
    assert design["integer_accuracy"]["calibration"]["images"] == 4
    assert design["accuracy"]["selection"]["images"] == stated["images"]
    options = ("-o", folder, "--split", "selection", "--frames", stated["images"])
    assert run("emit", file, *options).exit_code == 0
    share = f"({stated['correct']} of its first {stated['images']} images)"
    assert share in " ".join((folder / "README.md").read_text().split())
    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is not installed: the emitted project is not compiled")
    made = subprocess.run(
        ["make", "-s", "csim"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert f"top-1: {stated['correct']} of {stated['images']}" in made.stdout


def test_accuracy_is_measured_on_the_profiles_data_only(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    fold = ("fold", tiny_model, "--device", "zcu104", "--data", tiny_data)
    done = run(*fold)
    assert done.exit_code == 2 and "--profile" in done.stderr
    profile = tmp_path / "p.json"
    seeded = ("--images", 4, "--seed", 5, "-o", profile)  # other splits of the same images
    assert run("profile", tiny_model, "--data", tiny_data, *seeded).exit_code == 0
    done = run(*fold, "--profile", profile)
    assert done.exit_code == 2 and "that the profile was measured on" in done.stderr


def test_without_data_the_frames_are_random_and_said_to_be(
    design_file: Path, tmp_path: Path
) -> None:
    done = run("emit", design_file, "-o", tmp_path / "hw")
    assert done.exit_code == 0, done.output
    assert "random frames" in done.stderr
    assert "random numbers (seed 0)" in (tmp_path / "hw/README.md").read_text()


def test_refusals_have_their_exit_codes(
    design_file: Path, tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    assert run("emit", design_file, "-o", taken).exit_code == 6
    assert run("emit", design_file, "-o", taken, "--force").exit_code == 0
    assert (taken / "mine.txt").read_text() == "mine"
    assert run("emit", tmp_path / "none.json", "-o", tmp_path / "a").exit_code == 2
    other = run("emit", design_file, "-o", tmp_path / "c", "--model", write_other(tmp_path))
    assert other.exit_code == 2
    assert "other.onnx: got weights" in other.stderr
    bare = tmp_path / "bare.json"
    done = run("fold", tiny_model, "--device", "zcu104", "-o", bare)
    assert done.exit_code == 0, done.output
    done = run("emit", bare, "-o", tmp_path / "b", "--data", tiny_data)
    assert done.exit_code == 4
    assert "--profile" in done.stderr
    assert not (tmp_path / "b").exists()
