"""Dense pipelines: the simulated frame II is the model's, exactly; and the kernel is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from chain_networks import Chain, network
from cycle_reference import frame_times
from hypothesis import HealthCheck, assume, given, settings
from sim_cases import (
    DEVICE,
    dense_pipelines,
    is_hasty,
    pace_of,
    setup_of,
    streaming_pipelines,
)

from hass import ops
from hass.cost import Estimate, Folding, estimate
from hass.graph import Graph
from hass.sim.kernel import advance
from hass.sim.run import Setup, simulate
from hass.user_files import smallest_foldings
from hass.values import FeatureMap

SLOW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
# of 60 drawn cases, which come in clusters, a tenth was now and then worse than a tenth of all is
MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
SLOWER = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
FRAMES = 6  # a steady state is there after half of them, as a rule
STEADY_FRAMES = 100  # where deep buffers fill slowly

SHORTCUT: Chain = [
    ("stem", ops.Conv2d(16, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    ("fork", ops.Fork(), ["stem"]),
    ("first", ops.Conv2d(32, (3, 3), (2, 2), (1, 1, 1, 1)), ["fork"]),
    ("second", ops.Conv2d(32, (3, 3), (1, 1), (1, 1, 1, 1)), ["first"]),
    ("slice", ops.Slice(ops.Span(0, 32, 2), ops.Span(0, 32, 2), ops.Span(0, 16)), ["fork"]),
    ("pad", ops.Pad((0, 0, 0, 0), 8, 8), ["slice"]),
    ("add", ops.Add(), ["second", "pad"]),
]
WIDE_BRANCH: Chain = [
    ("fork", ops.Fork(), ["in"]),
    ("wide", ops.Relu(), ["fork"]),
    ("add", ops.Add(), ["wide", "fork"]),
]
NARROW_GATE: Chain = [
    ("fork", ops.Fork(), ["in"]),
    ("mean", ops.GlobalAvgPool(), ["fork"]),
    ("gate", ops.Sigmoid(), ["mean"]),
    ("scaled", ops.Mul(), ["fork", "gate"]),
]


def _streams(count: int) -> Folding:
    return Folding(coarse_in=count, coarse_out=count)


def test_frame_ii_is_the_models() -> None:
    """Exactly; and the first frame's latency on the whole."""
    errors: list[float] = []
    _frame_ii_is_the_models(errors)
    assert abs(np.median(errors)) < 0.005
    assert np.quantile(np.abs(errors), 0.9) < 0.05


def test_frame_ii_is_the_models_where_weights_are_read_in_passes() -> None:
    """Exactly; and the first frame's latency on the whole."""
    errors: list[float] = []
    _streaming_frame_ii_is_the_models(errors)
    assert abs(np.median(errors)) < 0.005
    assert np.quantile(np.abs(errors), 0.9) < 0.05


@MANY
@given(case=streaming_pipelines())
def _streaming_frame_ii_is_the_models(errors: list[float], case: tuple[Graph, Estimate]) -> None:
    _compare(errors, *case)


@MANY
@given(case=dense_pipelines())
def _frame_ii_is_the_models(errors: list[float], case: tuple[Graph, Estimate]) -> None:
    _compare(errors, *case)


def _compare(errors: list[float], graph: Graph, modelled: Estimate) -> None:
    assume(not is_hasty(graph, modelled))
    result = simulate(graph, modelled, setup_of(graph, modelled, frames=FRAMES))
    if result.simulated_frame_ii_cycles != modelled.frame_ii_cycles:  # not steady yet
        result = simulate(graph, modelled, setup_of(graph, modelled, frames=STEADY_FRAMES))
    assert result.deadlock is None
    assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles
    assert result.first_frame_cycles is not None
    errors.append(modelled.latency_cycles / result.first_frame_cycles - 1)


@SLOWER
@given(case=dense_pipelines(max_layers=4))
def test_frame_times_are_those_of_a_cycle_by_cycle_simulation(
    case: tuple[Graph, Estimate],
) -> None:
    graph, modelled = case
    assume(modelled.latency_cycles < 1500)
    result = simulate(graph, modelled, setup_of(graph, modelled, frames=2))
    first, second = frame_times(graph, modelled, 2, pace_of(graph, modelled))
    assert second - first == result.simulated_frame_ii_cycles
    assert result.first_frame_cycles == first + 2  # through the sink's registers


@SLOWER
@given(case=dense_pipelines(max_layers=4))
def test_the_compiled_kernel_does_as_the_plain_one(case: tuple[Graph, Estimate]) -> None:
    graph, modelled = case
    assume(modelled.latency_cycles < 1500)
    setup = setup_of(graph, modelled, frames=2)
    assert simulate(graph, modelled, setup, advance=advance) == simulate(graph, modelled, setup)


def test_a_strided_shortcut_as_modelled_runs() -> None:
    graph, _ = network(SHORTCUT, FeatureMap(32, 32, 3))
    foldings = {
        layer.name: replace(folding, fine=9 if layer in graph.convs else 1)
        for layer, folding in zip(graph, smallest_foldings(graph).values(), strict=True)
    }
    modelled = estimate(graph, foldings, DEVICE)
    setup = setup_of(graph, modelled)
    assert simulate(graph, modelled, setup).deadlock is None


def test_a_wide_branch_beside_a_narrow_one_runs() -> None:
    graph, _ = network(WIDE_BRANCH, FeatureMap(2, 3, 7))
    foldings = {layer.name: _streams(1) for layer in graph} | {"wide": _streams(7)}
    modelled = estimate(graph, foldings, DEVICE)
    assert simulate(graph, modelled, setup_of(graph, modelled)).deadlock is None


def test_a_narrow_gate_as_modelled_keeps_the_frame_ii() -> None:
    graph, _ = network(NARROW_GATE, FeatureMap(8, 6, 5))
    foldings = {layer.name: _streams(5) for layer in graph} | {"gate": _streams(1)}
    modelled = estimate(graph, foldings, DEVICE)
    result = simulate(graph, modelled, setup_of(graph, modelled, frames=FRAMES))
    assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles


def test_a_strided_window_as_charged_keeps_the_frame_ii() -> None:
    chain: Chain = [("conv", ops.Conv2d(4, (3, 3), (2, 2), (1, 1, 1, 1)), ["in"])]
    graph, _ = network(chain, FeatureMap(8, 8, 9))
    foldings = smallest_foldings(graph)
    modelled = estimate(graph, foldings | {"conv": replace(foldings["conv"], fine=9)}, DEVICE)
    setup = setup_of(graph, modelled, frames=FRAMES)
    assert simulate(graph, modelled, setup).simulated_frame_ii_cycles == modelled.frame_ii_cycles


def test_an_engine_waits_for_its_rows_and_frames_follow_without_a_gap() -> None:
    chain: Chain = [("conv", ops.Conv2d(1, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"])]
    graph, _ = network(chain, FeatureMap(5, 4, 1))
    foldings = smallest_foldings(graph)
    modelled = estimate(graph, foldings | {"conv": replace(foldings["conv"], fine=9)}, DEVICE)
    result = simulate(graph, modelled, Setup())
    (conv,) = (layer for layer in result.layers if layer.name == "conv")
    # the sixth word (row 1, column 1) leaves the source in cycle 5 and completes the first window
    source, engine = 2, modelled.layers["conv"].latency_cycles - 1
    assert conv.simulated_start_cycles == 5 + source + 1 + engine
    assert result.simulated_frame_ii_cycles == 20
    assert np.isclose(conv.simulated_cycles, 20)


def test_a_steady_state_may_come_late() -> None:
    """A padded layer behind a strided one: what is held fills up over many frames."""
    chain: Chain = [
        ("conv", ops.Conv2d(5, (1, 1), (2, 2), (0, 0, 0, 0), 5), ["in"]),
        ("pad", ops.Pad((1, 0, 0, 2), 0, 2), ["conv"]),
    ]
    graph, _ = network(chain, FeatureMap(2, 13, 5))
    modelled = estimate(graph, smallest_foldings(graph), DEVICE)
    assert modelled.frame_ii_cycles == 130
    early, late = (
        simulate(graph, modelled, setup_of(graph, modelled, frames=frames))
        for frames in (FRAMES, STEADY_FRAMES)
    )
    assert early.simulated_frame_ii_cycles < 130 == late.simulated_frame_ii_cycles
