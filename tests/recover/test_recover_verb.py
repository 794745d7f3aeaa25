"""``hass recover``, run as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from hass.cli import main
from hass.design_file import load_design_model, read_design
from hass.measure import Split, measure_accuracy, open_dataset
from hass.onnx_io import read_model, write_model
from hass.ops import Input
from hass.prune import pruned_weights
from hass.sparsity import act_thresholds_of

NO_TORCH = "import sys; sys.modules['torch'] = None; from hass.cli import main; main()"
FILES = {"design.json", "recovered.json", "recovered.onnx"}


@pytest.fixture(scope="module")
def with_torch() -> None:
    """Skips what trains."""
    pytest.importorskip("torch", reason="torch trains networks: make test installs it")


def _hass(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in arguments])


@pytest.fixture(scope="module")
def clipped_design(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_data: Path
) -> Path:
    """A design of the tiny network with clips in every layer."""
    folder = tmp_path_factory.mktemp("clipped")
    settings, profile, design = (folder / f"{x}.json" for x in ("settings", "profile", "design"))
    clip = {"weight_sparsity": 0.4, "act_threshold": 0.2}
    names = [layer.name for layer in read_model(tiny_model).graph.convs]
    settings.write_text(json.dumps(dict.fromkeys(names, clip)))
    measured = ("--settings", settings, "--images", 4, "-o", profile)
    folded = ("--device", "zcu104", "--profile", profile, "--data", tiny_data, "-o", design)
    for step in (
        ("profile", tiny_model, "--data", tiny_data, *measured),
        ("fold", tiny_model, *folded),
    ):
        done = _hass(*step)
        assert done.exit_code == 0, done.output
    return design


def test_without_torch_one_error_says_what_to_install(tmp_path: Path, design_file: Path) -> None:
    arguments = ["recover", str(design_file), "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == (
        "error: hass recover: got \"no module 'torch'\", expected torch: pip install "
        "'.[torch]' in hass's folder\n"
    )
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, clipped_design: Path, with_torch: None
) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("recovered") / "out"
    done = _hass("recover", clipped_design, "--steps", 3, "-o", folder)
    assert done.exit_code == 0, done.output
    return folder, done.stdout


def test_the_folder_holds_the_network_its_design_and_the_record(folder: tuple[Path, str]) -> None:
    assert {path.name for path in folder[0].iterdir()} == FILES


def test_the_weights_keep_their_zeros(folder: tuple[Path, str], clipped_design: Path) -> None:
    before, after = read_design(clipped_design), read_design(folder[0] / "design.json")
    dense = load_design_model(before, clipped_design)
    trained = load_design_model(after, folder[0] / "design.json")
    assert trained.graph.digest == dense.graph.digest
    assert after.settings == before.settings
    pruned = pruned_weights(dense.weights, before.settings)
    for name, array in pruned.items():
        assert np.array_equal(array == 0, trained.weights[name] == 0), name
    assert trained.weights.digest != pruned.digest
    again = pruned_weights(trained.weights, after.settings)
    assert again.digest == trained.weights.digest


def test_the_design_states_what_the_network_does(folder: tuple[Path, str], tiny_data: Path) -> None:
    design = read_design(folder[0] / "design.json")
    model = load_design_model(design, folder[0] / "design.json")
    dataset = open_dataset(tiny_data, model.graph.of_type(Input)[0].out)
    content = write_model(
        model.graph, model.weights, act_thresholds=act_thresholds_of(design.settings)
    )
    assert design.accuracy is not None
    assert design.integer_accuracy is not None
    for split in (Split.SELECTION, Split.TEST):
        stated = getattr(design.accuracy, split.value)
        assert stated == measure_accuracy(content, dataset, split)
        assert getattr(design.integer_accuracy, split.value) is not None
    assert design.accuracy.calibration is not None
    assert design.accuracy.calibration.images == 4
    assert design.provenance.strategy == "recovered"
    assert "torch" in design.provenance.packages


def test_the_record_sets_before_and_after_apart(
    folder: tuple[Path, str], clipped_design: Path
) -> None:
    record = json.loads((folder[0] / "recovered.json").read_text())
    design = json.loads((folder[0] / "design.json").read_text())
    given = json.loads(clipped_design.read_text())
    assert record["before"]["throughput_fps"] == given["throughput_fps"]
    assert record["before"]["accuracy"]["selection"] == given["accuracy"]["selection"]
    assert record["before"]["accuracy"]["test"]["images"] == 16
    assert record["after"]["accuracy"] == design["accuracy"]
    assert record["after"]["throughput_fps"] == design["throughput_fps"]
    training = record["training"]
    assert len(training["losses"]) == 4
    nats = [loss["nats"] for loss in training["losses"]]
    assert training["best_step"] == int(np.argmin(nats))
    assert (training["held_out_images"], training["trained_images"]) == (4, 4)


def test_the_table_has_a_column_for_each(folder: tuple[Path, str]) -> None:
    heading, _, *rows = folder[1].splitlines()
    assert heading.split() == ["dense", "before", "recovered"]
    assert [row for row in rows if row.startswith("accuracy, test split (16 images)")]
    assert [row for row in rows if row.startswith("throughput, fps")]


def test_the_same_command_gives_the_same_bytes(
    folder: tuple[Path, str], clipped_design: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    done = _hass("recover", clipped_design, "--steps", 3, "-o", again, "--json")
    assert done.exit_code == 0, done.output
    assert done.stdout == (folder[0] / "recovered.json").read_text()
    for name in FILES:
        assert (again / name).read_bytes() == (folder[0] / name).read_bytes()


def test_it_is_emitted_from_wherever_the_folder_is(
    folder: tuple[Path, str], tmp_path: Path
) -> None:
    moved = shutil.copytree(folder[0], tmp_path / "moved")
    done = _hass("emit", moved / "design.json", "-o", tmp_path / "hls", "--frames", 2)
    assert done.exit_code == 0, done.output
    assert "the design states" in done.stdout


def test_a_folder_that_is_taken_is_refused_first(
    folder: tuple[Path, str], clipped_design: Path
) -> None:
    done = _hass("recover", clipped_design, "-o", folder[0])
    assert done.exit_code == 6
    assert "--force replaces what was written there" in done.stderr


def test_a_design_without_clips(
    with_torch: None, design_file: Path, tiny_data: Path, tmp_path: Path
) -> None:
    done = _hass("recover", design_file, "--data", tiny_data, "-o", tmp_path / "out")
    assert done.exit_code == 4
    assert "clips nothing, so there is nothing to recover" in done.stderr
    assert not (tmp_path / "out").exists()


def test_other_data(
    with_torch: None, clipped_design: Path, tiny_data: Path, tmp_path: Path
) -> None:
    with np.load(tiny_data) as arrays:
        np.savez(tmp_path / "other.npz", images=arrays["images"] + 1, labels=arrays["labels"])
    other = tmp_path / "other.npz"
    done = _hass("recover", clipped_design, "--data", other, "-o", tmp_path / "out")
    assert done.exit_code == 2
    assert "expected the images, and the splits, that the design was measured on" in done.stderr


def test_ctrl_c_writes_the_best_so_far(
    with_torch: None, clipped_design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hass.cli import recover

    def interrupt(self: object, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(recover._Lines, "stepped", interrupt)
    done = _hass("recover", clipped_design, "--steps", 3, "-o", tmp_path / "out")
    assert done.exit_code == 130
    assert "interrupted: of 3 steps 1 are judged; the weights after step " in done.stderr
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES
    record = json.loads((tmp_path / "out" / "recovered.json").read_text())
    assert record["training"]["interrupted"]
    assert len(record["training"]["losses"]) == 2


def test_ctrl_c_in_a_measurement_writes_nothing(
    with_torch: None, clipped_design: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hass.cli import recover

    def interrupt(self: object, what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recover._Lines, "measuring", interrupt)
    done = _hass("recover", clipped_design, "--steps", 1, "-o", tmp_path / "out")
    assert done.exit_code == 130
    assert not (tmp_path / "out").exists()
