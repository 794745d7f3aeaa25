"""What the terminal is told."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from hass.search import SearchHooks, SilentHooks, TrialRecord
from hass.search.record import Origin, TrialState
from hass.search.show import BarHooks, LineHooks, best_text, record_text

FAST = TrialRecord(
    3,
    TrialState.COMPLETE,
    Origin.SAMPLER,
    feasible=True,
    selection_top1=0.9,
    throughput_fps=1234.5,
)
COARSE = TrialRecord(4, TrialState.COMPLETE, Origin.SEED, selection_top1=0.2, throughput_fps=9999.0)
UNFIT = TrialRecord(0, TrialState.COMPLETE, Origin.DENSE)


def test_a_trial_in_words() -> None:
    assert best_text(None) == "no design yet"
    assert best_text(FAST) == "best 1,234 fps, 90.0 % (trial 3)"
    assert record_text(FAST) == "trial 3 (sampler): 1,234 fps, 90.0 %"
    assert record_text(COARSE).endswith("20.0 %, below the accuracy floor")
    assert record_text(UNFIT) == "trial 0 (dense): does not fit the part"


def test_lines_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    hooks = LineHooks()
    hooks.begun(0, 5)
    hooks.stage("profile", 1, 2)
    assert capsys.readouterr().err == ""
    hooks.begun(2, 5)
    hooks.tried(COARSE, FAST)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0] == "going on: 2 of 5 trials are finished"
    assert lines[1] == f"{record_text(COARSE)}; {best_text(FAST)}"


def test_bars_show_the_best_and_the_stage() -> None:
    text = io.StringIO()
    bars = Progress(TextColumn("{task.description}"), console=Console(file=text, width=80))
    hooks = BarHooks(bars, bars.add_task("no design yet"), bars.add_task("reading"))
    hooks.begun(2, 5)
    hooks.stage("accuracy (selection)", 3, 10)
    hooks.tried(FAST, FAST)
    trials, stage = bars.tasks
    assert (trials.completed, trials.total, trials.description) == (3, 5, best_text(FAST))
    assert (stage.completed, stage.total) == (3, 10)
    assert stage.description.strip() == "accuracy (selection)"


@pytest.mark.parametrize("hooks", [SilentHooks(), LineHooks()])
def test_all_hooks_take_every_call(hooks: SearchHooks) -> None:
    hooks.begun(0, 1)
    hooks.stage("folding", 0, 1)
    hooks.tried(UNFIT, None)
