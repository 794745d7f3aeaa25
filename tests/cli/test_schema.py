"""``hass schema``: schemas that say of good files that they are good, and of bad ones why not."""

from __future__ import annotations

import configparser
import json
import tomllib
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from hass.cli import main
from hass.cli.schema import file_formats, schema_of
from hass.files import JsonValue

ROOT = Path(__file__).parent.parent.parent
NAMES = tuple(file_formats())


def _wrong(name: str, content: JsonValue) -> list[str]:
    """What the schema has against a file's content."""
    errors = jsonschema.Draft202012Validator(schema_of(name)).iter_errors(content)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in errors]


def _toml(path: Path) -> JsonValue:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name: str) -> None:
    done = CliRunner().invoke(main, ["schema", name])
    assert done.exit_code == 0, done.output
    jsonschema.Draft202012Validator.check_schema(json.loads(done.stdout))


def test_the_list_has_all() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options.entry_points"]["hass.formats"].split("\n")
    assert {line.split("=")[0].strip() for line in lines if line.strip()} == set(NAMES)
    said = CliRunner().invoke(main, ["schema"]).stdout
    for name, kind in file_formats().items():
        assert any(
            line.split()[:2] == [name, kind.file] and line.endswith(kind.summary)
            for line in said.splitlines()
        )


def test_an_unknown_name() -> None:
    done = CliRunner().invoke(main, ["schema", "devics"])
    assert done.exit_code == 2
    assert (
        done.output
        == "error: NAME: got 'devics', expected a kind of file; did you mean device or design?\n"
    )


@pytest.mark.parametrize("path", sorted((ROOT / "hass" / "parts").glob("*.toml")), ids=str)
def test_our_devices_are_devices(path: Path) -> None:
    assert _wrong("device", _toml(path)) == []


def test_our_other_files_are_what_they_are() -> None:
    assert _wrong("dataset", _toml(ROOT / "models" / "digits" / "dataset.toml")) == []
    assert _wrong("fidelity", _toml(ROOT / "docs" / "fidelity.toml")) == []
    assert _wrong("bench", _toml(ROOT / "docs" / "search.toml")) == []


def test_files_that_we_write(design_file: Path, tiny_model: Path, tmp_path: Path) -> None:
    design = json.loads(design_file.read_text(encoding="utf-8"))
    assert _wrong("design", design) == []
    assert _wrong("foldings", {k: _without_none(v) for k, v in design["foldings"].items()}) == []
    profile = json.loads((design_file.parent / "profile.json").read_text(encoding="utf-8"))
    assert _wrong("profile", profile) == []
    graph = tmp_path / "graph.json"
    done = CliRunner().invoke(main, ["import", str(tiny_model), "--no-prove", "-o", str(graph)])
    assert done.exit_code == 0, done.output
    assert _wrong("graph", json.loads(graph.read_text(encoding="utf-8"))) == []


def _without_none(values: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {name: value for name, value in values.items() if value is not None}


def test_bad_files_are_seen(design_file: Path) -> None:
    design = json.loads(design_file.read_text(encoding="utf-8"))
    design["resources"]["lut"] = -1
    design["frame_iii_cycles"] = 1
    found = _wrong("design", design)
    assert any(text.startswith("resources.lut: -1 is less than") for text in found)
    assert any("'frame_iii_cycles' was unexpected" in text for text in found)
    assert _wrong("settings", {"conv1": {"weight_sparsity": 1.5}})
    assert _wrong("settings", {"conv1": {"weight_sparsity": 0.5}}) == []
