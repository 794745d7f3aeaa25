"""Runs of a benchmark, each a search in a folder of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hass.files import canonical_json, make_folder, write_text_atomic

from .bench_cases import BenchCase, run_name
from .hooks import SearchHooks
from .record import TrialRecord
from .run import run_search
from .spec import SearchSpec, spec_toml
from .trial_log import TrialLog, quiet_optuna, study_name

SECONDS = "seconds.json"  # in a run's folder


@dataclass(frozen=True, slots=True)
class BenchRun:
    """A finished search.

    Attributes:
        spec: what was searched.
        records: its trials.
        trial_seconds: of its finished trials, in order.
        shared_seconds: of what all trials share: opening, sensitivities, foldings of options.
        test_drop: points that the best design loses on the held-out split; None: not known.
    """

    spec: SearchSpec
    records: tuple[TrialRecord, ...]
    trial_seconds: tuple[float, ...]
    shared_seconds: float
    test_drop: float | None


def run_case(
    case: BenchCase, out: Path, hooks_of: Callable[[str], SearchHooks]
) -> tuple[BenchRun, ...]:
    """All searches of a case; those that are complete are read, not run again.

    Raises: as ``run_search``.
    """
    runs = []
    for spec in case.specs:
        name = run_name(spec)
        folder = make_folder(out / case.folder / name)
        runs.append(_run(spec, folder, hooks_of(f"{case.folder} {name}")))
    return tuple(runs)


def _run(spec: SearchSpec, folder: Path, hooks: SearchHooks) -> BenchRun:
    before = time.perf_counter()
    outcome = run_search(spec, folder, hooks)
    spent = time.perf_counter() - before
    if outcome.interrupted:
        raise KeyboardInterrupt(f"finished runs are kept in {folder.parent}")
    results = outcome.results
    seconds = _trial_seconds(spec, folder)
    shared = _shared_seconds(folder, spent, seconds)
    best, dense = results.best_design, results.dense_design
    drop = None
    if best is not None and dense is not None and best.accuracy and dense.accuracy:
        ours, theirs = best.accuracy.test, dense.accuracy.test
        if ours is not None and theirs is not None:
            drop = 100 * (theirs.top1 - ours.top1)
    return BenchRun(spec, results.records, seconds, shared, drop)


def _trial_seconds(spec: SearchSpec, folder: Path) -> tuple[float, ...]:
    with quiet_optuna():
        log = TrialLog.open(folder, spec.storage, study_of(spec))
        return log.seconds()


def study_of(spec: SearchSpec) -> str:
    """The name of a run's study."""
    return study_name(spec_toml(replace(spec, trials=1)))


def _shared_seconds(folder: Path, spent: float, trials: Sequence[float]) -> float:
    """Seconds outside of trials, of all calls that ran some; reading a finished search is none."""
    path = folder / SECONDS
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        shared, known = float(kept["shared"]), int(kept["trials"])
    except (OSError, ValueError, KeyError, TypeError):
        shared, known = 0.0, 0
    if len(trials) > known:
        shared += max(0.0, spent - sum(trials[known:]))
        write_text_atomic(path, canonical_json({"shared": shared, "trials": len(trials)}))
    return shared
