"""The solver on made-up tables: against trying everything."""

from __future__ import annotations

import numpy as np
import pytest
from folding_cases import best_by_force, made_up_tables, table_of
from hypothesis import given, settings
from hypothesis import strategies as st

from hass.device import Resources
from hass.errors import SolverError
from hass.folding import milp
from hass.folding.bound import priced_bound, relax
from hass.folding.choice import Budget, Options, join_options
from hass.folding.effort import Effort
from hass.folding.exact import solve_exact
from hass.folding.greedy import widened
from hass.folding.outline import priced_floor
from hass.folding.repair import cheapest, repaired, trimmed
from hass.folding.tables import OptionTable

Case = tuple[list[OptionTable], Resources]


def options_of(case: Case, least_cycles: int = 1) -> Options:
    tables, budget = case
    parts = [(t.cycles, t.use, np.arange(len(t))) for t in tables]
    return join_options(parts, Budget(np.array(tuple(budget))), least_cycles)


def has_rows(case: Case) -> bool:
    return all(len(table) for table in case[0])


@given(made_up_tables().filter(has_rows), st.sampled_from([1, 1, 12]))
@settings(max_examples=300, deadline=None)
def test_exact_is_brute_force(case: Case, least_cycles: int) -> None:
    tables, budget = case
    limits = Budget(np.array(tuple(budget)))
    best = best_by_force(tables, budget, least_cycles)
    answer = solve_exact(tables, limits, least_cycles, Effort())
    if best is None:
        assert answer is None
        return
    assert answer is not None
    pairs = list(zip(tables, answer.rows, strict=True))
    assert max(least_cycles, *(int(t.cycles[row]) for t, row in pairs)) == best
    assert answer.bound_cycles == best
    assert (sum(t.use[row] for t, row in pairs) <= limits.amounts).all()
    assert priced_floor(tables, limits, least_cycles) <= best


@given(made_up_tables().filter(has_rows), st.sampled_from([0.05, 0.5]))
@settings(max_examples=60, deadline=None)
def test_a_gap_allowed_is_a_gap_kept(case: Case, gap: float) -> None:
    tables, budget = case
    best = best_by_force(tables, budget)
    answer = solve_exact(tables, Budget(np.array(tuple(budget))), 1, Effort(gap=gap))
    assert (answer is None) == (best is None)
    if answer is not None and best is not None:
        found = max(int(t.cycles[row]) for t, row in zip(tables, answer.rows, strict=True))
        assert answer.bound_cycles <= best <= found <= answer.bound_cycles * (1 + gap) + 1e-9


@given(made_up_tables().filter(has_rows))
@settings(max_examples=150, deadline=None)
def test_integer_program_is_brute_force(case: Case) -> None:
    options = options_of(case)
    found = milp.find(options, relax(options).prices, milp.Limits())
    assert (found is None) == (best_by_force(*case) is None)
    if found is not None:
        assert not isinstance(found, milp.Undecided)
        assert options.fits(found)


@given(made_up_tables().filter(has_rows))
@settings(deadline=None)
def test_prices_prove_only_what_is_true(case: Case) -> None:
    tables, budget = case
    options = options_of(case)
    answer = relax(options)
    assert answer.prices.min() >= 0
    assert answer.prices.sum() == pytest.approx(1.0)
    best = best_by_force(tables, budget)
    if answer.infeasible:
        assert best is None
    ticks = np.unique(options.cycles)
    first = priced_bound(options, answer.prices).first_open(ticks)
    assert best is None or ticks[first] <= best


@given(made_up_tables().filter(has_rows))
@settings(deadline=None)
def test_quick_ways_only_return_what_fits(case: Case) -> None:
    options = options_of(case)
    start = repaired(options, cheapest(options))
    if start is None:
        return
    assert options.fits(start)
    wide, lean = widened(options, start), trimmed(options, start)
    assert options.fits(wide)
    assert options.frame_ii(wide) <= options.frame_ii(start)
    assert options.fits(lean)
    assert options.shares()[lean].sum() <= options.shares()[start].sum() + 1e-12


def test_nothing_is_wasted_on_layers_that_do_not_matter() -> None:
    budget = Resources(100, 100, 100, 100, 100)
    slow = np.array([[50, 1, 1, 1, 1, 1]])
    free = np.array([[10, 40, 9, 9, 9, 9], [50, 2, 2, 2, 2, 2], [49, 3, 2, 2, 2, 2]])
    tables = [table_of(slow, budget), table_of(free, budget)]
    answer = solve_exact(tables, Budget(np.array(tuple(budget))), 1, Effort())
    assert answer is not None
    assert tables[1].use[answer.rows[1]].tolist() == [2, 2, 2, 2, 2]


def hard_case() -> Case:
    """Twenty numbers to be dealt to two heaps that are nearly equal."""
    weights = np.random.default_rng(3).integers(10_000, 20_000, 20)
    half = int(weights.sum()) // 2 + 100
    budget = Resources(half, half, 9, 9, 9)
    tables = []
    for weight in weights:
        rows = np.array([[1, weight, 0, 0, 0, 0], [1, 0, weight, 0, 0, 0]])
        tables.append(table_of(rows, budget))
    return tables, budget


def test_a_limit_leaves_it_undecided_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hass.folding.exact.find", lambda *_: milp.Undecided())
    monkeypatch.setattr("hass.folding.exact.quick_choice", lambda *_: None)
    monkeypatch.setattr("hass.folding.outline.quick_choice", lambda *_: None)
    tables, budget = hard_case()
    with pytest.raises(SolverError, match="before any choice"):
        solve_exact(tables, Budget(np.array(tuple(budget))), 1, Effort(nodes=1))


def test_no_solver_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    milp.solver_name.cache_clear()
    monkeypatch.setattr(milp.pulp, "listSolvers", lambda **_: ["GLPK_CMD"])
    with pytest.raises(SolverError, match="install highspy"):
        milp.solver_name()
    milp.solver_name.cache_clear()


@pytest.mark.parametrize("solver", ["HiGHS", "PULP_CBC_CMD"])
def test_both_solvers_agree_and_keep_quiet(
    solver: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if solver not in milp.pulp.listSolvers(onlyAvailable=True):
        pytest.skip(f"{solver} is not installed")
    monkeypatch.setattr(milp, "solver_name", lambda: solver)
    case = hard_case()
    options = options_of(case)
    found = milp.find(options, relax(options).prices, milp.Limits())
    assert found is not None
    assert not isinstance(found, milp.Undecided)
    assert options.fits(found)
    tight = options_of((case[0], Resources(case[1].lut - 300, case[1].ff, 9, 9, 9)))
    assert milp.find(tight, np.full(5, 0.2), milp.Limits()) is None
    assert capfd.readouterr().out == ""  # stdout is data, for what is written past Python too


def test_node_limit_is_not_an_error() -> None:
    options = options_of(hard_case())
    found = milp.find(options, np.array([0.5, 0.5, 0.0, 0.0, 0.0]), milp.Limits(nodes=1))
    assert isinstance(found, milp.Undecided) or (found is not None and options.fits(found))
