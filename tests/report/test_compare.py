"""Designs side by side, and the two verbs that end a search."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_designs import made_design, write_run

from hass.cli import main
from hass.compare import COLUMNS, compare, comparison_picture, to_csv, to_json
from hass.design_file import read_design, write_design
from hass.errors import SpecError
from hass.folding import Goal, Objective


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_run(tmp_path / "out")
    write_design(made_design(density=None, frame_ii_cycles=40_000), tmp_path / "plain.json")
    return tmp_path


def test_entries_are_in_order_and_against_the_first(folder: Path) -> None:
    dense, best, plain = compare(
        [folder / "out/designs/trial-0000.json", folder / "out", folder / "plain.json"]
    )
    assert [entry.name for entry in (dense, best, plain)] == ["trial-0000", "out", "plain"]
    assert (dense.throughput_ratio, dense.efficiency_ratio) == (1.0, 1.0)
    assert best.throughput_ratio == pytest.approx(1.5)
    assert best.efficiency_ratio == pytest.approx(1.5)
    assert plain.throughput_ratio == pytest.approx(0.75)
    assert (best.network, best.device, best.clock_mhz) == ("made.onnx", "zcu104", 200.0)
    assert (best.selection_top1, best.test_top1) == (456 / 500, 905 / 1000)
    assert (best.integer_selection_top1, best.integer_test_top1) == (455 / 500, 903 / 1000)
    assert (plain.selection_top1, plain.test_top1) == (None, None)
    assert (plain.integer_selection_top1, plain.integer_test_top1) == (None, None)
    assert best.frame_ii_cycles == 20_000 and best.throughput_fps == 10_000
    assert best.images_per_cycle_per_dsp == pytest.approx(1 / (20_000 * best.dsp))


def test_designs_say_what_they_were_folded_for(folder: Path) -> None:
    best = read_design(folder / "out/best.json")
    for name, objective in (("lean", Objective(Goal.DSP, 1000.0)), ("area", Objective(Goal.AREA))):
        plan = replace(best.plan, objective=objective, bound=0.0)
        write_design(replace(best, plan=plan), folder / f"{name}.json")
    first, lean, area = compare(
        [folder / "out/designs/trial-0000.json", folder / "lean.json", folder / "area.json"]
    )
    assert [e.objective for e in (first, lean, area)] == ["throughput", "dsp at 1,000 fps", "area"]
    assert first.objective_gain == 1.0
    assert lean.objective_gain == pytest.approx(first.dsp / lean.dsp)
    assert area.objective_gain is None  # no measure of designs
    assert first.energy_proxy_pj is None  # of files that are older than it


def test_names_that_occur_twice_become_paths(folder: Path) -> None:
    one, two = folder / "out/best.json", folder / "out/../out/best.json"
    assert [entry.name for entry in compare([one, two])] == [str(one), str(two)]


def test_a_design_without_dsp_has_no_efficiency(folder: Path) -> None:
    write_design(made_design(["add0"], density=None), folder / "adds.json")
    entries = compare([folder / "out", folder / "adds.json"])
    assert entries[1].images_per_cycle_per_dsp is None
    assert entries[1].efficiency_ratio is None
    ET.fromstring(comparison_picture(entries).svg())


def test_all_that_cannot_be_read_is_said_at_once(folder: Path) -> None:
    (folder / "bad.json").write_text("{", "utf-8")
    with pytest.raises(SpecError) as caught:
        compare([folder / "out", folder, folder / "none", folder / "bad.json"])
    text = str(caught.value)
    assert "no best.json in it" in text and "nothing there" in text and "bad.json" in text


@pytest.mark.parametrize("count", [0, 1])
def test_at_least_two(folder: Path, count: int) -> None:
    with pytest.raises(SpecError, match="at least two"):
        compare([folder / "out"] * count)


def test_csv_json_and_picture_agree(folder: Path) -> None:
    entries = compare([folder / "out", folder / "plain.json"])
    rows = list(csv.DictReader(io.StringIO(to_csv(entries))))
    designs = to_json(entries)["designs"]
    assert isinstance(designs, list) and len(rows) == len(designs) == 2
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[1]["throughput_ratio"]) == pytest.approx(0.5)
    assert rows[1]["test_top1"] == ""
    picture = comparison_picture(entries).svg()
    assert picture == comparison_picture(entries).svg()
    words = " ".join(ET.fromstring(picture).itertext())
    assert "5,000 (0.50×)" in words and "plain" in words


def test_compare_verb(folder: Path) -> None:
    paths = [str(folder / "out"), str(folder / "plain.json")]
    runner = CliRunner()
    table = runner.invoke(main, ["compare", *paths, "-o", str(folder / "plot.svg")])
    assert table.exit_code == 0, table.output
    assert "10,000" in table.stdout and "plain" in table.stdout
    ET.parse(folder / "plot.svg")
    data = json.loads(runner.invoke(main, ["compare", *paths, "--json"]).stdout)
    assert [design["name"] for design in data["designs"]] == ["out", "plain"]
    text = runner.invoke(main, ["compare", *paths, "--csv"]).stdout
    assert text == to_csv(compare(paths))
    assert runner.invoke(main, ["compare", *paths, "--csv", "--json"]).exit_code == 2
    assert runner.invoke(main, ["compare", paths[0]]).exit_code == 2


def test_report_verb(folder: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(main, ["report", str(folder / "out")])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(folder / "out" / "report.html")
    assert (folder / "out" / "report.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    done = runner.invoke(main, ["report", str(folder / "plain.json")])
    assert done.exit_code == 0 and (folder / "plain.html").is_file()
    wrong = runner.invoke(main, ["report", str(folder)])
    assert wrong.exit_code == 2 and "no best.json in it" in wrong.stderr
    unwritable = runner.invoke(main, ["report", str(folder / "out"), "-o", "/none/r.html"])
    assert unwritable.exit_code == 6
