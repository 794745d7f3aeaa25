"""Prices: their definition, and finite differences by solving again."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from folding_cases import chain, part, residual
from profiles import random_profile

from hass import ops
from hass.cost import EngineKind, estimate
from hass.cost.layer import stream_cycles
from hass.device import RESOURCE_NAMES, Resources
from hass.errors import SpecError
from hass.folding import (
    ALL_ENGINES,
    PROVE_OPTIMUM,
    FoldingPlan,
    Goal,
    Objective,
    Prices,
    TableCache,
    prices,
    solve,
)
from hass.folding.exact import solve_exact
from hass.folding.prices import OFF_CHIP_MEMORY
from hass.folding.problem import Problem, problem_of
from hass.folding.tables import TABLES, OptionTable
from hass.sparsity import SparsityProfile
from hass.values import Arithmetic, FeatureMap

CONV3 = ops.Conv2d(16, (3, 3), pads=(1, 1, 1, 1))
NET = chain(FeatureMap(16, 16, 8), CONV3, CONV3, ops.Conv2d(32, (1, 1)), CONV3)
BUDGETS = {
    "several": Resources(12_000, 30_000, 60, 60, 0),
    "dsp": Resources(40_000, 60_000, 24, 60, 0),
    "lut and dsp": Resources(9_000, 20_000, 200, 200, 0),
}


def solved(budget: Resources, profile: SparsityProfile | None) -> FoldingPlan:
    plan = solve(NET, part(budget), profile=profile, effort=PROVE_OPTIMUM)
    assert isinstance(plan, FoldingPlan)
    return plan


def priced(budget: Resources, profile: SparsityProfile | None) -> tuple[int, Prices]:
    plan = solved(budget, profile)
    return plan.estimate.frame_ii_cycles, prices(NET, part(budget), plan, profile=profile)


def scaled(budget: Resources, factor: float) -> Resources:
    return Resources(*(int(amount * factor) for amount in budget))


@pytest.mark.parametrize("name", BUDGETS)
@pytest.mark.parametrize("seed", range(3))
def test_more_of_everything_buys_what_the_prices_say(name: str, seed: int) -> None:
    """Mean elasticity over budgets from 1 / 1.5 to 1.5 of the part's."""
    budget, profile = BUDGETS[name], random_profile(NET, seed=seed, act_density=0.4)
    cycles, found = priced(budget, profile)
    assert sum(found.weights.values()) == pytest.approx(1.0)
    assert min(found.weights.values()) >= 0
    predicted = sum(found.resources[n] * getattr(budget, n) for n in RESOURCE_NAMES) / cycles
    less, more = (solved(scaled(budget, f), profile).estimate for f in (1 / 1.5, 1.5))
    measured = math.log(less.frame_ii_cycles / more.frame_ii_cycles) / math.log(1.5**2)
    assert predicted == pytest.approx(measured, rel=0.35)


def test_what_is_not_scarce_is_worth_nothing() -> None:
    budget = BUDGETS["dsp"]
    cycles, found = priced(budget, None)
    assert found.resources["dsp"] > 0
    for name in ("ff", "bram18", "uram"):
        assert found.resources[name] == 0
        more = replace(budget, **{name: 2 * getattr(budget, name)})
        assert solved(more, None).estimate.frame_ii_cycles == cycles


def with_work(table: OptionTable, factor: float) -> OptionTable:
    """A table of a layer whose engines have ``factor`` times the work."""
    paced = np.zeros(len(table), dtype=np.int64)
    for places, foldings in table.by_group(np.arange(len(table))):
        paced[places] = stream_cycles(table.key.shape, foldings)
    cycles = np.maximum(paced, np.ceil(table.cycles * factor).astype(np.int64))
    order = np.argsort(cycles, kind="stable")
    place = np.argsort(order)
    return replace(
        table,
        cycles=cycles[order],
        use=table.use[order],
        option=table.option[order],
        sketch=np.sort(place[table.sketch]),
    )


def frame_ii(problem: Problem, layer: int, factor: float) -> int:
    tables = list(problem.tables)
    tables[layer] = with_work(tables[layer], factor)
    answer = solve_exact(tables, problem.budget, problem.least_cycles, PROVE_OPTIMUM)
    assert answer is not None
    pairs = zip(tables, answer.rows, strict=True)
    return max(int(table.cycles[row]) for table, row in pairs)


@pytest.mark.parametrize("name", BUDGETS)
def test_less_work_in_a_layer_buys_what_its_price_says(name: str) -> None:
    """Mean elasticity over work from 1 / 1.5 to 1.5 of the layer's, in shares of the frame II."""
    budget, profile = BUDGETS[name], random_profile(NET, seed=0, act_density=0.4)
    cycles, found = priced(budget, profile)
    device = part(budget)
    problem = problem_of(NET, device, profile, ALL_ENGINES, Arithmetic(), device.clock_mhz, TABLES)
    assert set(found.layers) == {layer.name for layer in NET.convs}
    for layer, price in found.layers.items():
        index = problem.names.index(layer)
        more, less = (frame_ii(problem, index, factor) for factor in (1.5, 1 / 1.5))
        measured = math.log(more / less) / math.log(1.5**2)
        assert price.worth / cycles == pytest.approx(measured, abs=0.25)
    worths = {layer: price.worth for layer, price in found.layers.items()}
    assert max(worths, key=worths.__getitem__) == "3_conv2d"  # half of the products
    assert min(worths, key=worths.__getitem__) == "2_conv2d"  # a seventh of the next one's


def test_streams_that_set_the_pace_leave_nothing_to_buy() -> None:
    budget = Resources(900_000, 900_000, 9_000, 900, 0)
    profile = random_profile(NET, seed=0, act_density=0.4)
    cycles, found = priced(budget, profile)
    assert cycles == 256
    assert "input" in found.paced_by
    assert set(found.resources.values()) == {0.0}
    assert {price.worth for price in found.layers.values()} == {0.0}
    # what the layers could give back is known all the same; that with windows of a single product
    # has as many multipliers as its streams need
    shares = {name for name, price in found.layers.items() if price.share > 0}
    assert shares == {"0_conv2d", "1_conv2d", "3_conv2d"}
    assert solved(scaled(budget, 2), profile).estimate.frame_ii_cycles == 256


def test_memory_that_sets_the_pace() -> None:
    device = part(Resources(900_000, 900_000, 9_000, 900, 0), off_chip_gbytes_per_s=0.01)
    plan = solve(NET, device)
    assert isinstance(plan, FoldingPlan)
    found = prices(NET, device, plan)
    assert found.paced_by == (OFF_CHIP_MEMORY,)
    assert set(found.resources.values()) == {0.0}


@pytest.mark.parametrize("goal", [Goal.DSP, Goal.LUT, Goal.AREA])
def test_fewer_resources_at_a_throughput(goal: Goal) -> None:
    """Prices over rates from 2,000 to 8,000 images/s add up to what four times the work costs.

    A price is a slope, which changes by steps as engines change kinds: integrated over the
    logarithm of the rate, by trapezoids.
    """
    profile = random_profile(NET, seed=1, act_density=0.4)
    device = part(Resources(90_000, 90_000, 400, 200, 0))
    values, worths = [], []
    for step in range(9):
        objective = Objective(goal, 2_000.0 * 2 ** (step / 4))
        plan = solve(NET, device, profile=profile, objective=objective)
        assert isinstance(plan, FoldingPlan)
        values.append(objective.value(plan.estimate, device.budget))
        found = prices(NET, device, plan, profile=profile)
        assert not found.paced_by
        worths.append(sum(price.worth for price in found.layers.values()))
        if step == 4:
            assert found.frame_ii_cycles == 25_000
        if goal is not Goal.AREA:
            assert found.resources[goal.value] == 0.0
    # README: right within a third
    predicted = math.log(2.0) / 4 * (sum(worths) - (worths[0] + worths[-1]) / 2)
    assert predicted == pytest.approx(values[-1] - values[0], rel=0.35)


def test_prices_build_no_tables_and_change_nothing() -> None:
    cache, graph = TableCache(100_000), residual(FeatureMap(9, 7, 4))
    device = part(Resources(9_000, 9_000, 12, 12, 0))
    plan = solve(graph, device, cache=cache)
    assert isinstance(plan, FoldingPlan)
    built = cache.builds
    first = prices(graph, device, plan, cache=cache)
    assert first == prices(graph, device, plan, cache=cache)
    assert cache.builds == built
    assert plan.estimate == estimate(graph, plan.foldings, device)
    assert EngineKind.DENSE in {folding.engine for folding in plan.foldings.values()}


def test_latency_has_no_prices() -> None:
    device = part(BUDGETS["dsp"])
    plan = solve(NET, device, objective=Objective(Goal.LATENCY))
    assert isinstance(plan, FoldingPlan)
    with pytest.raises(SpecError, match="throughput, area or one resource"):
        prices(NET, device, plan)
