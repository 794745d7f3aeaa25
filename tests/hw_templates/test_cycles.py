"""Emitted hardware cycle by cycle, every FIFO as deep as it says: the frame II of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chain_networks import EVERY_OP, Chain, network
from csim_counts import layer_cycles, make
from cycle_bench import frame_ends, network_frame_ends
from emit_designs import make_design, random_foldings
from test_conv_blocks import (
    ARITHMETIC,
    FIRST_PACED,
    SHAPES,
    conv_case,
    conv_plan,
    modelled_frame_ii,
)

import hass
from hass import ops
from hass.cost import EngineKind, layer_shapes
from hass.cost.foldings import DATA_DEPENDENT
from hass.folding import FoldingPlan
from hass.frames import TestFrames as Frames
from hass.hw_templates.emitter import emit_project
from hass.identifiers import identifier
from hass.measure import Split
from hass.models import digits_paths
from hass.values import FeatureMap

FRAMES = 6
# windows that roll (strided, not padded, as high as the map), a branch that joins them again
ROLLING: Chain = [
    ("stem", ops.Conv2d(4, (3, 3)), ["in"]),
    ("fork", ops.Fork(), ["stem"]),
    ("strided", ops.Conv2d(6, (3, 3), (2, 2), (1, 1, 1, 1)), ["fork"]),
    ("relu", ops.Relu(), ["strided"]),
    ("deep", ops.Conv2d(6, (3, 3), pads=(1, 1, 1, 1)), ["relu"]),
    ("short", ops.Conv2d(6, (1, 1), (2, 2)), ["fork"]),
    ("add", ops.Add(), ["deep", "short"]),
    ("pool", ops.MaxPool2d((2, 2), (2, 2)), ["add"]),
    ("fc", ops.Conv2d(8, (2, 2)), ["pool"]),
    ("class", ops.Conv2d(4, (1, 1)), ["fc"]),
]


def test_blocks_have_the_frame_ii_of_the_model(tmp_path: Path) -> None:
    rolling = [
        index
        for index in range(FIRST_PACED)
        if SHAPES[index][2].engine not in DATA_DEPENDENT
        and conv_plan(index, ARITHMETIC)[0].buffers.rolling
    ]
    chosen = [*rolling, *range(FIRST_PACED, len(SHAPES))]
    plans = {index: conv_plan(index, ARITHMETIC) for index in chosen}
    cases = [conv_case(index, *plans[index], ARITHMETIC) for index in chosen]
    found = frame_ends(cases, ARITHMETIC, tmp_path)
    assert {index: set(np.diff(found[str(index)])) for index in chosen} == {
        index: {modelled_frame_ii(plan)} for index, (plan, _) in plans.items()
    }


@pytest.mark.parametrize(
    ("chain", "source", "seed"),
    [
        (EVERY_OP, FeatureMap(8, 6, 3), 1),
        (ROLLING, FeatureMap(10, 12, 3), 0),
    ],
    ids=["every op", "rolling"],
)
def test_pipelines_have_the_frame_ii_of_the_model(
    chain: Chain, source: FeatureMap, seed: int, tmp_path: Path
) -> None:
    graph, weights = network(chain, source)
    images = np.random.default_rng(seed).normal(
        0, 1, (FRAMES, source.channels, source.height, source.width)
    )
    frames = Frames(images.astype(np.float32), (), "Noise.")
    foldings = random_foldings(graph, seed, sparse=False)
    design = make_design(graph, weights, foldings, {}, frames.images)
    emit_project(design, graph, weights, tmp_path / "hw", frames=frames)
    ends = network_frame_ends(tmp_path / "hw", FRAMES)
    # the first frame enters an empty pipeline, behind the last none comes
    interval = (ends[-2] - ends[1]) / (FRAMES - 3)
    assert interval == pytest.approx(design.plan.estimate.frame_ii_cycles, abs=1)


def test_the_digits_network_has_the_cycles_of_the_model(tmp_path: Path) -> None:
    """All layers near the same pace, residual and strided: nothing makes up for what is lost."""
    model_path, data_path = digits_paths()
    model = hass.read_model(model_path)
    graph = model.graph
    dataset = hass.open_dataset(data_path.parent, graph.frame)
    profile = hass.measure_profile(graph, model.weights, dataset, {}, images=16)
    device = hass.load_device("zcu104")
    plan = hass.solve(graph, device, engines=frozenset({EngineKind.DENSE}))
    assert isinstance(plan, FoldingPlan)
    design = hass.build_design(model, device, plan, profile=profile)
    images = next(iter(dataset.batches(Split.SELECTION, FRAMES, limit=FRAMES))).images
    frames = Frames(images, (), "Digits.")
    emit_project(design, graph, model.weights, tmp_path / "hw", frames=frames)
    done = make(tmp_path / "hw")
    assert done.returncode == 0, done.stdout + done.stderr
    shapes = layer_shapes(graph)
    assert layer_cycles(tmp_path / "hw", tmp_path / "data", FRAMES) == {
        "top": plan.estimate.frame_ii_cycles,
        **{
            identifier(index, layer.name): plan.estimate.layers[layer.name].frame_ii_cycles
            // shapes[layer.name].haste
            for index, layer in enumerate(graph)
            if not isinstance(layer.op, ops.Input | ops.Output)
        },
    }
    ends = network_frame_ends(tmp_path / "hw", FRAMES)
    assert set(np.diff(ends)[1:]) == {plan.estimate.frame_ii_cycles}
