"""Lanes with FIFOs against random walks that hold each other up."""

from __future__ import annotations

import numpy as np
import pytest

from hass.cost.lane_fifos import STAYS, FloatArray, longest_of, longest_paths, lost_share

WINDOWS = 20_000
DEVIATION = 0.3


def _walked(lanes: int, depth: int) -> float:
    """Cycles per window of lanes of equal means, independent from window to window."""
    rng = np.random.default_rng(lanes)
    at = np.zeros(lanes)
    done = np.zeros(WINDOWS)
    for window in range(WINDOWS):
        gate = done[window - depth] if window >= depth else 0.0
        at = np.maximum(at, gate) + 1.0 + DEVIATION * rng.standard_normal(lanes)
        done[window] = at.max()
    return float(done[-1] / WINDOWS)


def _joined(lanes: int) -> FloatArray:
    return (1.0 + longest_of(lanes) * DEVIATION / np.sqrt(STAYS))[:, None]


@pytest.mark.parametrize("lanes", [2, 8, 64, 256])
def test_what_two_windows_lose_says_what_more_lose(lanes: int) -> None:
    depths = [1, 2, 4, 16]
    walked = [_walked(lanes, depth) for depth in depths]
    lost = lost_share(_joined(lanes), np.array([walked[1]]))
    modelled = longest_paths(_joined(lanes), lost, depths)[:, 0]
    assert modelled.tolist() == pytest.approx(walked, rel=0.01)


def test_deeper_fifos_are_never_slower() -> None:
    paths = longest_paths(_joined(64), np.array([0.5]), [1, 2, 4, 8, 16, 32])[:, 0].tolist()
    assert paths == sorted(paths, reverse=True)
    assert paths[0] == 1.0 + longest_of(64) * DEVIATION


@pytest.mark.parametrize("lost", [0.1, 0.5, 0.9])
def test_the_lost_share_is_that_of_the_path(lost: float) -> None:
    two = longest_paths(_joined(16), np.array([lost]), [2])[0]
    assert lost_share(_joined(16), two).tolist() == pytest.approx([lost])


def test_no_more_is_lost_than_all_and_no_less_than_nothing() -> None:
    assert lost_share(_joined(16), np.array([0.5])).tolist() == [1.0]
    assert lost_share(_joined(16), np.array([9.0])).tolist() == [0.0]
