"""How far a solve goes: counted, or by a clock that the test turns."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest
from folding_cases import chain, part, table_of

from hass import ops
from hass.device import Resources
from hass.errors import SolverError
from hass.folding import (
    Effort,
    FoldingPlan,
    Goal,
    Objective,
    TableCache,
    efficient,
    solve,
)
from hass.folding.choice import Budget
from hass.folding.effort import Remaining
from hass.folding.exact import solve_exact
from hass.folding.milp import Undecided
from hass.folding.tables import OptionTable
from hass.values import FeatureMap

NET = chain(
    FeatureMap(12, 10, 4), ops.Conv2d(8, (3, 3)), ops.Relu(), ops.Conv2d(8, (3, 3), groups=2)
)
DEVICE = part(Resources(5000, 8000, 24, 8, 0))


class Clock:
    """Seconds that pass only when they are asked for."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 100.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_no_limit_never_ends() -> None:
    clock = Clock()
    left = Remaining(Effort(gap=0.5, nodes=7), clock)
    clock.now += 1e9
    assert not left.over
    assert left.limits().seconds is None
    assert left.effort() == Effort(gap=0.5, nodes=7)


def test_what_is_left_shrinks_to_nothing() -> None:
    clock = Clock()
    left = Remaining(Effort(nodes=7, seconds=3.0), clock)
    clock.now += 2.0
    assert not left.over
    assert (left.limits().nodes, left.limits().seconds) == (7, 1.0)
    assert left.effort() == Effort(nodes=7, seconds=1.0)
    clock.now += 2.0
    assert left.over
    assert left.limits().seconds == 0.01
    assert left.effort().seconds == 0.0


@pytest.mark.parametrize("name", ["gap", "nodes", "seconds"])
def test_efforts_are_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        Effort(**{name: -1})


def counted(monkeypatch: pytest.MonkeyPatch, *places: str) -> list[str]:
    """Names of the programs that are solved from here on; integer ones never know."""
    asked: list[str] = []

    def never(place: str) -> Callable[..., Undecided | None]:
        def solver(*_: object) -> Undecided | None:
            asked.append(place)
            return None if place.endswith("best_mix") else Undecided()

        return solver

    for place in places:
        monkeypatch.setattr(place, never(place))
    return asked


@pytest.mark.parametrize("goal", list(Goal))
def test_no_time_leaves_a_plan_and_what_is_proved(
    goal: Goal, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = solve(NET, DEVICE, objective=Objective(goal), effort=Effort())
    assert isinstance(exact, FoldingPlan)
    programs = ("exact.find", "least.find", "tangents.best_mix")
    asked = counted(monkeypatch, *(f"hass.folding.{name}" for name in programs))
    objective = Objective(goal)
    plan = solve(
        NET, DEVICE, objective=objective, effort=Effort(seconds=0), cache=TableCache(10**6)
    )
    assert isinstance(plan, FoldingPlan)
    assert asked == []
    value = objective.value(plan.estimate, DEVICE.budget)
    assert plan.proved_bound <= objective.value(exact.estimate, DEVICE.budget) <= value
    assert plan.gap >= 0
    assert plan.estimate.resources.fits(DEVICE.budget)


def test_the_same_nodes_give_the_same_plan() -> None:
    plans = [
        solve(NET, DEVICE, objective=Objective(Goal.AREA), effort=Effort(nodes=1)) for _ in range(2)
    ]
    assert plans[0] == plans[1]


def doubtful_tables() -> tuple[list[OptionTable], Resources]:
    """A choice is found at once; whether there is a faster one only an integer program can tell."""
    weights = np.random.default_rng(3).integers(10_000, 20_000, 20)
    half = int(weights.sum()) // 2 + 100
    budget = Resources(half, half, 9, 9, 9)
    tables = []
    for weight in weights.tolist():
        rows = [[5, weight, 0, 0, 0, 0], [5, 0, weight, 0, 0, 0], [9, 0, 0, 0, 0, 0]]
        tables.append(table_of(np.array(rows), budget))
    return tables, budget


def test_a_clock_that_runs_out_stops_between_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    tables, budget = doubtful_tables()
    limits = Budget(np.array(tuple(budget)))
    monkeypatch.setattr("hass.folding.exact.quick_choice", lambda *_: None)
    asked = counted(monkeypatch, "hass.folding.exact.find")
    free = solve_exact(tables, limits, 1, Effort())
    assert free is not None
    assert asked
    asked.clear()
    monkeypatch.setattr(
        "hass.folding.exact.Remaining", lambda effort: Remaining(effort, Clock(step=1.0))
    )
    late = solve_exact(tables, limits, 1, Effort(seconds=0.5))
    assert late is not None
    assert asked == []
    assert late.bound_cycles <= 9


def test_where_no_small_choice_is_found_the_fastest_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def undecided(*args: object) -> None:
        raise SolverError("a limit was met")

    fastest = solve(NET, DEVICE)
    assert isinstance(fastest, FoldingPlan)
    # the package's attribute of that name is the function
    monkeypatch.setattr(sys.modules["hass.folding.solve"], "solve_least", undecided)
    fps = fastest.estimate.throughput_fps
    plan = solve(NET, DEVICE, objective=Objective(Goal.DSP, fps))
    assert isinstance(plan, FoldingPlan)
    assert plan.foldings == fastest.foldings
    assert (plan.proved_bound, plan.gap) == (0.0, plan.estimate.resources.dsp)
    with pytest.raises(SolverError):
        solve(NET, DEVICE, objective=Objective(Goal.DSP, 1.01 * fps))


@pytest.mark.parametrize("quick", [None, "quick_least"])
def test_efficiency_bears_frame_iis_that_stay_open(
    quick: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    exact = solve(NET, DEVICE, objective=Objective(Goal.EFFICIENCY), effort=Effort())
    assert isinstance(exact, FoldingPlan)

    def undecided(*args: object) -> None:
        nonlocal asked
        asked += 1
        raise SolverError("a limit was met")

    found = efficient.quick_least

    def at_times(*args: object) -> object:
        nonlocal asked
        asked += 1
        return None if asked % 2 == 0 else found(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(efficient, "solve_least", undecided)
    if quick is not None:
        monkeypatch.setattr(efficient, quick, at_times)
    plan = solve(NET, DEVICE, objective=Objective(Goal.EFFICIENCY))
    assert isinstance(plan, FoldingPlan) and asked > 2
    best, value = (plan.objective.value(p.estimate, DEVICE.budget) for p in (exact, plan))
    assert plan.proved_bound <= best <= value
    assert plan.estimate.resources.fits(DEVICE.budget)
