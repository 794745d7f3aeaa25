"""A trial as the rest of hass sees it: numbers, free of Optuna."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class TrialState(StrEnum):
    """How a trial ended."""

    COMPLETE = "complete"
    FAIL = "fail"  # its process was killed, interrupted or ran into an error


class Origin(StrEnum):
    """Who chose a trial's clips."""

    DENSE = "dense"  # the dense design: dense engines only, nothing clipped
    SEED = "seed"  # the strategy, by rule
    SAMPLER = "sampler"  # Optuna


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial; the fields are the columns of ``trials.csv``. None: not known.

    Attributes:
        number: Optuna's, counted over all trials, failed ones included.
        state: how it ended.
        origin: who chose its clips.
        feasible: fits the part and keeps the accuracy floor.
        stopped: not folded, as it misses the accuracy floor.
        selection_top1, calibration_top1: accuracy on the splits; the first at most so much where
            stopped, the second on the profile's images only.
        selection_images: images of the selection split that were run.
        throughput_fps .. energy_proxy_pj: of the plan; None if nothing fits the part, or if
            stopped. The last is no measured energy: see ``hass.cost.energy``.
        weight_density, act_density, pair_density: means over layers, weighted with MACs.
        objective: what the strategy maximises.
        hypervolume: of the front after this trial (``hass.pareto``); follows from the other
            numbers, and from the measures that the search is asked for, so it is not journalled.
    """

    number: int
    state: TrialState
    origin: Origin
    feasible: bool = False
    stopped: bool = False
    selection_top1: float | None = None
    selection_images: int | None = None
    calibration_top1: float | None = None
    throughput_fps: float | None = None
    frame_ii_cycles: int | None = None
    latency_us: float | None = None
    lut: int | None = None
    ff: int | None = None
    dsp: int | None = None
    bram18: int | None = None
    uram: int | None = None
    energy_proxy_pj: int | None = None
    weight_density: float | None = None
    act_density: float | None = None
    pair_density: float | None = None
    objective: float | None = None
    hypervolume: float | None = None

    @property
    def fits(self) -> bool:
        """Whether a folding is known that fits the part."""
        return self.throughput_fps is not None


COLUMNS = tuple(field.name for field in fields(TrialRecord))
# what a trial's journal entry holds besides its number, state and origin
NUMBERS = tuple(name for name in COLUMNS[3:] if name != "hypervolume")


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(int(value))
        case StrEnum():
            return value.value
        case _:
            return repr(value)


def records_csv(records: Iterable[TrialRecord]) -> str:
    """The content of ``trials.csv`` and ``pareto.csv``: ``COLUMNS``, a row per trial."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_cell(getattr(record, name)) for name in COLUMNS] for record in records)
    return text.getvalue()


def record_numbers(record: TrialRecord) -> dict[str, float | int | None]:
    """The numbers of a record, for its journal entry."""
    return {name: getattr(record, name) for name in NUMBERS}


def record_of(
    number: int, state: TrialState, origin: Origin, numbers: Mapping[str, object]
) -> TrialRecord:
    """The record of a journal entry; undoes ``record_numbers``."""
    known = {name: numbers[name] for name in NUMBERS if name in numbers}
    return TrialRecord(number, state, origin, **known)  # type: ignore[arg-type]
