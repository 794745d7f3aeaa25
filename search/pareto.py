"""Which trial is the best, and how far the front has come after each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from hass.pareto import Aim, Measure, hypervolume

from .record import TrialRecord, TrialState


def best_of(
    records: Iterable[TrialRecord], goal: Measure = Measure.THROUGHPUT
) -> TrialRecord | None:
    """The trial that is best at the goal, of those that fit the part and keep the constraints.

    Ties go to the fewer DSPs (where a stream, not the multipliers, sets the pace, clips save
    those), then to the higher accuracy on the selection split, to the higher throughput, to the
    first tried.
    """
    measured = [(worth, r) for r in records if r.feasible and (worth := goal.worth(r)) is not None]
    if not measured:
        return None

    def rank(item: tuple[float, TrialRecord]) -> tuple[float, float, float, float, int]:
        worth, record = item
        dsp = float("inf") if record.dsp is None else record.dsp
        return (
            -worth,
            dsp,
            -(record.selection_top1 or 0.0),
            -(record.throughput_fps or 0.0),
            record.number,
        )

    return min(measured, key=rank)[1]


def with_hypervolumes(records: Sequence[TrialRecord], aim: Aim) -> tuple[TrialRecord, ...]:
    """Records by number, each finished one with the hypervolume of the front up to it."""
    seen: list[TrialRecord] = []
    told = []
    for record in records:
        if record.state is TrialState.COMPLETE:
            seen.append(record)
            told.append(replace(record, hypervolume=hypervolume(seen, aim)))
        else:
            told.append(record)
    return tuple(told)
