"""Searches for something else than throughput: each is best at its own, and keeps what it must."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from hass.design_file import read_design
from hass.errors import InfeasibleError, SpecError
from hass.folding import Goal, Objective
from hass.pareto import Measure
from hass.report.run import load_run
from hass.search import SearchSpec, SilentHooks, TrialRecord, run_search

PACE = 1_500_000.0  # frames per second; the dense design reaches 1,666,667
TOO_FAST = 2_000_000.0  # for the dense design
GOALS = {
    "throughput": None,
    "latency": None,
    "dsp": PACE,
    "lut": TOO_FAST,  # sparse engines have more LUTs: they save some where dense ones are too slow
    "efficiency": PACE,
    "energy": PACE,
}


@pytest.fixture(scope="module")
def spec(contest: SearchSpec) -> SearchSpec:
    return replace(contest, trials=3)


@pytest.fixture(scope="module")
def known(spec: SearchSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is measured once, for all searches here."""
    folder = tmp_path_factory.mktemp("known") / "out"
    run_search(spec, folder)
    return folder / "known"


def searched(spec: SearchSpec, folder: Path, known: Path) -> Path:
    folder.mkdir()
    shutil.copytree(known, folder / "known")
    run_search(spec, folder)
    return folder


def rows(folder: Path, name: str = "trials.csv") -> list[dict[str, str]]:
    return list(csv.DictReader((folder / name).read_text().splitlines()))


@pytest.mark.parametrize("goal", GOALS)
def test_the_best_design_is_best_at_the_objective(
    goal: str, spec: SearchSpec, known: Path, tmp_path: Path
) -> None:
    asked = replace(spec, goal=goal, min_fps=GOALS[goal])
    folder = searched(asked, tmp_path / "out", known)
    run = load_run(folder)
    measure, best = Measure(goal), run.best
    assert best.plan.objective == Objective(Goal(goal), asked.min_fps)
    assert run.aim == asked.aim and run.aim.pair == (Measure.ACCURACY, measure)
    kept = [trial for trial in run.trials if trial.feasible]
    assert run.chosen in {trial.number for trial in kept}
    values = {trial.number: measure.of(trial) for trial in kept}
    found = values[run.chosen]
    assert found == (max if measure.more_is_better else min)(values.values())
    if asked.min_fps is not None:
        assert min(trial.throughput_fps for trial in kept) >= asked.min_fps
        assert best.summary.throughput_fps >= asked.min_fps
    # the unclipped design of all engines is folded for the same; clips buy more of it
    unclipped, clipped = measure.of(run.trials[1]), values[run.chosen]
    assert measure.gain(clipped, unclipped) > 1.0
    if goal != "lut":
        assert measure.gain(clipped, measure.of(run.trials[0])) > 1.0
    assert run.hypervolume == float(rows(folder)[-1]["hypervolume"])


@pytest.mark.parametrize("strategy", ["tpe", "hill-climb"])
def test_other_strategies_search_for_it_too(
    strategy: str, spec: SearchSpec, known: Path, tmp_path: Path
) -> None:
    asked = replace(spec, goal="energy", min_fps=PACE, strategy=strategy)
    run = load_run(searched(asked, tmp_path / "out", known))
    energies = [trial.energy_proxy_pj for trial in run.trials]
    assert run.best.summary.energy_proxy_pj == min(filter(None, energies)) < energies[0]
    assert run.best.plan.objective.goal is Goal.ENERGY


def test_a_dense_design_that_is_too_slow_is_what_others_are_compared_with(
    spec: SearchSpec, known: Path, tmp_path: Path
) -> None:
    asked = replace(spec, goal="dsp", min_fps=TOO_FAST)
    folder = searched(asked, tmp_path / "out", known)
    first, *others = rows(folder)
    assert first["feasible"] == "0" and 0 < float(first["throughput_fps"]) < TOO_FAST
    assert any(row["feasible"] == "1" for row in others)
    assert first["number"] not in {row["number"] for row in rows(folder, "pareto.csv")}
    assert float(first["hypervolume"]) == 0.0
    assert read_design(folder / "best.json").summary.throughput_fps >= TOO_FAST


def test_a_pace_that_no_clips_reach_is_told(spec: SearchSpec, known: Path, tmp_path: Path) -> None:
    asked = replace(spec, goal="lut", min_fps=9e7, trials=2)
    with pytest.raises(InfeasibleError, match=r"no design reaches 90,000,000 frames per second"):
        searched(asked, tmp_path / "out", known)
    assert [row["feasible"] for row in rows(tmp_path / "out")] == ["0", "0"]


class NothingRuns(SilentHooks):
    """No trial is evaluated."""

    def stage(self, what: str, done: int, total: int) -> None:
        raise AssertionError(f"evaluated again: {what}")


class Listens(SilentHooks):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.hypervolumes: list[float | None] = []

    def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
        self.hypervolumes.append(record.hypervolume)


def test_the_front_of_a_finished_search_can_be_another(
    spec: SearchSpec, known: Path, tmp_path: Path
) -> None:
    folder, listener = tmp_path / "out", Listens()
    shutil.copytree(known.parent, folder)
    (folder / "study.journal").unlink()
    (folder / "spec.toml").unlink()
    asked = replace(spec, goal="efficiency")
    run_search(asked, folder, listener)
    before = rows(folder)
    assert [float(row["hypervolume"]) for row in before] == listener.hypervolumes
    other = replace(asked, front=("dsp", "throughput"))
    run_search(other, folder, NothingRuns())
    after = rows(folder)
    for old, new in zip(before, after, strict=True):
        assert {**old, "hypervolume": ""} == {**new, "hypervolume": ""}
    run = load_run(folder)
    assert run.aim.pair == (Measure.DSP, Measure.THROUGHPUT)
    assert run.front == load_run(folder, (Measure.DSP, Measure.THROUGHPUT)).front
    assert load_run(folder, asked.aim.pair).hypervolume == float(before[-1]["hypervolume"])
    designs = {path.name for path in (folder / "designs").iterdir()}
    assert designs >= {f"trial-{number:04d}.json" for number in run.front}
    with pytest.raises(SpecError) as caught:
        run_search(replace(asked, goal="latency", min_fps=5.0), folder)
    told = [mistake.where.rpartition(": ")[2] for mistake in caught.value.mistakes]
    assert told == ["goal", "min_fps"]


def test_same_seed_same_trials_whatever_is_searched_for(
    spec: SearchSpec, known: Path, tmp_path: Path
) -> None:
    asked = replace(spec, goal="dsp", min_fps=PACE, trials=4)
    once = searched(asked, tmp_path / "a", known)
    halfway = searched(replace(asked, trials=2), tmp_path / "b", known)
    run_search(asked, halfway)
    assert (once / "trials.csv").read_bytes() == (halfway / "trials.csv").read_bytes()
    assert (once / "best.json").read_bytes() == (halfway / "best.json").read_bytes()
