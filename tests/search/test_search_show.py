"""What the terminal is told."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from hass.pareto import Aim, Measure
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


def test_a_trial_in_words_of_another_objective() -> None:
    small = replace(FAST, dsp=42, latency_us=12.345, energy_proxy_pj=98765, hypervolume=0.25)
    assert best_text(small, Measure.DSP) == "best 42 DSP, 90.0 % (trial 3)"
    assert best_text(small, Measure.LATENCY) == "best 12.35 us, 90.0 % (trial 3)"
    assert record_text(small, Measure.ENERGY).endswith("98,765 pJ (proxy), 90.0 %")
    late = record_text(replace(small, feasible=False), Measure.DSP, 2000.0)
    assert late == "trial 3 (sampler): 42 DSP, 90.0 %, only 1,234 of 2,000 fps"
    assert record_text(UNFIT, Measure.DSP, 2000.0).endswith("does not fit the part at 2,000 fps")


def test_lines_tell_how_far_the_front_has_come(capsys: pytest.CaptureFixture[str]) -> None:
    hooks = LineHooks(Measure.DSP, Aim((Measure.ACCURACY, Measure.DSP)))
    small = replace(FAST, dsp=42, hypervolume=0.25)
    hooks.tried(small, small)
    assert capsys.readouterr().err == (
        "trial 3 (sampler): 42 DSP, 90.0 %; best 42 DSP, 90.0 % (trial 3); "
        "hypervolume of accuracy and dsp 0.25\n"
    )


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
