"""``hass fold`` of a network in parts, run as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import hass
from hass.cli import main
from hass.cuts import WHOLE, Part

# holds the network only in parts
DEVICE = """
schema_version = 1
part = "speck"
family = "7-series"
clock_mhz = 100.0
off_chip_gbytes_per_s = 2.0
off_chip_gbytes = 0.5
reconfiguration_ms = 0.5
link_gbytes_per_s = 0.1

[available]
lut = 1_100
ff = 5_000
dsp = 10
bram18 = 6
uram = 0

[budget]
lut = 1.0
ff = 1.0
dsp = 1.0
bram18 = 1.0
uram = 1.0

[sources]
available = "made up"
budget = "made up"
clock_mhz = "made up"
off_chip_gbytes_per_s = "made up"
off_chip_gbytes = "made up"
reconfiguration_ms = "made up"
link_gbytes_per_s = "made up"
"""


@pytest.fixture
def speck(tmp_path: Path) -> Path:
    path = tmp_path / "speck.toml"
    path.write_text(DEVICE, encoding="utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def in_time(model: Path, device: Path, *more: object) -> Result:
    return run("fold", model, "--device", device, "--partitions", "auto", "--batch", 64, *more)


def test_partitions_become_designs_that_stand_alone(
    tiny_model: Path, speck: Path, tmp_path: Path
) -> None:
    whole = run("fold", tiny_model, "--device", speck)
    assert whole.exit_code == 3
    assert "levers: partitions: each of the" in whole.stderr
    folder = tmp_path / "parts"
    result = in_time(tiny_model, speck, "-o", folder)
    assert result.exit_code == 0, result.stderr
    assert "Parts one after the other" in result.stdout
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["kind"] == "partitions in time"
    assert plan["batch"] == 64
    assert len(plan["parts"]) >= 2
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["plan.json", *(part["design"] for part in plan["parts"])]
    )
    assert plan["throughput_fps"] == pytest.approx(64 / plan["batch_seconds"])
    seconds = 0.0
    for before, part in zip([None, *plan["parts"]], plan["parts"], strict=False):
        assert part["after"] == (None if before is None else before["until"])
        path = folder / part["design"]
        design = hass.read_design(path)
        assert design.model.part == Part(part["after"], part["until"])
        model = hass.load_design_model(design, path)
        assert model.graph.digest == design.model.graph_digest
        cycles = part["latency_cycles"] + 63 * part["frame_ii_cycles"]
        seconds += plan["reload_seconds"] + cycles / 100e6
        again = run("estimate", path, "--json")
        assert json.loads(again.stdout)["equals_stored"] is True
        simulated = json.loads(run("sim", path, "--json").stdout)
        assert simulated["simulated_frame_ii_cycles"] == part["frame_ii_cycles"]
    assert plan["parts"][-1]["until"] is None
    assert seconds == pytest.approx(plan["batch_seconds"])
    designs = [folder / part["design"] for part in plan["parts"]]
    assert run("compare", *designs).exit_code == 0


def test_json_says_what_the_file_says(tiny_model: Path, speck: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    result = in_time(tiny_model, speck, "-o", folder, "--json")
    assert json.loads(result.stdout) == json.loads((folder / "plan.json").read_text())
    assert "wrote" in result.stderr
    alone = in_time(tiny_model, speck, "--json")
    assert alone.stdout == result.stdout


def test_a_chain(tiny_model: Path, speck: Path, tmp_path: Path) -> None:
    folder = tmp_path / "chain"
    devices = ["--device", speck, "--device", speck, "--device", "zcu104"]
    result = run("fold", tiny_model, *devices, "-o", folder, "--json")
    assert result.exit_code == 0, result.stderr
    plan = json.loads(result.stdout)
    assert plan["kind"] == "chain of devices"
    assert len(plan["link_seconds"]) == len(plan["parts"]) - 1
    assert [part["device"] for part in plan["parts"]] == ["speck", "speck", "zcu104"][
        : len(plan["parts"])
    ]
    slowest = max([part["frame_seconds"] for part in plan["parts"]] + plan["link_seconds"])
    assert plan["frame_seconds"] == pytest.approx(slowest)
    table = run("fold", tiny_model, *devices)
    assert "Parts side by side" in table.stdout
    for part in plan["parts"]:
        assert hass.read_design(folder / part["design"]).device.name == part["device"]


def test_a_profile_of_the_whole_serves_every_part(
    tiny_model: Path, tiny_data: Path, speck: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "profile.json"
    made = run("profile", tiny_model, "--data", tiny_data, "-o", profile)
    assert made.exit_code == 0, made.stderr
    folder = tmp_path / "parts"
    result = in_time(tiny_model, speck, "--profile", profile, "-o", folder, "--json")
    assert result.exit_code == 0, result.stderr
    for part in json.loads(result.stdout)["parts"]:
        path = folder / part["design"]
        assert hass.read_design(path).densities
        again = run("estimate", path, "--profile", profile, "--json")
        assert json.loads(again.stdout)["equals_stored"] is True
        assert run("sim", path, "--profile", profile).exit_code == 0
        emitted = run("emit", path, "-o", tmp_path / f"{path.stem}-hls", "--frames", 2)
        assert emitted.exit_code == 0, emitted.stderr
        refused = run("emit", path, "-o", tmp_path / "hls", "--data", tiny_data)
        assert refused.exit_code == 2
        assert "images and labels are of whole networks" in refused.stderr


def test_a_folder_that_holds_something_is_not_replaced(
    tiny_model: Path, speck: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    (folder / "part-9.json").write_text("old")
    (folder / "notes.txt").write_text("mine")
    refused = in_time(tiny_model, speck, "-o", folder)
    assert refused.exit_code == 6
    assert "--force" in refused.stderr
    assert (folder / "part-9.json").read_text() == "old"
    assert in_time(tiny_model, speck, "-o", folder, "--force").exit_code == 0
    names = {path.name for path in folder.iterdir()}
    assert {"notes.txt", "plan.json", "part-1.json"} <= names
    assert "part-9.json" not in names


def test_nothing_is_written_where_nothing_fits(
    tiny_model: Path, speck: Path, tmp_path: Path
) -> None:
    speck.write_text(DEVICE.replace("lut = 1_100", "lut = 200"), encoding="utf-8")
    folder = tmp_path / "parts"
    result = in_time(tiny_model, speck, "-o", folder)
    assert result.exit_code == 3
    assert "does not fit speck" in result.stderr
    assert not folder.exists()


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (["--partitions", "2"], "--partitions and --batch go together"),
        (["--batch", "2"], "--partitions and --batch go together"),
        (["--partitions", "0", "--batch", "2"], "a number of at least 1, or auto"),
        (["--partitions", "few", "--batch", "2"], "a number of at least 1, or auto"),
        (["--partitions", "2", "--batch", "2", "--device", "u50"], "several are a chain"),
        (["--device", "u50", "--solver", "greedy"], "whole networks only"),
        (["--force"], "--force is for the folder"),
    ],
)
def test_flags_that_do_not_go_together(tiny_model: Path, flags: list[str], what: str) -> None:
    result = run("fold", tiny_model, "--device", "zcu104", *flags)
    assert result.exit_code == 2
    assert what in result.stderr


def test_a_device_that_does_not_say_its_load_time(tiny_model: Path) -> None:
    result = run("fold", tiny_model, "--device", "u50", "--partitions", 2, "--batch", 8)
    assert result.exit_code == 2
    assert "reconfiguration_ms" in result.stderr


def test_one_partition_is_the_whole(tiny_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "one"
    flags = ["--device", "zcu104", "--partitions", 1, "--batch", 1]
    result = run("fold", tiny_model, *flags, "-o", folder, "--json")
    plan = json.loads(result.stdout)
    assert plan["reload_seconds"] == 0.0
    assert hass.read_design(folder / "part-1.json").model.part == WHOLE


def test_a_design_of_a_part_that_the_network_lacks(
    tiny_model: Path, speck: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "parts"
    in_time(tiny_model, speck, "-o", folder)
    path = folder / "part-1.json"
    content = json.loads(path.read_text())
    content["model"]["part"]["until"] = "nowhere"
    path.write_text(json.dumps(content))
    result = run("sim", path)
    assert result.exit_code == 2
    assert "cannot be cut behind 'nowhere'" in result.stderr
