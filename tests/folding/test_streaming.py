"""Weights off chip: the solver against trying everything, and what always holds of its answers."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from folding_cases import chain, made_up_tables, part, residual
from hypothesis import given, settings
from hypothesis import strategies as st

from hass import ops
from hass.cost import MemoryKind, estimate, layer_shapes, off_chip_bound_cycles, passes_of
from hass.device import Device, Resources
from hass.folding import (
    ALL_ENGINES,
    PROVE_OPTIMUM,
    FoldingPlan,
    Infeasibility,
    Solver,
    WeightsAt,
    is_legal,
    memories_of,
    solve,
    streaming,
)
from hass.folding.choice import Budget
from hass.folding.exact import Effort, solve_exact
from hass.folding.legal import WEIGHT_MEMORIES, legal_sets
from hass.folding.outline import priced_floor
from hass.folding.tables import OffChip, OptionTable, all_costs
from hass.graph import Graph
from hass.values import Arithmetic, FeatureMap

Case = tuple[list[OptionTable], Budget]


@st.composite
def with_traffic(draw: st.DrawFn) -> Case:
    """Made-up tables whose options also read bits, and a memory near the edge."""
    tables, budget = draw(made_up_tables().filter(lambda case: all(map(len, case[0]))))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    rate = draw(st.sampled_from([0.7, 3.0, 50.0]))
    reading = []
    for table in tables:
        bits = rng.integers(0, 60, len(table)) * rng.integers(0, 2, len(table))
        key = replace(table.key, off_chip=OffChip(rate))
        reading.append(replace(table, key=key, use=np.column_stack([table.use, bits])))
    frame = draw(st.integers(0, 20))
    return reading, Budget(np.array([*budget, -frame], dtype=np.int64), rate)


def frame_ii(tables: list[OptionTable], rows: tuple[int, ...], budget: Budget) -> int | None:
    """Of one option per layer; None if it does not fit."""
    pairs = list(zip(tables, rows, strict=True))
    used = sum(t.use[row].astype(np.int64) for t, row in pairs)
    if (used[:5] > budget.amounts[:5]).any():
        return None
    frame_bits = -int(budget.amounts[5])
    bits = int(used[5]) + frame_bits
    reading = math.ceil(bits / budget.bits_per_cycle - 1e-9)
    return max(reading, 1, *(int(t.cycles[row]) for t, row in pairs))


@given(with_traffic())
@settings(max_examples=300, deadline=None)
def test_exact_is_brute_force(case: Case) -> None:
    tables, budget = case
    least = budget.traffic_cycles(np.zeros(6, dtype=np.int64))
    places = itertools.product(*(range(len(table)) for table in tables))
    found = [cycles for rows in places if (cycles := frame_ii(tables, rows, budget)) is not None]
    answer = solve_exact(tables, budget, least, Effort())
    if not found:
        assert answer is None
        return
    assert answer is not None
    assert frame_ii(tables, tuple(answer.rows.tolist()), budget) == min(found)
    assert answer.bound_cycles == min(found)
    assert priced_floor(tables, budget, least) <= min(found)


@given(with_traffic(), st.sampled_from([0.05, 0.5]))
@settings(max_examples=60, deadline=None)
def test_a_gap_allowed_is_a_gap_kept(case: Case, gap: float) -> None:
    tables, budget = case
    answer = solve_exact(tables, budget, 1, Effort(gap=gap))
    if answer is None:
        return
    found = frame_ii(tables, tuple(answer.rows.tolist()), budget)
    assert found is not None
    assert answer.bound_cycles <= found <= answer.bound_cycles * (1 + gap) + 1e-9


POINTS = chain(FeatureMap(2, 3, 4), ops.Conv2d(6, (1, 1)), ops.Relu())
WINDOWS = chain(FeatureMap(4, 3, 2), ops.Conv2d(2, (3, 3), pads=(1, 1, 1, 1)))
VECTOR = chain(FeatureMap(2, 2, 4), ops.Conv2d(6, (2, 2)))
budgets = st.builds(
    Resources,
    lut=st.integers(300, 6000),
    ff=st.integers(300, 6000),
    dsp=st.integers(1, 20),
    bram18=st.integers(0, 3),
    uram=st.just(0),
)
rates = st.sampled_from([0.005, 0.05, 5.0])


def best_of_all(graph: Graph, device: Device) -> int | None:
    """Smallest frame II of all legal foldings that fit, or None."""
    memories = memories_of(device) | {MemoryKind.OFF_CHIP}
    slowest, used = np.zeros(1, dtype=np.int64), np.zeros((1, 6), dtype=np.int64)
    for shape in layer_shapes(graph).values():
        sets = legal_sets(shape, ALL_ENGINES, memories, None, Arithmetic())
        cycles, use = all_costs(shape, sets, None, device.family, Arithmetic())
        slowest = np.maximum(slowest[:, None], cycles[None, :]).reshape(-1)
        used = (used[:, None] + use[None, :]).reshape(-1, 6)
        fits = (used[:, :5] <= np.array(tuple(device.budget))).all(axis=1)
        slowest, used = slowest[fits], used[fits]
    reading = [
        off_chip_bound_cycles(graph, device, device.clock_mhz, Arithmetic(), bits)
        for bits in np.unique(used[:, 5]).tolist()
    ]
    places = np.unique(used[:, 5], return_inverse=True)[1]
    frame_iis = np.maximum(slowest, np.array(reading, dtype=np.int64)[places])
    return int(frame_iis.min()) if len(frame_iis) else None


@pytest.mark.parametrize("graph", [POINTS, WINDOWS, VECTOR])
@given(budget=budgets, rate=rates)
@settings(max_examples=15, deadline=None)
def test_a_chain_gets_the_best_of_all_foldings(
    graph: Graph, budget: Resources, rate: float
) -> None:
    device = part(budget, off_chip_gbytes_per_s=rate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "LEAST_BITS", 1)
        plan = solve(graph, device, effort=PROVE_OPTIMUM, weights=WeightsAt.ANYWHERE)
    best = best_of_all(graph, device)
    if best is None:
        assert isinstance(plan, Infeasibility)
        return
    assert isinstance(plan, FoldingPlan)
    assert plan.estimate.frame_ii_cycles == plan.proved_bound_cycles == best


LARGE = residual(FeatureMap(10, 8, 64))  # 36,864 weights: 32 BRAM18


@given(
    st.builds(
        Resources,
        lut=st.integers(8000, 40000),
        ff=st.integers(8000, 40000),
        dsp=st.integers(1, 64),
        bram18=st.integers(0, 40),
        uram=st.just(0),
    ),
    st.sampled_from([0.05, 1.0]),
    st.sampled_from(Solver),
)
@settings(max_examples=25, deadline=None)
def test_what_holds_of_every_plan(budget: Resources, rate: float, solver: Solver) -> None:
    device = part(budget, off_chip_gbytes_per_s=rate)
    answers = {place: solve(LARGE, device, solver=solver, weights=place) for place in WeightsAt}
    plans = {place: plan for place, plan in answers.items() if isinstance(plan, FoldingPlan)}
    for plan in plans.values():
        found = plan.estimate
        assert found == estimate(LARGE, plan.foldings, device)
        assert found.resources.fits(budget)
        assert plan.proved_bound_cycles <= found.frame_ii_cycles
        shapes = layer_shapes(LARGE, rows_per_pass=passes_of(plan.foldings))
        for name, folding in plan.foldings.items():
            assert is_legal(shapes[name], folding, ALL_ENGINES, frozenset(WEIGHT_MEMORIES), None)
    if WeightsAt.ON_CHIP in plans:
        assert plans[WeightsAt.AUTO] == plans[WeightsAt.ON_CHIP]
        anywhere = plans[WeightsAt.ANYWHERE].estimate.frame_ii_cycles
        assert anywhere <= plans[WeightsAt.ON_CHIP].estimate.frame_ii_cycles
        assert not plans[WeightsAt.ON_CHIP].estimate.off_chip_bits


def test_weights_that_do_not_fit_are_read_off_chip() -> None:
    """And a slower memory makes the design slower, down to what the memory allows."""
    budget = Resources(lut=9000, ff=20000, dsp=64, bram18=16, uram=0)
    device = part(budget, off_chip_gbytes_per_s=1.0)
    assert isinstance(solve(LARGE, device, weights=WeightsAt.ON_CHIP), Infeasibility)
    quick = solve(LARGE, device)
    slow = solve(LARGE, part(budget, off_chip_gbytes_per_s=0.02))
    assert isinstance(quick, FoldingPlan)
    assert isinstance(slow, FoldingPlan)
    assert quick.foldings["conv"].weight_memory is MemoryKind.OFF_CHIP
    assert slow.estimate.bottleneck == "off-chip bandwidth"
    frame_bits = 2 * LARGE["input"].out.words * 16
    bits_per_cycle = 0.02 * 8e9 / 100e6
    least = (slow.estimate.off_chip_bits + frame_bits) / bits_per_cycle
    assert slow.estimate.frame_ii_cycles == -int(-least // 1)
    assert quick.estimate.frame_ii_cycles < slow.estimate.frame_ii_cycles
