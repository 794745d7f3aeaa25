"""The front, the best, and the tables."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hass.pareto import Aim, Measure, pareto_front
from hass.search.pareto import best_of, with_hypervolumes
from hass.search.record import (
    COLUMNS,
    Origin,
    TrialRecord,
    TrialState,
    record_numbers,
    record_of,
    records_csv,
)


def tried(
    number: int, fps: float | None, top1: float | None, *, feasible: bool = True
) -> TrialRecord:
    return TrialRecord(
        number,
        TrialState.COMPLETE,
        Origin.SAMPLER,
        feasible=feasible,
        selection_top1=top1,
        throughput_fps=fps,
    )


def test_front_is_fastest_first_and_keeps_the_first_of_equals() -> None:
    records = [
        tried(0, 100.0, 0.9),
        tried(1, 200.0, 0.8),
        tried(2, 200.0, 0.8),
        tried(3, 150.0, 0.8),  # beaten by 1
        tried(4, 300.0, 0.1, feasible=False),  # below the floor, but it fits
        tried(5, None, None, feasible=False),  # does not fit
    ]
    assert [record.number for record in pareto_front(records)] == [4, 1, 0]


def test_best_is_the_fastest_feasible_then_the_most_accurate_then_the_first() -> None:
    records = [
        tried(0, 100.0, 0.9),
        tried(1, 200.0, 0.8),
        tried(2, 200.0, 0.85),
        tried(3, 200.0, 0.85),
        tried(4, 300.0, 0.1, feasible=False),
    ]
    best = best_of(records)
    assert best is not None and best.number == 2
    assert best_of([records[4]]) is None


def test_of_equally_fast_designs_the_one_with_fewer_multipliers_is_best() -> None:
    """Where the input stream sets the pace, clips can only save DSPs."""
    records = [
        replace(tried(0, 100.0, 0.9), dsp=900),
        replace(tried(1, 100.0, 0.8), dsp=500),
        replace(tried(2, 99.0, 0.9), dsp=100),
    ]
    best = best_of(records)
    assert best is not None and best.number == 1


def test_the_best_of_another_objective() -> None:
    records = [
        replace(tried(0, 100.0, 0.9), dsp=9, latency_us=5.0, energy_proxy_pj=70),
        replace(tried(1, 300.0, 0.8), dsp=9, latency_us=6.0, energy_proxy_pj=60),
        replace(tried(2, 200.0, 0.8), dsp=8, latency_us=7.0, energy_proxy_pj=60),
        replace(tried(3, 900.0, 0.1, feasible=False), dsp=1, latency_us=1.0, energy_proxy_pj=1),
    ]
    chosen = {goal: best_of(records, goal) for goal in (*Measure,)}
    numbers = {goal: None if best is None else best.number for goal, best in chosen.items()}
    assert (numbers[Measure.DSP], numbers[Measure.LATENCY]) == (2, 0)
    assert numbers[Measure.ENERGY] == 2  # of equal ones the one with fewer DSPs
    assert (numbers[Measure.LUT], numbers[Measure.EFFICIENCY]) == (None, None)  # not known


def test_each_finished_trial_has_the_hypervolume_of_the_front_up_to_it() -> None:
    failed = TrialRecord(2, TrialState.FAIL, Origin.SEED)
    records = [tried(0, 100.0, 0.9), tried(1, 300.0, 0.9), failed, tried(3, 200.0, 0.9)]
    told = with_hypervolumes(records, Aim())
    assert [record.hypervolume for record in told] == pytest.approx([0.0, 2.0, None, 2.0])
    assert record_of(1, told[1].state, told[1].origin, record_numbers(told[1])) == records[1]


pairs = st.tuples(st.sampled_from([1.0, 2.0, 3.0, 4.0]), st.sampled_from([0.1, 0.2, 0.3]))


@given(st.lists(st.tuples(pairs, st.booleans()), max_size=12))
def test_front_is_what_nothing_beats_and_holds_the_best(
    drawn: list[tuple[tuple[float, float], bool]],
) -> None:
    records = [tried(i, f, a, feasible=good) for i, ((f, a), good) in enumerate(drawn)]
    if records:
        # the floor is a floor: what is more accurate than a feasible trial is feasible
        floor = min((a for (_, a), good in drawn if good), default=9.0)
        records = [tried(i, f, a, feasible=a >= floor) for i, ((f, a), _) in enumerate(drawn)]
    front = pareto_front(records)
    points = {pair for pair, _ in drawn}
    expected = {
        p for p in points if not any(q != p and q[0] >= p[0] and q[1] >= p[1] for q in points)
    }
    assert {(r.throughput_fps, r.selection_top1) for r in front} == expected
    assert len(front) == len(expected)
    best = best_of(records)
    assert best is None or best in front


def test_csv_has_a_cell_per_column_and_leaves_the_unknown_empty() -> None:
    failed = TrialRecord(1, TrialState.FAIL, Origin.SEED)
    rows = list(csv.DictReader(records_csv([tried(0, 0.1, 1 / 3), failed]).splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert float(rows[0]["selection_top1"]) == 1 / 3
    assert (rows[0]["state"], rows[0]["feasible"], rows[0]["dsp"]) == ("complete", "1", "")
    assert (rows[1]["state"], rows[1]["origin"], rows[1]["feasible"]) == ("fail", "seed", "0")


def test_a_record_survives_the_journal() -> None:
    record = tried(4, 0.1 + 0.2, 1 / 3)
    assert record_of(4, record.state, record.origin, record_numbers(record)) == record
