"""The search: trial after trial until enough have finished, then the files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from hass.cost import COST_MODEL_VERSION
from hass.design import Design, arithmetic_title
from hass.errors import HassError, InfeasibleError
from hass.files import JsonValue, make_folder, remove_leftovers
from hass.filter_refit import Refit
from hass.html_table import PrettyPrinter, html_table
from hass.measure import Hits, Split
from hass.pareto import Measure
from hass.sparsity import Accuracy

from .crew import ALONE, Crew, run_crew
from .evaluate import Problem, open_problem
from .evaluation import accuracy_of
from .floor import accuracy_shortfall
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
from .spec import CLIPS, SearchSpec, check_resumable, read_spec, spec_toml, write_spec
from .team import Team, Watch, new_owner
from .trial_log import TrialLog, quiet_optuna, study_name
from .trial_notes import REASON
from .worker import Worker, stop_if_hopeless

if TYPE_CHECKING:
    from hass.report import Run

SPEC = "spec.toml"
# what the trials of a study have in common, files apart: paths differ between machines
_ASKED = (
    "strategy",
    "accuracy_drop",
    "seed",
    "profile_images",
    "selection_limit",
    "clock_mhz",
    "bits",
)


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

    @property
    def run(self) -> Run:
        """The same as the report and its pictures take it.

        Raises:
            SpecError: if there is no best design yet.
        """
        from hass.report import load_run  # here, as it brings its templates along

        return load_run(self.folder)

    def _repr_html_(self) -> str:
        """For notebooks: the dense design against the best, and what the user should know."""
        from hass.report.tables import summary_table  # here, as it brings its templates along

        best = self.results.best_design
        told = f"{self.results.finished} of {self.wanted} trials finished"
        lines = "".join(f"<p>{escape(line)}</p>" for line in (told, *self.notes))
        if best is None:
            return lines
        table = summary_table(best)
        return html_table(table.caption, table.head, table.rows) + lines

    def _repr_pretty_(self, printer: PrettyPrinter, cycle: bool) -> None:
        """For IPython's terminal, and beside the table in a notebook's file."""
        done = f"{self.results.finished} of {self.wanted} trials finished"
        printer.text(f"<SearchOutcome: {done}, in {self.folder}>")


def measure_final(problem: Problem, log: TrialLog) -> None:
    """Measure the best and the dense design on the held-out split and in integers, once."""
    records = log.records()
    best = best_of(records, problem.spec.measure)
    final = dict.fromkeys(r for r in (dense_of(records), best) if r is not None)
    for what in Measured:  # first what takes less time, of both
        for record in final:
            design = kept_design(log, record)
            if design is not None and noted_accuracy(log, record, what) is None:
                note_accuracy(log, record, what, _measured(problem, design, what))


def _measured(problem: Problem, design: Design, what: Measured) -> Accuracy:
    match what:
        case Measured.TEST:
            return problem.test_accuracy(design)
        case Measured.INTEGER_SELECTION:
            return problem.integer_accuracy(design, Split.SELECTION)
        case Measured.INTEGER_TEST:
            return problem.integer_accuracy(design, Split.TEST)


def _asked_of_designs(spec: SearchSpec) -> Mapping[str, JsonValue]:
    """Goal and required throughput; nothing of the fastest: studies older than goals go on."""
    if (spec.measure, spec.min_fps) == (Measure.THROUGHPUT, None):
        return {}
    return {"goal": spec.goal, "min_fps": spec.min_fps}


def _identity(problem: Problem) -> Mapping[str, JsonValue]:
    """What trials depend on: the spec, and the content of the files that it names."""
    spec = problem.spec
    return {
        **{name: getattr(spec, name) for name in _ASKED},
        **({} if spec.clips == CLIPS else {"clips": spec.clips}),  # as in studies of before
        **({} if spec.refitting is Refit.NONE else {"refit": spec.refitting.value}),
        **_asked_of_designs(spec),
        **({"layer_bits": list(spec.layer_bits)} if spec.layer_bits else {}),
        "objective": asdict(spec.objective),
        "model": problem.model.sha256,
        "graph": problem.model.graph.digest,
        "weights": problem.model.weights.digest,
        "data": problem.data.digest,
        "device": repr(problem.device),
        "cost model": COST_MODEL_VERSION,
    }


def below_floor_in_integers(
    results: Results, spec: SearchSpec, unclipped: Callable[[], Hits]
) -> str | None:
    """That the best design keeps the accuracy floor in floating point only, in words.

    The floor is that of the images that were run in integers.

    Args:
        results: of the search.
        spec: what was searched.
        unclipped: what the network gets right in floating point; asked for only where fewer images
            were run in integers.
    """
    dense, best = dense_of(results.records), results.best_design
    if dense is None or dense.selection_top1 is None or best is None:
        return None
    found = None if best.integer_accuracy is None else best.integer_accuracy.selection
    whole = None if best.accuracy is None else best.accuracy.selection
    if found is None or whole is None:
        return None
    before = dense.selection_top1
    if found.images < whole.images:
        before = accuracy_of(unclipped()[: found.images]).top1
    floor = before - spec.accuracy_drop / 100
    if accuracy_shortfall(found.top1, floor) <= 0:
        return None
    return (
        f"in {arithmetic_title(best.precision)} the best design has {100 * found.top1:.1f} % on "
        f"{found.images:,} images of the selection split, below the accuracy floor of "
        f"{100 * floor:.1f} % on these, which it keeps in floating point on all; levers: more "
        "--bits, a smaller --accuracy-drop"
    )


def _conclusion(results: Results, log: TrialLog, problem: Problem) -> tuple[str, ...]:
    """Remarks on the results.

    Raises:
        InfeasibleError: if trials have finished, but none is a design within the limits.
    """
    spec, dense = problem.spec, dense_of(results.records)
    integers = below_floor_in_integers(results, spec, lambda: problem.unclipped_hits)
    notes = () if integers is None else (integers,)
    slow = spec.min_fps is not None and results.best is None and results.finished >= spec.trials
    if slow and dense is not None and dense.fits:
        raise InfeasibleError(
            f"no design reaches {spec.min_fps:,.10g} frames per second within {spec.accuracy_drop} "
            f"points of the dense design, which reaches {dense.throughput_fps:,.1f}; levers: a "
            "lower --min-fps; a larger --accuracy-drop; more --trials; a larger part"
        )
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
    spec: SearchSpec,
    out_folder: str | Path,
    hooks: SearchHooks | None = None,
    crew: Crew = ALONE,
) -> SearchOutcome:
    """Search, or go on with the search that ``out_folder`` holds.

    Several searches, on any machines, may work on one study in a storage: each with a folder of its
    own, each until so many trials have finished in all. With one process, the same seed gives the
    same result; with several, what is tried depends on timing.

    Args:
        spec: what to search. A folder that holds a search, and a study, must have been begun with
            the same spec, ``trials`` apart.
        out_folder: made if it does not exist.
        hooks: told about progress.
        crew: how many processes of this machine work on it. Of a script's functions, those that
            start several must be behind ``if __name__ == "__main__":``.

    Returns:
        The outcome, also after Ctrl-C (then ``interrupted``), with all files written.

    Raises:
        SpecError: if the spec, or a file it names, is wrong, or differs from the folder's.
        ModelError: if the model cannot be used.
        InfeasibleError: if nothing fits the part within the accuracy asked for.
        OutputError: if a file cannot be written, or another process searches in the folder.
        WorkerError: if worker processes die again and again.
    """
    listener = SilentHooks() if hooks is None else hooks
    folder = make_folder(out_folder)
    with sole_owner(folder), quiet_optuna():
        for inside in (folder, folder / DESIGNS, folder / KNOWN):
            remove_leftovers(inside)
        kept = folder / SPEC
        resumed = kept.exists()
        if resumed:
            check_resumable(spec, read_spec(kept), kept)
        problem = open_problem(spec, listener, Known(folder / KNOWN))
        if not resumed:
            write_spec(spec, kept)
        name = spec.study or study_name(
            spec_toml(replace(spec, trials=1, storage=None, front=None))
        )
        with closing(TrialLog.open(folder, spec.storage, name)) as log:
            log.bind(_identity(problem))
            if resumed:
                write_spec(spec, kept)  # perhaps with more trials; not where binding was refused
            notes = []
            if spec.storage is None and (abandoned := log.close_abandoned()):
                notes.append(f"{abandoned} trial(s) that a killed search left are marked as failed")
            if crew.workers > 1 or spec.storage is not None:
                notes.append(
                    "where several processes work on a study, what is tried depends on timing"
                )
            return _searched(problem, log, folder, name, crew, notes)


def _work(problem: Problem, log: TrialLog, folder: Path, name: str, crew: Crew) -> tuple[str, ...]:
    spec = problem.spec
    history = log.history()
    problem.hooks.begun(len(history), spec.trials)
    stop_if_hopeless(log, history, spec.trials)
    if crew.workers > 1:
        return run_crew(problem, log, folder, name, crew)
    watch = None if spec.storage is None else Watch(crew.lease_seconds)
    owner = new_owner()
    try:
        Worker(problem, log, Team(owner, watch=watch)).run()
    except KeyboardInterrupt:
        log.give_up_all_of(owner)
        raise
    return ()


def _searched(
    problem: Problem, log: TrialLog, folder: Path, name: str, crew: Crew, notes: list[str]
) -> SearchOutcome:
    interrupted = False
    try:
        notes.extend(_work(problem, log, folder, name, crew))
        measure_final(problem, log)
    except KeyboardInterrupt:
        interrupted = True
    except HassError:
        write_outputs(log, gather(log, problem.spec), folder)
        raise
    results = gather(log, problem.spec)
    write_outputs(log, results, folder)
    notes.extend(_conclusion(results, log, problem))
    if results.best is not None:
        write_report_page(folder)
    return SearchOutcome(folder, results, problem.spec.trials, interrupted, tuple(notes))
