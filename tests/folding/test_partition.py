"""Networks in parts: against all choices of cuts, each part solved by itself."""

from __future__ import annotations

import itertools
from dataclasses import replace
from math import inf

import pytest
from chain_networks import network
from folding_cases import chain, part, residual
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from profiles import random_profile
from strategies import graphs

from hass import ops
from hass.cost import EngineKind, off_chip_bound_cycles
from hass.cuts import Part, part_graph, useful_cuts
from hass.device import Device, Resources, load_device
from hass.errors import ProfileError, SpecError
from hass.folding import (
    PROVE_OPTIMUM,
    ChainPlan,
    FoldingPlan,
    Infeasibility,
    PartitionPlan,
    Request,
    Unpartitioned,
    WeightsAt,
    solve,
    solve_chain,
    solve_partitions,
)
from hass.folding.intervals import Intervals
from hass.graph import Graph
from hass.sim.run import Setup, simulate
from hass.values import Arithmetic, FeatureMap

SAME3 = ((3, 3), (1, 1), (1, 1, 1, 1))
FRAME = FeatureMap(6, 4, 4)
STRAIGHT = chain(
    FRAME,
    ops.Conv2d(4, *SAME3),
    ops.Relu(),
    ops.Conv2d(8, (1, 1)),
    ops.MaxPool2d((2, 2), (2, 2)),
    ops.Conv2d(8, *SAME3),
    ops.Conv2d(4, (1, 1)),
    ops.GlobalAvgPool(),
    ops.Conv2d(6, (1, 1)),
)
BLOCKS, _ = network(
    [
        ("stem", ops.Conv2d(4, *SAME3), ["in"]),
        ("fork", ops.Fork(), ["stem"]),
        ("a", ops.Conv2d(6, *SAME3), ["fork"]),
        ("b", ops.Conv2d(4, *SAME3), ["a"]),
        ("sum", ops.Add(), ["b", "fork"]),
        ("pool", ops.GlobalAvgPool(), ["sum"]),
        ("fc", ops.Conv2d(3, (1, 1)), ["pool"]),
    ],
    FRAME,
)
NETWORKS = (STRAIGHT, BLOCKS, residual(FRAME))
PROVED = Request(effort=PROVE_OPTIMUM)
budgets = st.builds(
    Resources,
    lut=st.integers(900, 9000),
    ff=st.integers(900, 9000),
    dsp=st.integers(1, 40),
    bram18=st.integers(1, 12),
    uram=st.just(0),
)


def device_of(
    budget: Resources, reload_ms: float = 0.01, link: float = 0.5, memory: float | None = None
) -> Device:
    return replace(
        part(budget),
        reconfiguration_ms=reload_ms,
        link_gbytes_per_s=link,
        off_chip_gbytes=memory,
    )


def all_choices(graph: Graph, counts: range) -> list[list[Part]]:
    """All ways to cut a network at its useful cuts into so many parts."""
    ends = [cut.last for cut in useful_cuts(graph)]
    return [
        [Part(a, b) for a, b in itertools.pairwise([None, *chosen, None])]
        for count in counts
        for chosen in itertools.combinations(ends, count - 1)
    ]


class Force:
    """Parts solved one by one, each once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._known: dict[tuple[Part, Device], FoldingPlan | None] = {}

    def plan(self, part_: Part, device: Device) -> FoldingPlan | None:
        if (part_, device) not in self._known:
            answer = solve(part_graph(self.graph, part_).graph, device, effort=PROVE_OPTIMUM)
            self._known[part_, device] = answer if isinstance(answer, FoldingPlan) else None
        return self._known[part_, device]

    def batch_seconds(self, parts: list[Part], device: Device, batch: int) -> float:
        assert device.reconfiguration_ms is not None
        total = 0.0
        for one in parts:
            plan = self.plan(one, device)
            if plan is None:
                return inf
            found = plan.estimate
            cycles = found.latency_cycles + (batch - 1) * found.frame_ii_cycles
            load = device.reconfiguration_ms / 1e3 if len(parts) > 1 else 0.0
            total += load + cycles / (found.clock_mhz * 1e6)
        return total

    def frame_seconds(self, parts: list[Part], devices: list[Device]) -> float:
        slowest = 0.0
        for index, (one, device) in enumerate(zip(parts, devices, strict=False)):
            plan = self.plan(one, device)
            if plan is None:
                return inf
            seconds = plan.estimate.frame_ii_cycles / (plan.estimate.clock_mhz * 1e6)
            slowest = max(slowest, seconds)
            if index < len(parts) - 1:
                out = part_graph(self.graph, one).graph.of_type(ops.Output)[0].out
                speeds = [device.link_gbytes_per_s, devices[index + 1].link_gbytes_per_s]
                assert None not in speeds
                slowest = max(slowest, 2 * out.words / (1e9 * min(speeds)))  # type: ignore[type-var]
        return slowest


@given(
    st.sampled_from(NETWORKS),
    budgets,
    st.sampled_from([1e-4, 0.01, 1.0]),
    st.sampled_from([1, 7, 500]),
    st.sampled_from([None, 1, 2, 3]),
)
@settings(max_examples=40, deadline=None)
def test_partitions_are_brute_force(
    graph: Graph, budget: Resources, reload_ms: float, batch: int, count: int | None
) -> None:
    most = len(useful_cuts(graph)) + 1
    counts = range(1, most + 1) if count is None else range(count, min(count, most) + 1)
    device, force = device_of(budget, reload_ms), Force(graph)
    choices = all_choices(graph, counts)
    best = min((force.batch_seconds(c, device, batch) for c in choices), default=inf)
    wanted = None if count is None else [count]
    plan = solve_partitions(graph, device, batch, counts=wanted, request=PROVED)
    if best == inf:
        assert isinstance(plan, Unpartitioned)
        assert plan.levers
        return
    assert isinstance(plan, PartitionPlan)
    assert plan.seconds == pytest.approx(best, rel=1e-12)
    assert plan.bound_seconds <= plan.seconds
    assert plan.gap == plan.seconds / plan.bound_seconds - 1.0
    assert plan.throughput_fps == batch / plan.seconds
    assert len(plan.parts) in counts
    chosen = [planned.part for planned in plan.parts]
    assert force.batch_seconds(chosen, device, batch) == pytest.approx(best, rel=1e-12)
    weighted = [layer.name for one in plan.parts for layer in one.graph.convs]
    assert sorted(weighted) == sorted(layer.name for layer in graph.convs)
    for one in plan.parts:
        assert one.plan.estimate.resources.fits(budget)
    loads = plan.reload_seconds * len(plan.parts)
    works = sum(one.batch_seconds(batch) for one in plan.parts)
    assert plan.seconds == pytest.approx(loads + works, rel=1e-12)


@given(
    st.sampled_from(NETWORKS),
    st.lists(budgets, min_size=1, max_size=2),
    st.lists(st.integers(0, 1), min_size=1, max_size=4),
    st.sampled_from([0.001, 0.05, 10.0]),
)
@settings(max_examples=40, deadline=None)
def test_chains_are_brute_force(
    graph: Graph, kinds: list[Resources], order: list[int], link: float
) -> None:
    known = [device_of(budget, link=link * (1 + n)) for n, budget in enumerate(kinds)]
    devices = [known[min(index, len(known) - 1)] for index in order]
    force = Force(graph)
    most = min(len(devices), len(useful_cuts(graph)) + 1)
    best = {
        count: min(
            force.frame_seconds(c, devices) for c in all_choices(graph, range(count, count + 1))
        )
        for count in range(1, most + 1)
    }
    plan = solve_chain(graph, devices, request=PROVED)
    if min(best.values()) == inf:
        assert isinstance(plan, Unpartitioned)
        assert plan.levers
        return
    assert isinstance(plan, ChainPlan)
    assert plan.frame_seconds == pytest.approx(min(best.values()), rel=1e-12)
    assert plan.bound_seconds == plan.frame_seconds
    # no device works for nothing
    fewest = min(count for count, seconds in best.items() if seconds <= plan.frame_seconds)
    assert len(plan.parts) == fewest
    assert [one.device for one in plan.parts] == devices[: len(plan.parts)]
    slowest = max([one.frame_seconds for one in plan.parts] + list(plan.link_seconds))
    assert plan.frame_seconds == pytest.approx(slowest, rel=1e-12)
    assert len(plan.link_seconds) == len(plan.parts) - 1
    together = sum(one.latency_seconds for one in plan.parts) + sum(plan.link_seconds)
    assert plan.latency_seconds == pytest.approx(together)


@given(graphs(max_layers=8), budgets, st.booleans())
@settings(max_examples=30, deadline=None)
def test_every_bound_is_one(graph_and_weights, budget: Resources, sparse: bool) -> None:  # type: ignore[no-untyped-def]
    """However a part's frame II is bounded, its optimum keeps the bound."""
    graph, weights = graph_and_weights
    assume(graph.convs)
    profile = random_profile(graph, weights, act_density=0.4) if sparse else None
    device = device_of(budget)
    intervals = Intervals(graph, Request(profile=profile, effort=PROVE_OPTIMUM))
    for start, end in itertools.combinations(range(intervals.nodes), 2):
        answer = intervals.solved(device, start, end)
        best = inf
        if isinstance(answer, FoldingPlan):
            best = answer.estimate.frame_ii_cycles
        lows = [intervals.pace(device, start, end).low_cycles]
        while not intervals.pace(device, start, end).final:
            lows.append(intervals.sharper(device, start, end).low_cycles)
        assert lows == sorted(lows)
        assert lows[-1] == best or (best == inf and lows[-1] == inf)


TIGHT = Resources(3000, 4000, 12, 6, 0)
SMALL = Resources(1200, 2600, 12, 6, 0)  # holds no whole STRAIGHT


def test_larger_batches_take_longer_and_pay_off() -> None:
    device = device_of(TIGHT, reload_ms=0.02)
    plans = [solve_partitions(STRAIGHT, device, batch) for batch in (1, 2, 10, 100, 10_000)]
    assert all(isinstance(plan, PartitionPlan) for plan in plans)
    seconds = [plan.seconds for plan in plans if isinstance(plan, PartitionPlan)]
    rates = [plan.throughput_fps for plan in plans if isinstance(plan, PartitionPlan)]
    counts = [len(plan.parts) for plan in plans if isinstance(plan, PartitionPlan)]
    assert seconds == sorted(seconds)
    assert rates == sorted(rates)
    assert counts[0] < counts[-1]  # loads are worth it only for many frames


def test_a_network_that_fits_is_loaded_once() -> None:
    device = device_of(load_device("zcu104").budget, reload_ms=1e6)
    plan = solve_partitions(STRAIGHT, device, 10)
    whole = solve(STRAIGHT, device)
    assert isinstance(plan, PartitionPlan) and isinstance(whole, FoldingPlan)
    assert [one.part for one in plan.parts] == [Part(None, None)]
    assert plan.reload_seconds == 0.0
    assert plan.parts[0].plan == whole
    cycles = whole.estimate.latency_cycles + 9 * whole.estimate.frame_ii_cycles
    assert plan.seconds == cycles / (whole.estimate.clock_mhz * 1e6)


def test_a_part_simulates_as_it_is_modelled() -> None:
    for graph in (STRAIGHT, BLOCKS):
        plan = solve_partitions(graph, device_of(TIGHT, reload_ms=1e-4), 10_000, counts=[3])
        assert isinstance(plan, PartitionPlan)
        for one in plan.parts:
            found = one.plan.estimate
            pace = off_chip_bound_cycles(one.graph, one.device, found.clock_mhz, Arithmetic())
            result = simulate(one.graph, found, Setup(frames=4, pace_cycles=pace))
            assert result.deadlock is None
            assert result.simulated_frame_ii_cycles == found.frame_ii_cycles


def test_no_cut_helps_a_layer_that_is_too_large() -> None:
    graph = chain(FRAME, ops.Conv2d(4, *SAME3), ops.Conv2d(512, (3, 3)), ops.Conv2d(2, (1, 1)))
    device = device_of(Resources(2000, 4000, 12, 1, 0))
    on_chip = Request(weights=WeightsAt.ON_CHIP)
    for answer in (
        solve_partitions(graph, device, 8, request=on_chip),
        solve_chain(graph, [device, device], request=on_chip),
    ):
        assert isinstance(answer, Unpartitioned)
        assert answer.shortage is not None
        assert answer.shortage.by_layer[0][0] == "1_conv2d"
        text = str(answer)
        assert "layer 1_conv2d does not fit toy even alone" in text
        assert "with weights in bram bram18" in text
        assert "partitions" not in text


def test_the_wrong_number_of_parts_is_named() -> None:
    device = device_of(SMALL)
    free = solve_partitions(STRAIGHT, device, 8)
    assert isinstance(free, PartitionPlan)
    fewest = len(free.parts)
    assert fewest > 1, "a device that holds all of it tests nothing"
    answer = solve_partitions(STRAIGHT, device, 8, counts=[1])
    assert isinstance(answer, Unpartitioned)
    assert "1 parts do not do: at least" in answer.reason
    many = solve_partitions(STRAIGHT, device, 8, counts=[99])
    assert isinstance(many, Unpartitioned)
    assert "cuts for 5 at most" in many.reason
    alone = solve_chain(STRAIGHT, [device])
    assert isinstance(alone, Unpartitioned)
    assert "with more of the last: at least" in alone.reason
    assert isinstance(solve(STRAIGHT, device), Infeasibility)


def test_the_memory_bounds_the_batch() -> None:
    frame = 2 * (FRAME.words + FRAME.words * 2)  # bytes in and out of the largest part, or less
    device = device_of(TIGHT, memory=100 * frame / 1e9)
    answer = solve_partitions(STRAIGHT, device, 10**6)
    assert isinstance(answer, Unpartitioned)
    largest = int(answer.levers[0].split()[-1].replace(",", ""))
    assert isinstance(solve_partitions(STRAIGHT, device, largest), PartitionPlan)
    assert isinstance(solve_partitions(STRAIGHT, device, largest + 1), Unpartitioned)


def test_what_solve_refuses_is_refused() -> None:
    request = Request(engines=frozenset({EngineKind.STATIC}))
    with pytest.raises(SpecError, match="an engine for every layer"):
        solve_partitions(STRAIGHT, device_of(TIGHT), 8, request=request)
    with pytest.raises(ProfileError, match="lacks layers"):
        solve_chain(STRAIGHT, [device_of(TIGHT)], request=Request(profile=random_profile(BLOCKS)))
    with pytest.raises(ValueError, match="batch and counts"):
        solve_partitions(STRAIGHT, device_of(TIGHT), 0)
    with pytest.raises(ValueError, match="at least one device"):
        solve_chain(STRAIGHT, [])


def test_devices_that_do_not_say_what_it_takes_are_refused() -> None:
    device = part(TIGHT)
    with pytest.raises(SpecError, match="device toy: reconfiguration_ms"):
        solve_partitions(STRAIGHT, device, 8)
    with pytest.raises(SpecError, match="device toy: link_gbytes_per_s"):
        solve_chain(STRAIGHT, [device, device])


def test_the_lever_says_partitions_where_they_would_do() -> None:
    device = device_of(SMALL)
    answer = solve(STRAIGHT, device)
    assert isinstance(answer, Infeasibility)
    assert any(lever.startswith("partitions: each of the 5 parts") for lever in answer.levers)
    one_part = chain(FRAME, ops.Conv2d(64, *SAME3))
    answer = solve(one_part, device_of(Resources(400, 2600, 12, 0, 0)))
    assert isinstance(answer, Infeasibility)
    assert not any("partitions" in lever for lever in answer.levers)
