"""``hass export``: targets, files, refusals; and the csv target."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tiny_network import write_tiny_model

from hass.cli import main
from hass.design_file import read_design, write_design
from hass.export import Export, Fate, Remark, export_design, export_source, exporter_names
from hass.export.exporter import Exporter
from hass.onnx_io import read_model
from hass.values import Arithmetic


def run(*argv: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in argv])


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_csv_says_what_the_design_says(design_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    done = run("export", design_file, "--to", "csv", "-o", folder, "--json")
    assert done.exit_code == 0, done.output
    assert sorted(json.loads(done.stdout)["files"]) == sorted(p.name for p in folder.iterdir())
    design = read_design(design_file)
    layers = table(folder / "layers.csv")
    assert [row["layer"] for row in layers] == list(design.plan.foldings)
    for row in layers:
        estimate = design.plan.estimate.layers[row["layer"]]
        assert int(row["frame_ii_cycles"]) == estimate.frame_ii_cycles
        assert int(row["dsp"]) == estimate.resources.dsp
        assert row["engine"] == estimate.folding.engine.value
    summary = {row["quantity"]: row["value"] for row in table(folder / "summary.csv")}
    assert int(summary["frame_ii_cycles"]) == design.summary.frame_ii_cycles
    fifos = table(folder / "fifos.csv")
    assert len(fifos) == len(design.plan.estimate.fifos)
    assert sum(int(row["dsp"]) for row in layers) == design.summary.resources.dsp


@pytest.mark.parametrize("target", exporter_names())
def test_equal_designs_give_equal_bytes(
    narrow_design_file: Path, tmp_path: Path, target: str
) -> None:
    contents = []
    for name in ("one", "two"):
        done = run("export", narrow_design_file, "--to", target, "-o", tmp_path / name)
        assert done.exit_code == 0, done.output
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        contents.append({p.relative_to(tmp_path / name): p.read_bytes() for p in files})
    assert contents[0] == contents[1]


def test_refusals_have_their_exit_codes(
    design_file: Path, tiny_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/mine.txt").write_text("mine")
    for argv, code, words in (
        ((design_file, "--to", "cvs", "-o", tmp_path / "a"), 2, "csv"),
        ((design_file, "--to", "csv", "-o", tmp_path / "taken"), 6, "--force"),
        ((design_file, "--to", "finn", "-o", tmp_path / "a"), 2, "search with 8 bits"),
        ((tmp_path / "no.json", "--to", "csv", "-o", tmp_path / "a"), 2, "no.json"),
    ):
        done = run("export", *argv)
        assert done.exit_code == code and words in done.stderr
    other = tmp_path / "other.json"
    assert run("fold", tiny_model, "--device", "zcu104", "-o", other).exit_code == 0
    done = run("export", other, "--to", "csv", "-o", tmp_path / "a")
    assert done.exit_code == 4 and "hass profile" in done.stderr
    assert not (tmp_path / "a").exists()


def test_an_exporter_cannot_pass_over_a_layer(design_file: Path, tmp_path: Path) -> None:
    model = read_model(write_tiny_model(tmp_path / "tiny.onnx"))
    source = export_source(read_design(design_file), model.graph, model.weights, None)
    silent = Exporter("nothing", lambda _: Export({}, (Remark("", Fate.EXACT, "all"),)))
    with pytest.raises(ValueError, match="silent on"):
        export_design(silent, source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_target_that_knows_one_word_length_names_the_layers_that_have_others(
    narrow_design_file: Path, tmp_path: Path
) -> None:
    design = read_design(narrow_design_file)
    own = {"conv1": Arithmetic(4, 4, 12)}
    mixed = tmp_path / "mixed.json"
    write_design(replace(design, layer_arithmetic=own), mixed)
    for target in exporter_names():
        done = run("export", mixed, "--to", target, "-o", tmp_path / target)
        if target in ("onnx", "csv"):
            assert done.exit_code == 0, done.output
            continue
        assert done.exit_code == 2
        for words in ("conv1", "words of 4 bits, weights of 4", "(8 and 8 bits)", "--to onnx"):
            assert words in done.stderr
    rows = {row["layer"]: row for row in table(tmp_path / "csv/layers.csv")}
    assert (rows["conv1"]["operand_bits"], rows["conv1"]["weight_bits"]) == ("4", "4")
    assert "conv1 (4, 4, 12)" in (tmp_path / "onnx/README.md").read_text()
