"""Networks with several outputs: what works, and what refuses them by name."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_designs import drawn_source
from several_outputs import detector

from hass.cost import EngineKind
from hass.cuts import Part, all_cuts, part_graph
from hass.device import load_device
from hass.errors import GraphError, ProfileError, SpecError
from hass.export import load_exporter
from hass.fixed_point import dequantise
from hass.folding import FoldingPlan, solve
from hass.measure import prove_equal
from hass.measure.accuracy import require_classes
from hass.onnx_io import ImportedModel
from hass.reference import run_reference
from hass.sim.run import Setup, simulate
from hass.values import FeatureMap


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ImportedModel:
    return detector(tmp_path_factory.mktemp("detector"))


def test_all_outputs_equal_the_files_in_its_order(model: ImportedModel) -> None:
    found = {layer.name: layer.out for layer in model.graph.outputs}
    assert found == {
        "output": FeatureMap(4, 6, 6),
        "output_2": FeatureMap(2, 3, 9),
        "output_3": FeatureMap(1, 1, 16),
    }
    assert prove_equal(model) < 1e-5


def test_it_folds_and_runs_as_modelled(model: ImportedModel) -> None:
    graph = model.graph
    plan = solve(graph, load_device("u250"), engines=frozenset({EngineKind.DENSE}), solver="greedy")
    assert isinstance(plan, FoldingPlan)
    modelled = plan.estimate
    result = simulate(graph, modelled, Setup(frames=6))
    assert result.deadlock is None
    assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles
    assert result.first_frame_cycles == pytest.approx(modelled.latency_cycles, rel=0.05)
    sinks = [run for run in result.layers if run.name.startswith("output")]
    assert len(sinks) == 3


def test_the_reference_computes_all_of_them(model: ImportedModel) -> None:
    source = drawn_source(model.graph, model.weights, settings={}, count=2)
    words = run_reference(model.graph, source.weights, source.formats, {}, source.frames.images)
    assert set(words) == {"output", "output_2", "output_3"}
    for layer in model.graph.outputs:
        values = dequantise(words[layer.name], source.formats.outputs[layer.name])
        assert values.shape[1:] == (layer.out.channels, layer.out.height, layer.out.width)
        assert np.abs(values).max() > 0


def test_what_needs_one_list_of_classes_refuses(model: ImportedModel) -> None:
    assert not model.graph.classifies
    with pytest.raises(ProfileError, match="has 3 outputs, expected one: a number per class"):
        require_classes(model.graph)


@pytest.mark.parametrize("target", ["onnx", "hls4ml", "finn", "fpgaconvnet"])
def test_tools_with_one_output_refuse(target: str, model: ImportedModel) -> None:
    source = drawn_source(model.graph, model.weights, settings={}, count=1)
    with pytest.raises(SpecError, match="output_2, output_3', expected a network with one"):
        load_exporter(target).export(source)


def test_it_is_in_one_part(model: ImportedModel) -> None:
    assert list(all_cuts(model.graph)) == []
    with pytest.raises(GraphError, match="cannot be cut behind 'Relu_1'"):
        part_graph(model.graph, Part(until="Relu_1"))
