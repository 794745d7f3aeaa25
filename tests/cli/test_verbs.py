"""import, profile, fold, estimate: JSON keys, files, and that stdout holds only the data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from onnx_models import ModelMaker

from hass.cli import main
from hass.cost import EngineKind
from hass.design_file import read_design
from hass.onnx_io import read_model
from hass.text import graph_from_json
from hass.user_files import smallest_foldings

SUMMARY_KEYS = {
    "frame_ii_cycles",
    "throughput_fps",
    "latency_us",
    "depth_cycles",
    "resources",
    "utilisation",
    "bottleneck",
    "active_macs_per_frame",
    "multiplier_bound_share",
}
RESOURCES = {"lut", "ff", "dsp", "bram18", "uram"}


def run(*argv: object) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in argv])
    if result.exit_code:
        raise AssertionError(f"exit {result.exit_code}: {result.output}") from result.exception
    return result


def run_json(*argv: object) -> dict[str, object]:
    printed = json.loads(run(*argv, "--json").stdout)
    assert isinstance(printed, dict)
    return printed


@pytest.fixture(scope="module")
def settings_file(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    names = [layer.name for layer in read_model(tiny_model).graph.convs]
    path.write_text(json.dumps({names[1]: {"weight_sparsity": 0.5, "act_threshold": 0.25}}))
    return path


def test_profile_of_a_family_of_clips(tiny_model: Path, tiny_data: Path, tmp_path: Path) -> None:
    names = [layer.name for layer in read_model(tiny_model).graph.convs]
    asked = {name: {"weight_sparsity": 0.5, "weight_family": "n:4"} for name in names}
    (tmp_path / "clips.json").write_text(json.dumps(asked))
    clips = ("--settings", tmp_path / "clips.json")
    layers = run_json("profile", tiny_model, "--data", tiny_data, *clips)["layers"]
    assert isinstance(layers, dict)
    # the first layer has 2 channels, of which n = 2 are kept
    assert [layer["weight_density"] for layer in layers.values()] == [1.0, 0.5, 0.5]
    assert "n:4" in run("profile", tiny_model, "--data", tiny_data, *clips).stdout


@pytest.fixture(scope="module")
def profile_file(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_model: Path,
    tiny_data: Path,
    settings_file: Path,
) -> Path:
    path = tmp_path_factory.mktemp("profile") / "profile.json"
    run("profile", tiny_model, "--data", tiny_data, "--settings", settings_file, "-o", path)
    return path


def test_prune_writes_a_narrower_network(tiny_model: Path, tmp_path: Path) -> None:
    narrower = tmp_path / "narrower.onnx"
    printed = run_json("prune", tiny_model, "--share", "0.5", "-o", narrower)
    # conv1 and conv2 are added, so 2 of 4 channels are left of both
    assert printed["kept_macs_per_frame"] == 30 * 2 * 9 * 2 + 30 * 2 * 9 * 2 + 6
    convs = read_model(narrower).graph.convs
    assert [layer.out.channels for layer in convs] == [2, 2, 3]
    assert run("prune", tiny_model, "--share", "0").stdout.count("100.0 %") == 4
    refused = CliRunner().invoke(main, ["prune", str(tiny_model)])
    assert refused.exit_code == 2 and "--share" in refused.output


def test_import_json(tiny_model: Path, tmp_path: Path) -> None:
    printed = run_json("import", tiny_model, "-o", tmp_path / "graph.json")
    layers = printed["layers"]
    assert isinstance(layers, list)
    convs = [layer for layer in layers if layer["op"] == "Conv2d"]
    assert [conv["kernel"] for conv in convs] == [[3, 3], [3, 3], [1, 1]]
    assert convs[0]["in"] == [[6, 5, 2]]
    assert convs[0]["out"] == [6, 5, 4]
    assert convs[0]["macs_per_frame"] == 30 * 2 * 9 * 4
    assert printed["parameters"] == (2 * 9 * 4 + 4) + (4 * 9 * 4 + 4) + (4 * 3 + 3)
    assert printed["macs_per_frame"] == 30 * 2 * 9 * 4 + 30 * 4 * 9 * 4 + 12
    error = printed["max_relative_error"]
    assert isinstance(error, float)
    assert error <= 1e-4
    written = graph_from_json((tmp_path / "graph.json").read_text())
    assert written == read_model(tiny_model).graph


def test_import_table(tiny_model: Path) -> None:
    result = run("import", tiny_model)
    assert "6x5x2" in result.stdout
    assert "proved" in result.stderr
    assert "not proved" in run("import", tiny_model, "--no-prove").stderr


def test_import_says_what_is_left_to_the_host(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 3))
    maker.node("Softmax", maker.node("GlobalAveragePool", maker.conv("x", 2, 4)), axis=1)
    path = maker.save(tmp_path)
    said = run("import", path)
    assert "the last Softmax is left to the host" in said.stderr
    assert "proved" in said.stderr
    assert run_json("import", path)["head"] == "Softmax"


def test_profile_json(tiny_model: Path, tiny_data: Path) -> None:
    printed = run_json("profile", tiny_model, "--data", tiny_data, "--images", 5)
    layers = printed["layers"]
    assert isinstance(layers, dict)
    assert len(layers) == 3
    for layer in layers.values():
        assert {"weight_density", "act_density", "pair_density"} <= set(layer)
        assert layer["weight_density"] == 1.0
    accuracy = printed["accuracy"]
    assert isinstance(accuracy, dict)
    assert accuracy["images"] == 5
    assert accuracy["top1"] == accuracy["correct"] / 5


def test_profile_obeys_settings(tiny_model: Path, tiny_data: Path, settings_file: Path) -> None:
    (name,) = json.loads(settings_file.read_text())
    printed = run_json("profile", tiny_model, "--data", tiny_data, "--settings", settings_file)
    layers = printed["layers"]
    assert isinstance(layers, dict)
    assert layers[name]["weight_density"] == 0.5
    table = run("profile", tiny_model, "--data", tiny_data, "--settings", settings_file).stdout
    assert "50.0 %" in table
    assert "accuracy on calibration images" in table


def test_fold_and_estimate_again(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    folded = run_json("fold", tiny_model, "--device", "pynq-z2", "-o", path)
    assert {*SUMMARY_KEYS, "solver", "proved_bound_cycles", "gap"} <= set(folded)
    for key in ("resources", "utilisation"):
        amounts = folded[key]
        assert isinstance(amounts, dict)
        assert set(amounts) == RESOURCES
    assert folded["fits"] is True
    assert read_design(path).plan.solver == "exact"
    again = run_json("estimate", path)
    assert again["equals_stored"] is True
    assert {key: again[key] for key in SUMMARY_KEYS} == {key: folded[key] for key in SUMMARY_KEYS}
    assert "equal to the estimate stored" in run("estimate", path).stderr


def test_fold_greedy_dense_at_a_clock(tiny_model: Path) -> None:
    options = ["--solver", "greedy", "--engines", "dense", "--clock-mhz", "50"]
    folded = run_json("fold", tiny_model, "--device", "zcu104", *options)
    assert folded["solver"] == "greedy"
    assert folded["clock_mhz"] == 50
    frame_ii, fps = folded["frame_ii_cycles"], folded["throughput_fps"]
    assert isinstance(frame_ii, int)
    assert fps == 50e6 / frame_ii


def test_fold_table(tiny_model: Path) -> None:
    result = run("fold", tiny_model, "--device", "zcu104")
    assert "no folding that fits is faster" in result.stdout
    assert "utilisation" in result.stdout


def test_a_design_from_a_profile(tiny_model: Path, profile_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    run("fold", tiny_model, "--device", "pynq-z2", "--profile", profile_file, "-o", path)
    design = read_design(path)
    assert len(design.densities) == 3
    assert design.settings
    assert design.accuracy is not None
    assert design.accuracy.calibration is not None
    again = run_json("estimate", path, "--profile", profile_file)
    assert again["equals_stored"] is True
    stored = run_json("estimate", path)
    assert stored["equals_stored"] is None
    assert stored["frame_ii_cycles"] == again["frame_ii_cycles"]


def test_a_stored_estimate_that_differs_is_told(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    run("fold", tiny_model, "--device", "pynq-z2", "-o", path)
    content = json.loads(path.read_text())
    content["depth_cycles"] += 1
    path.write_text(json.dumps(content))
    result = run("estimate", path, "--json")
    assert json.loads(result.stdout)["equals_stored"] is False
    assert "differs from the stored estimate" in result.stderr


def test_a_design_on_another_device(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    run("fold", tiny_model, "--device", "pynq-z2", "-o", path)
    moved = run_json("estimate", path, "--device", "u250")
    assert moved["device"] == "u250"
    assert moved["clock_mhz"] == 250
    assert moved["equals_stored"] is None


def test_estimate_of_hand_made_foldings(tiny_model: Path, tmp_path: Path) -> None:
    graph = read_model(tiny_model).graph
    smallest = run_json("estimate", tiny_model, "--device", "zcu104")
    bottleneck = smallest["bottleneck"]
    assert isinstance(bottleneck, str)
    assert smallest_foldings(graph)[bottleneck].engine is EngineKind.DENSE
    foldings = {bottleneck: {"engine": "dense", "weight_memory": "bram", "coarse_out": 4}}
    path = tmp_path / "foldings.json"
    path.write_text(json.dumps(foldings))
    wider = run_json("estimate", tiny_model, "--device", "zcu104", "--foldings", path)
    before, after = smallest["frame_ii_cycles"], wider["frame_ii_cycles"]
    assert isinstance(before, int)
    assert isinstance(after, int)
    assert after < before


def test_foldings_of_a_design_are_accepted(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "design.json"
    folded = run_json("fold", tiny_model, "--device", "zcu104", "-o", path)
    again = run_json("estimate", tiny_model, "--device", "zcu104", "--foldings", path)
    assert again["frame_ii_cycles"] == folded["frame_ii_cycles"]
    assert again["resources"] == folded["resources"]


def test_settings_of_a_design_are_accepted(
    tiny_model: Path, tiny_data: Path, profile_file: Path, settings_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "design.json"
    run("fold", tiny_model, "--device", "pynq-z2", "--profile", profile_file, "-o", path)
    of_design = run_json("profile", tiny_model, "--data", tiny_data, "--settings", path)
    by_hand = run_json("profile", tiny_model, "--data", tiny_data, "--settings", settings_file)
    assert of_design == by_hand


def test_a_profile_of_other_clips_is_told(
    tiny_model: Path, tiny_data: Path, profile_file: Path, tmp_path: Path
) -> None:
    design, unclipped = tmp_path / "design.json", tmp_path / "profile.json"
    run("fold", tiny_model, "--device", "pynq-z2", "--profile", profile_file, "-o", design)
    run("profile", tiny_model, "--data", tiny_data, "-o", unclipped)
    result = run("estimate", design, "--profile", unclipped, "--json")
    assert "other clips" in result.stderr
    assert json.loads(result.stdout)["equals_stored"] is None


def test_fewer_images_than_asked_is_told(tiny_model: Path, tiny_data: Path) -> None:
    result = run("profile", tiny_model, "--data", tiny_data, "--images", 1000)
    assert "fewer than 1000" in result.stderr
