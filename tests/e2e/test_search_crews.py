"""Searches of several processes: kills, Ctrl-C, a full disk, PostgreSQL, a shared study."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Set
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import postgres
import pytest

from hass.design_file import read_design
from hass.errors import SpecError
from hass.search import Crew, SearchSpec, SilentHooks, run_search
from hass.search.pareto import best_of
from hass.search.record import Origin, TrialState
from hass.search.spec import spec_toml
from hass.search.storage import JOURNAL
from hass.search.strategy import Proposal, Range
from hass.search.strategy_default import LEVEL
from hass.search.team import new_owner
from hass.search.trial_log import TrialLog, study_name
from hass.search.trial_notes import CLIPS, ENDED, RETRY

LONG = 2000  # trials: more than finish before something happens
PATIENCE_SECONDS = 240  # for what takes a second or two on an idle machine


@pytest.fixture(scope="module")
def spec(contest: SearchSpec) -> SearchSpec:
    return replace(contest, strategy="tpe")


def command(spec: SearchSpec, folder: Path, *more: str) -> list[str]:
    words = [spec.model, "--data", spec.data, "--device", spec.device, "-o", str(folder)]
    words += ["--trials", str(spec.trials), "--strategy", spec.strategy, "--accuracy-drop", "100"]
    words += ["--profile-images", str(spec.profile_images), *more]
    return [sys.executable, "-c", "from hass.cli import main; main()", "search", *words]


@contextmanager
def started(words: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process, killed at the end if it still runs: its workers then end too."""
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def name_of(spec: SearchSpec) -> str:
    return study_name(spec_toml(replace(spec, trials=1, storage=None)))


def opened(folder: Path, spec: SearchSpec, process: subprocess.Popen[str]) -> TrialLog:
    """The study in the journal of a search that has just been started, once it exists."""
    until(process, (folder / JOURNAL).exists)
    return TrialLog.open(folder, None, name_of(spec))


def until(process: subprocess.Popen[str], happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        if process.poll() is not None:
            raise AssertionError(f"ended too early: {process.communicate()}")
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError(f"waited in vain: {process.communicate()}")
        time.sleep(0.05)


def pid_of(owner: str) -> int:
    return int(owner.split("-")[-2])


def owners_of(log: TrialLog) -> Set[str]:
    """Processes with a trial under way; one that has only just begun may not have its name yet."""
    return frozenset(trial.owner for trial in log.under_way() if trial.owner)


def kill_one_in_mid_trial(
    log: TrialLog, process: subprocess.Popen[str], but: Set[int] = frozenset()
) -> int:
    """SIGKILL for a worker while it is stopped with a trial under way; the trial's number."""
    caught: list[int] = []

    def killed() -> bool:
        for trial in log.under_way():
            if trial.clips is None or trial.number in but:
                continue
            try:
                os.kill(pid_of(trial.owner), signal.SIGSTOP)
            except ProcessLookupError:
                continue
            if any(other.number == trial.number for other in log.under_way()):
                os.kill(pid_of(trial.owner), signal.SIGKILL)
                caught.append(trial.number)
                return True
            os.kill(pid_of(trial.owner), signal.SIGCONT)
        return False

    until(process, killed)
    return caught[0]


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))


def finished(folder: Path) -> dict[str, dict[str, str]]:
    return {row["number"]: row for row in rows(folder) if row["state"] == "complete"}


def check_consistent(folder: Path, log: TrialLog, wanted: int) -> None:
    """Files and study agree; numbers have no holes; nothing finished twice or is left running."""
    assert log.under_way() == ()
    records = log.records()
    assert [record.number for record in records] == list(range(len(records)))
    assert [int(row["number"]) for row in rows(folder)] == list(range(len(records)))
    done = [record for record in records if record.state is TrialState.COMPLETE]
    assert len(done) == len(finished(folder)) == wanted
    best = best_of(records)
    assert best is not None
    design = read_design(folder / "best.json")
    assert design.trials == wanted
    assert design.summary.throughput_fps == best.throughput_fps
    assert [record.origin for record in done[:2]] == [Origin.DENSE, Origin.SEED]
    values = [tuple(sorted(tried.values.items())) for tried in log.history()[2:]]
    assert len(set(values)) == len(values)


def test_four_workers_on_postgresql_and_two_are_killed(spec: SearchSpec, tmp_path: Path) -> None:
    if (why := postgres.why_not()) is not None:
        pytest.skip(f"NOT TESTED with PostgreSQL: {why}")
    folder = tmp_path / "out"
    with postgres.server() as url:
        asked = replace(spec, trials=16, storage=url)
        # before the search, which would make the tables at the same moment
        with closing(TrialLog.open(folder, url, name_of(asked))) as log:
            with started(command(asked, folder, "--workers", "4", "--storage", url)) as process:
                until(process, lambda: len(log.history()) >= 2)
                before = {tried.record.number: tried for tried in log.history()}
                dead = {kill_one_in_mid_trial(log, process)}
                dead.add(kill_one_in_mid_trial(log, process, dead))
                stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
            assert process.returncode == 0, stderr
            assert len(dead) == 2 and "2 worker process(es) died, with exit code -9" in stderr
            check_consistent(folder, log, asked.trials)
            after = {tried.record.number: tried for tried in log.history()}
            assert {number: after[number] for number in before} == before
            trials = log._study.get_trials()
            for number in dead:  # lost, and asked again, once
                assert trials[number].state.name == "FAIL"
                again = [t for t in trials if t.user_attrs.get(RETRY) == number]
                assert len(again) == 1
                # the second kill may have met what the first one's trial was asked again as
                assert again[0].state.name == ("FAIL" if again[0].number in dead else "COMPLETE")
                assert again[0].params == trials[number].params
                assert again[0].user_attrs[CLIPS] == trials[number].user_attrs[CLIPS]
            others = [t for t in trials if t.state.name == "FAIL" and t.number not in dead]
            assert all(ENDED in t.user_attrs for t in others)
            assert len({t.user_attrs["owner"] for t in trials}) >= 4
            hidden = postgres.PASSWORD
    assert hidden not in stdout + stderr
    for path in folder.rglob("*"):
        assert path.is_dir() or hidden.encode() not in path.read_bytes(), path


def test_a_dead_worker_is_replaced_and_ctrl_c_ends_all(spec: SearchSpec, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    asked = replace(spec, trials=LONG)
    with started(command(asked, folder, "--workers", "2")) as process:
        log = opened(folder, asked, process)
        until(process, lambda: len(log.history()) >= 3)
        dead = kill_one_in_mid_trial(log, process)
        owners = owners_of(log)
        until(process, lambda: len(owners_of(log) | owners) >= 3)
        owners |= owners_of(log)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130, stderr
    kept = finished(folder)
    assert stdout == "" and f"{len(kept)} of {LONG} trials are kept in {folder}" in stderr
    assert "Traceback" not in stderr
    check_consistent(folder, log, len(kept))
    assert rows(folder)[dead]["state"] == "fail"
    assert not [owner for owner in owners if Path(f"/proc/{pid_of(owner)}").exists()]
    outcome = run_search(replace(spec, trials=len(kept) + 2), folder)
    assert outcome.results.finished == len(kept) + 2
    assert {number: finished(folder)[number] for number in kept} == kept


def test_workers_end_with_their_parent(spec: SearchSpec, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    asked = replace(spec, trials=LONG)
    with started(command(asked, folder, "--workers", "2")) as process:
        log = opened(folder, asked, process)
        until(process, lambda: len(log.history()) >= 3 and len(owners_of(log)) == 2)
        pids = [pid_of(owner) for owner in owners_of(log)]
        process.kill()
        process.communicate()  # its pipes are the workers' too: ends when they have ended
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(Path(f"/proc/{pid}/cmdline").exists() and alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    done = {tried.record.number: tried for tried in log.history()}
    outcome = run_search(replace(spec, trials=len(done) + 2), folder)
    check_consistent(folder, log, len(done) + 2)
    assert any("a killed search left" in note for note in outcome.notes)
    after = {tried.record.number: tried for tried in log.history()}
    assert {number: after[number] for number in done} == done


def alive(pid: int) -> bool:
    """Whether a process is more than a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_full_disk_ends_all_workers_and_keeps_what_finished(
    spec: SearchSpec, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    words = command(replace(spec, trials=LONG), folder, "--workers", "2")
    # no file may grow beyond this: the journal is the first that would
    full = ["bash", "-c", 'ulimit -f 96; exec "$@"', "bash", *words]
    done = subprocess.run(full, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 6, done.stderr
    assert "study.journal: cannot write: File too large" in done.stderr
    log = TrialLog.open(folder, None, name_of(spec))
    before = {tried.record.number: tried for tried in log.history()}
    assert len(before) >= 2
    run_search(replace(spec, trials=len(before) + 2), folder)
    check_consistent(folder, log, len(before) + 2)
    after = {tried.record.number: tried for tried in log.history()}
    assert {number: after[number] for number in before} == before


class Counted(SilentHooks):
    """Counts trials that are folded."""

    folded = 0

    def stage(self, what: str, done: int, total: int) -> None:
        if what == "folding":
            self.folded += 1


def test_two_searches_share_a_study(spec: SearchSpec, tmp_path: Path) -> None:
    asked = replace(spec, storage=f"sqlite:///{tmp_path}/study.db", study="ours", trials=4)
    asked = replace(asked, strategy="default")
    first, second = tmp_path / "first", tmp_path / "second"
    run_search(asked, first)
    log = TrialLog.open(tmp_path, asked.storage, "ours")
    space = dict.fromkeys(log.history()[0].values, Range(0.0, 1.0))
    # a trial of another machine that has died; its clips are those of the unclipped design
    nearly = Proposal(Origin.SEED, {**dict.fromkeys(space, 0.0), LEVEL: 1e-9})
    left = log.begin(nearly, space, 0, 0, new_owner())
    counted = Counted()
    outcome = run_search(replace(asked, trials=5), second, counted, Crew(lease_seconds=0.5))
    assert outcome.results.finished == 5
    assert counted.folded == 0  # taken up again, but known
    check_consistent(second, log, 5)
    table = rows(second)
    assert table[left.number]["state"] == "fail"
    front = {"hypervolume": table[1]["hypervolume"]}  # of the trials up to each
    assert {**table[5], "number": "1", **front} == table[1]
    run_search(replace(asked, trials=5), first)  # either can write the files
    assert (first / "trials.csv").read_bytes() == (second / "trials.csv").read_bytes()
    with pytest.raises(SpecError, match="other data, profile_images, seed now"):
        run_search(replace(asked, seed=3, profile_images=8), tmp_path / "third")
    assert len(log.history()) == 5
    log.close()
