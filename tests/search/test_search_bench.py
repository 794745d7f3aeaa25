"""The benchmark of strategies: its list, its numbers, its page; and that it can be gone on with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hass.cli import main
from hass.errors import SpecError
from hass.search.bench_cases import read_bench, run_name
from hass.search.bench_stats import (
    best_after,
    efficiency,
    fps_after,
    median_of,
    ratio_of,
    trials_to_reach,
)
from hass.search.record import Origin, TrialRecord, TrialState

CASE = """[[case]]
network = "tiny"
model = "{model}"
data = "{data}"
device = "pynq-z2"
seeds = 2
accuracy_drop = 100.0
profile_images = 4
trials = {{ default = 4, tpe = 3, hill-climb = 3 }}
"""


def trial(number: int, fps: float | None, *, feasible: bool = True) -> TrialRecord:
    state = TrialState.FAIL if fps is None else TrialState.COMPLETE
    return TrialRecord(
        number,
        state,
        Origin.SEED,
        feasible=feasible and fps is not None,
        selection_top1=0.5,
        throughput_fps=fps,
        frame_ii_cycles=1000,
        dsp=10,
    )


TRIALS = (trial(0, 10.0), trial(1, None), trial(2, 30.0, feasible=False), trial(3, 20.0))


def test_only_finished_and_feasible_trials_count() -> None:
    assert [fps_after(TRIALS, k) for k in (0, 1, 2, 3)] == [0.0, 10.0, 10.0, 20.0]
    best = best_after(TRIALS, 3)
    assert best is not None and best.number == 3
    assert trials_to_reach(TRIALS, 15.0) == 3
    assert trials_to_reach(TRIALS, 25.0) is None
    assert efficiency(TRIALS[0]) == pytest.approx(1e-4)
    assert efficiency(replace(TRIALS[0], dsp=0)) == 0.0


def test_intervals_hold_the_median_and_narrow_with_agreement() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 10.0]
    found = median_of(values)
    assert found.median == 3.0 and found.seeds == 5
    assert 1.0 <= found.low <= 3.0 <= found.high <= 10.0
    assert median_of([5.0]) == replace(found, median=5.0, low=5.0, high=5.0, seeds=1)
    assert median_of(values) == found  # the same every time


def test_an_interval_covers_the_true_median_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    found = [median_of(rng.normal(7.0, 1.0, 9).tolist()) for _ in range(200)]
    covered = sum(one.low <= 7.0 <= one.high for one in found)
    assert covered >= 0.85 * 200  # percentiles of few medians are a little too narrow


def test_ratios_are_of_medians() -> None:
    ratio = ratio_of([2.0, 4.0, 6.0], [1.0, 2.0, 3.0])
    assert ratio is not None and ratio.median == 2.0
    assert ratio.low <= 2.0 <= ratio.high
    assert ratio_of([1.0], [0.0]) is None


@pytest.fixture
def cases(tmp_path: Path, tiny_model: Path, tiny_data: Path) -> Path:
    path = tmp_path / "cases.toml"
    path.write_text(CASE.format(model=tiny_model, data=tiny_data))
    return path


def test_the_list_is_every_strategy_and_seed(cases: Path) -> None:
    (case,) = read_bench(cases, ())
    assert case.folder == "tiny-pynq-z2"
    assert [run_name(spec) for spec in case.specs][:4] == [
        "default-seed0",
        "tpe-seed0",
        "hill-climb-seed0",
        "default-seed1",
    ]
    assert {(spec.strategy, spec.trials) for spec in case.specs} == {
        ("default", 4),
        ("tpe", 3),
        ("hill-climb", 3),
    }


def test_cases_of_a_network_are_put_together(cases: Path) -> None:
    text = cases.read_text()
    cases.write_text(text + text.replace("seeds = 2", "seeds = 1").replace("tpe = 3", "tpe = 9"))
    (case,) = read_bench(cases, ())
    assert len(case.specs) == 6
    assert [spec.trials for spec in case.specs if spec.strategy == "tpe"] == [9, 3]


def test_mistakes_of_a_list_are_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(CASE.format(model="no.onnx", data="no.npz").replace("tpe", "luck"))
    with pytest.raises(SpecError) as caught:
        read_bench(path, (tmp_path,))
    assert len(caught.value.mistakes) == 3
    path.write_text("[[case]]\nnetwork = 3\n")
    with pytest.raises(SpecError, match="network"):
        read_bench(path, ())
    with pytest.raises(SpecError):
        read_bench(tmp_path / "none.toml", ())


def test_a_benchmark_makes_its_page_and_runs_nothing_twice(cases: Path, tmp_path: Path) -> None:
    cases.write_text(cases.read_text().replace("seeds = 2", "seeds = 1"))
    page, out = tmp_path / "search.md", tmp_path / "out"
    words = ["bench", "search", str(cases), "-o", str(out), "--page", str(page), "--json"]
    first = CliRunner().invoke(main, words)
    assert first.exit_code == 0, first.output
    text = page.read_text()
    found = json.loads((out / "bench.json").read_text())["cases"][0]
    assert [(r["strategy"], r["trials"]) for r in found["rows"]] == [
        ("default", 4),
        ("tpe", 3),
        ("hill-climb", 3),
    ]
    for row in found["rows"]:
        assert f"| {row['strategy']} | {row['trials']} | 1 | {row['fps']['median']:,.0f} |" in text
        assert row["speedup"]["median"] >= 1.0
    assert "times as many trials per second" in text
    begun = {p: p.read_text().count('"op_code":4') for p in out.rglob("*-seed0/study.journal")}
    assert sorted(begun.values()) == [3, 3, 4]
    speed = json.loads(next(out.rglob("speed.json")).read_text())
    assert (speed["trials"], speed["worker_trials"]) == (2, 2)  # but for the first two
    assert min(speed[name] for name in ("seconds", "plain_seconds", "worker_seconds")) > 0
    assert speed["worker_fps"] >= found["rows"][0]["fps"]["median"] / 2
    second = CliRunner().invoke(main, words)
    assert second.exit_code == 0, second.output
    assert page.read_text() == text
    assert {p: p.read_text().count('"op_code":4') for p in begun} == begun
