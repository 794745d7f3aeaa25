"""What a trial carries in its study besides its values, and trials that have not ended."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from enum import StrEnum

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.trial import FrozenTrial

from .record import Origin
from .strategy import Range, Space, Values

ORIGIN, RECORD, DESIGN, REASON = "origin", "record", "design", "infeasible"
OWNER, CLIPS, BEAT, ENDED, RETRY = "owner", "clips", "beat", "ended", "retry"
# Numbers of the record that are also attributes of their own, as tools that draw a study
# (optuna-dashboard) look into no record.
FIGURES = (
    *("selection_top1", "throughput_fps", "frame_ii_cycles", "latency_us", "dsp", "lut"),
    *("bram18", "uram", "energy_proxy_pj", "pair_density"),
)
# what finishing a trial leaves, its value and constraints apart
PARTS = (*FIGURES, RECORD, DESIGN, REASON)
SCORE = "score"  # what those tools call a trial's value: what the strategy maximises


class Ending(StrEnum):
    """Why a trial was given up by its own process. None is noted where the process died."""

    INTERRUPTED = "interrupted"  # Ctrl-C, or an error
    WITHDRAWN = "withdrawn"  # others had begun as many as were wanted


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A trial that runs, here or elsewhere; or that was left by a process that died.

    Attributes:
        number: of the trial.
        origin: who chose its values.
        values: those that it has been given so far.
        spans: the ranges that these are from.
        owner: the process that runs it.
        clips: digest of what is evaluated; None if it is not known yet.
        beat: counts up while its process lives.
    """

    number: int
    origin: Origin
    values: Values
    spans: Space
    owner: str
    clips: str | None
    beat: int


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


def pack_text(text: str) -> str:
    """Compressed, as ASCII."""
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode("ascii")


def unpack_text(packed: str) -> str:
    """Undoes ``pack_text``."""
    return zlib.decompress(base64.b85decode(packed)).decode()


def span_of(distribution: BaseDistribution) -> Range:
    """The range of a parameter; all that searches have are floating-point numbers."""
    assert isinstance(distribution, FloatDistribution)
    return Range(distribution.low, distribution.high)


def was_given_up(trial: FrozenTrial) -> bool:
    return trial.state is optuna.trial.TrialState.FAIL and ENDED in trial.user_attrs


def under_way_of(trial: FrozenTrial) -> UnderWay:
    notes = trial.user_attrs
    return UnderWay(
        trial.number,
        Origin(notes.get(ORIGIN, Origin.SAMPLER.value)),
        trial.params,
        {name: span_of(distribution) for name, distribution in trial.distributions.items()},
        str(notes.get(OWNER, "")),
        notes.get(CLIPS),
        int(notes.get(BEAT, 0)),
    )
