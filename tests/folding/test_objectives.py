"""Every objective on networks of a few layers: against trying every folding."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from folding_cases import chain, part, residual
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from profiles import random_profile

from hass import ops
from hass.cost import estimate
from hass.device import Resources, load_device
from hass.folding import (
    PROVE_OPTIMUM,
    FoldingPlan,
    Goal,
    Infeasibility,
    Objective,
    Solver,
    folding_space,
    solve,
)
from hass.folding.many import FoldingSpace, estimate_many
from hass.folding.plan import gap_above
from hass.graph import Graph
from hass.values import FeatureMap

GRAPHS = (
    chain(FeatureMap(5, 7, 2), ops.Conv2d(2, (3, 3), pads=(1, 1, 1, 1))),
    chain(FeatureMap(4, 4, 2), ops.Conv2d(2, (1, 1)), ops.Relu()),
    chain(FeatureMap(6, 4, 2), ops.MaxPool2d((2, 2), (2, 2)), ops.Conv2d(2, (1, 1))),
    chain(FeatureMap(4, 6, 2), ops.Conv2d(2, (3, 3), groups=2)),
)
MEDIUM = (
    residual(FeatureMap(9, 7, 4)),
    chain(FeatureMap(12, 10, 4), ops.Conv2d(8, (3, 3)), ops.Relu(), ops.Conv2d(4, (1, 1))),
)
budgets = st.builds(
    Resources,
    lut=st.integers(300, 6000),
    ff=st.integers(300, 6000),
    dsp=st.integers(1, 24),
    bram18=st.integers(0, 6),
    uram=st.sampled_from([0, 0, 3]),
)
fps = st.sampled_from([None, None, 200_000.0, 700_000.0, 3_000_000.0])


@cache
def every(index: int) -> tuple[FoldingSpace, np.ndarray, np.ndarray, np.ndarray]:
    """All foldings of a small network: places, frame II, resources."""
    space = folding_space(GRAPHS[index], part(Resources(9, 9, 9, 9, 9), 1000.0))
    places = np.array(list(itertools.product(*(range(n) for n in space.sizes))))
    many = estimate_many(space, places)
    return space, places, many.frame_ii_cycles, many.resources


@cache
def latencies(index: int) -> np.ndarray:
    space, places, _, _ = every(index)
    device = part(Resources(9, 9, 9, 9, 9))
    return np.array(
        [estimate(GRAPHS[index], space.foldings(p), device).latency_cycles for p in places]
    )


@cache
def energies(index: int) -> np.ndarray:
    space, places, _, _ = every(index)
    device = part(Resources(9, 9, 9, 9, 9))
    found = [estimate(GRAPHS[index], space.foldings(p), device).energy_proxy_pj for p in places]
    return np.array(found)


def best_by_force(index: int, budget: Resources, objective: Objective) -> float | None:
    """The best value over all foldings that fit and are fast enough, or None."""
    _, _, cycles, resources = every(index)
    have = np.array(tuple(budget))
    fits = (resources <= have).all(axis=1)
    if have[4] == 0:
        fits &= resources[:, 4] == 0
    limit = objective.frame_ii_limit(100.0)
    if limit is not None:
        fits &= cycles <= limit
    if not fits.any():
        return None
    match objective.goal:
        case Goal.THROUGHPUT:
            values = cycles
        case Goal.LATENCY:
            values = latencies(index)
        case Goal.ENERGY:
            values = energies(index)
        case Goal.EFFICIENCY:
            values = cycles * np.maximum(resources[:, 2], 1)
        case Goal.AREA:
            values = (resources / np.maximum(have, 1)).max(axis=1)
        case goal:
            values = resources[:, goal.columns[0]]
    return float(values[fits].min())


SUMS = [goal for goal in Goal if goal is not Goal.LATENCY]


@given(st.integers(0, len(GRAPHS) - 1), budgets, st.sampled_from(SUMS), fps)
@settings(max_examples=120, deadline=None)
def test_exact_is_brute_force(
    index: int, budget: Resources, goal: Goal, asked: float | None
) -> None:
    objective = Objective(goal, asked)
    best = best_by_force(index, budget, objective)
    plan = solve(GRAPHS[index], part(budget), objective=objective, effort=PROVE_OPTIMUM)
    if best is None:
        assert isinstance(plan, Infeasibility)
        assert plan.demand > plan.budget
        return
    assert isinstance(plan, FoldingPlan)
    assert plan.estimate.resources.fits(budget)
    assert objective.value(plan.estimate, budget) == pytest.approx(best, rel=1e-12)
    assert plan.proved_bound == pytest.approx(best, rel=1e-12)
    assert plan.gap == pytest.approx(0.0, abs=1e-12)
    assert asked is None or plan.estimate.throughput_fps >= asked


@given(st.integers(0, len(GRAPHS) - 1), budgets, fps, st.sampled_from(list(Solver)))
@settings(max_examples=50, deadline=None)
def test_latency_lies_between_its_bound_and_brute_force(
    index: int, budget: Resources, asked: float | None, solver: Solver
) -> None:
    objective = Objective(Goal.LATENCY, asked)
    best = best_by_force(index, budget, objective)
    plan = solve(GRAPHS[index], part(budget), objective=objective, solver=solver)
    assert isinstance(plan, FoldingPlan) == (best is not None)
    if isinstance(plan, FoldingPlan) and best is not None:
        found = plan.estimate.latency_cycles
        assert plan.proved_bound <= best <= found
        assert plan.gap == gap_above(found, plan.proved_bound)
        assert plan.estimate.resources.fits(budget)
        assert asked is None or plan.estimate.throughput_fps >= asked


@given(st.sampled_from(MEDIUM), budgets, st.sampled_from(list(Goal)), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_what_holds_of_every_plan(graph: Graph, budget: Resources, goal: Goal, seed: int) -> None:
    device, profile = part(budget), random_profile(graph, seed=seed, act_density=0.4)
    objective = Objective(goal)
    effort = PROVE_OPTIMUM
    exact = solve(graph, device, profile=profile, objective=objective, effort=effort)
    greedy = solve(graph, device, profile=profile, objective=objective, solver=Solver.GREEDY)
    assert isinstance(exact, FoldingPlan) == isinstance(greedy, FoldingPlan)
    assume(isinstance(exact, FoldingPlan))
    assert isinstance(exact, FoldingPlan)
    assert isinstance(greedy, FoldingPlan)
    values = [objective.value(plan.estimate, budget) for plan in (exact, greedy)]
    for plan, value in zip((exact, greedy), values, strict=True):
        assert plan.objective == objective
        assert plan.estimate == estimate(graph, plan.foldings, device, profile=profile)
        assert plan.estimate.resources.fits(budget)
        assert plan.proved_bound <= value + 1e-12
        assert plan.gap == gap_above(value, plan.proved_bound)
        assert plan.proved_bound_cycles <= plan.estimate.frame_ii_cycles
    assert values[0] <= values[1] + 1e-12
    assert greedy.proved_bound <= values[0] + 1e-12


def test_fewer_frames_need_fewer_dsps_and_are_kept() -> None:
    device, graph = load_device("pynq-z2"), MEDIUM[1]
    fastest = solve(graph, device)
    assert isinstance(fastest, FoldingPlan)
    needed = []
    for share in (1.0, 0.5, 0.1):
        asked = fastest.estimate.throughput_fps * share
        plan = solve(graph, device, objective=Objective(Goal.DSP, asked))
        assert isinstance(plan, FoldingPlan)
        assert plan.estimate.throughput_fps >= asked
        needed.append(plan.estimate.resources.dsp)
    assert needed[0] > needed[1] > needed[2]
    assert needed[0] <= fastest.estimate.resources.dsp


def test_an_early_first_frame_costs_throughput_at_most_as_much_as_is_allowed() -> None:
    device, graph = part(Resources(4000, 6000, 24, 8, 0)), MEDIUM[1]
    fastest = solve(graph, device)
    early = solve(graph, device, objective=Objective(Goal.LATENCY))
    assert isinstance(fastest, FoldingPlan)
    assert isinstance(early, FoldingPlan)
    assert early.estimate.latency_cycles <= fastest.estimate.latency_cycles
    asked = fastest.estimate.throughput_fps
    both = solve(graph, device, objective=Objective(Goal.LATENCY, asked))
    assert isinstance(both, FoldingPlan)
    assert both.estimate.throughput_fps == asked
    assert early.proved_bound <= both.estimate.latency_cycles


def test_a_frame_ii_limit_is_the_largest_that_still_gives_the_frames() -> None:
    for cycles in (1, 3, 7, 49, 150_528, 999_983):
        clock = 250.0
        result = Objective(Goal.DSP, clock * 1e6 / cycles)
        assert result.frame_ii_limit(clock) == cycles
    assert Objective(Goal.DSP, 3e8).frame_ii_limit(250.0) == 0
    assert Objective().frame_ii_limit(250.0) is None


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf")])
def test_frames_per_second_are_positive(wrong: float) -> None:
    with pytest.raises(ValueError, match="min_fps"):
        Objective(Goal.DSP, wrong)


def test_out_of_reach_says_by_how_much() -> None:
    device, graph = load_device("zcu104"), MEDIUM[1]
    answer = solve(graph, device, objective=Objective(Goal.AREA, 1e7))
    assert isinstance(answer, Infeasibility)
    assert answer.resource == "frame_ii_cycles"
    assert answer.by_layer[0][1] == answer.demand > answer.budget
    fps_allowed = device.clock_mhz * 1e6 / answer.demand
    assert f"at most {fps_allowed:,.1f} frames per second" in str(answer)
    assert "a clock of" in str(answer)


def test_too_little_of_a_resource_at_that_speed() -> None:
    graph = MEDIUM[1]
    slow = solve(graph, part(Resources(90_000, 90_000, 8, 90, 0)))
    assert isinstance(slow, FoldingPlan)
    objective = Objective(Goal.DSP, slow.estimate.throughput_fps * 1.02)
    roomy = part(Resources(90_000, 90_000, 500, 90, 0))
    plan = solve(graph, roomy, objective=objective, effort=PROVE_OPTIMUM)
    assert isinstance(plan, FoldingPlan)
    fewest = plan.estimate.resources.dsp
    for goal in (Goal.THROUGHPUT, Goal.LATENCY, Goal.AREA, Goal.LUT):
        asked = Objective(goal, objective.min_fps)
        answer = solve(graph, part(Resources(90_000, 90_000, fewest - 1, 90, 0)), objective=asked)
        assert isinstance(answer, Infeasibility)
        assert (answer.resource, answer.demand, answer.budget) == ("dsp", fewest, fewest - 1)
        assert answer.demand == sum(amount for _, amount in answer.by_layer)


def test_a_layer_that_alone_is_too_much_for_the_part() -> None:
    graph, device = MEDIUM[1], part(Resources(90_000, 90_000, 8, 90, 0))
    slow = solve(graph, device)
    assert isinstance(slow, FoldingPlan)
    asked = Objective(Goal.AREA, slow.estimate.throughput_fps * 3)
    answer = solve(graph, device, objective=asked)
    assert isinstance(answer, Infeasibility)
    assert answer.resource == "frame_ii_cycles"
    assert "a larger part" in str(answer)
    assert "MHz" not in str(answer)
