"""The study: trials as Optuna keeps them, and back as records. The only user of its API."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy.exc  # a dependency of Optuna's, and its way to say that a URL is no good
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from hass.errors import OutputError, SpecError
from hass.files import JsonValue

from .interrupts import deferred_interrupt
from .journal import open_journal
from .record import Origin, TrialRecord, TrialState, record_numbers, record_of
from .strategy import Proposal, Space, Tried, Values

JOURNAL = "study.journal"
ORIGIN, RECORD, DESIGN, REASON = "origin", "record", "design", "infeasible"
_STATES = {
    optuna.trial.TrialState.COMPLETE: TrialState.COMPLETE,
    optuna.trial.TrialState.FAIL: TrialState.FAIL,
}


class _FixedSampler(BaseSampler):
    """Answers with given values: a seed trial is then an ordinary trial of the study."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> float:
        return self._values[param_name]


@dataclass(frozen=True, slots=True)
class Running:
    """A trial that has begun."""

    trial: optuna.Trial
    origin: Origin
    values: Values

    @property
    def number(self) -> int:
        """Of the trial."""
        return self.trial.number


def step_seed(seed: int, step: int) -> int:
    """The sampler's seed for one step.

    A step is the number of trials finished before, not the trial's number: a trial that died
    is then proposed again, and a resumed search goes the way of an uninterrupted one.
    """
    digest = hashlib.sha256(f"{seed}:{step}".encode()).digest()
    return int.from_bytes(digest[:4], "little")


def pack_text(text: str) -> str:
    """Compressed, as ASCII."""
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode("ascii")


def unpack_text(packed: str) -> str:
    """Undoes ``pack_text``."""
    return zlib.decompress(base64.b85decode(packed)).decode()


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
def _recording(where: str) -> Iterator[None]:
    """Writes to the storage: whole in the face of Ctrl-C, and named when they fail."""
    try:
        with deferred_interrupt():
            yield
    except OSError as error:
        raise OutputError(f"{where}: cannot write: {error.strerror or error}") from None


class TrialLog:
    """The trials of one search in their storage."""

    def __init__(self, study: optuna.Study, where: str) -> None:
        self._study = study
        self._where = where

    @classmethod
    def open(cls, folder: Path, storage: str | None, study_name: str) -> TrialLog:
        """The trials in a folder's journal, or in an Optuna storage by URL; none to begin with.

        Raises:
            SpecError: if the storage cannot be used.
            OutputError: if it cannot be written.
        """
        if storage is None:
            where = str(folder / JOURNAL)
            backend: optuna.storages.BaseStorage | str = open_journal(folder / JOURNAL)
        else:
            where = backend = storage
        try:
            with _recording(where):
                study = optuna.create_study(
                    storage=backend,
                    study_name=study_name,
                    direction="maximize",
                    load_if_exists=True,
                )
        except (
            ImportError,
            ValueError,
            optuna.exceptions.OptunaError,
            sqlalchemy.exc.SQLAlchemyError,
        ) as error:
            raise SpecError.at("storage", where, f"a storage of Optuna's ({error})") from None
        return cls(study, where)

    def bind(self, identity: Mapping[str, JsonValue]) -> None:
        """Tie the study to what its trials depend on besides the spec.

        Raises:
            SpecError: naming what has changed since the study began.
        """
        kept = self._study.user_attrs.get("identity")
        if kept is None:
            with _recording(self._where):
                self._study.set_user_attr("identity", dict(identity))
        elif kept != dict(identity):
            changed = sorted(k for k in {*kept, *identity} if kept.get(k) != identity.get(k))
            raise SpecError.at(
                self._where,
                f"other {', '.join(changed)} now",
                "what the search in this folder began with; use another output folder",
            )

    def close_abandoned(self) -> int:
        """Mark trials that a killed process left running as failed; their number."""
        left = self._study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        for trial in left:
            with _recording(self._where):
                self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        return len(left)

    def _ended(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=tuple(_STATES))

    def records(self) -> tuple[TrialRecord, ...]:
        """All trials that ended, failed ones included, by number."""
        return tuple(self._record(trial) for trial in self._ended())

    def history(self) -> tuple[Tried, ...]:
        """The trials that finished, by number."""
        return tuple(
            Tried(trial.params, self._record(trial))
            for trial in self._ended()
            if trial.state is optuna.trial.TrialState.COMPLETE
        )

    def seconds(self) -> tuple[float, ...]:
        """How long the trials that finished took, by number."""
        return tuple(
            0.0 if trial.duration is None else trial.duration.total_seconds()
            for trial in self._ended()
            if trial.state is optuna.trial.TrialState.COMPLETE
        )

    @staticmethod
    def _record(trial: FrozenTrial) -> TrialRecord:
        return record_of(
            trial.number,
            _STATES[trial.state],
            Origin(trial.user_attrs.get(ORIGIN, Origin.SAMPLER.value)),
            trial.user_attrs.get(RECORD, {}) if trial.state.name == "COMPLETE" else {},
        )

    def begin(self, proposal: Proposal, space: Space, seed: int, random_trials: int) -> Running:
        """Start a trial.

        Args:
            proposal: its values, or that the sampler is to choose them.
            space: the parameters.
            seed: of the sampler, for this trial alone.
            random_trials: the sampler draws at random before so many have finished.
        """
        self._study.sampler = (
            TPESampler(seed=seed, n_startup_trials=random_trials)
            if proposal.values is None
            else _FixedSampler(proposal.values)
        )
        with _recording(self._where):
            trial = self._study.ask()
            trial.set_user_attr(ORIGIN, proposal.origin.value)
            spans = {**space, **proposal.within}
            values = {
                name: trial.suggest_float(name, span.low, span.high) for name, span in spans.items()
            }
        return Running(trial, proposal.origin, values)

    def finish(
        self,
        running: Running,
        record: TrialRecord,
        constraints: Mapping[str, float],
        outcome: tuple[str, str],
    ) -> None:
        """Journal a finished trial.

        Args:
            running: the trial.
            record: its numbers.
            constraints: name -> by how much it is broken; at most 0 if it is kept.
            outcome: ``DESIGN`` and the design's text, or ``REASON`` and the reason.
        """
        kind, text = outcome
        with _recording(self._where):
            trial = running.trial
            trial.set_user_attr(RECORD, record_numbers(record))
            trial.set_user_attr(kind, pack_text(text))
            for name, excess in constraints.items():
                trial.set_constraint(name, excess)
            self._study.tell(trial, record.objective)

    def fail(self, running: Running) -> None:
        """Journal a trial that did not finish."""
        with _recording(self._where):
            self._study.tell(
                running.trial, state=optuna.trial.TrialState.FAIL, skip_if_finished=True
            )

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
        with _recording(self._where):
            self._study.set_user_attr(key, list(numbers))


def study_name(spec_text: str) -> str:
    """A name for the study of a spec, the same for equal ones."""
    return f"hass-{hashlib.sha256(spec_text.encode()).hexdigest()[:16]}"
