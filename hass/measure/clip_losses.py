"""What each clip alone costs a network: how far its output moves, layer by layer.

The measure is smooth, so that a few images tell: the mean Kullback-Leibler divergence of the
classes' probabilities from those of the dense network. What layers lose adds up to first order: to
second order in the change of the outputs it is a square, and changes of different layers have
little in common.

Where filters are refitted after clips, those of the clipped layer are here too, with the
statistics of the images that run together.

One layer is clipped at a time. What stands before it is run once; for every clip of a layer one
session serves, of the network behind the last cut in front of it, whose clip is an input. Clips
come as ladders, milder ones first: what lies above a clip that costs too much is not run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..cuts import Cut, cutting_order, graph_between
from ..filter_refit import FilterStatistics, Refit
from ..graph import FloatArray, Graph, Weights
from ..intmath import ceil_div
from ..onnx_io import FREE_THRESHOLD, FREE_WEIGHT, write_model
from ..prune import pruned_weights
from ..sparsity import SparsitySetting
from .accuracy import OUTPUT, batch_size, require_classes, require_images
from .dataset import Dataset
from .fronts import crossing_maps, cuts_before, network_macs
from .progress import ProgressCallback
from .refit import statistics
from .session import Session, open_session
from .splits import Split

# Words of the map that crosses a cut, kept for the images that run together: 64 MiB of float32.
CROSSING_WORDS = 16 << 20

# Layer -> ladder by ladder the sum over images of each clip's divergence, in nats.
LadderSums = Mapping[str, tuple[tuple[float, ...], ...]]


@dataclass(frozen=True, slots=True)
class GroupLosses:
    """What clips cost on some images.

    Attributes:
        images: their number.
        sums: layer -> of each of its ladders, the sum over the images of the divergence under each
            clip alone, in nats; without the clips that were not run.
        macs: multiply-accumulates that were run for it.
        whole_macs: that running the whole network for each clip would have taken.
    """

    images: int
    sums: LadderSums
    macs: int
    whole_macs: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "sums", MappingProxyType(dict(self.sums)))


def log_probabilities(outputs: FloatArray) -> FloatArray:
    """(n, classes) logits to logarithms of probabilities, in float64."""
    logits = outputs.astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def divergence(dense: FloatArray, outputs: FloatArray) -> float:
    """Sum over images of the divergence of ``outputs`` (logits) from logarithms of the dense
    network's probabilities."""
    terms = np.exp(dense) * (dense - log_probabilities(outputs))
    return max(0.0, float(terms.sum()))


class _Front:
    """Some images as they cross one cut after the other.

    Args:
        graph, weights: the dense network.
        images: the images.
        dense: logarithms of the probabilities that the dense network gives them.
    """

    def __init__(
        self, graph: Graph, weights: Weights, images: FloatArray, dense: FloatArray
    ) -> None:
        self._graph, self._weights = graph, weights
        self._order = cutting_order(graph)
        self._at: Cut | None = None
        self.maps = images
        self.dense = dense
        self.macs = 0

    def behind(self, cut: Cut | None) -> Graph:
        """The network behind a cut, in front of which ``maps`` now are."""
        if cut is not None and (self._at is None or cut.weighted > self._at.weighted):
            part = graph_between(self._graph, self._order, self._at, cut).graph
            session = open_session(write_model(part, self._weights))
            outputs = np.concatenate(list(_in_batches(session, self.maps, _step(self.maps))))
            self.maps = crossing_maps(outputs, cut)
            self.macs += network_macs(part) * len(self.maps)
            self._at = cut
        return graph_between(self._graph, self._order, self._at, None).graph


def _step(images: FloatArray) -> int:
    return batch_size(int(np.prod(images.shape[1:])))


def _in_batches(
    session: Session,
    images: FloatArray,
    step: int,
    more: Mapping[str, FloatArray] | None = None,
) -> Iterator[FloatArray]:
    for start in range(0, len(images), step):
        yield session.run((OUTPUT,), images[start : start + step], more or {})[0]


def _clipped_weight(weights: Weights, layer: str, setting: SparsitySetting) -> FloatArray:
    return pruned_weights(weights, {layer: setting})[f"{layer}.weight"]


def _ladder_losses(
    session: Session,
    weights: Weights,
    layer: str,
    settings: Sequence[SparsitySetting],
    front: _Front,
    before: npt.NDArray[np.float64],
    enough: float,
    refit: Refit,
) -> list[float]:
    """Losses of a ladder's clips, up to the first that comes to ``enough`` with those before."""
    step = _step(front.maps) if refit is Refit.NONE else len(front.maps)
    sums: list[float] = []
    for place, setting in enumerate(settings[: len(before)]):
        more = {
            FREE_WEIGHT: _clipped_weight(weights, layer, setting),
            FREE_THRESHOLD: np.asarray(setting.act_threshold, dtype=np.float32),
        }
        outputs = np.concatenate(list(_in_batches(session, front.maps, step, more)))
        sums.append(divergence(front.dense, outputs))
        if before[place] + sums[place] >= enough:
            break
    return sums


def images_at_once(graph: Graph) -> int:
    """Images that run together, so that their maps at every cut are at most ``CROSSING_WORDS``."""
    cuts = cuts_before(graph).values()
    widest = max((cut.crossing.words for cut in cuts if cut is not None), default=1)
    return max(1, CROSSING_WORDS // widest)


def measure_clip_losses(
    graph: Graph,
    weights: Weights,
    dataset: Dataset,
    ladders: Mapping[str, Sequence[Sequence[SparsitySetting]]],
    *,
    images: int,
    enough: float = math.inf,
    refit: Refit = Refit.NONE,
    known: Sequence[LadderSums] = (),
    progress: ProgressCallback | None = None,
) -> Iterator[GroupLosses]:
    """What each clip alone costs, on calibration images, group of images by group.

    The same arguments give the same losses. Memory is bounded whatever the number of images.
    A divergence is never negative, so that a clip's cost is known to reach ``enough`` before all
    groups have run; its own is measured in all of them, that of the clips above it no more.

    Args:
        graph, weights: the dense network; it puts out logits, one per class.
        dataset: its images; those of the calibration split are used.
        ladders: Conv2d layer -> ladders of settings to measure, one at a time; in a ladder each
            setting costs at least as much as the one before it.
        images: the first so many of the calibration split.
        enough: mean divergence, in nats, above which it does not matter.
        refit: of the clipped layer.
        known: of the groups that need not be measured again, from the first.
        progress: called after each layer of a group.

    Raises:
        ProfileError: if the network is no classifier, or the split is empty.
        SpecError: if an image cannot be read.
    """
    require_images(dataset, Split.CALIBRATION)
    require_classes(graph)
    before = {layer: cut for layer, cut in cuts_before(graph).items() if ladders.get(layer)}
    group = images_at_once(graph)
    total = min(images, dataset.count(Split.CALIBRATION))
    steps = len(before) * ceil_div(total, group)
    done = len(before) * len(known)
    clip_count = sum(len(ladder) for layer in before for ladder in ladders[layer])
    refitting = before if refit is Refit.FILTERS else ()
    whole = open_session(write_model(graph, weights, restored=dict.fromkeys(refitting)))
    so_far = {layer: [np.zeros(len(ladder)) for ladder in ladders[layer]] for layer in before}
    for part in known:
        _add(so_far, part)
    batches = dataset.batches(Split.CALIBRATION, group, total)
    for batch in islice(batches, len(known), None):
        targets: Mapping[str, FilterStatistics] = {}
        if refit is Refit.FILTERS:
            targets, outputs = statistics(whole, tuple(before), batch.images)
        else:
            outputs = np.concatenate(list(_in_batches(whole, batch.images, _step(batch.images))))
        front = _Front(graph, weights, batch.images, log_probabilities(outputs))
        count = int(batch.labels.size)
        sums: dict[str, tuple[tuple[float, ...], ...]] = {}
        macs = 0
        for layer, cut in before.items():
            behind = front.behind(cut)
            restored = {layer: targets[layer]} if targets else {}
            model = write_model(behind, weights, free=layer, restored=restored)
            session = open_session(model, more=(FREE_WEIGHT, FREE_THRESHOLD))
            sums[layer] = tuple(
                tuple(
                    _ladder_losses(session, weights, layer, ladder, front, b, enough * total, refit)
                )
                for ladder, b in zip(ladders[layer], so_far[layer], strict=True)
            )
            macs += network_macs(behind) * sum(map(len, sums[layer])) * count
            done += 1
            if progress is not None:
                progress(done, steps)
        _add(so_far, sums)
        yield GroupLosses(count, sums, macs + front.macs, network_macs(graph) * clip_count * count)


def _add(so_far: dict[str, list[npt.NDArray[np.float64]]], part: LadderSums) -> None:
    """Add the losses of a group, of as many clips of each ladder as it has."""
    for layer, ladders in part.items():
        for place, losses in enumerate(ladders):
            so_far[layer][place] = so_far[layer][place][: len(losses)] + losses
