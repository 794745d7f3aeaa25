"""The study: trials as Optuna keeps them, and back as records. The only user of its API."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from hass.errors import OutputError, SpecError
from hass.files import JsonValue

from .fixed_sampler import FixedSampler
from .interrupts import deferred_interrupt
from .record import Origin, TrialRecord, TrialState, record_numbers, record_of
from .storage import BROKEN, OpenStudy, open_study, place_of
from .strategy import Follows, Proposal, Space, Tried
from .trial_notes import (
    BEAT,
    CLIPS,
    ENDED,
    FIGURES,
    ORIGIN,
    OWNER,
    PARTS,
    RECORD,
    RETRY,
    SCORE,
    Ending,
    Running,
    UnderWay,
    pack_text,
    under_way_of,
    unpack_text,
    was_given_up,
)
from .urls import scrubbed

_COMPLETE, _FAIL, _RUNNING = (
    optuna.trial.TrialState.COMPLETE,
    optuna.trial.TrialState.FAIL,
    optuna.trial.TrialState.RUNNING,
)
_STATES = {_COMPLETE: TrialState.COMPLETE, _FAIL: TrialState.FAIL}


def step_seed(seed: int, step: int | str) -> int:
    """The sampler's seed for one step.

    A step is the number of trials finished before, not the trial's number: a trial that died
    is then proposed again, and a resumed search goes the way of an uninterrupted one.
    """
    digest = hashlib.sha256(f"{seed}:{step}".encode()).digest()
    return int.from_bytes(digest[:4], "little")


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna's log off; what matters is told through the hooks."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def _recording(where: str, storage: str | None) -> Iterator[None]:
    """Writes to the storage: whole in the face of Ctrl-C, and named when they fail.

    A trial that others have ended is told as Optuna tells it.
    """
    try:
        with deferred_interrupt():
            yield
    except optuna.exceptions.UpdateFinishedTrialError:
        raise
    except OSError as error:
        raise OutputError(f"{where}: cannot write: {error.strerror or error}") from None
    except BROKEN as error:
        why = str(error) if storage is None else scrubbed(str(error), storage)
        raise OutputError(f"{where}: cannot write: {why}") from None


class TrialLog:
    """The trials of one search in their storage."""

    def __init__(self, opened: OpenStudy, where: str, storage: str | None) -> None:
        self._opened = opened
        self._study = opened.study
        self._where = where
        self._storage = storage

    @classmethod
    def open(cls, folder: Path, storage: str | None, study_name: str) -> TrialLog:
        """The trials in a folder's journal, or in an Optuna storage by URL; none to begin with.

        Raises:
            SpecError: if the storage cannot be used.
            OutputError: if it cannot be written.
        """
        where = place_of(folder, storage)
        try:
            with deferred_interrupt():
                opened = open_study(folder, storage, study_name)
        except OSError as error:
            raise OutputError(f"{where}: cannot write: {error.strerror or error}") from None
        return cls(opened, where, storage)

    def close(self) -> None:
        """Give connections back; the log is of no use any more."""
        self._opened.close()

    def _writing(self) -> AbstractContextManager[None]:
        return _recording(self._where, self._storage)

    def bind(self, identity: Mapping[str, JsonValue]) -> None:
        """Tie the study to what its trials depend on.

        Raises:
            SpecError: naming what has changed since the study began.
        """
        kept = self._study.user_attrs.get("identity")
        if kept is None:
            with self._writing():
                self._study.set_user_attr("identity", dict(identity))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                    self._study.set_metric_names([SCORE])
        elif kept != dict(identity):
            changed = sorted(k for k in {*kept, *identity} if kept.get(k) != identity.get(k))
            raise SpecError.at(
                self._where,
                f"other {', '.join(changed)} now",
                "what this search began with; use another output folder, or another --study",
            )

    def close_abandoned(self) -> int:
        """Mark trials that a killed process left running as failed; their number."""
        left = self.under_way()
        for trial in left:
            self.give_up(trial.number)
        return len(left)

    def under_way(self) -> tuple[UnderWay, ...]:
        """The trials that run, by number."""
        with self._writing():
            trials = self._study.get_trials(deepcopy=False, states=(_RUNNING,))
        return tuple(under_way_of(trial) for trial in trials)

    def lost(self, space: Space) -> tuple[UnderWay, ...]:
        """Trials whose process died, that had all their values, and that nobody took up again.

        A trial is taken up once: one that kills its process does so only twice. Not among them are
        trials whose values have finished since.
        """
        ended = self._study.get_trials(deepcopy=False)
        again = {trial.user_attrs.get(RETRY) for trial in ended if not was_given_up(trial)}
        known = [trial.params for trial in ended if trial.state is _COMPLETE]
        return tuple(
            under_way_of(trial)
            for trial in ended
            if trial.state is _FAIL
            and not {ENDED, RETRY} & trial.user_attrs.keys()
            and trial.number not in again
            and trial.params.keys() == space.keys()
            and trial.params not in known
        )

    def ahead(self, running: Running) -> int:
        """Trials with lower numbers that have finished or run."""
        active = self._study.get_trials(deepcopy=False, states=(_COMPLETE, _RUNNING))
        return sum(trial.number < running.number for trial in active)

    def finished_with(self, clips: str) -> int | None:
        """The first trial that finished with these clips."""
        for trial in self._ended():
            if trial.state is _COMPLETE and trial.user_attrs.get(CLIPS) == clips:
                return trial.number
        return None

    def give_up(self, number: int) -> None:
        """Mark another process's trial as failed, unless it has ended meanwhile."""
        try:
            with self._writing():
                self._study.tell(number, state=_FAIL, skip_if_finished=True)
        except optuna.exceptions.UpdateFinishedTrialError:
            pass  # ended this very moment

    def give_up_all_of(self, owner: str) -> None:
        """Mark the trials of a process that has ended as failed."""
        for trial in self.under_way():
            if trial.owner == owner:
                self.give_up(trial.number)

    def beat(self, running: Running, count: int) -> bool:
        """Show that a trial's process lives; False if others have given the trial up."""
        try:
            with self._writing():
                running.trial.set_user_attr(BEAT, count)
        except optuna.exceptions.UpdateFinishedTrialError:
            return False
        return True

    def _ended(self) -> list[FrozenTrial]:
        with self._writing():
            return self._study.get_trials(deepcopy=False, states=tuple(_STATES))

    def records(self) -> tuple[TrialRecord, ...]:
        """All trials that ended, failed ones included, by number."""
        return tuple(self._record(trial) for trial in self._ended())

    def history(self) -> tuple[Tried, ...]:
        """The trials that finished, by number."""
        return tuple(
            Tried(trial.params, self._record(trial))
            for trial in self._ended()
            if trial.state is _COMPLETE
        )

    def seconds(self) -> tuple[float, ...]:
        """How long the trials that finished took, by number."""
        return tuple(
            0.0 if trial.duration is None else trial.duration.total_seconds()
            for trial in self._ended()
            if trial.state is _COMPLETE
        )

    def elapsed_seconds(self, first: int) -> float:
        """From the begin of the first trial to the end of the last one, of those that finished but
        for the ``first`` ones."""
        times = [
            (trial.datetime_start, trial.datetime_complete)
            for trial in self._ended()
            if trial.state is _COMPLETE
        ][first:]
        begun = [begin for begin, _ in times if begin is not None]
        ended = [end for _, end in times if end is not None]
        return (max(ended) - min(begun)).total_seconds() if begun and ended else 0.0

    @staticmethod
    def _record(trial: FrozenTrial) -> TrialRecord:
        return record_of(
            trial.number,
            _STATES[trial.state],
            Origin(trial.user_attrs.get(ORIGIN, Origin.SAMPLER.value)),
            trial.user_attrs.get(RECORD, {}) if trial.state.name == "COMPLETE" else {},
        )

    def begin(
        self,
        proposal: Proposal,
        space: Space,
        seed: int,
        random_trials: int,
        owner: str = "",
    ) -> Running:
        """Start a trial.

        Args:
            proposal: its values, or that the sampler is to choose them.
            space: the parameters.
            seed: of the sampler, for this trial alone.
            random_trials: the sampler draws at random before so many have finished.
            owner: the process that runs it.
        """
        sampler = (
            TPESampler(seed=seed, n_startup_trials=random_trials)
            if proposal.values is None
            else FixedSampler(proposal.values)
        )
        notes = {ORIGIN: proposal.origin.value, OWNER: owner}
        return self._begun(sampler, {**space, **proposal.within}, notes, proposal.follows)

    def begin_again(self, lost: UnderWay, owner: str = "") -> Running:
        """Start a trial with the values of one that was lost.

        Their ranges go with them: the sampler tells trials apart by these too.
        """
        notes = {ORIGIN: lost.origin.value, OWNER: owner, RETRY: lost.number}
        return self._begun(FixedSampler(lost.values), lost.spans, notes)

    def _begun(
        self,
        sampler: BaseSampler,
        spans: Space,
        notes: Mapping[str, JsonValue],
        follows: Follows | None = None,
    ) -> Running:
        self._study.sampler = sampler
        with self._writing():
            trial = self._study.ask()
            for key, note in notes.items():
                trial.set_user_attr(key, note)
            values = {
                name: trial.suggest_float(name, span.low, span.high)
                for name, span in spans.items()
                if follows is None or name != follows.name
            }
            if follows is not None:
                only = follows.of(values)
                values[follows.name] = trial.suggest_float(follows.name, only, only)
        return Running(trial, Origin(str(notes[ORIGIN])), values)

    def note_clips(self, running: Running, clips: str) -> None:
        """Say what a trial evaluates, so that no other evaluates it too."""
        with self._writing():
            running.trial.set_user_attr(CLIPS, clips)

    def finish(
        self,
        running: Running,
        record: TrialRecord,
        constraints: Mapping[str, float],
        outcome: tuple[str, str],
    ) -> bool:
        """Journal a finished trial.

        Args:
            running: the trial.
            record: its numbers.
            constraints: name -> by how much it is broken; at most 0 if it is kept.
            outcome: ``DESIGN`` and the design's text, or ``REASON`` and the reason.

        Returns:
            Whether it counts: not if others took its process for dead and gave it up.
        """
        kind, text = outcome
        numbers = record_numbers(record)
        figures = {name: numbers[name] for name in FIGURES if numbers[name] is not None}
        parts = {**figures, RECORD: numbers, kind: pack_text(text)}
        return self._finish(running, parts, constraints, record.objective)

    def finish_as(self, running: Running, number: int) -> bool:
        """Journal a trial with what came of another one with the same clips."""
        known = self._study.get_trials(deepcopy=False)[number]
        parts = {key: known.user_attrs[key] for key in PARTS if key in known.user_attrs}
        return self._finish(running, parts, known.constraints, known.value)

    def _finish(
        self,
        running: Running,
        parts: Mapping[str, Any],
        constraints: Mapping[str, float],
        objective: float | None,
    ) -> bool:
        trial = running.trial
        try:
            with self._writing():
                for key, part in parts.items():
                    trial.set_user_attr(key, part)
                for name, excess in constraints.items():
                    trial.set_constraint(name, excess)
                told = self._study.tell(trial, objective, skip_if_finished=True)
        except optuna.exceptions.UpdateFinishedTrialError:
            return False
        return told.state is _COMPLETE

    def fail(self, running: Running, why: Ending = Ending.INTERRUPTED) -> None:
        """Journal a trial that did not finish, unless others have given it up."""
        try:
            with self._writing():
                running.trial.set_user_attr(ENDED, why.value)
                self._study.tell(running.trial, state=_FAIL, skip_if_finished=True)
        except optuna.exceptions.UpdateFinishedTrialError:
            pass  # it has failed already

    def outcome(self, number: int, kind: str) -> str | None:
        """The text kept with a finished trial: its design, or the reason why there is none."""
        packed = self._study.get_trials(deepcopy=False)[number].user_attrs.get(kind)
        return None if packed is None else unpack_text(packed)

    def note(self, key: str) -> Sequence[int] | None:
        """Numbers kept with the study."""
        found = self._study.user_attrs.get(key)
        return None if found is None else [int(number) for number in found]

    def set_note(self, key: str, numbers: Sequence[int]) -> None:
        """Keep numbers with the study."""
        with self._writing():
            self._study.set_user_attr(key, list(numbers))


def study_name(spec_text: str) -> str:
    """A name for the study of a spec, the same for equal ones."""
    return f"hass-{hashlib.sha256(spec_text.encode()).hexdigest()[:16]}"
