"""The convex bound on the first frame's time: below the model, convex, and above its tangents."""

from __future__ import annotations

import numpy as np
import pytest
from chain_networks import EVERY_OP, network
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles import random_profile
from strategies import graphs

from hass.cost import as_arrays, estimate, layer_costs, layer_shapes
from hass.cost.first_frame_floor import first_frame_floor
from hass.cost.paces import CYCLES, Floats, paces
from hass.device import load_device
from hass.folding import folding_space
from hass.graph import Graph, Weights
from hass.sparsity import SparsityProfile
from hass.values import Arithmetic, FeatureMap

DEVICE = load_device("zcu104")
SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def drawn(
    graph: Graph, profile: SparsityProfile | None, count: int, seed: int
) -> list[tuple[Floats, int]]:
    """Numbers of random foldings, and the first frame's cycles by the whole model."""
    shapes = layer_shapes(graph, profile)
    space = folding_space(graph, DEVICE, profile=profile)
    found = []
    for places in space.draw(count, np.random.default_rng(seed)):
        foldings = space.foldings(places)
        rows = []
        for layer in graph:
            arrays, shape = as_arrays([foldings[layer.name]]), shapes[layer.name]
            sparsity = None if profile is None else profile.layers.get(layer.name)
            costs = layer_costs(shape, arrays, sparsity, DEVICE.family, Arithmetic())
            rows.append(paces(shape, arrays, costs.frame_ii_cycles)[0])
        result = estimate(graph, foldings, DEVICE, profile=profile)
        found.append((np.array(rows), result.latency_cycles))
    return found


def check(graph: Graph, profile: SparsityProfile | None, seed: int) -> None:
    shapes = layer_shapes(graph, profile)
    points = drawn(graph, profile, 4, seed)
    floors = [first_frame_floor(graph, shapes, numbers) for numbers, _ in points]
    for (numbers, cycles), floor in zip(points, floors, strict=True):
        close = 1e-9 * floor.cycles + 1e-6
        assert floor.cycles <= cycles + close
        for (others, _), other in zip(points, floors, strict=True):
            tangent = floor.cycles + float((floor.slope * (others - numbers)).sum())
            assert tangent <= other.cycles + close + 1e-9 * other.cycles
            middle = first_frame_floor(graph, shapes, (numbers + others) / 2)
            assert middle.cycles <= (floor.cycles + other.cycles) / 2 + close + 1e-9 * other.cycles


@given(case=graphs(6), sparse=st.booleans(), seed=st.integers(0, 99))
@SETTINGS
def test_random_networks(case: tuple[Graph, Weights], sparse: bool, seed: int) -> None:
    graph, weights = case
    check(graph, random_profile(graph, weights, seed=seed) if sparse else None, seed)


@pytest.mark.parametrize("sparse", [False, True])
def test_every_op_with_joins_and_gates(sparse: bool) -> None:
    graph, weights = network(EVERY_OP, FeatureMap(8, 6, 3))
    for seed in range(4):
        check(graph, random_profile(graph, weights, seed=seed) if sparse else None, seed)


def test_slopes_are_those_of_small_steps() -> None:
    graph, _ = network(EVERY_OP, FeatureMap(8, 6, 3))
    shapes = layer_shapes(graph)
    ((numbers, _),) = drawn(graph, None, 1, 5)
    rng = np.random.default_rng(1)
    numbers = numbers * rng.uniform(1.0, 1.01, numbers.shape)  # off the kinks
    floor = first_frame_floor(graph, shapes, numbers)
    for _ in range(20):
        step = rng.normal(0, 1e-7, numbers.shape) * numbers
        moved = first_frame_floor(graph, shapes, numbers + step).cycles
        assert moved - floor.cycles == pytest.approx(float((floor.slope * step).sum()), abs=1e-6)


def test_dense_networks_lose_little() -> None:
    """What the bound gives away, on foldings that the model tells apart by more than it."""
    graph, _ = network(EVERY_OP, FeatureMap(8, 6, 3))
    shapes = layer_shapes(graph)
    for numbers, cycles in drawn(graph, None, 8, 3):
        assert first_frame_floor(graph, shapes, numbers).cycles >= 0.95 * cycles
        assert first_frame_floor(graph, shapes, numbers).slope[:, CYCLES].min() >= 0
