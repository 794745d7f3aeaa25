"""The search: trial after trial until enough have finished, then the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hass.cost import COST_MODEL_VERSION
from hass.design import Design, arithmetic_title
from hass.design_file import design_json
from hass.device import RESOURCE_NAMES
from hass.errors import HassError, InfeasibleError, OutputError
from hass.files import JsonValue, canonical_json, make_folder, remove_leftovers
from hass.folding import Infeasibility
from hass.measure import Split
from hass.sparsity import Accuracy

from .codesign import clipped_layers
from .evaluate import ROUNDING, Evaluation, Problem, Stopped, open_problem
from .hooks import SearchHooks, SilentHooks
from .journal import sole_owner
from .known import KNOWN, Known
from .outputs import (
    DESIGNS,
    Measured,
    Results,
    dense_of,
    gather,
    kept_design,
    note_accuracy,
    noted_accuracy,
    write_outputs,
    write_report_page,
)
from .pareto import best_of
from .record import Origin, TrialRecord, TrialState
from .spec import SearchSpec, check_resumable, read_spec, spec_toml, write_spec
from .strategy import History, Proposal, Strategy
from .strategy_climb import HillClimbStrategy
from .strategy_default import DefaultStrategy
from .strategy_tpe import TpeStrategy
from .trial_log import DESIGN, REASON, Running, TrialLog, quiet_optuna, step_seed, study_name

SPEC = "spec.toml"


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What a search came to.

    Attributes:
        folder: where its files are.
        results: its trials, the best design and the dense one.
        wanted: finished trials that were asked for.
        interrupted: Ctrl-C ended it; what had finished is kept, and it can be resumed.
        notes: what the user should know: what did not fit, what was left by a killed process.
    """

    folder: Path
    results: Results
    wanted: int
    interrupted: bool
    notes: tuple[str, ...]


def strategy_of(problem: Problem) -> Strategy:
    """The strategy that a problem's spec names."""
    spec = problem.spec
    match spec.strategy:
        case "tpe":
            return TpeStrategy(problem.facts, spec.objective)
        case "hill-climb":
            return HillClimbStrategy(problem.facts)
        case _:
            return DefaultStrategy(
                [layer.name for layer in clipped_layers(problem.facts)],
                lambda: problem.codesign,
                spec.accuracy_drop,
            )


def next_proposal(strategy: Strategy, history: History) -> Proposal | None:
    """The dense design, then all engine kinds with nothing clipped, then what the strategy says."""
    if not history:
        return Proposal(Origin.DENSE, strategy.neutral)
    if len(history) == 1:
        return Proposal(Origin.SEED, strategy.neutral)
    return strategy.propose(history)


def accuracy_shortfall(top1: float | None, floor: float | None) -> float:
    """By how much an accuracy misses the floor; at most 0 if it keeps it or is unknown."""
    if top1 is None or floor is None:
        return 0.0
    shortfall = floor - top1
    return 0.0 if abs(shortfall) <= ROUNDING else shortfall


def part_excess(answer: Design | Infeasibility | Stopped) -> float:
    """Demand over budget of the resource that runs out, less 1; negative if it fits, 0 where
    nobody asked."""
    if isinstance(answer, Stopped):
        return 0.0
    if isinstance(answer, Infeasibility):
        return max(answer.demand / max(answer.budget, 1) - 1, ROUNDING)
    need, have = answer.summary.resources, answer.device.budget
    return max((a / b for a, b in zip(need, have, strict=True) if b), default=1.0) - 1.0


def measured_record(running: Running, evaluation: Evaluation, floor: float | None) -> TrialRecord:
    """The numbers of a trial, its score apart.

    Args:
        running: the trial.
        evaluation: what was measured.
        floor: lowest accuracy allowed, or None for the dense design, which sets it.
    """
    selection, calibration = evaluation.selection, evaluation.calibration
    top1 = None if selection is None else selection.top1
    record = TrialRecord(
        number=running.number,
        state=TrialState.COMPLETE,
        origin=running.origin,
        stopped=isinstance(evaluation.answer, Stopped),
        selection_top1=top1,
        selection_images=None if selection is None else selection.images,
        calibration_top1=None if calibration is None else calibration.top1,
    )
    if evaluation.densities is not None:
        densities = asdict(evaluation.densities)
        record = replace(record, **densities)
    if not isinstance(evaluation.answer, Design):
        return record
    summary = evaluation.answer.summary
    return replace(
        record,
        feasible=top1 is not None and accuracy_shortfall(top1, floor) <= 0,
        throughput_fps=summary.throughput_fps,
        frame_ii_cycles=summary.frame_ii_cycles,
        latency_us=summary.latency_us,
        **{name: getattr(summary.resources, name) for name in RESOURCE_NAMES},
    )


class _Search:
    """One run: the problem, the strategy and the trials, held together."""

    def __init__(self, problem: Problem, log: TrialLog) -> None:
        self._problem = problem
        self._log = log
        self._spec = problem.spec
        self._hooks = problem.hooks

    def run(self) -> None:
        """Try until enough trials have finished.

        Raises:
            InfeasibleError: if the smallest foldings do not fit the part.
        """
        history = self._log.history()
        self._hooks.begun(len(history), self._spec.trials)
        self._stop_if_hopeless(history)
        if len(history) >= self._spec.trials:
            return
        strategy = strategy_of(self._problem)
        while len(history) < self._spec.trials:
            proposal = next_proposal(strategy, history)
            if proposal is None:
                return
            self._try(strategy, proposal, history)
            history = self._log.history()
            self._stop_if_hopeless(history)

    def _stop_if_hopeless(self, history: History) -> None:
        # What a folding costs does not depend on clips, only its speed does: where neither the
        # dense nor the unclipped design fits, none does.
        first = [tried.record for tried in history[:2]]
        if len(first) == min(2, self._spec.trials) and not any(r.fits for r in first):
            raise InfeasibleError(self._log.outcome(first[0].number, REASON) or "infeasible")

    def _try(self, strategy: Strategy, proposal: Proposal, history: History) -> None:
        seed = step_seed(self._spec.seed, len(history))
        running = self._log.begin(proposal, strategy.space, seed, strategy.random_trials)
        try:
            if running.origin is Origin.DENSE:
                evaluation = self._problem.dense()
            else:
                settings = strategy.settings(running.values)
                evaluation = self._problem.evaluate(settings, strategy.hopeless)
            record, shortfall = self._judged(strategy, running, evaluation, history)
            answer = evaluation.answer
            outcome = (
                (DESIGN, canonical_json(design_json(answer)))
                if isinstance(answer, Design)
                else (REASON, str(answer))
            )
            constraints = {"part": part_excess(answer), "accuracy": shortfall}
            self._log.finish(running, record, constraints, outcome)
        except OutputError:
            raise  # the journal cannot be written: a resumed search finds the trial abandoned
        except BaseException:
            self._log.fail(running)
            raise
        best = best_of([*(tried.record for tried in history), record])
        self._hooks.tried(record, best)

    def _judged(
        self, strategy: Strategy, running: Running, evaluation: Evaluation, history: History
    ) -> tuple[TrialRecord, float]:
        dense = history[0].record if history else None
        floor = None
        if dense is not None and dense.selection_top1 is not None:
            floor = dense.selection_top1 - self._spec.accuracy_drop / 100
        record = measured_record(running, evaluation, floor)
        fitting = (tried.record for tried in history if tried.record.fits)
        scored = replace(record, objective=strategy.score(record, next(fitting, record)))
        if isinstance(evaluation.answer, Stopped):  # images differ: against the same ones
            floor = evaluation.answer.dense.top1 - self._spec.accuracy_drop / 100
        return scored, accuracy_shortfall(record.selection_top1, floor)

    def measure_final(self) -> None:
        """Measure the best and the dense design on the held-out split and in integers, once."""
        records = self._log.records()
        final = dict.fromkeys(r for r in (dense_of(records), best_of(records)) if r is not None)
        for what in Measured:  # first what takes less time, of both
            for record in final:
                design = kept_design(self._log, record)
                if design is not None and noted_accuracy(self._log, record, what) is None:
                    accuracy = self._measured(design, what)
                    note_accuracy(self._log, record, what, accuracy)

    def _measured(self, design: Design, what: Measured) -> Accuracy:
        match what:
            case Measured.TEST:
                return self._problem.test_accuracy(design.settings)
            case Measured.INTEGER_SELECTION:
                return self._problem.integer_accuracy(design, Split.SELECTION)
            case Measured.INTEGER_TEST:
                return self._problem.integer_accuracy(design, Split.TEST)


def _identity(problem: Problem) -> Mapping[str, JsonValue]:
    """What trials depend on besides the spec: the content of the files that it names."""
    return {
        "model": problem.model.sha256,
        "graph": problem.model.graph.digest,
        "weights": problem.model.weights.digest,
        "data": problem.data.digest,
        "device": repr(problem.device),
        "cost model": COST_MODEL_VERSION,
    }


def below_floor_in_integers(results: Results, spec: SearchSpec) -> str | None:
    """That the best design keeps the accuracy floor in floating point only, in words."""
    dense, best = dense_of(results.records), results.best_design
    if dense is None or dense.selection_top1 is None or best is None:
        return None
    floor = dense.selection_top1 - spec.accuracy_drop / 100
    found = None if best.integer_accuracy is None else best.integer_accuracy.selection
    if found is None or accuracy_shortfall(found.top1, floor) <= 0:
        return None
    return (
        f"in {arithmetic_title(best.arithmetic)} the best design has {100 * found.top1:.1f} % on "
        f"{found.images:,} images of the selection split, below the accuracy floor of "
        f"{100 * floor:.1f} %, which it keeps in floating point; levers: more --bits, a smaller "
        "--accuracy-drop"
    )


def _conclusion(results: Results, log: TrialLog, spec: SearchSpec) -> tuple[str, ...]:
    """Remarks on the results.

    Raises:
        InfeasibleError: if trials have finished, but none is a design within the limits.
    """
    dense = dense_of(results.records)
    integers = below_floor_in_integers(results, spec)
    notes = () if integers is None else (integers,)
    if dense is None or dense.fits:
        return notes
    reason = log.outcome(dense.number, REASON)
    if results.best is None and results.finished >= spec.trials:
        raise InfeasibleError(
            f"{reason}\nno design that fits keeps the accuracy floor "
            f"({spec.accuracy_drop} points below the dense design); levers: a larger "
            "--accuracy-drop; more --trials"
        )
    return (f"the dense design does not fit: {reason}", *notes)


def run_search(
    spec: SearchSpec, out_folder: str | Path, hooks: SearchHooks | None = None
) -> SearchOutcome:
    """Search, or go on with the search that ``out_folder`` holds.

    Args:
        spec: what to search. A folder that holds a search must have been begun with the same
            spec, ``trials`` apart.
        out_folder: made if it does not exist.
        hooks: told about progress.

    Returns:
        The outcome, also after Ctrl-C (then ``interrupted``), with all files written.

    Raises:
        SpecError: if the spec, or a file it names, is wrong, or differs from the folder's.
        ModelError: if the model cannot be used.
        InfeasibleError: if nothing fits the part within the accuracy asked for.
        OutputError: if a file cannot be written, or another process searches in the folder.
    """
    listener = SilentHooks() if hooks is None else hooks
    folder = make_folder(out_folder)
    with sole_owner(folder), quiet_optuna():
        remove_leftovers(folder)
        remove_leftovers(folder / DESIGNS)
        kept = folder / SPEC
        resumed = kept.exists()
        if resumed:
            check_resumable(spec, read_spec(kept), kept)
        problem = open_problem(spec, listener, Known(folder / KNOWN))
        if not resumed:
            write_spec(spec, kept)
        name = study_name(spec_toml(replace(spec, trials=1)))
        log = TrialLog.open(folder, spec.storage, name)
        log.bind(_identity(problem))
        if resumed:
            write_spec(spec, kept)  # perhaps with more trials; not where binding was refused
        notes = []
        if abandoned := log.close_abandoned():
            notes.append(f"{abandoned} trial(s) that a killed search left are marked as failed")
        return _searched(_Search(problem, log), log, problem, folder, notes)


def _searched(
    search: _Search, log: TrialLog, problem: Problem, folder: Path, notes: list[str]
) -> SearchOutcome:
    interrupted = False
    try:
        search.run()
        search.measure_final()
    except KeyboardInterrupt:
        interrupted = True
    except HassError:
        write_outputs(log, gather(log), folder)
        raise
    results = gather(log)
    write_outputs(log, results, folder)
    notes.extend(_conclusion(results, log, problem.spec))
    if results.best is not None:
        write_report_page(folder)
    return SearchOutcome(folder, results, problem.spec.trials, interrupted, tuple(notes))
