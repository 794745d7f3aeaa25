"""The waiting term against a Monte Carlo of fork-joined lanes with bounded run-ahead."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest

from hass.cost import EngineKind, Folding, MemoryKind, as_arrays
from hass.cost.waiting import joined_segment_cycles, snake_lane_means
from hass.sparsity import LayerSparsity, SegmentHistogram

# Of the mean cycles per segment. First-order term: independent lanes, one fit for all (the fit's
# own residuals reach 2 % at r = 0 and 6 % at r = 0.57 over the grid it was made on).
TOLERANCE = {0.0: 0.03, 0.6: 0.06}


def simulated(cycles: npt.NDArray[np.float64], depth: int) -> float:
    """Mean cycles per segment when no lane starts segment n before all finished n - depth."""
    lanes = np.zeros(cycles.shape[1])
    done = np.zeros(len(cycles))
    for index, segment in enumerate(cycles):
        gate = done[index - depth] if index >= depth else 0.0
        lanes = np.maximum(lanes, gate) + segment
        done[index] = lanes.max()
    return float(done[-1] / len(cycles))


def correlated_products(
    rng: np.random.Generator, density: float, products: int, lanes: int, correlation: float
) -> npt.NDArray[np.int64]:
    """(6000, lanes) numbers of active products; each product a thresholded AR(1) process."""

    level = NormalDist().inv_cdf(density)
    state = rng.standard_normal((lanes, products))
    result = np.empty((6000, lanes), dtype=np.int64)
    noise = np.sqrt(1 - correlation**2)
    for index in range(6000):
        result[index] = (state < level).sum(axis=1)
        state = correlation * state + noise * rng.standard_normal((lanes, products))
    return result


@pytest.mark.parametrize("correlation", [0.0, 0.6])
@pytest.mark.parametrize(("density", "products", "fine"), [(0.5, 9, 1), (0.5, 9, 2), (0.3, 16, 2)])
@pytest.mark.parametrize("lanes", [4, 16])
def test_joined_lanes_take_what_the_simulation_takes(
    density: float, products: int, fine: int, lanes: int, correlation: float
) -> None:
    rng = np.random.default_rng(lanes * 100 + products)
    active = correlated_products(rng, density, products, lanes, correlation)
    cycles = np.maximum(1, -(-active // fine)).astype(np.float64)
    lag1 = float(np.corrcoef(active[:-1].ravel(), active[1:].ravel())[0, 1])
    counts = np.bincount(active.ravel(), minlength=products + 1)[None, :].repeat(lanes, axis=0)
    sparsity = LayerSparsity(
        1.0, density, density, (SegmentHistogram(1, counts),), (1.0,), lag1, 6000, 0.0
    )
    for depth in (1, 2, 4, 16):
        folding = Folding(
            EngineKind.DYNAMIC,
            coarse_in=lanes,
            fine=fine,
            lane_fifo_depth=depth,
            weight_memory=MemoryKind.BRAM,
        )
        modelled = float(joined_segment_cycles(sparsity, as_arrays([folding]))[0])
        assert modelled == pytest.approx(simulated(cycles, depth), rel=TOLERANCE[correlation])


def test_channels_are_dealt_so_that_lanes_balance() -> None:
    rates = np.array([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    lanes = snake_lane_means(rates, rates[:, None], 2)[:, 0]
    assert lanes.tolist() == [4.5, 4.5]
    neighbours = rates.reshape(2, 4).mean(axis=1)
    assert lanes.max() < neighbours.max()
