"""Which trials are worth looking at: the front of accuracy and throughput, and the best one."""

from __future__ import annotations

from collections.abc import Iterable

from .record import TrialRecord


def _measure(record: TrialRecord) -> tuple[float, float] | None:
    if record.throughput_fps is None or record.selection_top1 is None:
        return None
    return record.throughput_fps, record.selection_top1


def pareto_front(records: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Trials that fit the part and that no other beats in both throughput and accuracy.

    Returns:
        Fastest first; of equal ones the first tried.
    """
    measured = [(m, record) for record in records if (m := _measure(record)) is not None]
    measured.sort(key=lambda item: (-item[0][0], -item[0][1], item[1].number))
    front: list[TrialRecord] = []
    highest = float("-inf")
    for (_, top1), record in measured:
        if top1 > highest:
            front.append(record)
            highest = top1
    return tuple(front)


def best_of(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """The fastest trial that fits the part and keeps the accuracy floor.

    Ties go to the fewer DSPs (where a stream, not the multipliers, sets the pace, clips save
    those), then to the higher accuracy on the selection split, then to the first tried.
    """
    measured = [(m, r) for r in records if r.feasible and (m := _measure(r)) is not None]
    if not measured:
        return None

    def rank(item: tuple[tuple[float, float], TrialRecord]) -> tuple[float, float, float, int]:
        (throughput_fps, top1), record = item
        dsp = float("inf") if record.dsp is None else record.dsp
        return -throughput_fps, dsp, -top1, record.number

    return min(measured, key=rank)[1]
