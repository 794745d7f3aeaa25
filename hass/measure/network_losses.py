"""What other networks cost against the dense one: how far their outputs are from its."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..graph import FloatArray, Graph, Weights
from ..onnx_io import write_model
from .accuracy import OUTPUT, batch_size, require_images
from .clip_losses import divergence, log_probabilities
from .dataset import Dataset
from .session import open_session
from .splits import Split


def _outputs(graph: Graph, weights: Weights, batches: Sequence[FloatArray]) -> FloatArray:
    session = open_session(write_model(graph, weights))
    return np.concatenate([session.run((OUTPUT,), images)[0] for images in batches])


class NetworkLosses:
    """The divergence of networks from a dense one, on the same calibration images.

    The measure is that of ``measure_clip_losses``.

    Args:
        graph, weights: the dense network; it puts out logits, one per class.
        dataset: labelled images; those of the calibration split are used, and held.
        images: the first so many.

    Raises:
        ProfileError: if the split is empty.
        SpecError: if an image cannot be read.
    """

    def __init__(self, graph: Graph, weights: Weights, dataset: Dataset, images: int) -> None:
        require_images(dataset, Split.CALIBRATION)
        size = batch_size(dataset.frame.words)
        batches = dataset.batches(Split.CALIBRATION, size, images)
        self._batches = [batch.images for batch in batches]
        self._dense = log_probabilities(_outputs(graph, weights, self._batches))

    def loss(self, graph: Graph, weights: Weights) -> float:
        """Mean divergence of another network, in nats per image."""
        outputs = _outputs(graph, weights, self._batches)
        return divergence(self._dense, outputs) / len(outputs)
