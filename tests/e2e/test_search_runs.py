"""Whole searches on a tiny network: files, determinism, resuming, kills, Ctrl-C, refusals."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hass.cli import main
from hass.design import DesignAccuracy
from hass.design_file import read_design
from hass.errors import InfeasibleError, OutputError, SpecError
from hass.search import SearchSpec, SilentHooks, TrialRecord, run_search
from hass.search.journal import sole_owner
from hass.search.outputs import Results
from hass.search.record import COLUMNS, Origin, TrialState
from hass.search.run import below_floor_in_integers
from hass.sparsity import Accuracy

FILES = ("best.json", "pareto.csv", "report.html", "spec.toml", "study.journal", "trials.csv")
TRIALS = 6


@pytest.fixture(scope="module")
def spec(contest: SearchSpec) -> SearchSpec:
    return replace(contest, trials=TRIALS)


@pytest.fixture(scope="module")
def finished(spec: SearchSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search") / "out"
    run_search(spec, folder)
    return folder


def rows(folder: Path, name: str = "trials.csv") -> list[dict[str, str]]:
    return list(csv.DictReader((folder / name).read_text().splitlines()))


def outputs(folder: Path) -> dict[str, bytes]:
    """All files that say what was found; the journal carries times, the numbers do not."""
    found = {name: (folder / name).read_bytes() for name in FILES if name != "study.journal"}
    return found | {path.name: path.read_bytes() for path in (folder / "designs").iterdir()}


def results(folder: Path) -> list[list[str]]:
    """What finished, without the numbers of trials."""
    return [list(row.values())[1:] for row in rows(folder) if row["state"] == "complete"]


def test_all_files_are_there_and_agree(finished: Path, spec: SearchSpec) -> None:
    assert sorted(p.name for p in finished.iterdir()) == sorted([*FILES, "designs", "known"])
    trials = rows(finished)
    assert tuple(trials[0]) == COLUMNS
    assert [row["number"] for row in trials] == [str(n) for n in range(TRIALS)]
    assert [row["origin"] for row in trials[:2]] == ["dense", "seed"]
    best = read_design(finished / "best.json")
    fastest = max(float(row["throughput_fps"]) for row in trials if row["feasible"] == "1")
    assert best.summary.throughput_fps == fastest
    assert best.trials == TRIALS
    assert best.accuracy is not None and best.accuracy.test is not None
    dense = best.dense
    assert dense is not None
    for integers, floats in (
        (best.integer_accuracy, best.accuracy),
        (dense.integer_accuracy, dense.accuracy),
    ):
        assert integers is not None and integers.calibration is None and floats is not None
        for split in ("selection", "test"):
            assert getattr(integers, split).images == getattr(floats, split).images
    dense = read_design(finished / "designs" / "trial-0000.json")
    assert best.dense is not None and best.dense.summary == dense.summary
    assert best.dense.accuracy == dense.accuracy
    assert dense.settings == {} and best.summary.throughput_fps >= dense.summary.throughput_fps
    assert {f.engine.value for f in dense.plan.foldings.values()} == {"dense", "none"}
    front = {f"trial-{int(row['number']):04d}.json" for row in rows(finished, "pareto.csv")}
    designs = finished / "designs"
    # a tie in speed goes to the fewer DSPs, so the best one may have a more accurate equal
    kept = {"trial-0000.json"} | {
        p.name for p in designs.iterdir() if read_design(p).plan == best.plan
    }
    assert {p.name for p in designs.iterdir()} == front | kept
    for name in front - {"trial-0000.json"}:
        design = read_design(finished / "designs" / name)
        row = trials[int(name[6:10])]
        assert design.summary.frame_ii_cycles == int(row["frame_ii_cycles"])
        assert design.model.path == spec.model
        tested = design.accuracy is not None and design.accuracy.test is not None
        assert tested == (design.settings == best.settings)


@pytest.mark.parametrize("strategy", ["default", "tpe", "hill-climb"])
def test_same_seed_same_bytes(strategy: str, spec: SearchSpec, tmp_path: Path) -> None:
    asked = replace(spec, strategy=strategy, trials=13 if strategy == "tpe" else TRIALS)
    for name in ("a", "b"):
        run_search(asked, tmp_path / name)
    assert outputs(tmp_path / "a") == outputs(tmp_path / "b")


def test_another_seed_tries_something_else(spec: SearchSpec, tmp_path: Path) -> None:
    for seed in (0, 1):
        run_search(replace(spec, strategy="tpe", seed=seed, trials=3), tmp_path / str(seed))
    first, second = results(tmp_path / "0"), results(tmp_path / "1")
    assert first[2] != second[2]


def test_a_complete_search_is_written_again_the_same(finished: Path, spec: SearchSpec) -> None:
    before = outputs(finished)
    for path in (finished / "best.json", finished / "designs" / "trial-0000.json"):
        path.unlink()
    (finished / "designs" / "trial-0999.json").write_text("stale")
    journal = (finished / "study.journal").read_text()

    class NothingRuns(SilentHooks):
        def stage(self, what: str, done: int, total: int) -> None:
            raise AssertionError(f"evaluated again: {what}")

    run_search(spec, finished, NothingRuns())
    assert outputs(finished) == before
    assert (finished / "study.journal").read_text().count('"op_code":4') == journal.count(
        '"op_code":4'
    )


def test_in_two_goes_as_in_one(finished: Path, spec: SearchSpec, tmp_path: Path) -> None:
    run_search(replace(spec, trials=3), tmp_path / "out")
    run_search(spec, tmp_path / "out")
    assert outputs(tmp_path / "out") == outputs(finished)


def start(spec: SearchSpec, folder: Path) -> subprocess.Popen[str]:
    words = [spec.model, "--data", spec.data, "--device", spec.device, "-o", str(folder)]
    numbers = ["--trials", str(spec.trials), "--profile-images", str(spec.profile_images)]
    code = "from hass.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "search", *words, *numbers, "--accuracy-drop", "100"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_trials(process: subprocess.Popen[str], folder: Path, count: int) -> None:
    """Until the journal shows that so many trials have finished."""
    journal = folder / "study.journal"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if journal.exists() and journal.read_text().count('"state":1') >= count:
            return
        if process.poll() is not None:
            raise AssertionError(f"ended too early: {process.communicate()}")
        time.sleep(0.01)
    raise AssertionError("no trial finished in two minutes")


LONG = 400  # trials: more than finish before the signal comes


def test_sigkill_loses_nothing_that_had_finished(
    finished: Path, spec: SearchSpec, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    process = start(replace(spec, trials=LONG), folder)
    wait_for_trials(process, folder, 3)
    process.kill()
    process.communicate()
    with (folder / "study.journal").open("ab") as stream:
        stream.write(b'{"op_code":8,"worker')  # and it was killed in mid-word, say
    before = (folder / "study.journal").read_bytes().splitlines()[:-1]
    done = sum(b'"state":1' in line for line in before)
    asked = replace(spec, trials=max(TRIALS, done + 2))
    outcome = run_search(asked, folder)
    after = (folder / "study.journal").read_bytes().splitlines()
    assert after[: len(before)] == before
    trials = rows(folder)
    assert [int(row["number"]) for row in trials] == list(range(len(trials)))
    assert len(results(folder)) == asked.trials == outcome.results.finished
    assert results(folder)[:TRIALS] == results(finished)
    failed = [row for row in trials if row["state"] == "fail"]
    assert len(failed) <= 1 and all(row["throughput_fps"] == "" for row in failed)


def test_killed_in_any_trial_it_goes_on_as_if_nothing_had_been(
    finished: Path, spec: SearchSpec, tmp_path: Path
) -> None:
    lines = (finished / "study.journal").read_bytes().splitlines(keepends=True)
    chosen = [place for place, line in enumerate(lines) if b'"clips":' in line]
    assert len(chosen) == TRIALS
    for place in chosen:  # the trial's values are known, its outcome is not
        folder = tmp_path / str(place)
        shutil.copytree(finished, folder)
        (folder / "study.journal").write_bytes(b"".join(lines[: place + 1]))
        run_search(spec, folder)
        assert results(folder) == results(finished)


def test_ctrl_c_keeps_what_had_finished(spec: SearchSpec, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    process = start(replace(spec, trials=LONG), folder)
    wait_for_trials(process, folder, 3)
    os.kill(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert stdout == ""
    count = len(results(folder))
    assert f"{count} of {LONG} trials are kept in {folder}" in stderr
    best = read_design(folder / "best.json")
    assert best.trials == count >= 3
    assert best.accuracy is not None and best.accuracy.test is None
    assert (folder / "report.html").exists()


def test_ctrl_c_in_a_trial_drops_only_that_trial(
    finished: Path, spec: SearchSpec, tmp_path: Path
) -> None:
    class Impatient(SilentHooks):
        tried_before = 0

        def stage(self, what: str, done: int, total: int) -> None:
            if self.tried_before == 2 and what.startswith("accuracy"):
                raise KeyboardInterrupt

        def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
            self.tried_before += 1

    outcome = run_search(spec, tmp_path / "out", Impatient())
    assert outcome.interrupted and outcome.results.finished == 2
    assert [row["state"] for row in rows(tmp_path / "out")] == ["complete", "complete", "fail"]
    run_search(spec, tmp_path / "out")
    assert results(tmp_path / "out") == results(finished)


def test_ctrl_c_in_the_last_measurements_keeps_those_that_are_done(
    finished: Path, spec: SearchSpec, tmp_path: Path
) -> None:
    class Interrupts(SilentHooks):
        stages: tuple[str, ...] = ()

        def stage(self, what: str, done: int, total: int) -> None:
            self.stages = tuple(dict.fromkeys((*self.stages, what)))
            if what == "accuracy in integers (test)":
                raise KeyboardInterrupt

    outcome = run_search(spec, tmp_path / "out", Interrupts())
    assert outcome.interrupted
    half = read_design(tmp_path / "out/best.json")
    whole = read_design(finished / "best.json")
    assert half.accuracy == whole.accuracy
    assert half.integer_accuracy is not None and whole.integer_accuracy is not None
    assert half.integer_accuracy == replace(whole.integer_accuracy, test=None)
    listener = Interrupts()
    assert run_search(spec, tmp_path / "out", listener).interrupted
    assert listener.stages == ("accuracy in integers (test)",)
    assert not run_search(spec, tmp_path / "out").interrupted
    assert outputs(tmp_path / "out") == outputs(finished)


def test_a_full_disk_keeps_what_had_finished(
    finished: Path, spec: SearchSpec, tmp_path: Path
) -> None:
    journal = tmp_path / "out" / "study.journal"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    class DiskFills(SilentHooks):
        def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
            if record.number == 1:
                room = journal.stat().st_size + 2000  # begins a trial, cannot hold its design
                resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))

    try:
        with pytest.raises(OutputError, match="cannot write"):
            run_search(spec, tmp_path / "out", DiskFills())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    run_search(spec, tmp_path / "out")
    assert results(tmp_path / "out") == results(finished)


def test_another_question_is_refused(finished: Path, spec: SearchSpec) -> None:
    before = outputs(finished)
    with pytest.raises(SpecError) as caught:
        run_search(replace(spec, seed=5, profile_images=8), finished)
    told = [mistake.where.rpartition(": ")[2] for mistake in caught.value.mistakes]
    assert told == ["seed", "profile_images"]
    assert outputs(finished) == before


def test_other_data_under_the_same_name_is_refused(
    spec: SearchSpec, tiny_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data.npz"
    data.write_bytes(tiny_data.read_bytes())
    asked = replace(spec, data=str(data), trials=1)
    run_search(asked, tmp_path / "out")
    import numpy as np

    with np.load(tiny_data) as arrays:
        np.savez(data, images=arrays["images"] + 1, labels=arrays["labels"])
    with pytest.raises(SpecError, match="other data now"):
        run_search(asked, tmp_path / "out")


def test_a_second_search_in_the_same_folder_is_refused(spec: SearchSpec, tmp_path: Path) -> None:
    with sole_owner(tmp_path), pytest.raises(OutputError, match="another search"):
        run_search(spec, tmp_path)


def too_small(tmp_path: Path, luts: int) -> str:
    path = tmp_path / "small.toml"
    figures = "\n".join(
        f'{name} = "made up"'
        for name in ("available", "budget", "clock_mhz", "off_chip_gbytes_per_s")
    )
    path.write_text(
        f'schema_version = 1\npart = "x"\nfamily = "7-series"\nclock_mhz = 100.0\n'
        f"off_chip_gbytes_per_s = 1.0\n[available]\nlut = {luts}\nff = 100000\ndsp = 10\n"
        "bram18 = 10\nuram = 0\n[budget]\nlut = 1.0\nff = 1.0\ndsp = 1.0\nbram18 = 1.0\n"
        f"uram = 1.0\n[sources]\n{figures}\n"
    )
    return str(path)


def test_a_part_too_small_is_told_after_two_trials(spec: SearchSpec, tmp_path: Path) -> None:
    small = replace(spec, device=too_small(tmp_path, 100))
    for _ in range(2):  # resuming says the same
        with pytest.raises(InfeasibleError, match="infeasible: lut"):
            run_search(small, tmp_path / "out")
        assert [row["feasible"] for row in rows(tmp_path / "out")] == ["0", "0"]
    assert not (tmp_path / "out" / "best.json").exists()


def test_the_command_prints_a_table_or_json(spec: SearchSpec, tmp_path: Path) -> None:
    words = ["search", spec.model, "--data", spec.data, "--device", spec.device, "--trials", "3"]
    words += ["--profile-images", "4", "--accuracy-drop", "100", "-o", str(tmp_path / "out")]
    shown = CliRunner().invoke(main, words, catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    for word in ("throughput, fps", "accuracy, test split", "URAM", "images/cycle/DSP"):
        assert word in shown.stdout
    printed = CliRunner().invoke(main, [*words, "--json"], catch_exceptions=False)
    assert printed.stdout == (tmp_path / "out" / "best.json").read_text()
    assert json.loads(printed.stdout)["trials"] == 3


def test_a_floor_that_is_kept_in_floating_point_only_is_told(
    finished: Path, spec: SearchSpec
) -> None:
    best = read_design(finished / "best.json")
    dense = TrialRecord(0, TrialState.COMPLETE, Origin.DENSE, feasible=True, selection_top1=0.99)
    hits = np.arange(1000) % 100 < np.where(np.arange(1000) < 100, 90, 100)  # 90 of the first 100

    def told(correct: int) -> str | None:
        stated = DesignAccuracy(selection=Accuracy(correct, 100))
        of_all = DesignAccuracy(selection=Accuracy(990, 1000))
        design = replace(best, accuracy=of_all, integer_accuracy=stated)
        results = Results((dense,), (), dense, design, None)
        return below_floor_in_integers(results, replace(spec, accuracy_drop=5.0), lambda: hits)

    assert told(85) is None
    text = told(84)
    assert text is not None and "84.0 %" in text and "floor of 85.0 %" in text


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--device", "nosuch"], 2),
        (["--strategy", "magic"], 2),
        (["--trials", "0"], 2),
        (["--objective", "dsp"], 2),
        (["--front", "accuracy"], 2),
        (["--data", "nosuch.npz"], 2),
        (["-o", "/proc/nowhere"], 6),
    ],
)
def test_bad_flags_end_with_their_exit_code(
    words: list[str], code: int, spec: SearchSpec, tmp_path: Path
) -> None:
    good = ["--data", spec.data, "--device", spec.device, "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(main, ["search", spec.model, *good, *words])
    assert result.exit_code == code, result.output
    assert result.stderr and not result.stdout
