"""Broadcast engines: drawn and traced segments, lanes that wait for each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from chain_networks import network
from profiles import dense_profile, random_profile
from test_sim_sparse import CHAIN, SOURCE, _conv_cycles, _dynamic, _folded, _OneImage

from hass.cost import EngineKind, Folding
from hass.sim.run import Setup, simulate
from hass.sim.trace import trace_source
from hass.sim.work import profile_source


def _broadcast(lanes_in: int, lanes_out: int, depth: int) -> Folding:
    folding = _dynamic(lanes_in, lanes_out, 1, depth)
    return replace(folding, engine=EngineKind.BROADCAST)


def test_without_zeros_it_takes_what_a_dense_engine_does() -> None:
    graph, _ = network(CHAIN, SOURCE)
    profile = dense_profile(graph)
    graph, modelled = _folded(_broadcast(2, 4, 4), profile)
    setup = Setup(source=profile_source(graph, modelled, profile, 0))
    result = simulate(graph, modelled, setup)
    assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles


def test_one_engine_draws_the_measured_distribution_of_activations() -> None:
    graph, _ = network(CHAIN, SOURCE)
    profile = random_profile(graph, seed=3)
    graph, modelled = _folded(_broadcast(1, 2, 1), profile)
    setup = Setup(frames=24, source=profile_source(graph, modelled, profile, 1))
    acts = profile.layers["conv"].acts
    assert acts is not None
    cycles = np.maximum(1, np.arange(10))
    expected = float((acts.histograms[0].probabilities() @ cycles).mean()) * 120 * 8 * 8
    assert modelled.layers["conv"].frame_ii_cycles == pytest.approx(expected, rel=0.001)
    assert _conv_cycles(graph, modelled, setup) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("depth", [1, 2, 8])
@pytest.mark.parametrize(("lanes_in", "lanes_out"), [(4, 1), (8, 4)])
def test_drawn_lanes_wait_as_long_as_the_model_says(
    lanes_in: int, lanes_out: int, depth: int, request: pytest.FixtureRequest
) -> None:
    if (lanes_in, depth) == (8, 2):  # as of dynamic lanes
        request.applymarker(pytest.mark.xfail(reason="2.8 % too slow", strict=True))
    graph, _ = network(CHAIN, SOURCE)
    profile = random_profile(graph, seed=5, channels_apart=0.0)
    graph, modelled = _folded(_broadcast(lanes_in, lanes_out, depth), profile)
    setup = Setup(frames=24, source=profile_source(graph, modelled, profile, 1))
    cycles = _conv_cycles(graph, modelled, setup)
    # as test_sim_sparse.py
    assert modelled.layers["conv"].frame_ii_cycles == pytest.approx(cycles, rel=0.02)


@pytest.mark.parametrize("depth", [1, 3])
def test_traced_lanes_wait_as_a_recurrence_says(depth: int) -> None:
    rng = np.random.default_rng(4)
    graph, weights = network(CHAIN, SOURCE)
    live = rng.random(weights["conv.weight"].shape) < 0.5  # which changes nothing
    weights = weights.replace({"conv.weight": np.where(live, weights["conv.weight"], 0.0)})
    image = np.where(rng.random((1, 8, 12, 10)) < 0.5, 1.0, 0.0).astype(np.float32)
    profile = random_profile(graph, weights, seed=2)
    graph, modelled = _folded(_broadcast(8, 4, depth), profile)
    source = trace_source(
        graph,
        weights,
        modelled,
        profile,
        _OneImage(image),  # type: ignore[arg-type]
        images=1,
    )
    cycles = _conv_cycles(graph, modelled, Setup(frames=2, source=source))

    padded = np.pad(image[0] != 0, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    active = windows.sum(axis=(3, 4)).reshape(8, 120).T
    per_window = 4 * np.maximum(1, active)  # each of 16 / 4 filters of a lane
    lanes = np.zeros(8, dtype=np.int64)
    done: list[int] = []
    for window in np.concatenate([per_window, per_window]):
        gate = done[-depth] if len(done) >= depth else 0
        lanes = np.maximum(lanes, gate) + window
        done.append(int(lanes.max()))
    assert 2 * cycles == done[-1]
