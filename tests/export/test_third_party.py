"""The example in ``hass.export``'s docstring, installed as a package of its own."""

from __future__ import annotations

import sys
import textwrap
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import hass.export
from hass.cli import main
from hass.design_file import read_design


def _run(*argv: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in argv])


def _examples() -> list[str]:
    """The indented blocks of the docstring."""
    text = hass.export.__doc__ or ""
    parts = text.split("::\n\n")[1:]
    blocks = []
    for part in parts:
        lines = []
        for line in part.splitlines():
            if line and not line.startswith("    "):
                break
            lines.append(line)
        blocks.append(textwrap.dedent("\n".join(lines)))
    return blocks


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with the example in it as pip would have installed it."""
    module, project = _examples()
    folder = tmp_path / "site"
    info = folder / "their_tool-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "their_module.py").write_text(module)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-tool\nVersion: 1.0\n")
    (group, entries) = next(iter(tomllib.loads(project)["project"]["entry-points"].items()))
    lines = [f"{name} = {value}" for name, value in entries.items()]
    lines += ["broken = their_module_that_is_not:EXPORTER", "wrong = their_module:export"]
    lines += ["gone = their_module:NOTHING"]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]))
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("their_module", None)


def test_the_example_of_the_docs_is_found_and_writes(
    site: Path, design_file: Path, tmp_path: Path
) -> None:
    done = _run("export", design_file, "--to", "multipliers", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"multipliers.txt", "design.json", "remarks.csv"}
    lines = (tmp_path / "out" / "multipliers.txt").read_text().splitlines()
    plan = read_design(design_file).plan
    assert [int(line.split()[-1]) for line in lines] == [
        folding.multipliers for folding in plan.foldings.values()
    ]


def test_an_exporter_that_cannot_be_loaded_is_no_trouble_to_others(
    site: Path, design_file: Path, tmp_path: Path
) -> None:
    done = _run("export", "--list")
    assert done.exit_code == 0, done.output
    assert "How many multipliers each layer has." in done.output
    for target in ("csv", "onnx", "fpgaconvnet", "broken", "wrong", "gone"):
        assert target in done.output
    for target, words in (
        ("broken", "their_module_that_is_not"),
        ("wrong", "Exporter"),
        ("gone", "NOTHING"),
    ):
        done = _run("export", design_file, "--to", target, "-o", tmp_path / "out")
        assert done.exit_code == 2 and words in done.stderr
        assert not (tmp_path / "out").exists()
