"""What a meter counts, against a convolution of zero masks written out in loops."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hass import ops
from hass.measure.meter import LAG_FILTERS, LayerMeter
from hass.measure.position_work import live_filters, position_products
from hass.measure.products import packings
from hass.measure.sampling import TOGETHER_COUNTS, TOGETHER_LEAST_POSITIONS
from hass.shapes import output_map
from hass.values import FeatureMap


@st.composite
def layers(draw: st.DrawFn) -> tuple[ops.Conv2d, FeatureMap]:
    """Non-square, strided, padded, dilated, grouped and depthwise layers."""
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 4)))
    groups, per_group, filters = draw(
        st.tuples(st.sampled_from([1, 1, 2, 3]), st.sampled_from([1, 2, 4, 6]), st.integers(1, 3))
    )
    op = ops.Conv2d(
        groups * filters,
        kernel,
        draw(st.tuples(st.integers(1, 3), st.integers(1, 2))),
        draw(st.tuples(*[st.integers(0, 2)] * 4)),
        groups,
        draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 2), (3, 2)])),
    )
    height, width = (draw(st.integers(size, max(size, 7))) for size in op.extent)
    return op, FeatureMap(height, width, groups * per_group)


def brute_counts(active: np.ndarray, live: np.ndarray, op: ops.Conv2d) -> np.ndarray:
    """Active products (channels, filters per group, images, rows, columns), by definition."""
    top, left, bottom, right = op.pads
    padded = np.pad(active, ((0, 0), (0, 0), (top, bottom), (left, right)))
    height = (padded.shape[2] - op.extent[0]) // op.stride[0] + 1
    width = (padded.shape[3] - op.extent[1]) // op.stride[1] + 1
    per_group, filters = live.shape[1], live.shape[0] // op.groups
    result = np.zeros((active.shape[1], filters, len(active), height, width), dtype=int)
    for channel in range(active.shape[1]):
        group, inside = divmod(channel, per_group)
        for number in range(filters):
            weights = live[group * filters + number, inside]
            for y in range(height):
                for x in range(width):
                    row, column = y * op.stride[0], x * op.stride[1]
                    window = padded[
                        :,
                        channel,
                        row : row + op.extent[0] : op.dilation[0],
                        column : column + op.extent[1] : op.dilation[1],
                    ]
                    result[channel, number, :, y, x] = (window & weights).sum(axis=(1, 2))
    return result


def measured(op, source, weights, inputs, seed=0, batch=2):
    out = output_map(op, [source])
    meter = LayerMeter("layer", op, source, out, weights, len(inputs), seed)
    for start in range(0, len(inputs), batch):
        meter.add(inputs[start : start + batch] != 0)
    return meter.result()


def sparse_arrays(op, source, images, density, seed):
    rng = np.random.default_rng(seed)
    shape = (op.out_channels, source.channels // op.groups, *op.kernel)
    weights = np.where(rng.random(shape) < density, rng.standard_normal(shape), 0)
    frames = (images, source.channels, source.height, source.width)
    inputs = np.where(rng.random(frames) < density, rng.standard_normal(frames), 0)
    return weights.astype(np.float32), inputs.astype(np.float32)


def differing_filters(weights: np.ndarray, op: ops.Conv2d) -> int:
    """1 where all filters of a group have their zeros in the same places."""
    live = (weights != 0).reshape(op.groups, -1, *weights.shape[1:])
    return 1 if (live == live[:, :1]).all() else live.shape[1]


@settings(max_examples=60, deadline=None)
@given(layers(), st.integers(1, 3), st.sampled_from([0.2, 0.5, 0.9]), st.integers(0, 999))
def test_all_positions_sampled_equals_brute_force(layer, images, density, seed) -> None:
    op, source = layer
    weights, inputs = sparse_arrays(op, source, images, density, seed)
    result = measured(op, source, weights, inputs)
    counts = brute_counts(inputs != 0, weights != 0, op)
    taps, per_group = op.kernel[0] * op.kernel[1], source.channels // op.groups
    times = counts.shape[1] // differing_filters(weights, op)
    assert result.sampled_positions == counts[0, 0].size
    assert result.weight_density == (weights != 0).mean()
    assert result.act_density == (inputs != 0).mean()
    assert result.pair_density == pytest.approx(counts.sum() / (counts.size * taps), abs=1e-12)
    assert [h.packed for h in result.histograms] == list(packings(per_group, op.kernel))
    for histogram in result.histograms:
        blocks = counts.reshape(-1, histogram.packed, *counts.shape[1:]).sum(axis=1)
        for row, block in zip(histogram.counts, blocks, strict=True):
            expected = np.bincount(block.reshape(-1), minlength=histogram.packed * taps + 1)
            assert np.array_equal(row * times, expected)
    grouped = counts.reshape(op.groups, per_group, *counts.shape[1:])
    pairs = grouped.sum(axis=(1, 3, 4, 5)).reshape(-1).astype(float)
    rates = pairs / pairs.mean() if pairs.any() else np.ones(op.out_channels)
    assert result.filter_rates == pytest.approx(rates)
    per_image = counts.sum(axis=(0, 1, 3, 4)) * images / (counts.size * taps)
    spread = per_image.std(ddof=1) / np.sqrt(images) if images > 1 else 0.0
    assert result.pair_density_stderr == pytest.approx(spread, abs=1e-12)


@given(layers(), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_lag1_is_the_correlation_of_neighbours(layer, seed) -> None:
    op, source = layer
    weights, inputs = sparse_arrays(op, source, 2, 0.5, seed)
    counts = brute_counts(inputs != 0, weights != 0, op)[:, :LAG_FILTERS].astype(float)
    work = (counts - counts.mean(axis=(0, 1))).reshape(-1, *counts.shape[2:])  # what sets apart
    pairs = work.shape[-1] // 2 * 2
    left, right = (work[..., k:pairs:2].reshape(len(work), -1).astype(float) for k in (0, 1))
    left, right = (v - v.mean(axis=1, keepdims=True) if v.size else v for v in (left, right))
    variance = (left**2).sum() * (right**2).sum()
    expected = (left * right).sum() / np.sqrt(variance) if variance > 1e-9 else 0.0
    result = measured(op, source, weights, inputs)
    assert result.lag1_correlation == pytest.approx(expected, abs=1e-9)


@given(layers())
@settings(max_examples=30, deadline=None)
def test_density_one_without_pads_puts_every_segment_at_m(layer) -> None:
    padded, source = layer
    op = ops.Conv2d(padded.out_channels, padded.kernel, padded.stride, groups=padded.groups)
    weights = np.ones((op.out_channels, source.channels // op.groups, *op.kernel), np.float32)
    inputs = np.ones((2, source.channels, source.height, source.width), np.float32)
    result = measured(op, source, weights, inputs)
    assert (result.weight_density, result.act_density, result.pair_density) == (1.0, 1.0, 1.0)
    for histogram in result.histograms:
        assert (histogram.counts[:, :-1] == 0).all()
    assert set(result.filter_rates) == {1.0}
    assert result.lag1_correlation == 0.0


@settings(max_examples=30, deadline=None)
@given(layers(), st.integers(1, 3), st.integers(0, 99))
def test_the_sample_has_windows_of_one_position_together(layer, images, seed) -> None:
    op, source = layer
    weights, inputs = sparse_arrays(op, source, images, 0.5, seed)
    sample = measured(op, source, weights, inputs).sample
    counts = brute_counts(inputs != 0, weights != 0, op)
    filters = op.out_channels // op.groups
    assert len(sample.filters) == differing_filters(weights, op)
    counts = counts[:, list(sample.filters)]
    assert sample.filters == tuple(range(filters)) or len(sample.filters) == 1
    seen = counts.reshape(*counts.shape[:2], -1).transpose(2, 0, 1)
    for position in sample.counts:
        assert (seen == position).all(axis=(1, 2)).any()


def test_of_wide_layers_the_sample_has_some_filters_at_enough_positions() -> None:
    op, source = ops.Conv2d(96, (1, 1)), FeatureMap(6, 6, 1024)
    weights, inputs = sparse_arrays(op, source, 8, 0.5, 0)
    sample = measured(op, source, weights, inputs).sample
    assert sample.counts.shape == (10, 1024, 12)  # 12 has more divisors than 16
    assert TOGETHER_LEAST_POSITIONS == 8 and sample.counts.size <= TOGETHER_COUNTS
    assert len(np.unique(sample.counts.reshape(10, -1), axis=0)) == 10


@pytest.mark.parametrize("alike", ["no zeros", "the same zeros"])
def test_of_filters_that_are_alike_one_is_taken_at_more_positions(alike) -> None:
    op, source = ops.Conv2d(96, (1, 1)), FeatureMap(6, 6, 1024)
    weights, inputs = sparse_arrays(op, source, 8, 0.5, 0)
    weights[:] = np.ones_like(weights) if alike == "no zeros" else weights[:1]
    result = measured(op, source, weights, inputs)
    counts = result.sample.counts
    assert counts.shape == (TOGETHER_COUNTS // 1024, 1024, 1)
    assert counts.mean() == pytest.approx(result.pair_density, rel=0.02)
    assert {int(h.counts.sum(axis=1)[0]) for h in result.histograms} == {8 * 6 * 6}


@pytest.mark.parametrize(("kept", "expected"), [(1.0, 1.0), (0.0, 0.0), (0.5, 0.25)])
def test_frame_correlation_is_the_share_of_variance_between_images(kept, expected) -> None:
    """A channel's words are one number of its image, with probability ``kept``, or each its own:
    correlated as the square of that."""
    rng = np.random.default_rng(0)
    shape = (64, 8, 12, 10)
    common = np.broadcast_to(rng.random((64, 8, 1, 1)) < 0.5, shape)
    inputs = np.where(rng.random(shape) < kept, common, rng.random(shape) < 0.5)
    weights = np.ones((1, 8, 1, 1), np.float32)
    result = measured(ops.Conv2d(1, (1, 1)), FeatureMap(12, 10, 8), weights, inputs.astype("f4"))
    # of 64 images, each channel's own; a mean of 120 words has 1 / 120 of one's variance by chance
    assert result.frame_correlation == pytest.approx(expected, abs=0.06)
    assert result.lag1_correlation == pytest.approx(expected, abs=0.06)


@settings(max_examples=20, deadline=None)
@given(layers(), st.integers(1, 3), st.integers(0, 99))
def test_activations_are_measured_as_products_of_weights_without_zeros(layer, images, seed) -> None:
    op, source = layer
    weights, inputs = sparse_arrays(op, source, images, 0.5, seed)
    found = measured(op, source, weights, inputs, seed).acts
    every = measured(op, source, np.ones_like(weights), inputs, seed)
    assert found.density == pytest.approx(every.pair_density, abs=1e-12)
    for one, other in zip(found.histograms, every.histograms, strict=True):
        np.testing.assert_allclose(one.probabilities(), other.probabilities())
    assert found.lag1_correlation == pytest.approx(every.lag1_correlation, abs=1e-9)
    assert found.frame_correlation == pytest.approx(every.frame_correlation, abs=1e-9)
    assert found.work == every.work
    live = np.ones((op.groups, source.channels // op.groups, *op.kernel), dtype=bool)
    windows = brute_counts(inputs != 0, live, op).reshape(source.channels, -1).T
    seen = {tuple(row) for row in windows.tolist()}
    assert found.sample.filters == (0,)
    assert {tuple(row) for row in found.sample.counts[..., 0].tolist()} <= seen


def test_one_image_has_no_frame_correlation() -> None:
    op, source = ops.Conv2d(2, (2, 2)), FeatureMap(5, 5, 2)
    assert measured(op, source, *sparse_arrays(op, source, 1, 0.5, 0)).frame_correlation == 0.0


def test_weight_counts_are_exact_and_need_no_image() -> None:
    op, source = ops.Conv2d(6, (2, 3), groups=2), FeatureMap(5, 6, 8)
    weights = np.random.default_rng(0).integers(0, 2, (6, 4, 2, 3)).astype(np.float32)
    found = measured(op, source, weights, np.ones((1, 8, 5, 6), np.float32)).weight_counts
    assert found.taps == 6
    assert found.counts.tolist() == [[int(w.sum()) for w in row] for row in weights]
    pairs = [[int(row[c : c + 2].sum()) for c in (0, 2)] for row in weights]
    assert found.segments(2).tolist() == pairs


def test_sampled_counts_agree_with_the_exact_density() -> None:
    op = ops.Conv2d(24, (3, 3), (1, 1), (1, 1, 1, 1))
    source = FeatureMap(33, 47, 8)
    weights, inputs = sparse_arrays(op, source, 6, 0.5, 1)
    result = measured(op, source, weights, inputs)
    assert result.sampled_positions < 6 * 33 * 47
    for histogram in result.histograms:
        products = np.arange(histogram.segment_products + 1)
        mean = (histogram.probabilities() @ products).mean() / histogram.segment_products
        assert mean == pytest.approx(result.pair_density, abs=0.01)
        assert len(set(histogram.counts.sum(axis=1))) == 1


def test_batches_of_any_size_give_the_same_result() -> None:
    op, source = ops.Conv2d(16, (3, 3)), FeatureMap(40, 31, 4)
    weights, inputs = sparse_arrays(op, source, 5, 0.4, 2)
    results = [measured(op, source, weights, inputs, batch=size) for size in (1, 2, 5)]
    assert results[0] == results[1] == results[2]


def test_the_seed_changes_the_sample_and_nothing_exact() -> None:
    op, source = ops.Conv2d(16, (3, 3)), FeatureMap(60, 61, 2)
    weights, inputs = sparse_arrays(op, source, 3, 0.4, 2)
    first, second = (measured(op, source, weights, inputs, seed=seed) for seed in (0, 1))
    assert first.histograms != second.histograms
    assert first.pair_density == second.pair_density
    assert first.filter_rates == second.filter_rates


def test_memory_does_not_grow_with_the_images() -> None:
    op, source = ops.Conv2d(16, (3, 3), (1, 1), (1, 1, 1, 1)), FeatureMap(48, 48, 32)
    weights, inputs = sparse_arrays(op, source, 8, 0.5, 4)
    active = inputs != 0

    def peak_bytes(repeats: int) -> int:
        meter = LayerMeter("layer", op, source, output_map(op, [source]), weights, 256, 0)
        tracemalloc.start()
        for _ in range(repeats):
            meter.add(active.copy())
        meter.result()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, many = peak_bytes(2), peak_bytes(32)
    assert many < 1.2 * few


def test_windows_of_more_than_255_products() -> None:
    op, source = ops.Conv2d(3, (20, 17)), FeatureMap(20, 17, 2)
    weights, inputs = sparse_arrays(op, source, 2, 0.95, 3)
    result = measured(op, source, weights, inputs)
    counts = brute_counts(inputs != 0, weights != 0, op)
    assert [h.packed for h in result.histograms] == [1]
    for row, block in zip(result.histograms[0].counts, counts, strict=True):
        assert np.array_equal(row, np.bincount(block.reshape(-1), minlength=341))


@settings(max_examples=30, deadline=None)
@given(layers(), st.integers(0, 10**6))
def test_products_of_positions_are_those_of_all_windows(layer, seed) -> None:
    op, source = layer
    rng = np.random.default_rng(seed)
    active = rng.random((2, source.channels, source.height, source.width)) < 0.6
    live = rng.random((op.out_channels, source.channels // op.groups, *op.kernel)) < 0.7
    out = output_map(op, (source,))
    found = position_products(active, op, out, live_filters(live.astype(np.float32), op.groups))
    expected = brute_counts(active, live, op).sum(axis=(0, 1)).reshape(2, -1)
    np.testing.assert_array_equal(found, expected)
