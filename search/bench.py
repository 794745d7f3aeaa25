"""Runs of a benchmark, each a search in a folder of its own; and the straightforward loop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from hass.files import canonical_json, make_folder, write_text_atomic
from hass.folding import ALL_ENGINES, TABLES, Infeasibility
from hass.measure import Hits, Split, measure_hits, measure_profile
from hass.onnx_io import write_model
from hass.prune import pruned_weights
from hass.sparsity import NO_CLIPS, Settings, act_thresholds_of

from .bench_cases import BenchCase, run_name
from .evaluate import Problem, open_problem
from .evaluation import accuracy_of
from .hooks import SearchHooks, SilentHooks
from .known import KNOWN, Known
from .record import TrialRecord
from .run import run_search
from .spec import SearchSpec, spec_toml
from .strategy import Hopeless
from .trial import strategy_of
from .trial_log import TrialLog, quiet_optuna, study_name

SECONDS = "seconds.json"  # in a run's folder
SPEED = "speed.json"  # in a case's folder
COMPARED_TRIALS = 8  # of a search, run again by both loops


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


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """The search's way to evaluate trials against the straightforward one, on equal clips.

    Attributes:
        trials: trials that both ran.
        stopped: of them, those that the search stopped early.
        seconds, plain_seconds: that they took.
        plain_images_per_s, clipped_images_per_s: of onnxruntime, for the network as it is and for
            the best design's clips.
    """

    trials: int
    stopped: int
    seconds: float
    plain_seconds: float
    plain_images_per_s: float
    clipped_images_per_s: float


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
        log = TrialLog.open(folder, spec.storage, _study(spec))
        return log.seconds()


def _study(spec: SearchSpec) -> str:
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


def compare_loops(case: BenchCase, out: Path, hooks: SearchHooks) -> SpeedReport | None:
    """Evaluate some trials of the default strategy's first search again, by the search's way and
    by the straightforward one, in turns. None where that search has no such trials.

    The straightforward loop prunes, writes the ONNX file, opens a session, runs all images,
    profiles and solves.
    """
    path = out / case.folder / SPEED
    found = _kept_speed(path)
    if found is not None:
        return found
    spec = next((s for s in case.specs if s.strategy == "default"), None)
    if spec is None:
        return None
    folder = out / case.folder / run_name(spec)
    problem = open_problem(spec, SilentHooks(), Known(folder / KNOWN))
    strategy = strategy_of(problem)
    with quiet_optuna():
        history = TrialLog.open(folder, spec.storage, _study(spec)).history()[2:]
    if not history:
        return None
    chosen = sorted({round(i) for i in np.linspace(0, len(history) - 1, COMPARED_TRIALS)})
    problem.unclipped_hits.any()  # shared by all trials of a search
    stopped, ours, plain = 0, 0.0, 0.0
    for done, index in enumerate(chosen):
        settings = strategy.settings(history[index].values)
        for theirs in (done % 2 == 0, done % 2 == 1):  # in turns
            TABLES.clear()  # what one loop has built would help the other
            begin = time.perf_counter()
            if theirs:
                plain_trial(problem, settings)
                plain += time.perf_counter() - begin
            else:
                evaluation = problem.evaluate(settings, Hopeless.STOPPED)
                ours += time.perf_counter() - begin
                stopped += evaluation.densities is None
        hooks.stage("both loops", done + 1, len(chosen))
    best = max(history, key=lambda tried: (tried.record.feasible, tried.record.throughput_fps or 0))
    report = SpeedReport(
        len(chosen),
        stopped,
        ours,
        plain,
        _images_per_s(problem, NO_CLIPS),
        _images_per_s(problem, strategy.settings(best.values)),
    )
    numbers = {field.name: getattr(report, field.name) for field in fields(report)}
    write_text_atomic(path, canonical_json(numbers))
    return report


def _kept_speed(path: Path) -> SpeedReport | None:
    try:
        return SpeedReport(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def plain_trial(problem: Problem, settings: Settings) -> tuple[int, int]:
    """A trial as a plain script would do it; images that are right, and frame II (0: no design).

    Where the search refits filters, the script does too.
    """
    settings = problem.refitted(problem.model, settings)
    accuracy = accuracy_of(_plain_hits(problem, settings))
    model = problem.model
    profile = measure_profile(
        model.graph,
        model.weights,
        problem.data,
        settings,
        images=problem.spec.profile_images,
        seed=problem.spec.seed,
    )
    plan = problem.solved(problem.model, profile, ALL_ENGINES, problem.words)
    cycles = 0 if isinstance(plan, Infeasibility) else plan.estimate.frame_ii_cycles
    return accuracy.correct, cycles


def _plain_hits(problem: Problem, settings: Settings) -> Hits:
    thresholds = act_thresholds_of(settings)
    pruned = pruned_weights(problem.model.weights, settings)
    model = write_model(problem.model.graph, pruned, act_thresholds=thresholds)
    return measure_hits(model, problem.data, Split.SELECTION, limit=problem.spec.selection_limit)


def _images_per_s(problem: Problem, settings: Settings) -> float:
    begin = time.perf_counter()
    images = len(_plain_hits(problem, settings))
    return images / (time.perf_counter() - begin)
