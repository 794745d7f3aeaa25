"""The search's way to evaluate trials against the straightforward loop, on the same images.

Each loop has a process of its own, so that none is helped by what the other has built, and they
take turns, so that both meet the machine as it is.
"""

from __future__ import annotations

import json
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, fields
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

from hass.files import canonical_json, make_folder, write_text_atomic
from hass.folding import ALL_ENGINES, Infeasibility
from hass.measure import Hits, Split, measure_hits
from hass.onnx_io import write_model
from hass.prune import pruned_weights
from hass.sparsity import NO_CLIPS, Settings, act_thresholds_of
from hass.threads import thread_count

from .bench import study_of
from .bench_cases import BenchCase, run_name
from .crew import Crew
from .evaluate import Problem, open_problem
from .evaluation import Stopped, accuracy_of
from .hooks import SearchHooks, SilentHooks
from .known import KNOWN, Known
from .run import run_search
from .spec import SearchSpec
from .strategy import History, Hopeless, Strategy
from .trial import next_proposal, strategy_of
from .trial_log import TrialLog, quiet_optuna
from .worker import FIRST

SPEED = "speed.json"  # in a case's folder
PARALLEL = "default-workers"  # in a case's folder: the search by several workers
COMPARED_TRIALS = 24  # the first of a search, run again by both loops


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """Both loops on equal clips.

    Attributes:
        trials: trials that both ran.
        stopped: of them, those that the search stopped early.
        seconds: that the search's way took, choosing the clips included.
        plain_seconds: that the straightforward loop took for given clips.
        plain_images_per_s, clipped_images_per_s: of onnxruntime, for the network as it is and for
            the best design's clips.
        workers: a search with so many workers ...
        worker_trials: ... tried so many clips ...
        worker_seconds: ... in so long, from the first one's start to the last one's end ...
        worker_fps: ... and found a design of so many frames per second.
    """

    trials: int
    stopped: int
    seconds: float
    plain_seconds: float
    plain_images_per_s: float
    clipped_images_per_s: float
    workers: int
    worker_trials: int
    worker_seconds: float
    worker_fps: float


@dataclass(frozen=True, slots=True, eq=False)
class _Searched:
    """A finished search, to be run again.

    Attributes:
        problem: what was searched.
        strategy: that searched.
        history: its finished trials.
    """

    problem: Problem
    strategy: Strategy
    history: History


@lru_cache(maxsize=1)
def _searched(spec: SearchSpec, folder: Path) -> _Searched:
    problem = open_problem(spec, SilentHooks(), Known(folder / KNOWN))
    with quiet_optuna(), closing(TrialLog.open(folder, spec.storage, study_of(spec))) as log:
        history = log.history()
    return _Searched(problem, strategy_of(problem), history)


def _warm(spec: SearchSpec, folder: Path) -> int:
    """Do what trials share; how many trials there are to compare."""
    found = _searched(spec, folder)
    found.problem.evaluate(NO_CLIPS, Hopeless.STOPPED)
    plain_trial(found.problem, NO_CLIPS)
    if len(found.history) > FIRST:
        found.strategy.settings(found.history[FIRST].values)
    return min(len(found.history) - FIRST, COMPARED_TRIALS)


def _ours(spec: SearchSpec, folder: Path, place: int) -> tuple[float, bool]:
    """Seconds of a trial, and whether it was stopped."""
    found = _searched(spec, folder)
    values = found.history[place].values
    begin = time.perf_counter()
    proposal = next_proposal(found.strategy, found.history[:place])
    if proposal is not None and proposal.follows is not None:
        proposal.follows.of(values)
    evaluation = found.problem.evaluate(found.strategy.settings(values), Hopeless.STOPPED)
    return time.perf_counter() - begin, isinstance(evaluation.answer, Stopped)


def _plain(spec: SearchSpec, folder: Path, place: int) -> float:
    """Seconds of a trial."""
    found = _searched(spec, folder)
    settings = found.strategy.settings(found.history[place].values)
    begin = time.perf_counter()
    plain_trial(found.problem, settings)
    return time.perf_counter() - begin


def plain_trial(problem: Problem, settings: Settings) -> tuple[int, int]:
    """A trial as a plain script would do it; images that are right, and frame II (0: no design).

    It prunes, writes the ONNX file, opens a session, runs all images, profiles and solves. Where
    the search refits filters, the script does too.
    """
    settings = problem.refitted(problem.model, settings)
    accuracy = accuracy_of(_plain_hits(problem, settings))
    profile = problem.measured_profile(problem.model, settings)
    plan = problem.solved(problem.model, profile, ALL_ENGINES, problem.words)
    cycles = 0 if isinstance(plan, Infeasibility) else plan.estimate.frame_ii_cycles
    return accuracy.correct, cycles


def _plain_hits(problem: Problem, settings: Settings) -> Hits:
    thresholds = act_thresholds_of(settings)
    pruned = pruned_weights(problem.model.weights, settings)
    model = write_model(problem.model.graph, pruned, act_thresholds=thresholds)
    return measure_hits(model, problem.data, Split.SELECTION, limit=problem.spec.selection_limit)


def _images_per_s(spec: SearchSpec, folder: Path) -> tuple[float, float]:
    """Of the network as it is, and with the best design's clips."""
    found = _searched(spec, folder)
    best = max(found.history, key=lambda t: (t.record.feasible, t.record.throughput_fps or 0))
    rates = []
    for settings in (NO_CLIPS, found.strategy.settings(best.values)):
        begin = time.perf_counter()
        images = len(_plain_hits(found.problem, settings))
        rates.append(images / (time.perf_counter() - begin))
    return rates[0], rates[1]


def compare_loops(case: BenchCase, out: Path, hooks: SearchHooks) -> SpeedReport | None:
    """Evaluate trials of the default strategy's first search again, by the search's way and by the
    straightforward loop, in turns; then search anew with a worker for each core. None where that
    search has no such trials.

    Raises: as ``run_search``.
    """
    path = out / case.folder / SPEED
    known = _kept_speed(path)
    if known is not None:
        return known
    spec = next((s for s in case.specs if s.strategy == "default"), None)
    if spec is None:
        return None
    folder = out / case.folder / run_name(spec)
    stopped, ours, plain = 0, 0.0, 0.0
    with _process() as one, _process() as other:
        trials = one.submit(_warm, spec, folder).result()
        other.submit(_warm, spec, folder).result()
        if trials < 1:
            return None
        for done, place in enumerate(range(FIRST, FIRST + trials)):
            for theirs in (done % 2 == 0, done % 2 == 1):  # in turns
                if theirs:
                    plain += other.submit(_plain, spec, folder, place).result()
                else:
                    seconds, early = one.submit(_ours, spec, folder, place).result()
                    ours += seconds
                    stopped += early
            hooks.stage("both loops", done + 1, trials)
        rates = other.submit(_images_per_s, spec, folder).result()
    crew = Crew(thread_count())
    fps, tried, seconds = _by_workers(spec, folder, folder.parent / PARALLEL, crew)
    report = SpeedReport(trials, stopped, ours, plain, *rates, crew.workers, tried, seconds, fps)
    numbers = {field.name: getattr(report, field.name) for field in fields(report)}
    write_text_atomic(path, canonical_json(numbers))
    return report


def _process() -> ProcessPoolExecutor:
    """One process, that does what it is given in turn."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def _by_workers(
    spec: SearchSpec, searched: Path, folder: Path, crew: Crew
) -> tuple[float, int, float]:
    """Frames per second that a search with workers finds, trials of it but for the first ones, and
    seconds that these took; what trials share is taken from a search before."""
    make_folder(folder)
    shutil.copytree(searched / KNOWN, folder / KNOWN, dirs_exist_ok=True)
    outcome = run_search(spec, folder, SilentHooks(), crew)
    if outcome.interrupted:
        raise KeyboardInterrupt(f"finished runs are kept in {folder.parent}")
    with quiet_optuna(), closing(TrialLog.open(folder, spec.storage, study_of(spec))) as log:
        seconds = log.elapsed_seconds(FIRST)
    best = outcome.results.best
    fps = 0.0 if best is None else best.throughput_fps or 0.0
    return fps, max(0, outcome.results.finished - FIRST), seconds


def _kept_speed(path: Path) -> SpeedReport | None:
    try:
        return SpeedReport(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
