"""Lanes with FIFOs against random walks that hold each other up."""

from __future__ import annotations

import numpy as np
import pytest

from hass.cost.lane_fifos import STAYS, longest_of, longest_paths, lost_share

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


def _modelled(lanes: int, depths: list[int]) -> list[float]:
    longest = longest_of(lanes)
    joined = (1.0 + longest * DEVIATION / np.sqrt(STAYS))[:, None]
    lost = lost_share(np.array([longest]))
    return [float(path) for path in longest_paths(joined, lost, depths)[:, 0]]


@pytest.mark.parametrize("lanes", [2, 8, 64, 256])
def test_walking_lanes_take_what_the_longest_path_takes(lanes: int) -> None:
    depths = [1, 2, 4, 16]
    walked = [_walked(lanes, depth) for depth in depths]
    assert _modelled(lanes, depths) == pytest.approx(walked, rel=0.01)


def test_deeper_fifos_are_never_slower() -> None:
    paths = _modelled(64, [1, 2, 4, 8, 16, 32])
    assert paths == sorted(paths, reverse=True)
    assert paths[0] == 1.0 + longest_of(64) * DEVIATION


def test_a_switch_loses_more_the_more_lanes_there_are_but_never_all() -> None:
    shares = lost_share(np.array([longest_of(count) for count in (1, 2, 4, 64, 4096)]))
    assert shares[0] == 0.0
    assert (np.diff(shares) > 0).all()
    assert shares[-1] < 1.0
