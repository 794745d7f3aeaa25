"""A design with static engines, from the bundled network to C simulation."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import hass
from hass.cost import EngineKind
from hass.cost.static_schedule import static_filters
from hass.folding import ALL_ENGINES, FoldingPlan
from hass.hw_templates.emitter import emit_project
from hass.identifiers import identifier
from hass.measure import read_profile, write_profile
from hass.ops import Conv2d
from hass.prune import pruned_weights

DIGITS = Path(__file__).parents[2] / "models" / "digits"


def test_pruned_digits_are_faster_with_static_engines_and_simulate(tmp_path: Path) -> None:
    model = hass.read_model(DIGITS / "digits.onnx")
    graph = model.graph
    dataset = hass.open_dataset(DIGITS, graph.frame)
    clips = {layer.name: hass.SparsitySetting(0.8, 0.0) for layer in graph.convs}
    profile = hass.measure_profile(graph, model.weights, dataset, clips, images=16)
    device = hass.load_device("pynq-z2")
    without = hass.solve(graph, device, profile=profile, engines=ALL_ENGINES - {EngineKind.STATIC})
    plan = hass.solve(graph, device, profile=profile)
    assert isinstance(without, FoldingPlan) and isinstance(plan, FoldingPlan)
    assert plan.estimate.frame_ii_cycles < without.estimate.frame_ii_cycles
    static = [n for n, f in plan.foldings.items() if f.engine is EngineKind.STATIC]
    ops = {layer.name: layer.op for layer in graph.convs if isinstance(layer.op, Conv2d)}
    write_profile(profile, tmp_path / "profile.json")
    again = read_profile(tmp_path / "profile.json")
    exchanging = 0
    for name in static:
        folding = plan.foldings[name]
        order, stored = (
            static_filters(ops[name], measured.layers[name].weight_counts, folding)
            for measured in (profile, again)
        )
        assert (order == stored).all()
        exchanging += bool((np.diff(order.reshape(-1)) != 1).any())
    assert exchanging

    if shutil.which("g++") is None or shutil.which("make") is None:
        pytest.skip("g++ or make is not installed: emitted C++ is not tested")
    design = hass.build_design(model, device, plan, profile=profile)
    emitted = emit_project(design, graph, model.weights, tmp_path / "hls")
    done = subprocess.run(
        ["make", "csim"], cwd=emitted.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    headers = (emitted.folder / "src/layers").glob("*.h")
    assert sum("hass::exchange<" in header.read_text() for header in headers) == exchanging
    with (emitted.folder / "build/cycles.csv").open() as file:
        rows = list(csv.DictReader(file))
    pruned = pruned_weights(model.weights, clips)
    for index, layer in enumerate(graph):
        if layer.name not in static:
            continue
        assert isinstance(layer.op, Conv2d)
        ident = identifier(index, layer.name)
        counts = [
            int(row["iterations"])
            for row in rows
            if (row["layer"], row["process"]) == (ident, "static_lanes")
        ]
        # the model's, but for a frame II that the streams set
        assert len(counts) == 1
        cycles = plan.estimate.layers[layer.name].frame_ii_cycles * emitted.frames
        live = int((pruned[f"{layer.name}.weight"] != 0).sum())
        least = live * layer.out.pixels / plan.foldings[layer.name].multipliers
        assert least * emitted.frames * 0.99 <= counts.pop() <= cycles
