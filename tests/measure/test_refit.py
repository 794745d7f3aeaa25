"""Filters refitted after clips: their outputs are distributed as the dense network's."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from measured_networks import dataset_for
from small_graphs import build, random_weights, residual_graph

from hass import ops
from hass.channels import ranked_classes, removed_filters, smallest_channels
from hass.clip_family import Blocks
from hass.errors import GraphError, ProfileError
from hass.fewer_channels import without_channels
from hass.filter_refit import FilterRefit, FilterStatistics, Refit
from hass.graph import Graph, Weights
from hass.handlers.write_restored import LEAST_SCALE, MOST_SCALE
from hass.measure import (
    Dataset,
    RefitTargets,
    Split,
    measure_clip_losses,
    measure_profile,
    read_profile,
    refit,
    refit_targets,
    refitted,
    write_profile,
)
from hass.measure.session import open_session
from hass.onnx_io import write_model
from hass.prune import pruned_weights
from hass.setting_record import SettingRecord, setting_json
from hass.sparsity import Settings, SparsitySetting, act_thresholds_of, without_refits
from hass.values import FeatureMap

CLIPS = {
    "stem": SparsitySetting(0.5),
    "depthwise": SparsitySetting(0.2, 0.3),
    "strided": SparsitySetting(0.4, 0.2, Blocks(1, 2)),
}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Weights, Dataset]:
    graph = residual_graph()
    return graph, random_weights(graph), dataset_for(tmp_path_factory.mktemp("data"), graph)


def outputs(
    graph: Graph, weights: Weights, settings: Settings, images: np.ndarray
) -> dict[str, np.ndarray]:
    """(filters, values) of every Conv2d layer."""
    names = [layer.name for layer in graph.convs]
    taps = tuple(f"out:{name}" for name in names)
    pruned = pruned_weights(weights, settings)
    model = write_model(graph, pruned, act_thresholds=act_thresholds_of(settings), taps=taps)
    maps = open_session(model).run(taps, images)
    return {
        name: np.moveaxis(found, 1, 0).reshape(found.shape[1], -1).astype(np.float64)
        for name, found in zip(names, maps, strict=True)
    }


def test_means_and_deviations_are_the_dense_networks(
    network: tuple[Graph, Weights, Dataset],
) -> None:
    graph, weights, dataset = network
    targets = refit_targets(graph, weights, dataset)
    dense = outputs(graph, weights, {}, targets.images)
    found = outputs(graph, weights, refitted(graph, weights, CLIPS, targets), targets.images)
    clipped = outputs(graph, weights, CLIPS, targets.images)
    for name, values in dense.items():
        means, deviations = values.mean(1), values.std(1)
        assert targets.dense[name].means == pytest.approx(means, rel=1e-4, abs=1e-5)
        assert targets.dense[name].deviations == pytest.approx(deviations, rel=1e-4)
        # sums over positions are float32, and scales and shifts have six digits
        largest = deviations.max()
        assert found[name].mean(1) == pytest.approx(means, rel=1e-3, abs=1e-3 * largest)
        assert found[name].std(1) == pytest.approx(deviations, rel=2e-3)
        off = np.abs(clipped[name].std(1) / deviations - 1).max()
        assert off > 0.02 or name == "grouped"  # which the test would not have seen otherwise


def test_clips_stay_and_layers_that_nothing_moves_are_left_alone(
    network: tuple[Graph, Weights, Dataset],
) -> None:
    graph, weights, dataset = network
    targets = refit_targets(graph, weights, dataset)
    assert refitted(graph, weights, {}, targets) == {}
    clips = {"strided": CLIPS["strided"]}
    found = refitted(graph, weights, clips, targets)
    assert list(found) == ["strided", "classes"]
    assert without_refits(found) == clips
    assert refitted(graph, weights, found, targets) == found  # refits do not add up
    pruned, both = pruned_weights(weights, clips), pruned_weights(weights, found)
    assert np.array_equal(pruned["strided.weight"] == 0, both["strided.weight"] == 0)


def test_weights_and_bias_by_hand() -> None:
    weights = Weights({"a.weight": np.asarray([[[[1.0]], [[4.0]]], [[[3.0]], [[2.0]]]])})
    weights = Weights({**weights, "a.bias": np.asarray([1.0, -1.0])})
    both = SparsitySetting(0.5, refit=FilterRefit((2.0, 0.5), (10.0, -3.0)))
    found = pruned_weights(weights, {"a": both})
    assert found["a.weight"].reshape(2, 2).tolist() == [[0.0, 8.0], [1.5, 0.0]]
    assert found["a.bias"].tolist() == [12.0, -3.5]
    alone = pruned_weights(weights, {"a": SparsitySetting(refit=both.refit)})
    assert alone["a.weight"].reshape(2, 2).tolist() == [[2.0, 8.0], [1.5, 1.0]]
    with pytest.raises(ProfileError, match="refit 1 filters of layer a, which has 2"):
        pruned_weights(weights, {"a": SparsitySetting(refit=FilterRefit((1.0,), (0.0,)))})


def test_filters_that_nothing_is_left_of_are_not_blown_up(
    network: tuple[Graph, Weights, Dataset],
) -> None:
    graph, weights, dataset = network
    targets = refit_targets(graph, weights, dataset)
    clips = {"strided": SparsitySetting(act_threshold=1e9)}
    found = refitted(graph, weights, clips, targets)["strided"].refit
    assert found is not None and set(found.scales) == {MOST_SCALE}
    shown = outputs(graph, weights, refitted(graph, weights, clips, targets), targets.images)
    means = targets.dense["strided"].means
    assert shown["strided"].mean(1) == pytest.approx(means, rel=1e-4)
    assert shown["strided"].std(1) == pytest.approx(np.zeros(5), abs=1e-5)
    assert LEAST_SCALE < 1 < MOST_SCALE


def test_a_narrower_network_has_the_targets_of_what_is_left(
    network: tuple[Graph, Weights, Dataset],
) -> None:
    graph, weights, dataset = network
    targets = refit_targets(graph, weights, dataset)
    ranked = ranked_classes(graph, weights)
    removed = smallest_channels(ranked, dict.fromkeys(ranked, 0.5))
    narrow = without_channels(graph, weights, removed)
    gone = removed_filters(graph, narrow.removed)
    left = targets.without(gone)
    assert gone and all(
        len(left.dense[layer.name].means) == layer.out.channels for layer in narrow.graph.convs
    )
    found = refitted(narrow.graph, narrow.weights, {}, left)
    shown = outputs(narrow.graph, narrow.weights, found, targets.images)
    for name, statistics in left.dense.items():
        limited = found[name].refit if name in found else None
        free = np.ones(len(statistics.means), dtype=bool)
        if limited is not None:
            free = (np.asarray(limited.scales) < MOST_SCALE) & (
                np.asarray(limited.scales) > LEAST_SCALE
            )
        assert free.any()
        assert shown[name].std(1)[free] == pytest.approx(statistics.deviations[free], rel=2e-3)


def test_as_many_images_as_memory_allows(
    network: tuple[Graph, Weights, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, weights, dataset = network
    assert refit_targets(graph, weights, dataset).images.shape[0] == dataset.count(
        Split.CALIBRATION
    )
    largest = max(layer.out.words for layer in graph)
    monkeypatch.setattr(refit, "MOST_WORDS", 3 * largest + 1)
    assert refit_targets(graph, weights, dataset).images.shape[0] == 3
    monkeypatch.setattr(refit, "MOST_WORDS", 1)
    targets = refit_targets(graph, weights, dataset)  # a vector's deviation over one image is 0
    assert targets.images.shape[0] == 1
    found = refitted(graph, weights, CLIPS, targets)
    assert all(math.isfinite(x) for s in found.values() if s.refit for x in s.refit.scales)


def test_losses_of_clips_are_those_of_refitted_networks(
    network: tuple[Graph, Weights, Dataset],
) -> None:
    """A layer's clip alone costs what it costs with this layer refitted, and no other."""
    graph, weights, dataset = network
    images = 7
    ladders = {name: ((clip,),) for name, clip in CLIPS.items()}
    (found,) = measure_clip_losses(
        graph, weights, dataset, ladders, images=images, refit=Refit.FILTERS
    )
    (plain,) = measure_clip_losses(graph, weights, dataset, ladders, images=images)
    (batch,) = dataset.batches(Split.CALIBRATION, images, images)
    session = open_session(write_model(graph, weights, restored=dict.fromkeys(CLIPS)))
    statistics, dense = refit.statistics(session, tuple(CLIPS), batch.images)
    for name, clip in CLIPS.items():
        targets = RefitTargets(batch.images, {name: statistics[name]})
        settings = refitted(graph, weights, {name: clip}, targets)
        model = write_model(
            graph,
            pruned_weights(weights, settings),
            act_thresholds=act_thresholds_of(settings),
        )
        (output,) = open_session(model).run(("output",), batch.images)
        logs = [x - np.log(np.exp(x).sum(1, keepdims=True)) for x in (dense, output)]
        expected = float((np.exp(logs[0]) * (logs[0] - logs[1])).sum())
        assert found.sums[name][0][0] == pytest.approx(expected, rel=2e-3, abs=2e-5)
    assert sum(found.sums[n][0][0] for n in CLIPS) < 0.8 * sum(plain.sums[n][0][0] for n in CLIPS)


def test_settings_with_refits_are_files(
    network: tuple[Graph, Weights, Dataset], tmp_path: Path
) -> None:
    graph, weights, dataset = network
    found = refitted(graph, weights, CLIPS, refit_targets(graph, weights, dataset))
    for setting in found.values():
        text = json.dumps(setting_json(setting))
        assert SettingRecord.model_validate_json(text).value() == setting
        assert SettingRecord.model_validate(json.loads(text)).value() == setting
    profile = measure_profile(graph, weights, dataset, found, images=4)
    write_profile(profile, tmp_path / "profile.json")
    assert read_profile(tmp_path / "profile.json").settings == found
    plain = {"weight_sparsity": 0.0, "act_threshold": 0.0}
    assert setting_json(SparsitySetting()) == plain
    for scales, shifts in (([1.0, 2.0], [0.0]), ([0.0], [0.0]), ([-1.0], [0.0])):
        with pytest.raises(ValueError, match="scales"):
            SettingRecord.model_validate({**plain, "refit": {"scales": scales, "shifts": shifts}})


@pytest.mark.parametrize(
    ("scales", "shifts", "told"),
    [
        ((), (), "0 scales"),
        ((1.0,), (0.0, 0.0), "1 scales and 2 shifts"),
        ((0.0,), (0.0,), "above 0"),
        ((math.inf,), (0.0,), "finite and above 0"),
        ((1.0,), (math.nan,), "shifts"),
    ],
)
def test_what_is_no_refit(scales: tuple[float, ...], shifts: tuple[float, ...], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        FilterRefit(scales, shifts)


def test_statistics_of_no_such_layer() -> None:
    graph = build("map", FeatureMap(4, 3, 2), [("conv", ops.Conv2d(3, (2, 2)), ("input",))])
    ones = FilterStatistics(np.ones(3, np.float32), np.ones(3, np.float32))
    with pytest.raises(GraphError, match="statistics of 'input'"):
        write_model(graph, random_weights(graph), restored={"input": ones})
