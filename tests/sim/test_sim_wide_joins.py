"""Joins of many inputs, as in DenseNet."""

from __future__ import annotations

import pytest
from chain_networks import Chain, network

from hass import ops
from hass.cost import estimate
from hass.device import load_device
from hass.errors import GraphError
from hass.graph import Graph
from hass.sim.run import Setup, simulate
from hass.user_files import smallest_foldings
from hass.values import FeatureMap


def _joined(branches: int) -> Graph:
    """So many activations of one map, side by side."""
    names = [f"b{number}" for number in range(branches)]
    chain: Chain = [("fork", ops.Fork(), ["in"])]
    chain += [(name, ops.Relu(), ["fork"]) for name in names]
    chain.append(("cat", ops.Concat(), names))
    return network(chain, FeatureMap(3, 3, 2))[0]


@pytest.mark.parametrize("branches", [15, 16, 17, 33, 62])
def test_a_join_reads_all_of_its_inputs(branches: int) -> None:
    graph = _joined(branches)
    modelled = estimate(graph, smallest_foldings(graph), load_device("u250"))
    result = simulate(graph, modelled, Setup(frames=4))
    assert result.deadlock is None
    assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles == 9 * 2 * branches


def test_a_join_that_no_step_can_name_is_refused() -> None:
    graph = _joined(63)
    modelled = estimate(graph, smallest_foldings(graph), load_device("u250"))
    with pytest.raises(GraphError, match="'cat' has 63 inputs, expected at most 62"):
        simulate(graph, modelled, Setup(frames=2))
