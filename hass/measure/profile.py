"""Measuring a network under clips: one pass over some calibration images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .. import ops
from ..errors import ProfileError
from ..graph import FloatArray, Graph, Weights
from ..onnx_io import write_model
from ..prune import pruned_weights
from ..sparsity import (
    NO_CLIPS,
    Accuracy,
    LayerSparsity,
    Settings,
    SparsityProfile,
    SparsitySetting,
    act_thresholds_of,
)
from .accuracy import OUTPUT, batch_size, count_correct, require_images
from .dataset import Batch, Dataset
from .meter import LayerMeter
from .occupancy import MaskArray
from .progress import ProgressCallback
from .session import open_session
from .splits import Split
from .streams import Range, TapPlan, complete_ranges, conv_input_taps, plan_taps

# Words of all feature maps that one batch may read out of the network: 16 MiB of float32. Larger
# batches are slower (fresh pages for every output), 2x at 200 MiB for SqueezeNet; an ImageNet
# network has 2 to 30 million words per image and so runs one at a time.
TAPPED_WORDS = 4 << 20

# Magnitudes kept of each layer's input and image for its quantiles: with 64 images 262,144, from
# which a quantile's rank is known to 0.1 % (standard error).
MAGNITUDES_PER_IMAGE = 4096
QUANTILES = 101


@dataclass(frozen=True, slots=True)
class _Pass:
    """What one batch gives: the images, the network's output, and the taps by name."""

    batch: Batch
    output: FloatArray
    taps: Mapping[str, FloatArray]


def _run_tapped(
    graph: Graph, model: bytes, plan: TapPlan, dataset: Dataset, images: int
) -> Iterator[_Pass]:
    words = sum(_tapped_words(graph, tap) for tap in plan.taps)
    size = min(batch_size(dataset.frame.words), batch_size(words, TAPPED_WORDS))
    session = open_session(model)
    names = (OUTPUT, *plan.taps)
    for batch in dataset.batches(Split.CALIBRATION, size, images):
        output, *tapped = session.run(names, batch.images)
        yield _Pass(batch, output, dict(zip(plan.taps, tapped, strict=True)))


def _tapped_words(graph: Graph, tap: str) -> int:
    kind, _, name = tap.partition(":")
    return graph.in_maps(name)[0].words if kind == "tap" else graph[name].out.words


def _effective(graph: Graph, settings: Settings) -> dict[str, SparsitySetting]:
    """Settings that clip something; all must name Conv2d layers."""
    convs = {layer.name for layer in graph.convs}
    unknown = sorted(set(settings) - convs)
    if unknown:
        raise ProfileError(f"{graph.name}: settings name no Conv2d layer: {', '.join(unknown)}")
    nothing = SparsitySetting()
    return {name: setting for name, setting in settings.items() if setting != nothing}


def _check_frame(graph: Graph, dataset: Dataset) -> None:
    (source,) = graph.of_type(ops.Input)
    if source.out != dataset.frame:
        raise ProfileError(
            f"{graph.name}: the input is {source.out}, the data ({dataset.name}) {dataset.frame}"
        )


def measure_profile(
    graph: Graph,
    weights: Weights,
    dataset: Dataset,
    settings: Settings = NO_CLIPS,
    *,
    images: int = 64,
    seed: int = 0,
    progress: ProgressCallback | None = None,
) -> SparsityProfile:
    """Accuracy, densities and distributions of active products on calibration images.

    The weights are pruned and the network run once with its inputs clipped. Everything is
    reduced batch by batch. The same arguments give the same profile.

    Args:
        graph: the network.
        weights: the dense weights.
        dataset: labelled images; those of the calibration split are used.
        settings: clips per Conv2d layer; a layer that is absent is not clipped.
        images: the first so many of the calibration split.
        seed: of the sampled positions and filters.
        progress: called after each batch.

    Returns:
        The profile; its accuracy is None where the network's output is no list of classes.

    Raises:
        ProfileError: if the settings or the data do not fit the graph, or the split is empty.
        SpecError: if an image cannot be read.
    """
    require_images(dataset, Split.CALIBRATION)
    _check_frame(graph, dataset)
    total = min(images, dataset.count(Split.CALIBRATION))
    asked = _effective(graph, settings)
    thresholds = act_thresholds_of(asked)
    plan = plan_taps(graph, thresholds)
    pruned = pruned_weights(weights, asked)
    model = write_model(graph, pruned, act_thresholds=thresholds, taps=plan.taps)
    names = [layer.name for layer in graph.convs]
    meters = _meters(graph, pruned, total, seed, names, placed=True)
    ranges: dict[str, Range] = {}
    classifies = graph.classifies
    correct = done = 0
    for step in _run_tapped(graph, model, plan, dataset, total):
        active = {tap: step.taps[tap] != 0 for tap in set(plan.conv_inputs.values())}
        for name, meter in meters.items():
            meter.add(active[plan.conv_inputs[name]])
        _widen(ranges, graph.of_type(ops.Input)[0].name, step.batch.images)
        for name, tap in plan.outputs.items():
            _widen(ranges, name, step.taps[tap])
        if classifies:
            correct += count_correct(step.output, step.batch.labels, dataset)
        done += step.batch.labels.size
        if progress is not None:
            progress(done, total)
    return SparsityProfile(
        graph_digest=graph.digest,
        weights_digest=weights.digest,
        data_digest=dataset.digest,
        settings=asked,
        layers={name: meter.result() for name, meter in meters.items()},
        output_max_abs={
            name: max(abs(low), abs(high))
            for name, (low, high) in complete_ranges(graph, ranges).items()
        },
        accuracy=Accuracy(correct, done) if classifies else None,
    )


def measure_alone(
    graph: Graph,
    weights: Weights,
    dataset: Dataset,
    choices: Sequence[Settings],
    *,
    images: int = 64,
    seed: int = 0,
) -> tuple[Mapping[str, LayerSparsity], ...]:
    """What is measured in each layer if its own clip were the only one in the network.

    All layers and choices at once: clips are applied to what is counted, and nothing clipped is
    passed on, so that the network is run once.

    Args:
        graph, weights, dataset, images, seed: as of ``measure_profile``.
        choices: settings as of ``measure_profile``; memory grows with their number.

    Returns:
        For each choice Conv2d layer -> what was measured, all Conv2d layers.

    Raises: as ``measure_profile``.
    """
    require_images(dataset, Split.CALIBRATION)
    _check_frame(graph, dataset)
    total = min(images, dataset.count(Split.CALIBRATION))
    plan = conv_input_taps(graph)
    nothing = SparsitySetting()
    meters: dict[tuple[str, SparsitySetting], LayerMeter] = {}
    keys = []  # of each choice, layer -> key of its meter
    for settings in choices:
        asked = _effective(graph, settings)
        of_choice = {
            layer.name: (layer.name, asked.get(layer.name, nothing)) for layer in graph.convs
        }
        new = {name for name, key in of_choice.items() if key not in meters}
        found = _meters(graph, pruned_weights(weights, asked), total, seed, new, placed=False)
        meters |= {of_choice[name]: meter for name, meter in found.items()}
        keys.append(of_choice)
    model = write_model(graph, weights, taps=plan.taps)
    for step in _run_tapped(graph, model, plan, dataset, total):
        active: dict[tuple[str, float], MaskArray] = {}
        for (name, setting), meter in meters.items():
            seen = plan.conv_inputs[name], setting.act_threshold
            if seen not in active:
                active[seen] = np.abs(step.taps[seen[0]]) > setting.act_threshold
            meter.add(active[seen])
    results = {key: meter.result() for key, meter in meters.items()}
    return tuple({name: results[key] for name, key in of_choice.items()} for of_choice in keys)


def _meters(
    graph: Graph,
    pruned: Weights,
    images: int,
    seed: int,
    names: Collection[str],
    *,
    placed: bool,
) -> dict[str, LayerMeter]:
    """Meters of some Conv2d layers; ``placed`` as of ``LayerMeter``."""
    meters = {}
    for layer in graph.convs:
        if isinstance(layer.op, ops.Conv2d) and layer.name in names:
            meters[layer.name] = LayerMeter(
                layer.name,
                layer.op,
                graph.in_maps(layer.name)[0],
                layer.out,
                pruned[f"{layer.name}.weight"],
                images,
                seed,
                placed=placed,
            )
    return meters


def _widen(ranges: dict[str, Range], name: str, values: FloatArray) -> None:
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ProfileError(f"layer {name!r} puts out values that are not finite")
    before = ranges.get(name, (low, high))
    ranges[name] = min(low, before[0]), max(high, before[1])


def input_magnitudes(
    graph: Graph, weights: Weights, dataset: Dataset, *, images: int = 64, seed: int = 0
) -> Mapping[str, tuple[float, ...]]:
    """How large the inputs of each Conv2d layer are, nothing clipped.

    Args:
        graph, weights: the dense network.
        dataset: labelled images; those of the calibration split are used.
        images: the first so many of the calibration split.
        seed: of the sampled words.

    Returns:
        Conv2d layer -> 101 quantiles (0, 1, ... 100 %) of |x| over its non-zero inputs; zeros
        where all are zero. Empty for a graph without Conv2d layers.

    Raises:
        ProfileError: if the data do not fit the graph, or the split is empty.
        SpecError: if an image cannot be read.
    """
    require_images(dataset, Split.CALIBRATION)
    _check_frame(graph, dataset)
    total = min(images, dataset.count(Split.CALIBRATION))
    plan = conv_input_taps(graph)
    if not plan.taps:
        return {}
    model = write_model(graph, weights, taps=plan.taps)
    kept: dict[str, list[FloatArray]] = {tap: [] for tap in plan.taps}
    done = 0
    for step in _run_tapped(graph, model, plan, dataset, total):
        for place, tap in enumerate(plan.taps):
            for number, values in enumerate(step.taps[tap], done):
                rng = np.random.default_rng((seed, place, number))
                kept[tap].append(_sampled_magnitudes(values, rng))
        done += step.batch.labels.size
    levels = np.linspace(0.0, 1.0, QUANTILES)
    quantiles: dict[str, tuple[float, ...]] = {}
    for tap, parts in kept.items():
        magnitudes = np.concatenate(parts)
        values = np.quantile(magnitudes, levels) if magnitudes.size else np.zeros(QUANTILES)
        quantiles[tap] = tuple(float(value) for value in values)
    return {name: quantiles[tap] for name, tap in plan.conv_inputs.items()}


def _sampled_magnitudes(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    magnitudes: FloatArray = np.abs(values[values != 0])
    if magnitudes.size <= MAGNITUDES_PER_IMAGE:
        return magnitudes
    return np.asarray(magnitudes[rng.integers(0, magnitudes.size, MAGNITUDES_PER_IMAGE)])
