"""Folding of small networks: against trying everything, and what always holds."""

from __future__ import annotations

import dataclasses

import pytest
from folding_cases import best_by_force, chain, part, residual
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from profiles import dense_profile, random_profile

from hass import ops
from hass.cost import EngineKind, Folding, estimate, layer_shapes, off_chip_bound_cycles
from hass.device import Resources, load_device
from hass.errors import ProfileError, SpecError
from hass.folding import (
    ALL_ENGINES,
    PROVE_OPTIMUM,
    FoldingPlan,
    Infeasibility,
    Solver,
    TableCache,
    is_legal,
    memories_of,
    solve,
)
from hass.folding.tables import OptionTable, TableKey, build_table
from hass.graph import Graph
from hass.values import Arithmetic, FeatureMap

CONV3 = ops.Conv2d(4, (3, 3), pads=(1, 1, 1, 1))
POINT = ops.Conv2d(2, (1, 1))
GRAPHS = (
    chain(FeatureMap(5, 7, 2), CONV3),
    chain(FeatureMap(6, 4, 3), ops.Conv2d(2, (3, 3))),
    chain(FeatureMap(4, 4, 4), POINT),
    chain(FeatureMap(6, 6, 2), ops.MaxPool2d((2, 2), (2, 2))),
    chain(FeatureMap(4, 6, 4), ops.Conv2d(4, (3, 3), groups=4)),
)
MEDIUM = chain(
    FeatureMap(12, 10, 4), CONV3, ops.Relu(), POINT, ops.GlobalAvgPool(), ops.Conv2d(10, (1, 1))
)

budgets = st.builds(
    Resources,
    lut=st.integers(200, 9000),
    ff=st.integers(200, 9000),
    dsp=st.integers(0, 40),
    bram18=st.integers(0, 8),
    uram=st.sampled_from([0, 0, 3]),
)


def tables_of(graph: Graph, budget: Resources, seed: int | None) -> list[OptionTable]:
    device = part(budget)
    profile = None if seed is None else random_profile(graph, seed=seed)
    return [
        build_table(
            TableKey(
                shape,
                None if profile is None else profile.layers.get(name),
                device.family,
                Arithmetic(),
                ALL_ENGINES,
                memories_of(device),
                budget,
            )
        )
        for name, shape in layer_shapes(graph, profile).items()
    ]


@given(st.sampled_from(GRAPHS), budgets)
@settings(max_examples=40, deadline=None)
def test_exact_is_brute_force(graph: Graph, budget: Resources) -> None:
    tables = tables_of(graph, budget, None)
    assume(all(len(table) < 200 for table in tables))
    device = part(budget)
    least = off_chip_bound_cycles(graph, device, device.clock_mhz, Arithmetic())
    best = best_by_force(tables, budget, least) if all(map(len, tables)) else None
    plan = solve(graph, device, effort=PROVE_OPTIMUM, cache=TableCache(10_000))
    if best is None:
        assert isinstance(plan, Infeasibility)
        assert plan.demand > plan.budget
        return
    assert isinstance(plan, FoldingPlan)
    assert plan.estimate.frame_ii_cycles == plan.proved_bound_cycles == best
    assert plan.gap == 0


@given(st.sampled_from([MEDIUM, residual(FeatureMap(9, 7, 4))]), budgets, st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_what_holds_of_every_plan(graph: Graph, budget: Resources, seed: int) -> None:
    device, profile = part(budget), random_profile(graph, seed=seed, act_density=0.3)
    exact = solve(graph, device, profile=profile, effort=PROVE_OPTIMUM)
    greedy = solve(graph, device, profile=profile, solver=Solver.GREEDY)
    assert isinstance(exact, FoldingPlan) == isinstance(greedy, FoldingPlan)
    if isinstance(exact, Infeasibility) or isinstance(greedy, Infeasibility):
        return
    assert exact.estimate.frame_ii_cycles <= greedy.estimate.frame_ii_cycles
    assert greedy.proved_bound_cycles <= exact.estimate.frame_ii_cycles
    for plan in (exact, greedy):
        found = plan.estimate
        assert found == estimate(graph, plan.foldings, device, profile=profile)
        assert found.resources.fits(budget)
        assert plan.proved_bound_cycles <= found.frame_ii_cycles
        assert plan.gap == found.frame_ii_cycles / plan.proved_bound_cycles - 1
        for name, shape in layer_shapes(graph, profile).items():
            sparsity = profile.layers.get(name)
            folding = plan.foldings[name]
            assert is_legal(shape, folding, ALL_ENGINES, memories_of(device), sparsity)
    more = Resources(*(amount + amount // 3 + 1 for amount in budget))
    wider = solve(graph, part(more), profile=profile, effort=PROVE_OPTIMUM)
    assert isinstance(wider, FoldingPlan)
    assert wider.estimate.frame_ii_cycles <= exact.estimate.frame_ii_cycles


def test_dense_engines_only() -> None:
    profile = random_profile(MEDIUM, act_density=0.05)
    engines = frozenset({EngineKind.DENSE})
    plan = solve(MEDIUM, load_device("zcu104"), profile=profile, engines=engines)
    assert isinstance(plan, FoldingPlan)
    kinds = {folding.engine for folding in plan.foldings.values()}
    assert kinds == {EngineKind.DENSE, EngineKind.NONE}


def test_a_profile_never_slows_a_network_down() -> None:
    device = part(Resources(6000, 9000, 12, 30, 0))
    plain = solve(MEDIUM, device, effort=PROVE_OPTIMUM)
    full = solve(MEDIUM, device, profile=dense_profile(MEDIUM), effort=PROVE_OPTIMUM)
    sparse = random_profile(MEDIUM, weight_density=0.3, act_density=0.2)
    clipped = solve(MEDIUM, device, profile=sparse, effort=PROVE_OPTIMUM)
    assert isinstance(plain, FoldingPlan)
    assert isinstance(full, FoldingPlan)
    assert isinstance(clipped, FoldingPlan)
    assert full.estimate.frame_ii_cycles == plain.estimate.frame_ii_cycles
    assert clipped.estimate.frame_ii_cycles < plain.estimate.frame_ii_cycles
    assert EngineKind.DYNAMIC in {folding.engine for folding in clipped.foldings.values()}


def test_same_answer_every_time() -> None:
    profile = random_profile(MEDIUM)
    plans = [
        solve(MEDIUM, load_device("pynq-z2"), profile=profile, cache=TableCache(100_000))
        for _ in range(2)
    ]
    assert plans[0] == plans[1]


def test_off_chip_bandwidth_bounds_frame_ii() -> None:
    budget = load_device("zcu104").budget
    plan = solve(MEDIUM, part(budget, off_chip_gbytes_per_s=0.01), effort=PROVE_OPTIMUM)
    assert isinstance(plan, FoldingPlan)
    assert plan.estimate.bottleneck == "off-chip bandwidth"
    assert plan.gap == 0
    # nothing is spent on speed that the memory cannot feed
    assert plan.foldings["input"] == Folding()


def test_a_clock_twice_as_fast_sees_half_the_bandwidth() -> None:
    device = part(load_device("zcu104").budget, off_chip_gbytes_per_s=0.01)
    slow, fast = solve(MEDIUM, device), solve(MEDIUM, device, clock_mhz=2 * device.clock_mhz)
    assert isinstance(slow, FoldingPlan)
    assert isinstance(fast, FoldingPlan)
    assert fast.estimate.frame_ii_cycles == 2 * slow.estimate.frame_ii_cycles


@pytest.mark.parametrize("solver", list(Solver))
def test_too_few_of_one_resource(solver: Solver) -> None:
    answer = solve(MEDIUM, part(Resources(90_000, 90_000, 2, 90, 0)), solver=solver)
    assert isinstance(answer, Infeasibility)
    assert (answer.resource, answer.budget) == ("dsp", 2)
    assert answer.demand == sum(amount for _, amount in answer.by_layer)
    amounts = [amount for _, amount in answer.by_layer]
    assert amounts == sorted(amounts, reverse=True)
    text = str(answer)
    assert "a part with more dsp (pynq-z2" in text
    assert "fewer bits per word" in text


def test_too_little_of_several_together() -> None:
    """Weights fit in LUTs or in BRAM, either of them alone scarce for all three layers."""
    table_sizes = tables_of(MEDIUM, Resources(90_000, 90_000, 90, 90, 0), None)
    least = [sum(table.least[k] for table in table_sizes) for k in range(5)]
    budget = Resources(least[0], least[1], least[2], least[3], 0)
    answer = solve(MEDIUM, part(budget))
    assert isinstance(answer, Infeasibility)
    assert answer.resource == "several"
    assert answer.demand > answer.budget == 1_000_000
    assert "together" in str(answer)


def test_every_layer_needs_an_engine() -> None:
    with pytest.raises(SpecError, match=r"0_conv2d, 2_conv2d, 4_conv2d"):
        solve(MEDIUM, load_device("zcu104"), engines=frozenset({EngineKind.DYNAMIC}))


def test_a_profile_of_another_network() -> None:
    profile = random_profile(MEDIUM)
    short = dataclasses.replace(profile, layers={"0_conv2d": profile.layers["0_conv2d"]})
    with pytest.raises(ProfileError, match="2_conv2d"):
        solve(MEDIUM, load_device("zcu104"), profile=short)


def test_changing_one_layer_builds_one_table() -> None:
    cache = TableCache(1_000_000)
    profile = random_profile(MEDIUM, seed=1)
    solve(MEDIUM, load_device("zcu104"), profile=profile, cache=cache)
    before = cache.builds
    other = random_profile(MEDIUM, seed=2)
    changed = dataclasses.replace(
        profile, layers={**profile.layers, "2_conv2d": other.layers["2_conv2d"]}
    )
    solve(MEDIUM, load_device("zcu104"), profile=changed, cache=cache)
    assert cache.builds == before + 1
