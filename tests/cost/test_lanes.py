"""Counted cycles of joined lanes against sums over the lanes that the simulator deals."""

from __future__ import annotations

import numpy as np
import pytest
from profiles import dense_layer_sparsity, random_layer_sparsity

from hass import ops
from hass.cost import EngineKind, Folding, MemoryKind
from hass.cost.lanes import lane_cycles, sampled_cycles
from hass.sim.dealing import dealt_blocks, dealt_filters
from hass.snake import folded, snake_deal
from hass.sparsity import LayerSparsity, SegmentHistogram, WindowSample
from hass.values import FeatureMap

OP = ops.Conv2d(12, (3, 2), groups=2)
SOURCE = FeatureMap(9, 7, 16)


def test_channels_are_dealt_so_that_lanes_balance() -> None:
    rates = np.array([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    assert rates[snake_deal(rates, 2)].sum(axis=0).tolist() == [18.0, 18.0]


@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 6, 8, 12])
def test_lanes_folded_are_lanes_dealt(lanes: int) -> None:
    rates = np.random.default_rng(0).random(24).astype(np.float32)
    dealt = rates[snake_deal(rates, 24)].reshape(1, 24, 1)
    half = folded(dealt, 12, 1)
    for lanes_before in (dealt, half) if lanes < 12 and 12 % lanes == 0 else (dealt,):
        joined = folded(lanes_before, lanes, 1).reshape(-1)
        assert joined == pytest.approx(rates[snake_deal(rates, lanes)].sum(axis=0))


def _directly(sparsity: LayerSparsity, folding: Folding) -> tuple[float, float, float]:
    """Cycles per segment of lanes joined after every window, every position, never."""
    histogram = sparsity.histogram(folding.packed)
    moved = sampled_cycles(sparsity.sample, histogram, OP.groups, folding.fine)
    products = sparsity.sample.segments(OP.groups, folding.packed)
    cycles = np.maximum(1, -(-products // folding.fine))
    filters = cycles.shape[3]
    blocks = dealt_blocks(OP, folding, sparsity)
    own = dealt_filters(OP, folding, sparsity, blocks) % filters

    def lanes_of(segments: np.ndarray) -> np.ndarray:
        by_block = segments.reshape(len(segments), -1, filters)
        return np.asarray(by_block[:, blocks[:, :, None, None], own].sum(axis=4))

    lanes, of_means = lanes_of(cycles), lanes_of(moved.mean(axis=0, keepdims=True))
    work = lanes.shape[1] * own.shape[3]
    ratio = moved.mean() / cycles.mean()
    windows = float(lanes.max(axis=(2, 3)).sum(axis=1).mean() / work * ratio)
    positions = float(lanes.sum(axis=1).max(axis=(1, 2)).mean() / work * ratio)
    never = float(of_means.sum(axis=1).max() / work)
    return max(windows, never), max(positions, never), never


@pytest.mark.parametrize("fine", [1, 2, 5])
@pytest.mark.parametrize(
    ("lanes_in", "lanes_out", "together", "packed"),
    [(1, 1, 1, 1), (4, 1, 1, 1), (1, 6, 1, 2), (2, 3, 2, 1), (2, 2, 1, 4), (8, 6, 2, 1)],
)
def test_lanes_take_what_the_sample_says(
    lanes_in: int, lanes_out: int, together: int, packed: int, fine: int
) -> None:
    sparsity = random_layer_sparsity(OP, SOURCE, np.random.default_rng(1))
    histogram = sparsity.histogram(packed)
    counted = lane_cycles(sparsity.sample, histogram, sparsity.filter_rates, OP.groups, fine)
    place = (
        counted.outs.tolist().index(lanes_out),
        counted.ins.tolist().index(lanes_in),
        counted.groups.tolist().index(together),
        fine - 1,
    )
    folding = Folding(
        EngineKind.DYNAMIC, lanes_in, lanes_out, together, fine, packed, 1, MemoryKind.BRAM
    )
    found = counted.windows[place], counted.positions[place], counted.never[place]
    # single precision
    assert found == pytest.approx(_directly(sparsity, folding), rel=1e-5)
    assert counted.mean[fine - 1] <= found[2] <= found[1] <= found[0]


def test_lanes_without_zeros_take_what_dense_ones_take() -> None:
    sparsity = dense_layer_sparsity(OP, SOURCE)
    counted = lane_cycles(
        sparsity.sample, sparsity.histogram(2), sparsity.filter_rates, OP.groups, 12
    )
    dense = np.ceil(12 / np.arange(1, 13))
    for found in (counted.windows, counted.positions, counted.never):
        assert (found == dense).all()
    assert (counted.mean == dense).all()


def test_a_sample_of_some_filters_says_of_so_many_lanes() -> None:
    sparsity = random_layer_sparsity(OP, SOURCE, np.random.default_rng(1))
    some = WindowSample((0, 2, 3), sparsity.sample.counts[:, :, [0, 2, 3]])
    counted = lane_cycles(some, sparsity.histogram(1), sparsity.filter_rates, OP.groups, 2)
    assert counted.outs.tolist() == [1, 3]
    assert counted.mean == pytest.approx(
        lane_cycles(
            sparsity.sample, sparsity.histogram(1), sparsity.filter_rates, OP.groups, 2
        ).mean
    )


def test_few_positions_are_right_on_average() -> None:
    """Lanes that often take equally long: with every block moved to its histogram's mean before
    lanes are joined, they took 2.2 % too long."""
    rng = np.random.default_rng(5)
    rates = rng.uniform(0.05, 0.2, 32)
    image = rng.lognormal(0.0, 0.4, (4096, 1))  # what the channels of a position have in common
    products = rng.binomial(16, np.minimum(rates * image, 1.0))
    counts = np.stack([np.bincount(block, minlength=17) for block in products.T])
    histogram = SegmentHistogram(1, counts)
    rate = np.maximum(1, products).mean(axis=0)
    dealt = np.maximum(1, -(-products // 3))[:, snake_deal(rate, 4)]
    expected = dealt.max(axis=2).mean()
    found = []
    for _ in range(100):
        some = products[rng.integers(0, 4096, 12)][:, :, None]
        counted = lane_cycles(WindowSample((0,), some), histogram, (1.0,), 1, 3)
        found.append(counted.windows[0, counted.ins.tolist().index(4), 0, 2])
    # their standard error is 0.24 %
    assert np.mean(found) == pytest.approx(expected, rel=0.005)
