"""Whole profiles, against a run of the graph in numpy written out in loops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_networks import dataset_for, without_bias
from small_graphs import build, random_weights, residual_graph

from hass import ops
from hass.errors import ProfileError
from hass.graph import Graph, Weights
from hass.measure import (
    Split,
    input_magnitudes,
    measure_alone,
    measure_profile,
    open_dataset,
)
from hass.measure import profile as profile_module
from hass.measure.session import Session
from hass.prune import pruned_weights
from hass.sparsity import NO_CLIPS, Settings, SparsityProfile, SparsitySetting
from hass.values import FeatureMap


def conv(values: np.ndarray, weight: np.ndarray, bias: np.ndarray, op: ops.Conv2d) -> np.ndarray:
    """(n, C, H, W) -> (n, F, H', W'), by definition."""
    top, left, bottom, right = op.pads
    padded = np.pad(values, ((0, 0), (0, 0), (top, bottom), (left, right)))
    height = (padded.shape[2] - op.kernel[0]) // op.stride[0] + 1
    width = (padded.shape[3] - op.kernel[1]) // op.stride[1] + 1
    result = np.zeros((len(values), op.out_channels, height, width))
    per_group, filters = weight.shape[1], op.out_channels // op.groups
    for number in range(op.out_channels):
        first = number // filters * per_group
        for y in range(height):
            for x in range(width):
                row, column = y * op.stride[0], x * op.stride[1]
                window = padded[
                    :,
                    first : first + per_group,
                    row : row + op.kernel[0],
                    column : column + op.kernel[1],
                ]
                result[:, number, y, x] = (window * weight[number]).sum(axis=(1, 2, 3))
    return result + bias[:, None, None]


def apply(op: ops.Op, inputs: list[np.ndarray]) -> np.ndarray:
    first = inputs[0]
    match op:
        case ops.Relu():
            return np.maximum(first, 0)
        case ops.Clip():
            return np.clip(first, op.low, op.high)
        case ops.HardSwish():
            return first * np.clip(first / 6 + 0.5, 0, 1)
        case ops.GlobalAvgPool():
            return first.mean(axis=(2, 3), keepdims=True)
        case ops.Add():
            return inputs[0] + inputs[1]
        case _:
            return first


def run(graph: Graph, weights: Weights, asked: Settings, frames: np.ndarray):
    """Outputs of all layers, and clipped inputs of the Conv2d layers."""
    pruned = pruned_weights(weights, asked)
    outputs: dict[str, np.ndarray] = {}
    clipped: dict[str, np.ndarray] = {}
    for layer in graph:
        inputs = [outputs[edge.src] for edge in graph.in_edges(layer.name)]
        if isinstance(layer.op, ops.Input):
            outputs[layer.name] = frames.astype(float)
        elif isinstance(layer.op, ops.Conv2d):
            limit = asked.get(layer.name, SparsitySetting()).act_threshold
            clipped[layer.name] = np.where(np.abs(inputs[0]) <= limit, 0.0, inputs[0])
            arrays = (pruned[f"{layer.name}.{part}"] for part in ("weight", "bias"))
            outputs[layer.name] = conv(clipped[layer.name], *arrays, layer.op)
        else:
            outputs[layer.name] = apply(layer.op, inputs)
    return outputs, clipped


def masked_pairs(graph: Graph, name: str, weight: np.ndarray, values: np.ndarray) -> float:
    """Mean active products per MAC, by a convolution of masks."""
    op = graph[name].op
    masks = (values != 0).astype(float), (weight != 0).astype(float)
    counts = conv(*masks, np.zeros(op.out_channels), op)
    return counts.mean() / weight[0].size


@settings(max_examples=12, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([layer.name for layer in residual_graph().convs]),
        st.builds(SparsitySetting, st.sampled_from([0.0, 0.3, 0.8]), st.sampled_from([0.0, 0.4])),
    )
)
def test_a_profile_is_what_numpy_says(tmp_path_factory, asked) -> None:
    graph = residual_graph()
    weights = random_weights(graph, density=0.9)
    dataset = dataset_for(tmp_path_factory.mktemp("data"), graph)
    result = measure_profile(graph, weights, dataset, asked, images=8)
    (batch,) = dataset.batches(Split.CALIBRATION, 8, 8)
    outputs, clipped = run(graph, weights, asked, batch.images)
    pruned = pruned_weights(weights, asked)
    assert list(result.layers) == [layer.name for layer in graph.convs]
    for name, layer in result.layers.items():
        weight = pruned[f"{name}.weight"]
        assert layer.weight_density == (weight != 0).mean()
        assert layer.act_density == pytest.approx((clipped[name] != 0).mean(), abs=1e-12)
        pairs = masked_pairs(graph, name, weight, clipped[name])
        assert layer.pair_density == pytest.approx(pairs, abs=1e-12)
    assert list(result.output_max_abs) == [layer.name for layer in graph]
    for name, largest in result.output_max_abs.items():
        assert largest == pytest.approx(np.abs(outputs[name]).max(), rel=1e-4, abs=1e-5)
    winners = outputs["output"].reshape(8, -1).argmax(axis=1)
    assert result.accuracy is not None and result.accuracy.images == 8
    assert result.accuracy.correct == (winners == batch.labels).sum()
    assert set(result.settings) == {n for n, s in asked.items() if s != SparsitySetting()}
    assert (result.graph_digest, result.weights_digest) == (graph.digest, weights.digest)


def profile_of(folder, asked: Settings = NO_CLIPS, **options) -> SparsityProfile:
    graph = residual_graph()
    dataset = dataset_for(folder, graph)
    return measure_profile(graph, random_weights(graph), dataset, asked, **options)


def test_a_clip_on_one_branch_leaves_the_skip_branch(tmp_path) -> None:
    dense = profile_of(tmp_path)
    clipped = profile_of(tmp_path, {"grouped": SparsitySetting(act_threshold=1e6)})
    assert clipped.layers["grouped"].act_density == 0.0
    assert clipped.layers["grouped"].filter_rates == (1.0,) * 6
    assert clipped.layers["stem"] == dense.layers["stem"]
    assert clipped.output_max_abs["fork"] == dense.output_max_abs["fork"] > 0


def test_no_zero_anywhere_puts_every_segment_at_m(tmp_path) -> None:
    graph = build(
        "positive",
        FeatureMap(6, 5, 2),
        [
            ("first", ops.Conv2d(4, (3, 2)), ("input",)),
            ("second", ops.Conv2d(6, (2, 3), (2, 1), groups=2), ("first",)),
            ("third", ops.Conv2d(3, (1, 1)), ("second",)),
        ],
    )
    weights = random_weights(graph)
    weights = without_bias(weights.replace({n: np.abs(weights[n]) for n in weights}))
    images = np.random.default_rng(0).uniform(0.1, 1.0, (9, 2, 6, 5))
    np.savez(tmp_path / "x.npz", images=images, labels=np.zeros(9, int))
    dataset = open_dataset(tmp_path / "x.npz", FeatureMap(6, 5, 2))
    result = measure_profile(graph, weights, dataset, NO_CLIPS)
    assert result.accuracy is None  # a map is no list of classes
    for layer in result.layers.values():
        assert (layer.weight_density, layer.act_density, layer.pair_density) == (1.0, 1.0, 1.0)
        for histogram in layer.histograms:
            assert (histogram.counts[:, :-1] == 0).all()


def test_same_arguments_same_profile_whatever_the_batches(tmp_path, monkeypatch) -> None:
    first, again = profile_of(tmp_path, seed=3), profile_of(tmp_path, seed=3)
    assert first == again
    done = []
    monkeypatch.setattr(profile_module, "TAPPED_WORDS", 1)
    single = profile_of(tmp_path, seed=3, progress=lambda *step: done.append(step))
    assert done == [(number, 10) for number in range(1, 11)]
    assert single.layers["stem"] == first.layers["stem"]


def test_settings_and_data_of_another_network_are_refused(tmp_path) -> None:
    with pytest.raises(ProfileError, match="no Conv2d layer: ghost, relu"):
        profile_of(tmp_path, {"relu": SparsitySetting(), "ghost": SparsitySetting()})
    other = build("other", FeatureMap(5, 7, 3), [("c", ops.Conv2d(2, (1, 1)), ("input",))])
    dataset = dataset_for(tmp_path, residual_graph())
    with pytest.raises(ProfileError, match=r"input is 5x7x3, the data .* 7x5x3"):
        measure_profile(other, random_weights(other), dataset, NO_CLIPS)
    with pytest.raises(ProfileError, match="5x7x3"):
        input_magnitudes(other, random_weights(other), dataset)


def test_magnitudes_are_quantiles_of_the_inputs_that_are_not_zero(tmp_path) -> None:
    graph = residual_graph()
    weights, dataset = random_weights(graph), dataset_for(tmp_path, graph)
    result = input_magnitudes(graph, weights, dataset, images=6)
    (batch,) = dataset.batches(Split.CALIBRATION, 6, 6)
    _, inputs = run(graph, weights, NO_CLIPS, batch.images)
    assert set(result) == set(inputs)
    for name, quantiles in result.items():
        values = np.abs(inputs[name][inputs[name] != 0])
        expected = np.quantile(values, np.linspace(0, 1, 101))
        assert quantiles == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_magnitudes_of_large_inputs_are_sampled(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(profile_module, "MAGNITUDES_PER_IMAGE", 40)
    graph = residual_graph()
    weights, dataset = random_weights(graph), dataset_for(tmp_path, graph)
    first, again, other = (input_magnitudes(graph, weights, dataset, seed=n) for n in (1, 1, 2))
    assert first == again != other
    assert 0.5 < first["stem"][50] < 0.9  # the median of |normal| is 0.67


def test_magnitudes_of_a_layer_that_sees_only_zeros(tmp_path) -> None:
    graph = residual_graph()
    weights = random_weights(graph)
    dead = {n: np.zeros_like(weights[n]) for n in ("stem.weight", "stem.bias")}
    result = input_magnitudes(graph, weights.replace(dead), dataset_for(tmp_path, graph))
    assert result["grouped"] == (0.0,) * 101


def test_a_clip_alone_is_counted_as_in_a_network_with_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = residual_graph()
    weights, dataset = random_weights(graph), dataset_for(tmp_path, graph)
    clips = {layer.name: SparsitySetting(0.4, 0.3) for layer in graph.convs}
    others = {graph.convs[0].name: SparsitySetting(0.4, 0.3)}
    runs = []
    run = Session.run

    def counted(session: Session, *args: Any) -> Any:
        runs.append(len(args[1]))
        return run(session, *args)

    monkeypatch.setattr(Session, "run", counted)
    together, other, nothing = measure_alone(
        graph, weights, dataset, [clips, others, NO_CLIPS], images=5, seed=3
    )
    assert sum(runs) == 5  # the network runs once for all choices
    monkeypatch.undo()
    for name in clips:
        assert other[name] == (together if name in others else nothing)[name]
    for name, setting in clips.items():
        one = measure_profile(graph, weights, dataset, {name: setting}, images=5, seed=3)
        assert together[name] == one.layers[name]
