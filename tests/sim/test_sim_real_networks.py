"""Frame II of sparse designs of real networks, modelled against traced. Needs HASS_DATA_DIR."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from hass import ops
from hass.cost import EngineKind, layer_shapes, off_chip_bound_cycles
from hass.device import load_device
from hass.folding import FoldingPlan, solve
from hass.measure import input_magnitudes, measure_profile, open_dataset
from hass.onnx_io import read_model
from hass.sim.run import Setup, simulate
from hass.sim.trace import trace_source
from hass.sparsity import NO_CLIPS, SparsitySetting
from hass.values import Arithmetic

# "Done when" of the simulator's issue
NETWORK, MEDIAN_LAYER, WORST_LAYER = 0.03, 0.03, 0.10


@dataclass(frozen=True, slots=True)
class Case:
    """A network at its natural zeros, or with half of the weights and some activations clipped."""

    model: str
    data: str
    device: str
    clipped: bool
    frames: int  # images differ; the small ones are cheap, so that more of them can be averaged

    def __str__(self) -> str:
        return f"{Path(self.model).stem}-{self.device}-{'clipped' if self.clipped else 'natural'}"


RESNET = ("cifar10/resnet20_jpeg.onnx", "cifar10/dataset.toml")
MOBILENET = ("imagenet/mobilenetv3_small.onnx", "imagenet/tf128.toml")
SQUEEZENET = ("imagenet/squeezenet1.1.onnx", "imagenet/dataset.toml")
CASES = [
    Case(*RESNET, "zcu104", clipped=False, frames=8),
    Case(*RESNET, "u250", clipped=False, frames=8),
    Case(*RESNET, "zcu104", clipped=True, frames=8),
    Case(*RESNET, "u250", clipped=True, frames=8),
    Case(*MOBILENET, "u250", clipped=True, frames=3),
    Case(*SQUEEZENET, "u250", clipped=True, frames=3),
]
WEIGHT_SPARSITY = 0.5
ACT_QUANTILE = 20  # percent of the non-zero inputs that are clipped


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_traced_frame_ii_is_as_modelled(case: Case) -> None:
    folder = os.environ.get("HASS_DATA_DIR")
    if folder is None:
        pytest.skip("HASS_DATA_DIR is not set: no real networks here")
    model = read_model(Path(folder) / case.model)
    graph, device = model.graph, load_device(case.device)
    dataset = open_dataset(Path(folder) / case.data, graph.of_type(ops.Input)[0].out, seed=0)
    settings = NO_CLIPS
    if case.clipped:
        magnitudes = input_magnitudes(graph, model.weights, dataset, images=16)
        settings = {
            name: SparsitySetting(WEIGHT_SPARSITY, quantiles[ACT_QUANTILE])
            for name, quantiles in magnitudes.items()
        }
    profile = measure_profile(graph, model.weights, dataset, settings)
    plan = solve(graph, device, profile=profile)
    assert isinstance(plan, FoldingPlan)
    modelled = plan.estimate
    source = trace_source(graph, model.weights, modelled, profile, dataset, images=case.frames)
    pace = off_chip_bound_cycles(graph, device, modelled.clock_mhz, Arithmetic())
    setup = Setup(case.frames, source, pace_cycles=pace)
    result = simulate(graph, modelled, setup)
    assert result.deadlock is None and result.relative_error is not None
    shapes = layer_shapes(graph)
    errors = {
        # a hasty layer's frame II is several times its cycles (DECISIONS.md 13)
        layer.name: layer.modelled_frame_ii_cycles
        / shapes[layer.name].haste
        / layer.simulated_cycles
        - 1
        for layer in result.layers
        if modelled.layers[layer.name].folding.engine is EngineKind.DYNAMIC
        and layer.simulated_cycles is not None
    }
    assert errors
    found = np.abs(list(errors.values()))
    print(
        f"{case}: {modelled.frame_ii_cycles} cycles, network {result.relative_error:+.2%}, "
        f"{len(found)} dynamic layers, median {np.median(found):.2%}, worst {found.max():.2%}"
    )
    assert abs(result.relative_error) <= NETWORK
    assert np.median(found) <= MEDIAN_LAYER
    assert found.max() <= WORST_LAYER, errors
