"""Losses of single clips: as whole networks have them, whatever is run once for many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from measured_networks import dataset_for
from small_graphs import build, random_weights, residual_graph

from hass import ops
from hass.errors import GraphError, ProfileError
from hass.graph import Graph, Weights
from hass.measure import (
    Dataset,
    GroupLosses,
    LadderSums,
    Split,
    clip_losses,
    measure_clip_losses,
)
from hass.measure.session import open_session
from hass.onnx_io import FREE_THRESHOLD, FREE_WEIGHT, write_model
from hass.prune import pruned_weights
from hass.sparsity import SparsitySetting
from hass.values import FeatureMap

Ladders = Sequence[Sequence[SparsitySetting]]

IMAGES = 7
CLIPS = (SparsitySetting(0.5, 0.0), SparsitySetting(0.0, 0.4), SparsitySetting(0.3, 0.2))
WEIGHTS = tuple(SparsitySetting(share, 0.0) for share in (0.2, 0.4, 0.6, 0.8))
INPUTS = tuple(SparsitySetting(0.0, threshold) for threshold in (0.1, 0.3, 0.5, 0.9))


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Weights, Dataset]:
    graph = residual_graph()
    return graph, random_weights(graph), dataset_for(tmp_path_factory.mktemp("data"), graph)


def outputs(graph: Graph, weights: Weights, images: np.ndarray, **clips: float) -> np.ndarray:
    model = write_model(graph, weights, act_thresholds=clips)
    return open_session(model).run(("output",), images)[0].astype(np.float64)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def measured(
    network: tuple[Graph, Weights, Dataset],
    ladders: Ladders = (CLIPS,),
    known: Sequence[LadderSums] = (),
    enough: float = math.inf,
) -> list[GroupLosses]:
    graph, weights, dataset = network
    asked = {layer.name: ladders for layer in graph.convs}
    return list(
        measure_clip_losses(
            graph, weights, dataset, asked, images=IMAGES, known=known, enough=enough
        )
    )


def together(parts: Sequence[GroupLosses]) -> dict[tuple[str, int], np.ndarray]:
    """The losses of the clips that all groups ran."""
    found = {}
    for name, ladders in parts[-1].sums.items():
        for place, losses in enumerate(ladders):
            of_parts = [part.sums[name][place][: len(losses)] for part in parts]
            found[name, place] = np.sum(of_parts, axis=0)
    return found


def test_losses_are_those_of_whole_networks_with_one_clip(
    network: tuple[Graph, Weights, Dataset],
) -> None:
    graph, weights, dataset = network
    (found,) = measured(network)
    (batch,) = dataset.batches(Split.CALIBRATION, IMAGES, IMAGES)
    dense = softmax(outputs(graph, weights, batch.images))
    assert found.images == IMAGES and set(found.sums) == {layer.name for layer in graph.convs}
    for name, (sums,) in found.sums.items():
        for clip, loss in zip(CLIPS, sums, strict=True):
            pruned = pruned_weights(weights, {name: clip})
            clipped = softmax(outputs(graph, pruned, batch.images, **{name: clip.act_threshold}))
            expected = float((dense * np.log(dense / clipped)).sum())
            assert loss == pytest.approx(expected, rel=1e-3, abs=2e-5)
    assert max(max(sums) for (sums,) in found.sums.values()) > 0.01


def test_groups_of_images_add_up_and_can_be_gone_on_with(
    network: tuple[Graph, Weights, Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = measured(network)
    widest = 7 * 5 * (6 + 4)  # behind the grouped layer: its map and the skip branch
    monkeypatch.setattr(clip_losses, "CROSSING_WORDS", 3 * widest)
    parts = measured(network)
    assert [part.images for part in parts] == [3, 3, 1]
    for (name, _), losses in together(parts).items():
        assert losses == pytest.approx(whole.sums[name][0], rel=1e-4, abs=1e-6)
    assert measured(network, known=[part.sums for part in parts[:2]]) == parts[2:]


@pytest.mark.parametrize("images_together", [IMAGES, 3])
def test_ladders_end_where_a_clip_costs_enough(
    network: tuple[Graph, Weights, Dataset],
    monkeypatch: pytest.MonkeyPatch,
    images_together: int,
) -> None:
    """What is left out lies above a clip that costs enough; what is run, is what it was."""
    monkeypatch.setattr(clip_losses, "CROSSING_WORDS", images_together * 7 * 5 * (6 + 4))
    everything = measured(network, (WEIGHTS, INPUTS))
    means = {key: losses / IMAGES for key, losses in together(everything).items()}
    enough = float(np.median(np.concatenate(list(means.values()))))
    parts = measured(network, (WEIGHTS, INPUTS), enough=enough)
    found = together(parts)
    for key, losses in found.items():
        above = np.flatnonzero(means[key] >= enough)
        expected = above[0] + 1 if above.size else len(means[key])
        assert len(losses) == expected
        assert (losses / IMAGES).tolist() == means[key][:expected].tolist()
    assert min(map(len, found.values())) < len(WEIGHTS) == max(map(len, found.values()))
    assert sum(part.macs for part in parts) < 0.9 * sum(part.macs for part in everything)
    for count in range(len(parts)):
        known = [part.sums for part in parts[:count]]
        assert measured(network, (WEIGHTS, INPUTS), known, enough) == parts[count:]


def test_what_stands_before_a_layer_is_run_once(network: tuple[Graph, Weights, Dataset]) -> None:
    (found,) = measured(network)
    assert found.macs < 0.7 * found.whole_macs
    graph = network[0]
    of_first = {graph.convs[0].name: (CLIPS,)}
    (first,) = measure_clip_losses(graph, *network[1:], of_first, images=IMAGES)
    assert first.macs == first.whole_macs


def test_a_free_layer_clips_as_a_written_one(network: tuple[Graph, Weights, Dataset]) -> None:
    graph, weights, dataset = network
    (batch,) = dataset.batches(Split.CALIBRATION, IMAGES, IMAGES)
    for layer in graph.convs:
        session = open_session(
            write_model(graph, weights, free=layer.name), (FREE_WEIGHT, FREE_THRESHOLD)
        )
        weight = 0.5 * weights[f"{layer.name}.weight"]
        more = {FREE_WEIGHT: weight, FREE_THRESHOLD: np.asarray(0.3, np.float32)}
        changed = weights.replace({f"{layer.name}.weight": weight})
        assert session.run(("output",), batch.images, more)[0] == pytest.approx(
            outputs(graph, changed, batch.images, **{layer.name: 0.3}), rel=1e-4, abs=1e-5
        )


def test_refusals(tmp_path: Path, network: tuple[Graph, Weights, Dataset]) -> None:
    graph = build("map", FeatureMap(4, 3, 2), [("conv", ops.Conv2d(3, (2, 2)), ("input",))])
    dataset = dataset_for(tmp_path, graph)
    with pytest.raises(ProfileError, match="one number per class"):
        next(measure_clip_losses(graph, random_weights(graph), dataset, {}, images=2))
    graph, weights, _ = network
    with pytest.raises(GraphError, match="free layer"):
        write_model(graph, weights, free="pool")
