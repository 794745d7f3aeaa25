"""The waiting term against a Monte Carlo of fork-joined lanes with bounded run-ahead."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest

from hass.cost import EngineKind, Folding, MemoryKind, as_arrays
from hass.cost.alike import mean_share
from hass.cost.waiting import joined_segment_cycles
from hass.ops import Conv2d
from hass.sparsity import LayerSparsity, SegmentHistogram, WeightCounts, WindowSample

WINDOWS = 2_400
TAPS = 9


@dataclass(frozen=True, slots=True)
class Case:
    """lanes_in x lanes_out lanes, ``filters`` per lane, ``blocks`` channels per lane."""

    lanes_in: int
    lanes_out: int
    filters: int
    blocks: int
    act_density: float
    weight_density: float
    fine: int
    correlation: float
    tolerance: float  # of the mean cycles per segment


CASES = [
    Case(1, 8, 4, 4, 0.5, 1.0, 1, 0.0, 0.005),  # shared windows, no zero weights: no waiting
    Case(4, 1, 1, 1, 0.5, 1.0, 1, 0.0, 0.01),
    Case(4, 1, 1, 1, 0.5, 1.0, 2, 0.6, 0.005),
    Case(16, 1, 1, 1, 0.5, 1.0, 2, 0.0, 0.01),
    Case(8, 4, 4, 4, 0.4, 1.0, 1, 0.8, 0.04),
    Case(4, 4, 4, 4, 0.6, 0.5, 1, 0.5, 0.01),
    Case(2, 8, 2, 8, 0.8, 0.4, 2, 0.5, 0.01),
    Case(64, 1, 1, 1, 0.5, 1.0, 2, 0.0, 0.01),
    Case(16, 8, 1, 1, 0.5, 0.6, 2, 0.5, 0.02),
    Case(4, 32, 1, 4, 0.5, 0.5, 3, 0.7, 0.015),
    Case(2, 64, 1, 16, 0.5, 0.5, 3, 0.8, 0.015),
]


# Zero weights that are drawn anew add products without a correlation; lag 1 alone, smaller for it,
# does not say that what is correlated falls as slowly as it does: -2.04 % and -2.40 %.
MISSED = {(8, 2), (8, 4)}


def windows_of(
    case: Case, rng: np.random.Generator, *, weights_stay: bool = False
) -> npt.NDArray[np.int64]:
    """(windows, lanes_in, lanes_out, filters) active products; one window is one channel of one
    position; a channel's zeros follow an AR(1) process along the positions. Zero weights are drawn
    anew for every window, so that no lane is slower in the long run: imbalance is another term; or
    they stay, as those of a network do."""
    level = NormalDist().inv_cdf(case.act_density)
    positions = WINDOWS // case.blocks
    state = rng.standard_normal((case.blocks, case.lanes_in, TAPS))
    noise = np.sqrt(1 - case.correlation**2)
    shape = (case.blocks, case.lanes_in, case.lanes_out, case.filters, TAPS)
    result = np.empty((positions, *shape[:-1]), dtype=np.int64)
    for index in range(positions):
        active = (state < level)[:, :, None, None, :]
        if index == 0 or not weights_stay:
            weights = rng.random(shape) < case.weight_density
        result[index] = (active & weights).sum(axis=-1)
        state = case.correlation * state + noise * rng.standard_normal(state.shape)
    return result.reshape(-1, *shape[1:-1])


def simulated(work: npt.NDArray[np.int64], depth: int) -> float:
    """Cycles per window when no lane starts window n before all finished window n - depth."""
    lanes = np.zeros(work.shape[1])
    done = np.zeros(len(work))
    for index, window in enumerate(work):
        gate = done[index - depth] if index >= depth else 0.0
        lanes = np.maximum(lanes, gate) + window
        done[index] = lanes.max()
    return float(done[-1] / len(work))


def measured(case: Case, active: npt.NDArray[np.int64]) -> LayerSparsity:
    """What a profile would say of these windows: per channel, per filter, lag 1."""
    per_channel = active.reshape(-1, case.blocks, case.lanes_in, case.lanes_out * case.filters)
    channels = per_channel.transpose(2, 1, 0, 3).reshape(case.lanes_in * case.blocks, -1)
    counts = np.stack([np.bincount(c, minlength=TAPS + 1) for c in channels])
    rates = active.mean(axis=(0, 1)).reshape(-1)
    pairs = per_channel - per_channel.mean(axis=0)
    lag1 = float((pairs[:-1] * pairs[1:]).sum() / (pairs**2).sum()) if pairs.any() else 0.0
    together = per_channel.transpose(0, 2, 1, 3).reshape(len(per_channel), len(channels), -1)
    return LayerSparsity(
        weight_density=case.weight_density,
        act_density=case.act_density,
        pair_density=case.act_density * case.weight_density,
        histograms=(SegmentHistogram(1, counts),),
        filter_rates=tuple(float(r) for r in rates / rates.mean()),
        lag1_correlation=lag1,
        frame_correlation=0.0,
        sampled_positions=len(per_channel),
        pair_density_stderr=0.0,
        weight_counts=WeightCounts(TAPS, np.full((len(rates), len(channels)), TAPS)),
        sample=WindowSample(tuple(range(len(rates))), together),
    )


def _errors(case: Case, active: npt.NDArray[np.int64], depth: int) -> float:
    """Modelled against simulated cycles, relative."""
    cycles = np.maximum(1, -(-active // case.fine))
    work = cycles.sum(axis=-1).reshape(len(active), -1)
    folding = Folding(
        EngineKind.DYNAMIC,
        coarse_in=case.lanes_in,
        coarse_out=case.lanes_out,
        fine=case.fine,
        lane_fifo_depth=depth,
        weight_memory=MemoryKind.BRAM,
    )
    op = Conv2d(case.lanes_out * case.filters, (3, 3))
    modelled = joined_segment_cycles(op, measured(case, active), as_arrays([folding]), WINDOWS)
    return float(modelled[0]) * case.filters / simulated(work, depth) - 1.0


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("depth", [1, 2, 4, 8, 32])
def test_joined_lanes_take_what_the_simulation_takes(
    number: int, depth: int, request: pytest.FixtureRequest
) -> None:
    if (number, depth) in MISSED:
        reason = "what falls more slowly than lag 1 says is not measured"
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    case = CASES[number]
    active = windows_of(case, np.random.default_rng(7))
    assert abs(_errors(case, active, depth)) <= case.tolerance


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.weight_density < 1.0], ids=lambda case: str(case)
)
def test_lanes_a_window_ahead_whose_zero_weights_stay(case: Case) -> None:
    """Walks of independent lanes, which the share was taken from before, are up to 8.2 % off."""
    active = windows_of(case, np.random.default_rng(7), weights_stay=True)
    assert abs(_errors(case, active, 2)) <= 0.04


@pytest.mark.parametrize("latent", [0.0, 0.5, 0.9])
def test_means_of_signs_of_a_gaussian_process(latent: float) -> None:
    """Against signs that are drawn."""
    rng = np.random.default_rng(3)
    state = rng.standard_normal(4000)
    signs = []
    for _ in range(64):
        signs.append(np.sign(state))
        state = latent * state + np.sqrt(1 - latent**2) * rng.standard_normal(len(state))
    drawn = np.array(signs)
    counts = np.array([1, 2, 7, 64])
    found = mean_share(2 / np.pi * np.arcsin(latent), counts.astype(np.float64))
    means = [drawn[:count].mean(axis=0).var() for count in counts.tolist()]
    assert found == pytest.approx(means, rel=0.08)
    assert found[0] == pytest.approx(1.0)
