"""The journal survives kills; its trials come back as they were written."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import optuna
import pytest

from hass.errors import OutputError, SpecError
from hass.search.interrupts import deferred_interrupt
from hass.search.journal import repair_journal, sole_owner
from hass.search.record import Origin, TrialRecord, TrialState
from hass.search.storage import JOURNAL
from hass.search.strategy import SAMPLE, Proposal, Range
from hass.search.trial_log import TrialLog, step_seed
from hass.search.trial_notes import DESIGN, REASON

SPACE = {"a": Range(0.0, 1.0), "b": Range(-1.0, 1.0)}
ZEROS = Proposal(Origin.SEED, {"a": 0.0, "b": 0.0})


def opened(folder: Path) -> TrialLog:
    return TrialLog.open(folder, None, "test")


def finish_one(log: TrialLog, proposal: Proposal = SAMPLE) -> TrialRecord:
    running = log.begin(proposal, SPACE, step_seed(0, len(log.history())), 0)
    record = TrialRecord(
        running.number,
        TrialState.COMPLETE,
        running.origin,
        feasible=True,
        selection_top1=running.values["a"],
        throughput_fps=1.0 + running.values["b"],
        objective=running.values["b"],
    )
    log.finish(running, record, {"part": -0.5, "accuracy": 0.0}, (DESIGN, "{}"))
    return record


def test_finished_trials_come_back(tmp_path: Path) -> None:
    log = opened(tmp_path)
    records = [finish_one(log, ZEROS), finish_one(log), finish_one(log)]
    again = opened(tmp_path)
    assert list(again.records()) == records
    assert again.history()[0].values == {"a": 0.0, "b": 0.0}
    assert again.outcome(0, DESIGN) == "{}" and again.outcome(0, REASON) is None


def test_a_trial_left_running_fails_and_numbers_go_on(tmp_path: Path) -> None:
    log = opened(tmp_path)
    finish_one(log, ZEROS)
    dropped = log.begin(SAMPLE, SPACE, step_seed(0, 1), 0)
    again = opened(tmp_path)
    assert again.close_abandoned() == 1
    record = finish_one(again)
    assert [r.state for r in again.records()] == ["complete", "fail", "complete"]
    assert record.number == 2
    # the step, not the number, seeds the sampler: the lost trial is proposed again
    assert again.history()[1].values == dropped.values


def test_constraints_reach_optuna(tmp_path: Path) -> None:
    finish_one(opened(tmp_path))
    study = optuna.load_study(
        study_name="test",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / JOURNAL))
        ),
    )
    assert study.trials[0].constraints == {"part": -0.5, "accuracy": 0.0}


@pytest.mark.parametrize("torn", [b'{"op_code":4,"wor', b"\x00\x00\x00\n", b"\n", b"17\n", b"\xff"])
def test_a_torn_last_line_is_cut(torn: bytes, tmp_path: Path) -> None:
    records = [finish_one(opened(tmp_path), ZEROS), finish_one(opened(tmp_path))]
    path = tmp_path / JOURNAL
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    again = opened(tmp_path)
    assert list(again.records()) == records
    assert path.read_bytes().startswith(whole)
    assert all(isinstance(json.loads(line), dict) for line in path.read_bytes().splitlines())
    finish_one(again)
    assert len(opened(tmp_path).records()) == 3


def test_every_cut_of_the_journal_can_be_resumed(tmp_path: Path) -> None:
    source = tmp_path / "whole"
    source.mkdir()
    log = opened(source)
    finish_one(log, ZEROS)
    finish_one(log)
    data = (source / JOURNAL).read_bytes()
    tells = [i for i, line in enumerate(data.splitlines()) if json.loads(line)["op_code"] == 6]
    lines = data.splitlines(keepends=True)
    for size in range(0, len(data), 97):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / JOURNAL).write_bytes(data[:size])
        again = opened(folder)
        again.close_abandoned()
        finished = sum(len(b"".join(lines[: tell + 1])) <= size for tell in tells)
        assert len(again.history()) == finished
        finish_one(again)


def test_a_broken_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    finish_one(opened(tmp_path))
    path = tmp_path / JOURNAL
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"rubbish\n", *lines[1:]]))
    with pytest.raises(SpecError, match="line 2"):
        repair_journal(path)


def test_a_journal_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"a": 1}\n')
    with pytest.raises(SpecError, match=r"study\.journal"):
        opened(tmp_path)


def test_an_unknown_storage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="storage"):
        TrialLog.open(tmp_path, "nosuch://x", "test")


def test_a_database_by_url_works(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    record = finish_one(TrialLog.open(tmp_path, url, "test"), ZEROS)
    assert list(TrialLog.open(tmp_path, url, "test").records()) == [record]


def test_other_content_is_refused(tmp_path: Path) -> None:
    opened(tmp_path).bind({"model": "1", "data": "2"})
    opened(tmp_path).bind({"model": "1", "data": "2"})
    with pytest.raises(SpecError, match="other data now"):
        opened(tmp_path).bind({"model": "1", "data": "3"})


def test_notes_are_kept(tmp_path: Path) -> None:
    log = opened(tmp_path)
    assert log.note("test:1") is None
    log.set_note("test:1", (3, 4))
    assert opened(tmp_path).note("test:1") == [3, 4]


def test_one_owner_at_a_time(tmp_path: Path) -> None:
    first, second = sole_owner(tmp_path), sole_owner(tmp_path)
    with first, pytest.raises(OutputError, match="another search"), second:
        pass
    with sole_owner(tmp_path):
        pass


def test_ctrl_c_waits_for_the_end_of_the_body() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        os.kill(os.getpid(), signal.SIGINT)
        done.append(1)
    assert done == [1]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_tools_can_draw_the_study(tmp_path: Path) -> None:
    """As optuna-dashboard reads it: numbers as attributes, a named value."""
    log = opened(tmp_path)
    log.bind({"seed": 0})
    running = log.begin(ZEROS, SPACE, 0, 0)
    record = TrialRecord(
        running.number,
        TrialState.COMPLETE,
        running.origin,
        feasible=True,
        selection_top1=0.5,
        throughput_fps=1e5,
        dsp=99,
        objective=2.0,
    )
    log.finish(running, record, {"part": 0.0}, (DESIGN, "{}"))
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / JOURNAL))
    study = optuna.load_study(study_name="test", storage=optuna.storages.JournalStorage(backend))
    assert study.metric_names == ["score"] and study.best_value == 2.0
    notes = study.best_trial.user_attrs
    assert (notes["selection_top1"], notes["throughput_fps"], notes["dsp"]) == (0.5, 1e5, 99)
    assert "uram" not in notes, "what is not known"
    assert list(notes)[-1] == "design", "packed, and longer than any page is wide"
