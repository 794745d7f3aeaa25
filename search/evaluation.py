"""What a trial came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hass.design import Design
from hass.folding import Infeasibility
from hass.graph import Graph, macs_per_frame
from hass.measure import Hits
from hass.sparsity import Accuracy, SparsityProfile


@dataclass(frozen=True, slots=True)
class MeanDensities:
    """Densities of a network: means over its Conv2d layers, weighted with their MACs."""

    weight_density: float
    act_density: float
    pair_density: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """A trial that misses the accuracy floor, by the images that were run.

    Attributes:
        dense: accuracy of the dense network on all images.
        lost: images that the trial loses at least, more than it wins, of all.
        images: that were run.
    """

    dense: Accuracy
    lost: int
    images: int

    @property
    def most(self) -> Accuracy:
        """The accuracy on all images, whatever those are that were not run."""
        return Accuracy(self.dense.correct - self.lost, self.dense.images)

    def __str__(self) -> str:
        return (
            f"below the accuracy floor: after {self.images} of {self.dense.images} images at most "
            f"{self.most.correct} can be right, {self.dense.correct} are with the dense network"
        )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of one setting of clips.

    Attributes:
        answer: the design, or why there is none.
        calibration: accuracy on the profile's images.
        selection: accuracy on the selection split; where stopped, at most so much.
        densities: of the network; None where they were not measured.
    """

    answer: Design | Infeasibility | Stopped
    calibration: Accuracy | None
    selection: Accuracy | None
    densities: MeanDensities | None


def accuracy_of(hits: Hits) -> Accuracy:
    """How many images were right."""
    return Accuracy(int(np.count_nonzero(hits)), len(hits))


def mean_densities(whole: Graph, graph: Graph, profile: SparsityProfile) -> MeanDensities:
    """The densities of a profile's layers in three numbers.

    Args:
        whole: the network that is searched; what it has more than ``graph`` counts as weights that
            are zero.
        graph: what was measured, perhaps narrower.
        profile: of ``graph``.
    """
    macs = {layer.name: macs_per_frame(graph, layer.name) for layer in graph.convs}
    left = sum(macs.values())
    total = sum(macs_per_frame(whole, layer.name) for layer in whole.convs)

    def summed(name: str) -> float:
        layers: Mapping[str, object] = profile.layers
        return float(sum(macs[k] * getattr(layers[k], name) for k in macs))

    return MeanDensities(
        summed("weight_density") / total,
        summed("act_density") / left,
        summed("pair_density") / total,
    )
