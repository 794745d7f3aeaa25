"""Networks whose maps shrink and grow again, with skips over both: no FIFO is too shallow."""

from __future__ import annotations

import pytest
from chain_networks import Chain, network
from sim_cases import DEVICE, setup_of

from hass import ops
from hass.cost import EngineKind
from hass.folding import FoldingPlan, solve
from hass.sim.run import simulate
from hass.values import FeatureMap


def _block(name: str, source: str, channels: int) -> Chain:
    return [
        (name, ops.Conv2d(channels, (3, 3), pads=(1, 1, 1, 1)), [source]),
        (f"{name}.relu", ops.Relu(), [name]),
    ]


def _unet(up: Chain) -> Chain:
    """Two levels; ``up`` makes the map of ``deep.relu`` as large as that of ``middle``."""
    return [
        *_block("first", "in", 4),
        ("skip1", ops.Fork(), ["first.relu"]),
        ("down1", ops.MaxPool2d((2, 2), (2, 2)), ["skip1"]),
        *_block("middle", "down1", 8),
        ("skip2", ops.Fork(), ["middle.relu"]),
        ("down2", ops.MaxPool2d((2, 2), (2, 2)), ["skip2"]),
        *_block("deep", "down2", 16),
        *up,
        ("join2", ops.Concat(), ["skip2", up[-1][0]]),
        *_block("wide", "join2", 8),
        ("up1", ops.Conv2d(16, (1, 1)), ["wide.relu"]),
        ("spread1", ops.DepthToSpace((2, 2)), ["up1"]),
        ("join1", ops.Concat(), ["skip1", "spread1"]),
        ("head", ops.Conv2d(2, (1, 1)), ["join1"]),
    ]


TRANSPOSED: Chain = [
    ("up2", ops.Conv2d(32, (1, 1)), ["deep.relu"]),
    ("spread2", ops.DepthToSpace((2, 2)), ["up2"]),
]
NEAREST: Chain = [("up2", ops.Upsample((2, 2)), ["deep.relu"])]
LINEAR: Chain = [
    ("up2", ops.Upsample((2, 2)), ["deep.relu"]),
    ("mean2", ops.AvgPool2d((2, 2), (1, 1), (1, 1, 1, 1), ops.Divisor.INSIDE), ["up2"]),
    ("centre2", ops.AvgPool2d((2, 2), (1, 1), (0, 0, 0, 0), ops.Divisor.INSIDE), ["mean2"]),
]
CHANNELS = ops.Span(0, 6), ops.Span(6, 12)
SHUFFLE_UNIT: Chain = [
    ("stem", ops.Conv2d(12, (3, 3), (2, 2), (1, 1, 1, 1)), ["in"]),
    ("both", ops.Fork(), ["stem"]),
    ("passed", ops.Slice(ops.Span(0, 8), ops.Span(0, 12), CHANNELS[0]), ["both"]),
    ("taken", ops.Slice(ops.Span(0, 8), ops.Span(0, 12), CHANNELS[1]), ["both"]),
    *_block("dense", "taken", 6),
    ("deep", ops.Conv2d(6, (3, 3), pads=(1, 1, 1, 1), groups=6), ["dense.relu"]),
    ("join", ops.Concat(), ["passed", "deep"]),
    ("mixed", ops.Shuffle(2), ["join"]),
    ("grouped", ops.Conv2d(6, (1, 1), groups=3), ["mixed"]),
]
NETWORKS = {
    "U-Net, transposed": _unet(TRANSPOSED),
    "U-Net, nearest": _unet(NEAREST),
    "U-Net, linear": _unet(LINEAR),
    "shuffle unit": SHUFFLE_UNIT,
}


@pytest.mark.parametrize("case", NETWORKS)
def test_it_runs_at_the_modelled_frame_ii(case: str) -> None:
    graph, _ = network(NETWORKS[case], FeatureMap(16, 24, 3))
    plan = solve(graph, DEVICE, engines=frozenset({EngineKind.DENSE}), solver="greedy")
    assert isinstance(plan, FoldingPlan)
    result = simulate(graph, plan.estimate, setup_of(graph, plan.estimate, frames=6))
    assert result.deadlock is None
    assert result.simulated_frame_ii_cycles == plan.estimate.frame_ii_cycles
