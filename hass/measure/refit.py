"""Filters refitted after clips: their outputs keep the mean and the deviation that they had.

A clip takes from the sums of a layer, so that its outputs are lower and vary less; what follows was
trained for those of the dense network. Scale and shift of every filter give them back, layer by
layer, each behind the refitted ones before it: as normalisation does when its statistics are
measured again. They are folded into weights and biases, so that the hardware is what it was.

All layers are refitted in one run of the network, which computes the statistics on its way. So all
images run together, and there are as many as memory allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ..filter_refit import FilterRefit, FilterStatistics
from ..graph import FloatArray, Graph, Weights
from ..handlers.write_restored import DEVIATION, LEAST_SCALE, MEAN, MOST_SCALE, least_deviation
from ..onnx_io import write_model
from ..prune import pruned_weights
from ..sparsity import Settings, SparsitySetting, act_thresholds_of
from .accuracy import OUTPUT, require_images
from .dataset import Dataset
from .session import Session, open_session
from .splits import Split

# 64 images lose 0.3 points of ResNet-20 against 128, which lose as much as 256 (DECISIONS)
MOST_IMAGES = 128
# Words of all images' largest map: 256 MiB of float32, of which a few are alive at a time.
MOST_WORDS = 64 << 20
# Scales that differ from 1 by less, and shifts by less than this part of the deviation, are no
# refit: 16-bit words are hardly finer.
SMALLEST_CHANGE = 1e-4
DIGITS = 6  # of scales and shifts, about those of float32

Statistics = Mapping[str, FilterStatistics]  # Conv2d layer -> those of its filters


@dataclass(frozen=True, slots=True, eq=False)
class RefitTargets:
    """What filters are refitted to.

    Attributes:
        images: (n, channels, height, width) that statistics are over.
        dense: those of the dense network.
    """

    images: FloatArray
    dense: Statistics

    def __post_init__(self) -> None:
        object.__setattr__(self, "dense", MappingProxyType(dict(self.dense)))

    def without(self, removed: Mapping[str, tuple[int, ...]]) -> RefitTargets:
        """The targets of a narrower network."""
        left = {
            name: FilterStatistics(
                np.delete(found.means, removed[name]), np.delete(found.deviations, removed[name])
            )
            if name in removed
            else found
            for name, found in self.dense.items()
        }
        return replace(self, dense=left)


def refit_images(graph: Graph) -> int:
    """How many images run together."""
    largest = max(layer.out.words for layer in graph)
    return max(1, min(MOST_IMAGES, MOST_WORDS // largest))


def refit_targets(graph: Graph, weights: Weights, dataset: Dataset) -> RefitTargets:
    """The statistics of the dense network on the first images of the calibration split.

    Raises:
        ProfileError: if the split is empty.
        SpecError: if an image cannot be read.
    """
    require_images(dataset, Split.CALIBRATION)
    count = min(refit_images(graph), dataset.count(Split.CALIBRATION))
    (batch,) = dataset.batches(Split.CALIBRATION, count, count)
    names = [layer.name for layer in graph.convs]
    session = open_session(write_model(graph, weights, restored=dict.fromkeys(names)))
    return RefitTargets(batch.images, statistics(session, names, batch.images)[0])


def refitted(graph: Graph, weights: Weights, settings: Settings, targets: RefitTargets) -> Settings:
    """The settings with a refit of every layer whose outputs they move.

    Args:
        graph, weights: the dense network.
        settings: its clips; refits that they have are not looked at.
        targets: of the same network.

    Raises:
        ProfileError: if settings ask what ``pruned_weights`` refuses.
    """
    clips = {name: replace(setting, refit=None) for name, setting in settings.items()}
    model = write_model(
        graph,
        pruned_weights(weights, clips),
        act_thresholds=act_thresholds_of(clips),
        restored=targets.dense,
    )
    found, _ = statistics(open_session(model), tuple(targets.dense), targets.images)
    nothing = SparsitySetting()
    fitted = {
        name: replace(clips.get(name, nothing), refit=_refit(before, targets.dense[name]))
        for name, before in found.items()
    }
    return {name: setting for name, setting in fitted.items() if setting != nothing}


def statistics(
    session: Session, layers: Sequence[str], images: FloatArray
) -> tuple[Statistics, FloatArray]:
    """What a network with ``restored`` layers has measured, before they were, and its output.

    Args:
        session: of ``write_model``.
        layers: which of them are wanted.
        images: which run together, (n, channels, height, width).
    """
    names = tuple(f"{kind}:{name}" for name in layers for kind in (MEAN, DEVIATION))
    *found, output = session.run((*names, OUTPUT), images)
    rows = [array.reshape(-1) for array in found]
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return {n: FilterStatistics(*pair) for n, pair in zip(layers, pairs, strict=True)}, output


def _refit(found: FilterStatistics, wanted: FilterStatistics) -> FilterRefit | None:
    """What the network of ``restoring_steps`` did to a layer; None: next to nothing."""
    least = least_deviation(wanted)
    target = np.maximum(wanted.deviations, least).astype(np.float64)
    scales = np.clip(target / np.maximum(found.deviations, least), LEAST_SCALE, MOST_SCALE)
    shifts = wanted.means - scales * found.means
    moved = np.abs(wanted.means - found.means) / target
    if max(np.abs(scales - 1).max(), moved.max()) < SMALLEST_CHANGE:
        return None
    return FilterRefit(_rounded(scales), _rounded(shifts))


def _rounded(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)
