"""Kept fronts: the answers of whole networks, with less work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from measured_networks import dataset_for
from small_graphs import random_weights, residual_graph

from hass.graph import Graph, Weights
from hass.measure import Dataset, Fronts, Split, fronts, measure_hits, measure_profile
from hass.measure.session import Session, open_session
from hass.narrow import Narrowed, narrowed
from hass.onnx_io import write_model
from hass.prune import pruned_weights
from hass.sparsity import NO_CLIPS, Settings, SparsitySetting
from hass.values import Precision, arithmetic_of

Network = tuple[Graph, Weights, Dataset]
CLIP = SparsitySetting(0.4, 0.5)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    graph = residual_graph()
    dataset = dataset_for(tmp_path_factory.mktemp("data"), graph, count=420)
    weights = random_weights(graph)
    # logits around 0, so that frames and clips decide the class
    (batch,) = dataset.batches(Split.TEST, 64, 64)
    (logits,) = open_session(write_model(graph, weights)).run(("output",), batch.images)
    bias = weights["classes.bias"] - logits.mean(axis=0)
    return graph, weights.replace({"classes.bias": bias}), dataset


def whole(
    network: Network,
    settings: Settings,
    limit: int | None = None,
    narrow: Callable[[Weights], Narrowed] | None = None,
) -> np.ndarray:
    graph, weights, dataset = network
    thresholds = {name: setting.act_threshold for name, setting in settings.items()}
    pruned = pruned_weights(weights, settings)
    words = Narrowed(pruned, {}) if narrow is None else narrow(pruned)
    model = write_model(graph, words.weights, act_thresholds=thresholds, operands=words.operands)
    return measure_hits(model, dataset, Split.SELECTION, limit=limit)


def test_answers_are_those_of_the_whole_network(network: Network) -> None:
    graph = network[0]
    meter = Fronts(*network, Split.SELECTION, None)
    different = set()
    for layer in graph.convs:
        settings = {"classes": SparsitySetting(0.4, 0.0)} | {layer.name: CLIP}
        for _ in range(2):  # the second time with what the first has kept
            found = meter.hits(settings)
            assert found.tolist() == whole(network, settings).tolist()
        different.add(tuple(found.tolist()))
    assert len(different) > 2  # the clips matter
    assert meter.hits({}).tolist() == whole(network, {}).tolist()


def test_narrow_words_are_rounded_in_front_of_a_cut_and_behind_it(network: Network) -> None:
    graph, weights, dataset = network
    profile = measure_profile(graph, weights, dataset, NO_CLIPS, images=16)
    own = dict.fromkeys((layer.name for layer in graph.convs), arithmetic_of(4))

    def narrow(pruned: Weights) -> Narrowed:
        precision = Precision(arithmetic_of(16), own)
        return narrowed(graph, pruned, precision, profile.output_max_abs)

    meter = Fronts(*network, Split.SELECTION, None, narrow)
    cut = False
    for layer in graph.convs:
        settings = {layer.name: CLIP}
        cut = cut or meter.cut_for(settings) is not None
        found = meter.hits(settings).tolist()
        assert found == whole(network, settings, narrow=narrow).tolist()
    assert cut and found != whole(network, settings).tolist()


def test_the_front_runs_once(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = network[0]
    meter = Fronts(*network, Split.SELECTION, 100)
    words = []
    run = Session.run

    def counted(self: Session, names: object, images: np.ndarray, *more: object) -> object:
        words.append(images[0].size)
        return run(self, names, images, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Session, "run", counted)
    frame = graph.layers[0].out.words
    meter.hits({"classes": CLIP})
    assert words.count(frame) == 2  # two batches
    words.clear()
    meter.hits({"classes": SparsitySetting(0.1, 0.0)})
    assert frame not in words and len(words) == 2
    words.clear()
    meter.hits({"stem": CLIP, "classes": CLIP})  # nothing stands before it
    assert words == [frame, frame]


def test_a_stopped_network_keeps_what_has_run(network: Network) -> None:
    meter = Fronts(*network, Split.SELECTION, None)
    first = meter.hits({"classes": CLIP}, enough=lambda hits: True)
    assert len(first) == 64
    every = meter.hits({"classes": CLIP})
    assert every.tolist() == whole(network, {"classes": CLIP}).tolist()
    assert every[:64].tolist() == first.tolist()


def test_maps_that_are_too_large_are_not_kept(network: Network) -> None:
    little = Fronts(*network, Split.SELECTION, None, kept_words=10)
    assert little.cut_for(["classes"]) is None
    assert little.hits({"classes": CLIP}).tolist() == whole(network, {"classes": CLIP}).tolist()
    cut = Fronts(*network, Split.SELECTION, None).cut_for(["classes"])
    assert cut is not None and cut.crossing.words < 7 * 5 * 4


def test_a_front_with_little_work_is_not_cut_off(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fronts, "LEAST_SHARE", 1.0)
    assert Fronts(*network, Split.SELECTION, None).cut_for(["classes"]) is None


def test_margins_say_what_hits_say(network: Network) -> None:
    meter = Fronts(*network, Split.SELECTION, 90)
    seen: list[tuple[int, int]] = []
    for settings in (NO_CLIPS, {"classes": CLIP}):
        answers = meter.answers(settings, progress=lambda done, total: seen.append((done, total)))
        margins = answers.margins
        assert len(margins) == 90 and (margins != 0).all()
        assert (margins > 0).tolist() == meter.hits(settings).tolist() == answers.hits.tolist()
        assert seen[-1] == (90, 90)


def test_images_may_come_in_another_order(network: Network) -> None:
    graph, weights, dataset = network
    order = np.random.default_rng(0).permutation(80)
    other = Fronts(graph, weights, dataset.first_by(Split.SELECTION, order), Split.SELECTION, None)
    settings = {"classes": CLIP}
    assert other.hits(settings).tolist() == whole(network, settings)[order].tolist()
