"""Random and dense sparsity values for tests of what comes after measuring; nothing is run.

The histograms of a layer are consistent: those of several packings count the same windows.
"""

from __future__ import annotations

import numpy as np

from hass import ops
from hass.graph import Graph, Weights
from hass.intmath import divisors
from hass.sparsity import (
    NO_CLIPS,
    ActSparsity,
    LayerSparsity,
    SegmentHistogram,
    Settings,
    SparsityProfile,
    WeightCounts,
    WindowSample,
)
from hass.values import FeatureMap

TOGETHER = 64  # positions of the sample of windows
MOST_PRODUCTS = 64  # as measured profiles: several channels per segment up to this many products


def random_layer_sparsity(
    op: ops.Conv2d,
    source: FeatureMap,
    rng: np.random.Generator,
    *,
    weight_density: float = 0.7,
    act_density: float = 0.6,
    segments: int = 256,
    channels_apart: float = 0.5,
) -> LayerSparsity:
    """A layer whose channels and filters differ, with about the given densities; channels by up to
    ``channels_apart`` of what is left to 0 or 1."""
    taps, per_group = op.kernel[0] * op.kernel[1], source.channels // op.groups
    filters = op.out_channels // op.groups
    rates = _around(act_density, source.channels, rng, channels_apart)
    active = rng.random((source.channels, segments, taps)) < rates[:, None, None]
    dense = _around(weight_density, op.out_channels, rng).reshape(op.groups, filters, 1, 1)
    weights = rng.random((op.groups, filters, per_group, taps)) < dense
    chosen = weights[:, rng.integers(0, filters, segments)].swapaxes(1, 2)
    counts = (active & chosen.reshape(source.channels, segments, taps)).sum(axis=2)
    together = np.einsum(
        "gcst,gfct->sgcf",
        active.reshape(op.groups, per_group, segments, taps)[:, :, :TOGETHER].astype(np.int64),
        weights.astype(np.int64),
    )
    alone = active.sum(axis=2)
    alike = float(rng.uniform(0.0, 0.6))
    relative = together.sum(axis=(0, 2)).reshape(-1) + 1e-9
    return LayerSparsity(
        weight_density=float(weights.mean()),
        act_density=float(active.mean()),
        pair_density=float(counts.mean() / taps),
        histograms=_histograms(counts, per_group, taps),
        filter_rates=tuple((relative / relative.mean()).tolist()),
        lag1_correlation=alike,
        frame_correlation=0.0,
        sampled_positions=segments,
        pair_density_stderr=0.0,
        weight_counts=WeightCounts(taps, weights.sum(axis=3).reshape(-1, per_group)),
        sample=WindowSample(tuple(range(filters)), together.reshape(-1, source.channels, filters)),
        acts=_acts(alone, per_group, taps, alike),
    )


def _acts(counts: np.ndarray, per_group: int, taps: int, alike: float) -> ActSparsity:
    """Of (channels, segments) activations that are not zero."""
    return ActSparsity(
        density=float(counts.mean() / taps),
        histograms=_histograms(counts, per_group, taps),
        lag1_correlation=alike,
        frame_correlation=0.0,
        sample=WindowSample((0,), counts[:, :TOGETHER].T[..., None]),
    )


def dense_layer_sparsity(op: ops.Conv2d, source: FeatureMap) -> LayerSparsity:
    """A layer without a single zero: every segment has M active products."""
    taps = op.kernel[0] * op.kernel[1]
    counts = np.full((source.channels, 4), taps)
    weights = np.full((op.out_channels, source.channels // op.groups), taps)
    return LayerSparsity(
        weight_density=1.0,
        act_density=1.0,
        pair_density=1.0,
        histograms=_histograms(counts, source.channels // op.groups, taps),
        filter_rates=(1.0,) * op.out_channels,
        lag1_correlation=0.0,
        frame_correlation=0.0,
        sampled_positions=4,
        pair_density_stderr=0.0,
        weight_counts=WeightCounts(taps, weights),
        sample=WindowSample(
            tuple(range(op.out_channels // op.groups)),
            np.full((4, source.channels, op.out_channels // op.groups), taps),
        ),
        acts=_acts(counts, source.channels // op.groups, taps, 0.0),
    )


def random_profile(
    graph: Graph,
    weights: Weights | None = None,
    *,
    seed: int = 0,
    weight_density: float = 0.7,
    act_density: float = 0.6,
    channels_apart: float = 0.5,
    settings: Settings = NO_CLIPS,
) -> SparsityProfile:
    """A profile of a graph; without weights its weights digest is zeros."""
    rng = np.random.default_rng(seed)
    layers = {
        layer.name: random_layer_sparsity(
            layer.op,
            graph.in_maps(layer.name)[0],
            rng,
            weight_density=weight_density,
            act_density=act_density,
            channels_apart=channels_apart,
        )
        for layer in graph.convs
        if isinstance(layer.op, ops.Conv2d)
    }
    return _profile(graph, weights, layers, settings)


def dense_profile(graph: Graph, weights: Weights | None = None) -> SparsityProfile:
    """A profile of a graph in which nothing is zero."""
    layers = {
        layer.name: dense_layer_sparsity(layer.op, graph.in_maps(layer.name)[0])
        for layer in graph.convs
        if isinstance(layer.op, ops.Conv2d)
    }
    return _profile(graph, weights, layers, NO_CLIPS)


def _profile(
    graph: Graph, weights: Weights | None, layers: dict[str, LayerSparsity], settings: Settings
) -> SparsityProfile:
    return SparsityProfile(
        graph_digest=graph.digest,
        weights_digest="0" * 64 if weights is None else weights.digest,
        data_digest="0" * 64,
        settings=settings,
        layers=layers,
        output_max_abs={layer.name: 1.0 for layer in graph},
        accuracy=None,
    )


def _around(mean: float, count: int, rng: np.random.Generator, apart: float = 0.5) -> np.ndarray:
    """Rates that differ by up to a share of what is left to 0 or 1."""
    return mean + rng.uniform(-apart, apart, count) * min(mean, 1.0 - mean)


def _histograms(counts: np.ndarray, per_group: int, taps: int) -> tuple[SegmentHistogram, ...]:
    """Of (channels, segments) active products per channel."""
    result = []
    for packed in divisors(per_group):
        if packed > 1 and packed * taps > MOST_PRODUCTS:
            continue
        blocks = counts.reshape(-1, packed, counts.shape[1]).sum(axis=1)
        rows = [np.bincount(block, minlength=packed * taps + 1) for block in blocks]
        result.append(SegmentHistogram(packed, np.stack(rows)))
    return tuple(result)
