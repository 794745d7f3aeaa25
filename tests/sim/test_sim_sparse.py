"""Dynamic engines: drawn and traced segments, lanes that wait for each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from chain_networks import Chain, network
from hypothesis import HealthCheck, assume, given, settings
from profiles import dense_profile, random_profile
from sim_cases import DEVICE, fixed_pipelines, is_hasty, setup_of

from hass import ops
from hass.cost import EngineKind, Estimate, Folding, MemoryKind, as_arrays, estimate
from hass.cost.static_schedule import static_cycles
from hass.graph import Graph
from hass.prune import pruned_weights
from hass.sim.kernel import advance
from hass.sim.run import Setup, simulate
from hass.sim.trace import trace_source, weight_masks, window_masks
from hass.sim.work import profile_source
from hass.sparsity import SegmentHistogram, SparsityProfile
from hass.values import FeatureMap

WIDE = Folding(coarse_in=4, coarse_out=4)
CHAIN: Chain = [("conv", ops.Conv2d(16, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"])]
SOURCE = FeatureMap(12, 10, 8)


def _dynamic(lanes_in: int, lanes_out: int, fine: int, depth: int, *, packed: int = 1) -> Folding:
    return Folding(
        EngineKind.DYNAMIC,
        coarse_in=lanes_in,
        coarse_out=lanes_out,
        fine=fine,
        packed=packed,
        lane_fifo_depth=depth,
        weight_memory=MemoryKind.BRAM,
    )


def _folded(folding: Folding, profile: SparsityProfile | None) -> tuple[Graph, Estimate]:
    graph, _ = network(CHAIN, SOURCE)
    foldings = {layer.name: WIDE for layer in graph} | {"conv": folding}
    return graph, estimate(graph, foldings, DEVICE, profile=profile)


def _conv_cycles(graph: Graph, modelled: Estimate, setup: Setup) -> float:
    result = simulate(graph, modelled, setup)
    (cycles,) = (layer.simulated_cycles for layer in result.layers if layer.name == "conv")
    assert cycles is not None
    return cycles


@pytest.mark.parametrize("fine", [1, 2, 4, 9])
def test_without_zeros_a_dynamic_engine_takes_what_a_dense_one_does(fine: int) -> None:
    graph, _ = network(CHAIN, SOURCE)
    profile = dense_profile(graph)
    graph, modelled = _folded(_dynamic(2, 2, fine, 4), profile)
    setup = Setup(source=profile_source(graph, modelled, profile, 0))
    result = simulate(graph, modelled, setup)
    assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles


@pytest.mark.parametrize(("lanes_in", "lanes_out", "fine"), [(1, 1, 1), (2, 4, 2), (4, 2, 3)])
def test_a_static_engine_keeps_the_schedule_that_the_model_knows(
    lanes_in: int, lanes_out: int, fine: int
) -> None:
    graph, _ = network(CHAIN, SOURCE)
    profile = random_profile(graph, seed=3)
    folding = replace(_dynamic(lanes_in, lanes_out, fine, 1), engine=EngineKind.STATIC)
    graph, modelled = _folded(folding, profile)
    assert modelled.bottleneck == "conv"
    layer = graph["conv"]
    assert isinstance(layer.op, ops.Conv2d)
    counts = profile.layers["conv"].weight_counts
    exchanged = static_cycles(layer.op, counts, as_arrays([folding])).exchanged
    assert bool(exchanged[0]) == (lanes_out > 1)
    setup = Setup(source=profile_source(graph, modelled, profile, 0))
    result = simulate(graph, modelled, setup)
    assert result.simulated_frame_ii_cycles == modelled.frame_ii_cycles


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=fixed_pipelines())
def test_static_engines_among_dense_ones_keep_the_frame_ii(
    case: tuple[Graph, Estimate, SparsityProfile],
) -> None:
    graph, modelled, profile = case
    assume(not is_hasty(graph, modelled))
    source = profile_source(graph, modelled, profile, 0)
    setup = replace(setup_of(graph, modelled, frames=6), source=source)
    assert simulate(graph, modelled, setup).simulated_frame_ii_cycles == modelled.frame_ii_cycles


def test_one_lane_draws_the_measured_distribution() -> None:
    graph, _ = network(CHAIN, SOURCE)
    profile = random_profile(graph, seed=3)
    graph, modelled = _folded(_dynamic(1, 1, 2, 1), profile)
    setup = Setup(source=profile_source(graph, modelled, profile, 1))
    histogram = profile.layers["conv"].histogram(1)
    cycles = np.maximum(1, -(-np.arange(10) // 2))
    expected = float((histogram.probabilities() @ cycles).mean()) * 120 * 8 * 16
    # 46,080 segments, correlated ones among them
    assert _conv_cycles(graph, modelled, setup) == pytest.approx(expected, rel=0.02)


def _levelled(profile: SparsityProfile) -> SparsityProfile:
    """The same with the histograms of all channels alike."""
    layer = profile.layers["conv"]
    histograms = tuple(
        SegmentHistogram(h.packed, np.tile(h.counts.sum(axis=0), (len(h.counts), 1)))
        for h in layer.histograms
    )
    return replace(profile, layers={"conv": replace(layer, histograms=histograms)})


@pytest.mark.parametrize("depth", [1, 2, 8])
@pytest.mark.parametrize(("lanes_in", "lanes_out"), [(4, 1), (2, 4), (8, 2)])
def test_drawn_lanes_wait_as_long_as_the_model_says(
    lanes_in: int, lanes_out: int, depth: int, request: pytest.FixtureRequest
) -> None:
    if (lanes_in, lanes_out, depth) == (8, 2, 2):
        # 4,430 to 4,440 modelled, 4,299 to 4,350 simulated with six seeds; a count of fewer runs
        # came to 1.9 % by chance
        request.applymarker(pytest.mark.xfail(reason="2.3 % too slow", strict=True))
    graph, _ = network(CHAIN, SOURCE)
    profile = _levelled(random_profile(graph, seed=5, channels_apart=0.0))
    graph, modelled = _folded(_dynamic(lanes_in, lanes_out, 1, depth), profile)
    # of 4 frames alone, two seeds differ by 1 to 2 %
    setup = Setup(frames=24, source=profile_source(graph, modelled, profile, 1))
    cycles = _conv_cycles(graph, modelled, setup)
    # as tests/cost/test_waiting.py
    assert modelled.layers["conv"].frame_ii_cycles == pytest.approx(cycles, rel=0.02)


def test_lanes_of_unequal_channels_wait_no_longer_than_they_do() -> None:
    graph, _ = network(CHAIN, SOURCE)
    profile = random_profile(graph, seed=5)
    graph, modelled = _folded(_dynamic(8, 2, 1, 1), profile)
    setup = Setup(source=profile_source(graph, modelled, profile, 1))
    cycles = _conv_cycles(graph, modelled, setup)
    assert modelled.layers["conv"].frame_ii_cycles == pytest.approx(cycles, rel=0.02)


def test_a_seed_gives_the_same_run_again_and_the_plain_kernel_the_same_too() -> None:
    graph, _ = network(CHAIN, SOURCE)
    profile = random_profile(graph, seed=5)
    graph, modelled = _folded(_dynamic(2, 4, 2, 2), profile)
    source = profile_source(graph, modelled, profile, 1)
    setup = Setup(frames=2, source=source)
    first = simulate(graph, modelled, setup)
    assert simulate(graph, modelled, setup) == first
    assert simulate(graph, modelled, setup, advance=advance) == first
    other = Setup(frames=2, source=profile_source(graph, modelled, profile, 2))
    assert simulate(graph, modelled, other) != first


def test_masks_share_the_bits_of_the_active_products() -> None:
    rng = np.random.default_rng(0)
    op = ops.Conv2d(3, (3, 2), (2, 1), (1, 0, 1, 1))
    active = rng.random((2, 4, 7, 5)) < 0.5
    weights = np.where(rng.random((3, 4, 3, 2)) < 0.6, 1.0, 0.0).astype(np.float32)
    out = FeatureMap(4, 5, 3)
    windows = window_masks(active, op, 2, out)
    live = weight_masks(weights, 2)
    padded = np.pad(active, ((0, 0), (0, 0), (1, 1), (0, 1)))
    for position in range(out.pixels):
        row, column = divmod(position, 5)
        window = padded[:, :, 2 * row : 2 * row + 3, column : column + 2]
        for block in range(2):
            channels = slice(2 * block, 2 * block + 2)
            products = window[:, None, channels] & (weights[None, :, channels] != 0)
            shared = windows[:, None, position, block] & live[None, :, block]
            assert np.array_equal(np.bitwise_count(shared), products.sum(axis=(2, 3, 4)))


class _OneImage:
    """As much of a Dataset as a trace needs."""

    def __init__(self, image: npt.NDArray[np.float32]) -> None:
        _, channels, height, width = image.shape
        self.image, self.name = image, "one image"
        self.frame = FeatureMap(height, width, channels)

    def batches(self, split: object, size: int, limit: int) -> object:
        yield type("Batch", (), {"images": self.image})


@pytest.mark.parametrize("depth", [1, 3])
def test_traced_lanes_wait_as_a_recurrence_says(depth: int) -> None:
    rng = np.random.default_rng(4)
    graph, weights = network(CHAIN, SOURCE)
    profile = random_profile(graph, weights, seed=2)
    shape = (16, 8, 3, 3)
    live = np.where(rng.random(shape) < 0.5, weights["conv.weight"], 0.0)
    weights = weights.replace({"conv.weight": live})
    image = np.where(rng.random((1, 8, 12, 10)) < 0.5, 1.0, 0.0).astype(np.float32)
    folding = _dynamic(2, 4, 1, depth)
    graph, modelled = _folded(folding, profile)
    source = trace_source(
        graph,
        weights,
        modelled,
        profile,
        _OneImage(image),  # type: ignore[arg-type]
        images=1,
    )
    setup = Setup(frames=2, source=source)
    cycles = _conv_cycles(graph, modelled, setup)

    work = source.work
    acts = work.act_masks[:-1].reshape(120, 4, 2)
    dealt = work.weight_masks[:-1].reshape(4, 2, 4, 4)
    products = np.bitwise_count(acts[:, :, :, None, None] & dealt).reshape(480, 8, 4)
    assert products.sum() == _pairs(image[0], pruned_weights(weights, {})["conv.weight"])
    per_window = np.maximum(1, products).sum(axis=2).astype(np.int64)
    lanes = np.zeros(8, dtype=np.int64)
    done: list[int] = []
    for window in np.concatenate([per_window, per_window]):
        gate = done[-depth] if len(done) >= depth else 0
        lanes = np.maximum(lanes, gate) + window
        done.append(int(lanes.max()))
    assert 2 * cycles == done[-1]


def _pairs(image: npt.NDArray[np.float32], weights: npt.NDArray[np.float32]) -> int:
    padded = np.pad(image != 0, ((0, 0), (1, 1), (1, 1)))
    live = (weights != 0).sum(axis=0)
    total = 0
    for row in range(3):
        for column in range(3):
            active = padded[:, row : row + 12, column : column + 10].sum(axis=(1, 2))
            total += int((active * live[:, row, column]).sum())
    return total
