"""Benchmarks of folding: ``make bench``. Recorded, never gated.

Networks are definitions of models/ with random weights; without torch they are skipped.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import hass
from hass.folding import TABLES, FoldingPlan, estimate_many, folding_space, prices
from hass.graph import Graph

NETWORKS = ("resnet18", "resnet50", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large")
FOLDINGS = 100_000


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Graph]:
    pytest.importorskip("torch")
    from click.testing import CliRunner

    from hass.cli import main

    folder = tmp_path_factory.mktemp("networks")
    graphs = {}
    for name in NETWORKS:
        path: Path = folder / f"{name}.onnx"
        done = CliRunner().invoke(main, ["models", "export", name, "-o", str(path)])
        assert done.exit_code == 0, done.output
        graphs[name] = hass.read_model(path).graph
    return graphs


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("tables", ["cold", "warm"])
def test_solve(
    name: str, tables: str, networks: dict[str, Graph], benchmark: BenchmarkFixture
) -> None:
    graph, device = networks[name], hass.load_device("u250")
    prepare = TABLES.clear if tables == "cold" else None
    plan = benchmark.pedantic(hass.solve, args=(graph, device), setup=prepare, rounds=5)
    assert isinstance(plan, FoldingPlan)
    benchmark.extra_info["frame_ii_cycles"] = plan.estimate.frame_ii_cycles
    benchmark.extra_info["gap"] = plan.gap
    assert plan.gap <= 0.01


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("goal", ["dsp", "lut", "area"])
def test_least_at_half_the_throughput(
    name: str, goal: str, networks: dict[str, Graph], benchmark: BenchmarkFixture
) -> None:
    """At half of what the part allows, with warm tables."""
    graph, device = networks[name], hass.load_device("u250")
    fastest = hass.solve(graph, device)
    assert isinstance(fastest, FoldingPlan)
    objective = hass.Objective(hass.Goal(goal), fastest.estimate.throughput_fps / 2)
    plan = benchmark.pedantic(
        hass.solve, args=(graph, device), kwargs={"objective": objective}, rounds=1
    )
    assert isinstance(plan, FoldingPlan)
    benchmark.extra_info["value"] = objective.value(plan.estimate, device.budget)
    benchmark.extra_info["gap"] = plan.gap
    assert plan.gap <= 0.01


@pytest.mark.parametrize("name", NETWORKS)
def test_latency(name: str, networks: dict[str, Graph], benchmark: BenchmarkFixture) -> None:
    """Of the first frame, with warm tables; its gap is what it is."""
    graph, device = networks[name], hass.load_device("u250")
    fastest = hass.solve(graph, device)
    assert isinstance(fastest, FoldingPlan)
    objective = hass.Objective(hass.Goal.LATENCY)
    plan = benchmark.pedantic(
        hass.solve, args=(graph, device), kwargs={"objective": objective}, rounds=1
    )
    assert isinstance(plan, FoldingPlan)
    benchmark.extra_info["latency_cycles"] = plan.estimate.latency_cycles
    benchmark.extra_info["fastest_latency_cycles"] = fastest.estimate.latency_cycles
    benchmark.extra_info["gap"] = plan.gap
    assert plan.estimate.latency_cycles <= fastest.estimate.latency_cycles


@pytest.mark.parametrize("name", NETWORKS)
def test_prices(name: str, networks: dict[str, Graph], benchmark: BenchmarkFixture) -> None:
    graph, device = networks[name], hass.load_device("u250")
    plan = hass.solve(graph, device)
    assert isinstance(plan, FoldingPlan)
    found = benchmark.pedantic(prices, args=(graph, device, plan), rounds=5)
    assert set(found.layers) == {layer.name for layer in graph.convs}


def test_estimate_many(networks: dict[str, Graph], benchmark: BenchmarkFixture) -> None:
    space = folding_space(networks["resnet18"], hass.load_device("u250"))
    places = space.draw(FOLDINGS, np.random.default_rng(0))
    found = benchmark.pedantic(estimate_many, args=(space, places), rounds=5)
    assert len(found) == FOLDINGS
