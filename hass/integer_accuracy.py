"""The accuracy that a design's hardware has: that of its integers, by the reference."""

from __future__ import annotations

from collections.abc import Mapping

from .cuts import WHOLE
from .design import Design, formats_of
from .errors import GraphError, ProfileError
from .fixed_point import NumberFormats
from .graph import Graph, Weights
from .measure import Dataset, ProgressCallback, Split, require_images
from .measure.accuracy import batch_size, count_correct
from .ops import Output
from .prune import pruned_weights
from .reference import run_reference
from .sparsity import Accuracy, act_thresholds_of

# Images of a split that are run, the first ones, which are a random sample of it: the reference
# takes 8 to 140 ms of a core for one (ResNet-20, MobileNet-EdgeTPU). One standard error at 75 % is
# then 1.4 points, but against floating point on the same images far less.
MOST_IMAGES = 1000


def measure_integer_accuracy(
    design: Design,
    graph: Graph,
    weights: Weights,
    dataset: Dataset,
    split: Split,
    *,
    limit: int = MOST_IMAGES,
    progress: ProgressCallback | None = None,
) -> Accuracy:
    """Top-1 of what the design's hardware computes, which the emitted C++ repeats bit for bit.

    Of equal largest outputs the first counts, as in the emitted testbench.

    Args:
        design: with measured ranges, of a whole network.
        graph, weights: its network, dense.
        dataset: labelled images.
        split: which of them.
        limit: the first so many of the split.
        progress: called after each batch.

    Raises:
        ProfileError: if the design carries no ranges, the outputs are not the data's classes, or
            the split is empty.
        GraphError: if the design is of a part of a network, or images do not fit it.
        SpecError: if an image cannot be read.
    """
    if design.model.part != WHOLE:
        raise GraphError(f"{graph.name}: accuracy is of whole networks only")
    pruned = pruned_weights(weights, design.settings)
    formats = formats_of(design, graph, pruned)
    thresholds = act_thresholds_of(design.settings)
    return integer_top1(
        graph, pruned, formats, thresholds, dataset, split, limit=limit, progress=progress
    )


def integer_top1(
    graph: Graph,
    weights: Weights,
    formats: NumberFormats,
    act_thresholds: Mapping[str, float],
    dataset: Dataset,
    split: Split,
    *,
    limit: int = MOST_IMAGES,
    progress: ProgressCallback | None = None,
) -> Accuracy:
    """Top-1 of a network in integers.

    Args:
        graph, weights, formats, act_thresholds: as of ``run_reference``.
        dataset, split, limit, progress: as of ``measure_integer_accuracy``, which says what is
            raised.
    """
    require_images(dataset, split)
    last = graph.of_type(Output)[0]
    if last.out.pixels != 1:
        raise ProfileError(f"{graph.name}: puts out {last.out}, expected one number per class")
    total = min(dataset.count(split), limit)
    correct = done = 0
    for batch in dataset.batches(split, batch_size(dataset.frame.words), total):
        words = run_reference(graph, weights, formats, act_thresholds, batch.images)[last.name]
        correct += count_correct(words.reshape(len(words), -1), batch.labels, dataset)
        done += batch.labels.size
        if progress is not None:
            progress(done, total)
    return Accuracy(correct, done)
