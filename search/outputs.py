"""What a search leaves in its folder, made from its trials alone: made again, it is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from hass.design import Design, DesignAccuracy, DesignResult
from hass.design_file import design_json, parse_design
from hass.files import canonical_json, make_folder, write_text_atomic
from hass.pareto import pareto_front
from hass.sparsity import Accuracy

from .pareto import best_of, with_hypervolumes
from .record import Origin, TrialRecord, TrialState, records_csv
from .spec import SearchSpec
from .trial_log import TrialLog
from .trial_notes import DESIGN

TRIALS, PARETO, DESIGNS, BEST, REPORT = (
    "trials.csv",
    "pareto.csv",
    "designs",
    "best.json",
    "report.html",
)
DENSE_FILE = "trial-0000.json"  # whatever its number: a dense trial may have been killed first


@dataclass(frozen=True, slots=True)
class Results:
    """What the trials of a search say.

    Attributes:
        records: trials that ended, by number.
        front: those that none beats in the measures asked for, best in the second one first.
        best: the best one, or None.
        best_design, dense_design: complete, with their accuracy on the test split and in
            integers where it was measured; None where there is none.
    """

    records: tuple[TrialRecord, ...]
    front: tuple[TrialRecord, ...]
    best: TrialRecord | None
    best_design: Design | None
    dense_design: Design | None

    @property
    def last(self) -> TrialRecord | None:
        """The finished trial with the highest number."""
        done = [record for record in self.records if record.state is TrialState.COMPLETE]
        return done[-1] if done else None

    @property
    def finished(self) -> int:
        """Trials that finished."""
        return sum(record.state is TrialState.COMPLETE for record in self.records)


def dense_of(records: Sequence[TrialRecord]) -> TrialRecord | None:
    """The finished trial of the dense design."""
    for record in records:
        if record.origin is Origin.DENSE and record.state is TrialState.COMPLETE:
            return record
    return None


def kept_design(log: TrialLog, record: TrialRecord) -> Design | None:
    """The design of a finished trial, as it was journalled; None if nothing fitted."""
    text = log.outcome(record.number, DESIGN)
    return None if text is None else parse_design(text, f"trial {record.number}")


class Measured(StrEnum):
    """What is measured of the best and the dense design when all trials have finished."""

    TEST = "test"  # on the test split
    INTEGER_SELECTION = "integer selection"  # in integers, on the selection split
    INTEGER_TEST = "integer test"


def note_accuracy(log: TrialLog, record: TrialRecord, what: Measured, accuracy: Accuracy) -> None:
    """Keep an accuracy of a trial's design, so that it is measured once."""
    log.set_note(f"{what}:{record.number}", (accuracy.correct, accuracy.images))


def noted_accuracy(log: TrialLog, record: TrialRecord, what: Measured) -> Accuracy | None:
    """An accuracy of a trial's design, if it was measured."""
    note = log.note(f"{what}:{record.number}")
    return None if note is None else Accuracy(note[0], note[1])


def _final(log: TrialLog, record: TrialRecord | None) -> Design | None:
    design = None if record is None else kept_design(log, record)
    if record is None or design is None:
        return design
    test, *integers = (noted_accuracy(log, record, what) for what in Measured)
    return replace(
        design,
        accuracy=replace(design.accuracy or DesignAccuracy(), test=test),
        integer_accuracy=DesignAccuracy(None, *integers) if any(integers) else None,
    )


def gather(log: TrialLog, spec: SearchSpec) -> Results:
    """The results so far."""
    records = with_hypervolumes(log.records(), spec.aim)
    best, dense = best_of(records, spec.measure), dense_of(records)
    dense_design = _final(log, dense)
    best_design = _final(log, best)
    if best_design is not None:
        best_design = replace(
            best_design,
            trials=sum(record.state is TrialState.COMPLETE for record in records),
            dense=None
            if dense_design is None
            else DesignResult(
                dense_design.summary, dense_design.accuracy, dense_design.integer_accuracy
            ),
        )
    front = pareto_front(records, spec.aim)
    return Results(records, front, best, best_design, dense_design)


def _design_texts(log: TrialLog, results: Results) -> dict[str, str]:
    designs = {
        f"trial-{record.number:04d}.json": kept_design(log, record) for record in results.front
    }
    if results.best is not None and results.best_design is not None:
        # the same trial as best.json, without what best.json says of the whole search
        designs[f"trial-{results.best.number:04d}.json"] = replace(
            results.best_design, trials=None, dense=None
        )
    dense = dense_of(results.records)
    if dense is not None:
        designs.pop(f"trial-{dense.number:04d}.json", None)
        designs[DENSE_FILE] = results.dense_design
    return {
        name: canonical_json(design_json(design))
        for name, design in designs.items()
        if design is not None
    }


def write_outputs(log: TrialLog, results: Results, folder: Path) -> None:
    """Write all files of a search but its journal, its spec and its report.

    Raises:
        OutputError: if one cannot be written.
    """
    texts = _design_texts(log, results)
    designs = make_folder(folder / DESIGNS)
    for name, text in texts.items():
        write_text_atomic(designs / name, text)
    for stale in set(designs.glob("trial-*.json")) - {designs / name for name in texts}:
        stale.unlink(missing_ok=True)
    write_text_atomic(folder / TRIALS, records_csv(results.records))
    write_text_atomic(folder / PARETO, records_csv(results.front))
    if results.best_design is None:
        (folder / BEST).unlink(missing_ok=True)
        (folder / REPORT).unlink(missing_ok=True)
    else:
        write_text_atomic(folder / BEST, canonical_json(design_json(results.best_design)))


def write_report_page(folder: Path) -> None:
    """Write ``report.html`` from the other files.

    Raises:
        OutputError: if it cannot be written.
    """
    from hass.report import write_report  # here, as it brings its templates and plots along

    write_report(folder, folder / REPORT)
