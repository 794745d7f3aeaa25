"""Which layers of a network may have fewer bits: what each loses by that, and what it buys.

A layer's word length is an option like a clip (``folding.joint``): each has a loss, how far the
network's output moves if that layer alone has fewer bits, and foldings. Losses are those of the
integers that the hardware computes, and so is the accuracy by which a choice is accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from . import ops
from .device import Device
from .fixed_point import choose_formats, dequantise
from .folding import Joint, JointChoice, TableCache, fastest_within, joint_curves, joint_of
from .graph import FloatArray, Graph, Weights
from .integer_accuracy import MOST_IMAGES, integer_top1
from .intmath import ceil_div
from .measure import Dataset, ProgressCallback, Split, require_images
from .measure.accuracy import batch_size, require_classes
from .measure.clip_losses import divergence, log_probabilities
from .reference import run_reference
from .sparsity import Accuracy, SparsityProfile
from .values import Precision, WordLengths, arithmetic_of

# Sums of losses, in nats, of the choices that are tried: from where hardly an image changes its
# class to where a tenth does, in steps of 2.
BUDGETS = tuple(0.001 * 2.0**step for step in range(9))
SHARE = 0.99  # of the part: a layer's cost also depends on how wide its neighbours read
MOST_ROWS = 3_000_000  # of folding tables held while options are costed, 32 bytes each
Losses = npt.NDArray[np.float64]  # of a layer, one for each of the bits that it may have
_HALVINGS = 8  # of a budget, while no cycle is lost by it


@dataclass(frozen=True, slots=True, eq=False)
class WordTask:
    """A network whose layers may have fewer bits.

    Attributes:
        graph, weights: the network.
        profile: measured with nothing clipped; knows the ranges of all layers.
        dataset: images of a classifier.
        bits: of all layers, and the fewer ones that single layers may have, descending.
    """

    graph: Graph
    weights: Weights
    profile: SparsityProfile
    dataset: Dataset
    bits: tuple[int, ...]

    @property
    def convs(self) -> tuple[str, ...]:
        """Layers that may have fewer bits."""
        return tuple(layer.name for layer in self.graph.convs)

    def precision(self, options: Mapping[str, int]) -> Precision:
        """Word lengths of the network where layers take options: places in ``bits``."""
        own = {name: arithmetic_of(self.bits[options.get(name, 0)]) for name in self.convs}
        return Precision(arithmetic_of(self.bits[0]), own)


@dataclass(frozen=True, slots=True)
class WordChoice:
    """Word lengths, and what they cost in integers.

    Attributes:
        precision: of the network.
        accuracy: on images of the selection split.
        default: on the same images, with the default word length everywhere.
    """

    precision: Precision
    accuracy: Accuracy
    default: Accuracy


def _outputs(task: WordTask, arithmetic: WordLengths, images: FloatArray) -> FloatArray:
    """(n, classes) logits of the network in integers."""
    graph = task.graph
    formats = choose_formats(graph, task.weights, task.profile.output_max_abs, arithmetic)
    last = graph.of_type(ops.Output)[0].name
    words = run_reference(graph, task.weights, formats, {}, images)[last]
    values = dequantise(words, formats.outputs[last])
    return np.asarray(values.reshape(len(values), -1), dtype=np.float32)


def measure_word_losses(
    task: WordTask, images: int, *, progress: ProgressCallback | None = None
) -> Mapping[str, tuple[float, ...]]:
    """What each layer loses if it alone has fewer bits.

    Args:
        task: the network.
        images: the first so many of the calibration split.
        progress: called after each run of the network.

    Returns:
        Conv2d layer -> mean divergence of the classes' probabilities from those with the default
        word length, in nats, for each of ``task.bits``: the first 0, never falling.

    Raises:
        ProfileError: if the network is no classifier, the split is empty, or a range is unknown.
        SpecError: if an image cannot be read.
    """
    require_images(task.dataset, Split.CALIBRATION)
    require_classes(task.graph)
    sums = {name: np.zeros(len(task.bits)) for name in task.convs}
    total = min(images, task.dataset.count(Split.CALIBRATION))
    step = batch_size(task.dataset.frame.words)
    runs, done = ceil_div(total, step) * len(sums) * (len(task.bits) - 1), 0
    for batch in task.dataset.batches(Split.CALIBRATION, step, total):
        wide = log_probabilities(_outputs(task, task.precision({}), batch.images))
        for name, losses in sums.items():
            for option in range(1, len(task.bits)):
                outputs = _outputs(task, task.precision({name: option}), batch.images)
                losses[option] += divergence(wide, outputs)
                done += 1
                if progress is not None:
                    progress(done, runs)
    return MappingProxyType(
        {name: tuple((np.maximum.accumulate(x) / total).tolist()) for name, x in sums.items()}
    )


def word_options(task: WordTask, device: Device, clock_mhz: float | None = None) -> Joint:
    """What each layer's word length buys: foldings where all layers have the same few bits."""
    cache = TableCache(MOST_ROWS)
    curves = [
        joint_curves(
            task.graph,
            device,
            task.profile,
            clock_mhz=clock_mhz,
            arithmetic=task.precision(dict.fromkeys(task.convs, option)),
            cache=cache,
        )
        for option in range(len(task.bits))
    ]
    ends = arithmetic_of(task.bits[0])
    return joint_of(task.graph, device, task.convs, curves, clock_mhz, ends)


def _cheapest(joint: Joint, losses: Mapping[str, Losses], budget: float) -> JointChoice | None:
    """The fastest choice within a budget of loss, for about the least loss that is as fast."""
    best = fastest_within(joint, losses, budget, SHARE)
    for _ in range(_HALVINGS):
        budget /= 2.0
        found = fastest_within(joint, losses, budget, SHARE)
        if best is None or found is None or found.frame_ii_cycles > best.frame_ii_cycles:
            break
        best = found
    return best


def choose_word_lengths(
    task: WordTask,
    joint: Joint,
    losses: Mapping[str, Sequence[float]],
    allowed: float,
    *,
    images: int = MOST_IMAGES,
    progress: ProgressCallback | None = None,
) -> WordChoice:
    """The word lengths with which the pipeline is fastest, of those that lose little enough.

    Args:
        task: the network.
        joint: of ``word_options``.
        losses: of ``measure_word_losses``.
        allowed: share of the images whose class may be lost against the default word length.
        images: the first so many of the selection split, on which accuracy is measured.
        progress: called after each accuracy.

    Raises:
        ProfileError, SpecError: as ``measure_word_losses``.
        SolverError: if an integer program fails.
    """

    def measured(precision: Precision) -> Accuracy:
        ranges = task.profile.output_max_abs
        formats = choose_formats(task.graph, task.weights, ranges, precision)
        split = Split.SELECTION
        return integer_top1(
            task.graph, task.weights, formats, {}, task.dataset, split, limit=images
        )

    by_layer: dict[str, Losses] = {name: np.asarray(lost) for name, lost in losses.items()}
    default = measured(task.precision({}))
    best = WordChoice(task.precision({}), default, default)
    low, high = 0, len(BUDGETS)  # budgets below low are known to do, from high on not to
    steps = len(BUDGETS).bit_length()
    for done in range(steps):
        if low == high:
            break
        middle = (low + high) // 2
        choice = _cheapest(joint, by_layer, BUDGETS[middle])
        precision = task.precision({} if choice is None else choice.options)
        found = measured(precision)
        if default.correct - found.correct <= allowed * default.images:
            best, low = WordChoice(precision, found, default), middle + 1
        else:
            high = middle
        if progress is not None:
            progress(done + 1, steps)
    return best
