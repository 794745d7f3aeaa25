"""Reading what a search left, and what a wrong folder is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_designs import made_design, row, write_rows, write_run

import hass
from hass.design_file import write_design
from hass.errors import SpecError
from hass.pareto import Aim, Measure
from hass.report.run import load_best, load_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_run(tmp_path / "out")


def test_a_run(folder: Path) -> None:
    run = load_run(folder)
    assert run.name == "out"
    assert run.best.summary.frame_ii_cycles == 20_000
    assert run.dense is not None and run.dense.summary.frame_ii_cycles == 30_000
    assert run.failed == 1
    assert [trial.number for trial in run.trials] == [n for n in range(30) if n != 5]
    assert run.front == {0, 3, 9}
    assert run.chosen == 3
    assert not run.trials[5].feasible, "trial 6, after the failed one"
    assert run.spec is not None and "made.onnx" in run.spec


def test_what_is_optional_may_be_absent(folder: Path) -> None:
    (folder / "spec.toml").unlink()
    (folder / "designs" / "trial-0000.json").unlink()
    run = load_run(folder)
    assert (run.spec, run.dense) == (None, None)


def test_a_design_is_a_run_without_trials(tmp_path: Path) -> None:
    design = made_design()
    write_design(design, tmp_path / "one.json")
    run = load_run(tmp_path / "one.json")
    assert (run.name, run.best, run.trials, run.chosen) == ("one", design, (), None)
    assert load_best(tmp_path / "one.json") == ("one", design)


def test_a_folder_that_is_no_run_is_told_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_run(tmp_path)
    found = [mistake.value for mistake in caught.value.mistakes]
    assert found == ["no best.json in it", "no trials.csv in it", "no pareto.csv in it"]


def test_a_path_that_does_not_exist(tmp_path: Path) -> None:
    for load in (load_run, load_best):
        with pytest.raises(SpecError, match=r"nowhere: got nothing there, expected a design file"):
            load(tmp_path / "nowhere")


def test_all_mistakes_of_a_table_at_once(folder: Path) -> None:
    design = made_design()
    rows = [row(0, design), row(-1, design, throughput_fps="fast"), row(2, design, feasible="no?")]
    write_rows(folder / "trials.csv", rows)
    with pytest.raises(SpecError) as caught:
        load_run(folder)
    places = [mistake.where for mistake in caught.value.mistakes]
    assert places == [
        f"{folder / 'trials.csv'}: line 3: number",
        f"{folder / 'trials.csv'}: line 3: throughput_fps",
        f"{folder / 'trials.csv'}: line 4: feasible",
    ]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"number,state\n0,complete\n"])
def test_a_table_that_is_none(folder: Path, content: bytes) -> None:
    (folder / "trials.csv").write_bytes(content)
    with pytest.raises(SpecError, match=r"trials\.csv"):
        load_run(folder)


def test_columns_that_a_later_search_adds_are_ignored(folder: Path) -> None:
    table = folder / "trials.csv"
    lines = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([f"{lines[0]},new", *(f"{line},1" for line in lines[1:])]), "utf-8")
    assert len(load_run(folder).trials) == 29


def test_the_front_can_be_of_other_measures(folder: Path) -> None:
    run = load_run(folder, (Measure.DSP, Measure.LATENCY))
    assert run.aim.pair == (Measure.DSP, Measure.LATENCY)
    best = min(run.trials, key=lambda trial: (trial.latency_us or 1e9, trial.number))
    assert best.number in run.front
    assert run.hypervolume is not None  # without accuracy nothing needs to be known of the floor
    with pytest.raises(SpecError, match="got one design, expected the folder of a search"):
        load_run(folder / "best.json", (Measure.DSP, Measure.LATENCY))


def test_what_may_be_lost_is_read_from_the_spec(folder: Path) -> None:
    assert load_run(folder).hypervolume is None
    spec = folder / "spec.toml"
    spec.write_text('goal = "dsp"\nmin_fps = 9000.0\naccuracy_drop = 5.0\n', "utf-8")
    run = load_run(folder)
    assert run.aim == Aim((Measure.ACCURACY, Measure.DSP), 5.0, 9000.0)
    assert run.hypervolume is not None and run.hypervolume >= 0.0
    spec.write_text('front = ["dsp", "speed"]', "utf-8")
    with pytest.raises(SpecError, match=r"spec\.toml: front"):
        load_run(folder)
    spec.write_text("front = ", "utf-8")
    with pytest.raises(SpecError, match=r"expected a TOML file"):
        load_run(folder)


def test_searches_side_by_side(tmp_path: Path) -> None:
    pytest.importorskip("pandas", reason="pip install -e '.[notebook]'")
    folder = write_run(tmp_path / "one")
    with_floor = write_run(tmp_path / "two", trials=12)
    (with_floor / "spec.toml").write_text("accuracy_drop = 4.0\n", "utf-8")
    runs = [load_run(folder), load_run(with_floor)]
    frame = hass.tables.fronts(runs)
    assert list(frame.index) == ["one", "two"]
    assert list(frame.trials) == [29, 11] and list(frame.failed) == [1, 1]
    assert list(frame.on_front) == [3, 3]
    assert frame.hypervolume.isna()["one"]  # its spec.toml does not say what may be lost
    assert frame.hypervolume["two"] == runs[1].hypervolume > 0
