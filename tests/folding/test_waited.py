"""What layers wait for each other: no solver knows it, and a throughput asked for is reached."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from uneven_chain import chain, in_turns, profile_of

from hass.cost import EngineKind, Estimate
from hass.cost.uneven import waiting, with_waiting
from hass.device import load_device
from hass.folding import FASTEST, FoldingPlan, Goal, Infeasibility, Objective, solve
from hass.folding.plan import gap_above
from hass.graph import Graph
from hass.sparsity import SparsityProfile

DYNAMIC = frozenset({EngineKind.DYNAMIC})
DEVICE = load_device("pynq-z2")
GRAPH = chain()
PROFILE = profile_of(GRAPH, *in_turns())


def solved(objective: Objective = FASTEST) -> FoldingPlan | Infeasibility:
    return solve(GRAPH, DEVICE, profile=PROFILE, engines=DYNAMIC, objective=objective)


@pytest.mark.parametrize("goal", [Goal.AREA, Goal.DSP, Goal.LUT, Goal.EFFICIENCY])
def test_the_throughput_asked_for_is_reached_with_the_waiting(goal: Goal) -> None:
    hertz = DEVICE.clock_mhz * 1e6
    plain = solved(Objective(goal, hertz / 6_000))
    assert isinstance(plain, FoldingPlan)
    assert plain.estimate.waiting_cycles > 0
    assert plain.estimate.frame_ii_cycles <= 6_000
    value = plain.objective.value(plain.estimate, DEVICE.budget)
    assert plain.objective == Objective(goal, hertz / 6_000)
    assert plain.gap == gap_above(value, plain.proved_bound) >= 0.0


def test_the_gap_has_the_waiting_in_it() -> None:
    plan = solved()
    assert isinstance(plan, FoldingPlan)
    estimate = plan.estimate
    assert estimate.waiting_cycles > 0
    assert plan.gap == estimate.frame_ii_cycles / plan.proved_bound_cycles - 1.0
    assert estimate.slowest_cycles <= 1.001 * plan.proved_bound_cycles


def test_what_only_waiting_forbids_is_said() -> None:
    plan = solved()
    assert isinstance(plan, FoldingPlan)
    between = (plan.estimate.slowest_cycles + plan.estimate.frame_ii_cycles) // 2
    answer = solved(replace(FASTEST, min_fps=DEVICE.clock_mhz * 1e6 / between))
    if isinstance(answer, FoldingPlan):  # another choice of the same speed may wait less
        assert answer.estimate.frame_ii_cycles <= between
    else:
        assert "wait for each other" in str(answer)


def test_dense_layers_that_do_not_wait_may_be_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = frozenset({EngineKind.DENSE, EngineKind.DYNAMIC})
    dense = solve(GRAPH, DEVICE, profile=PROFILE, engines=frozenset({EngineKind.DENSE}))
    plain = solve(GRAPH, DEVICE, profile=PROFILE, engines=kinds)
    assert isinstance(dense, FoldingPlan) and isinstance(plain, FoldingPlan)
    even, slowest = dense.estimate.frame_ii_cycles, plain.estimate.slowest_cycles
    assert slowest < plain.estimate.frame_ii_cycles < even and not dense.estimate.waiting_cycles

    def waiting_so_long(cycles: int) -> FoldingPlan | Infeasibility:
        def longer(graph: Graph, estimate: Estimate, profile: SparsityProfile | None) -> Estimate:
            waits = with_waiting(graph, estimate, profile).waiting_cycles > 0
            return waiting(estimate, cycles if waits else 0)

        monkeypatch.setattr(sys.modules[solve.__module__], "with_waiting", longer)
        return solve(GRAPH, DEVICE, profile=PROFILE, engines=kinds)

    little, much = waiting_so_long(even - slowest - 1), waiting_so_long(even - slowest + 1)
    assert isinstance(little, FoldingPlan) and isinstance(much, FoldingPlan)
    assert little.foldings == plain.foldings
    assert much.foldings == dense.foldings
    assert much.estimate.frame_ii_cycles == even
    assert much.proved_bound_cycles == plain.proved_bound_cycles  # that of all kinds
