"""The least that is spent at a frame II, on made-up tables: against trying everything."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from folding_cases import made_up_tables, table_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hass.device import Resources
from hass.errors import SolverError
from hass.folding import milp
from hass.folding.choice import join_options
from hass.folding.effort import Effort
from hass.folding.least import quick_least, solve_least
from hass.folding.spend import Spend, amount, priced_least, whole_area
from hass.folding.tables import OptionTable

Case = tuple[list[OptionTable], Resources]
LIMITS = (3, 8, 15, 30)
GOALS = (0, 1, 2, 3, 4, None)


def has_rows(case: Case) -> bool:
    return all(len(table) for table in case[0])


def spend_of(goal: int | None, budget: Resources) -> Spend:
    limits = np.array(tuple(budget), dtype=np.int64)
    return whole_area(limits) if goal is None else amount(goal, limits)


def used(tables: list[OptionTable], rows: np.ndarray) -> np.ndarray:
    pairs = zip(tables, rows, strict=True)
    return np.array([table.use[row] for table, row in pairs]).astype(np.int64).sum(axis=0)


def least_by_force(case: Case, goal: int | None, limit: int) -> Fraction | None:
    """The smallest amount, or largest share, over all choices that are fast enough and fit."""
    tables, budget = case
    limits = np.array(tuple(budget))
    rows = [range(int((table.cycles <= limit).sum())) for table in tables]
    best = None
    for chosen in itertools.product(*rows):
        usage = used(tables, np.array(chosen))
        if (usage > limits).any():
            continue
        if goal is None:
            pairs = zip(usage.tolist(), budget, strict=True)
            value = max(Fraction(amount, max(have, 1)) for amount, have in pairs)
        else:
            value = Fraction(int(usage[goal]))
        best = value if best is None else min(best, value)
    return best


@given(made_up_tables().filter(has_rows), st.sampled_from(GOALS), st.sampled_from(LIMITS))
@settings(max_examples=300, deadline=None)
def test_least_is_brute_force(case: Case, goal: int | None, limit: int) -> None:
    tables, budget = case
    spend = spend_of(goal, budget)
    best = least_by_force(case, goal, limit)
    answer = solve_least(tables, spend, 1, limit, Effort())
    quick = quick_least(tables, spend, 1, limit)
    if best is None:
        assert answer is None
        assert quick is None
        return
    assert answer is not None
    usage = used(tables, answer.rows)
    assert (usage <= spend.budget).all()
    assert max(int(t.cycles[row]) for t, row in zip(tables, answer.rows, strict=True)) <= limit
    assert spend.value(usage) == answer.bound == best
    if quick is not None:
        fast = used(tables, quick.rows)
        assert (fast <= spend.budget).all()
        assert quick.bound <= best <= spend.value(fast)


@given(made_up_tables().filter(has_rows), st.sampled_from(GOALS), st.sampled_from([0.05, 0.5]))
@settings(max_examples=100, deadline=None)
def test_a_gap_allowed_is_a_gap_kept(case: Case, goal: int | None, gap: float) -> None:
    tables, budget = case
    spend = spend_of(goal, budget)
    best = least_by_force(case, goal, 15)
    answer = solve_least(tables, spend, 1, 15, Effort(gap=gap))
    assert (answer is None) == (best is None)
    if answer is not None and best is not None:
        found = spend.value(used(tables, answer.rows))
        assert answer.bound <= best <= found <= answer.bound * Fraction(1 + gap)


@given(made_up_tables().filter(has_rows), st.sampled_from(GOALS))
@settings(max_examples=150, deadline=None)
def test_prices_never_prove_too_much(case: Case, goal: int | None) -> None:
    tables, budget = case
    spend = spend_of(goal, budget)
    parts = [(t.cycles, t.use, np.arange(len(t))) for t in tables]
    priced = priced_least(join_options(parts, spend.budget, 1), spend)
    best = least_by_force(case, goal, 30)
    if best is not None:
        assert spend.rounded(priced.value) <= best


def test_a_share_whose_nearest_float_is_above_it_proves_no_more() -> None:
    budget = Resources(81, 47, 48, 36, 26)
    rows = ([[3, 45, 20, 10, 12, 1]], [[29, 32, 25, 36, 22, 24]])
    case = [table_of(np.array(row), budget) for row in rows], budget
    spend = spend_of(None, budget)
    assert float(Fraction(25, 26)) > Fraction(25, 26) == least_by_force(case, None, 30)
    assert spend.rounded(25 / 26) == Fraction(25, 26)
    parts = [(t.cycles, t.use, np.arange(len(t))) for t in case[0]]
    priced = priced_least(join_options(parts, spend.budget, 1), spend)
    assert spend.rounded(priced.value) == Fraction(25, 26)


def test_frame_ii_that_memory_does_not_allow() -> None:
    budget = Resources(9, 9, 9, 9, 9)
    tables = [table_of(np.array([[1, 1, 1, 1, 1, 1]]), budget)]
    assert solve_least(tables, spend_of(2, budget), 10, 9, Effort()) is None
    assert solve_least(tables, spend_of(2, budget), 9, 9, Effort()) is not None


def test_of_equally_small_ones_that_with_less_of_the_rest() -> None:
    budget = Resources(100, 100, 100, 100, 100)
    rows = [[50, 60, 1, 7, 1, 1], [40, 2, 50, 7, 1, 1], [30, 3, 3, 7, 1, 1], [20, 1, 1, 8, 1, 1]]
    tables = [table_of(np.array(rows), budget)]
    answer = solve_least(tables, spend_of(2, budget), 1, 50, Effort())
    assert answer is not None
    assert tables[0].use[answer.rows[0]].tolist() == [3, 3, 7, 1, 1]


def undecided_case(monkeypatch: pytest.MonkeyPatch) -> Case:
    """Two heaps that leave doubt, and a solver that never knows."""
    monkeypatch.setattr("hass.folding.least.find", lambda *_: milp.Undecided())
    weights = np.random.default_rng(3).integers(10_000, 20_000, 12)
    half = int(weights.sum()) // 2 + 3_000
    budget = Resources(half, half, 9, 9, 9)
    tables = [table_of(np.array([[1, w, 0, 0, 0, 0], [1, 0, w, 0, 0, 0]]), budget) for w in weights]
    return tables, budget


def test_a_limit_leaves_a_choice_and_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    tables, budget = undecided_case(monkeypatch)
    spend = spend_of(None, budget)
    answer = solve_least(tables, spend, 1, 1, Effort(nodes=1))
    assert answer is not None
    assert 0 < answer.bound < spend.value(used(tables, answer.rows)) <= 1


def test_a_limit_before_any_choice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    tables, budget = undecided_case(monkeypatch)
    monkeypatch.setattr("hass.folding.least.quick_choice", lambda *_: None)
    with pytest.raises(SolverError, match="before any choice"):
        solve_least(tables, spend_of(0, budget), 1, 1, Effort(nodes=1))


def test_no_time_is_time_for_a_choice_and_no_integer_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables, budget = undecided_case(monkeypatch)
    asked: list[int] = []
    monkeypatch.setattr("hass.folding.least.find", lambda *_: asked.append(1) or milp.Undecided())
    spend = spend_of(None, budget)
    answer = solve_least(tables, spend, 1, 1, Effort(seconds=0))
    assert answer is not None
    assert not asked
    assert answer.bound <= spend.value(used(tables, answer.rows))
