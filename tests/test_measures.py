"""Fronts of any two measures, and their hypervolume: against all pairs and against counting."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hass.folding import Goal
from hass.pareto import Aim, Measure, area_beyond, hypervolume, pareto_front, usual_pair


@dataclass(frozen=True, slots=True)
class Made:
    """A made-up trial."""

    number: int
    feasible: bool = True
    selection_top1: float | None = 0.8
    throughput_fps: float | None = 100.0
    frame_ii_cycles: int | None = 1000
    latency_us: float | None = 50.0
    lut: int | None = 5000
    dsp: int | None = 40
    energy_proxy_pj: int | None = 10**6


few = st.integers(1, 4)
drawn = st.lists(
    st.builds(
        Made,
        number=st.just(0),
        feasible=st.booleans(),
        selection_top1=st.sampled_from([None, 0.6, 0.7, 0.8]),
        throughput_fps=st.sampled_from([None, 50.0, 100.0, 200.0]),
        frame_ii_cycles=few.map(lambda n: 500 * n),
        latency_us=few.map(float),
        lut=few,
        dsp=few,
        energy_proxy_pj=st.sampled_from([None, 1, 2, 3]),
    ),
    max_size=9,
).map(lambda trials: [replace(trial, number=n) for n, trial in enumerate(trials)])
pairs = st.sampled_from(list(permutations(Measure, 2)))


def beats(a: Made, b: Made, pair: tuple[Measure, Measure]) -> bool:
    """Whether ``a`` is as good in both measures and better in one."""
    signs = [1.0 if measure.more_is_better else -1.0 for measure in pair]
    gaps = [s * (m.of(a) - m.of(b)) for s, m in zip(signs, pair, strict=True)]
    return min(gaps) >= 0 and max(gaps) > 0


@given(drawn, pairs, st.sampled_from([None, 100.0]))
@settings(deadline=None)
def test_a_front_is_what_nothing_beats(
    trials: list[Made], pair: tuple[Measure, Measure], min_fps: float | None
) -> None:
    aim = Aim(pair, min_fps=min_fps)
    allowed = [
        trial
        for trial in trials
        if trial.throughput_fps is not None
        and (min_fps is None or trial.throughput_fps >= min_fps)
        and (trial.feasible or Measure.ACCURACY in pair)
        and None not in (pair[0].of(trial), pair[1].of(trial))
    ]
    best = [a for a in allowed if not any(beats(b, a, pair) for b in allowed)]
    front = pareto_front(trials, aim)

    def seen(trial: Made) -> tuple[float | None, ...]:
        return pair[0].of(trial), pair[1].of(trial)

    assert {seen(trial) for trial in front} == {seen(trial) for trial in best}
    assert len(front) == len({seen(trial) for trial in best})
    for trial in front:  # the first tried of those that are equal
        assert trial.number == min(t.number for t in allowed if seen(t) == seen(trial))
    values = [pair[1].of(trial) for trial in front]
    assert values == sorted(values, reverse=pair[1].more_is_better)  # best in the second first


cells = st.integers(0, 7)


@given(st.lists(st.tuples(cells, cells), max_size=10), st.tuples(cells, cells))
def test_an_area_is_that_of_the_cells_which_points_dominate(
    points: list[tuple[int, int]], reference: tuple[int, int]
) -> None:
    counted = sum(
        any(x < px and y < py for px, py in points)
        for x, y in product(range(reference[0], 7), range(reference[1], 7))
    )
    assert area_beyond([(float(x), float(y)) for x, y in points], reference) == counted


DENSE = Made(0)
FASTER = Made(1, selection_top1=0.795, throughput_fps=300.0)  # 3 times, half of what may be lost
FASTEST = Made(2, selection_top1=0.79, throughput_fps=900.0)  # at the floor


def test_the_hypervolume_is_the_mean_speed_up_over_the_floors() -> None:
    aim = Aim(accuracy_drop=1.0)
    assert hypervolume([DENSE], aim) == 0.0
    assert hypervolume([DENSE, FASTER], aim) == pytest.approx(0.5 * 2)
    # what is at the floor is worth something to floors below it only
    assert hypervolume([DENSE, FASTER, FASTEST], aim) == pytest.approx(0.5 * 2)
    wider = Aim(accuracy_drop=2.0)
    assert hypervolume([DENSE, FASTER, FASTEST], wider) == pytest.approx(0.75 * 2 + 0.5 * 6)
    better = Made(3, selection_top1=0.805, throughput_fps=200.0)
    assert hypervolume([DENSE, better], aim) == pytest.approx(1.5 * 1)


def test_where_nothing_may_be_lost_it_is_the_speed_up() -> None:
    kept = replace(FASTER, selection_top1=0.8)
    assert hypervolume([DENSE, kept], Aim(accuracy_drop=0.0)) == pytest.approx(2.0)


def test_other_pairs_are_gains_over_the_dense_design() -> None:
    small = Made(1, throughput_fps=200.0, dsp=10)
    assert hypervolume([DENSE, small], Aim((Measure.DSP, Measure.THROUGHPUT))) == 3.0
    slow = replace(small, throughput_fps=90.0)
    assert hypervolume([DENSE, slow], Aim((Measure.DSP, Measure.THROUGHPUT))) == 0.0


def test_only_what_keeps_the_constraints_counts() -> None:
    aim = Aim(accuracy_drop=2.0, min_fps=500.0)
    assert hypervolume([DENSE, replace(FASTER, feasible=False)], Aim()) == 0.0
    assert hypervolume([DENSE, FASTER], aim) == 0.0
    assert hypervolume([DENSE, FASTER, FASTEST], aim) == pytest.approx(0.5 * 8)


def test_without_a_dense_design_the_first_that_fits_is_the_measure() -> None:
    unfit = Made(0, False, 0.8, None, None, None, None, None, None)
    assert hypervolume([], Aim()) is None
    assert hypervolume([unfit], Aim()) is None
    first = Made(1, selection_top1=0.8)
    assert hypervolume([unfit, first, replace(FASTER, number=2)], Aim()) == pytest.approx(1.0)
    old = replace(DENSE, energy_proxy_pj=None)  # of a table that is older than the proxy
    assert hypervolume([old], Aim(usual_pair(Measure.ENERGY))) is None


def test_measures_are_called_what_foldings_call_them() -> None:
    assert {measure.value for measure in Measure} - {"accuracy"} <= {goal.value for goal in Goal}


def test_values_in_words() -> None:
    texts = [measure.text(measure.of(DENSE)) for measure in Measure]
    assert texts == [
        *("80.0 %", "100 fps", "50 us", "40 DSP", "5,000 LUT"),
        *("2.5e-05 images/cycle/DSP", "1,000,000 pJ (proxy)"),
    ]
    assert Measure.DSP.text(None) == "-"
    assert Measure.EFFICIENCY.of(replace(DENSE, dsp=0)) is None
    assert all(measure.heading for measure in Measure)
