"""What FIFOs of two windows save, against lanes that are walked through many positions."""

from __future__ import annotations

import numpy as np
import pytest

from hass.cost.lane_steps import (
    Lanes,
    between_fines,
    saved_shares,
    stepped_fines,
    stepped_positions,
)
from hass.intmath import divisors
from hass.snake import folded

BLOCKS, POSITIONS, FILTERS = 64, 32, 8


def _segments(groups: int) -> Lanes:
    """(filters, blocks, groups, positions, fine) cycles, in part common to all filters."""
    rng = np.random.default_rng(groups)
    shape = (BLOCKS, groups, POSITIONS, 1)
    common = rng.integers(1, 5, shape)
    return np.asarray(common + rng.integers(0, 4, (FILTERS, *shape)), dtype=np.float32)


def _by_out(segments: Lanes) -> list[Lanes]:
    fewer = [folded(segments, count, 0) for count in divisors(FILTERS)[:-1]]
    return [*fewer, segments]


def _walked(lanes: Lanes, lanes_in: int, together: int) -> float:
    """The share, of lanes that walk through all positions in a random order many times."""
    by_window = _windows(lanes, lanes_in, together)  # (positions, windows, lanes)
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(POSITIONS) for _ in range(30)])
    work = by_window[order].reshape(-1, by_window.shape[2])
    at, done = np.zeros(work.shape[1]), np.zeros(len(work))
    for index, window in enumerate(work):
        gate = done[index - 2] if index >= 2 else 0.0
        at = np.maximum(at, gate) + window
        done[index] = at.max()
    joined = work.max(axis=1).sum()
    return float((joined - done[-1]) / (joined - work.mean(axis=1).sum()))


def _windows(lanes: Lanes, lanes_in: int, together: int) -> Lanes:
    """(positions, windows, lanes): blocks and groups in the order of a snake."""
    windows = []
    for round_ in range(lanes.shape[2] // together):
        groups = np.arange(round_ * together, (round_ + 1) * together)[:: 1 - 2 * (round_ % 2)]
        for turn in range(lanes.shape[1] // lanes_in):
            blocks = np.arange(turn * lanes_in, (turn + 1) * lanes_in)[:: 1 - 2 * (turn % 2)]
            picked = lanes[:, blocks][:, :, groups][..., 0]
            windows.append(picked.reshape(-1, lanes.shape[3]).T)
    return np.stack(windows, axis=1)


@pytest.mark.parametrize(
    ("lanes_out", "lanes_in", "groups", "together"),
    [(2, 1, 1, 1), (8, 1, 1, 1), (1, 2, 1, 1), (4, 2, 1, 1), (8, 8, 1, 1), (2, 4, 4, 2)],
)
def test_the_share_is_that_of_walking_lanes(
    lanes_out: int, lanes_in: int, groups: int, together: int
) -> None:
    by_out = _by_out(_segments(groups))
    out = divisors(FILTERS).index(lanes_out)
    shares = saved_shares(by_out)
    place = (out, divisors(BLOCKS).index(lanes_in), divisors(groups).index(together), 0)
    assert float(shares[place]) == pytest.approx(_walked(by_out[out], lanes_in, together), abs=0.04)


def test_a_single_lane_has_nothing_to_save() -> None:
    assert float(saved_shares(_by_out(_segments(1)))[0, 0, 0, 0]) == 1.0


def test_lanes_that_are_alike_have_nothing_to_save() -> None:
    alike = np.ones((FILTERS, BLOCKS, 1, POSITIONS, 1), dtype=np.float32)
    assert (saved_shares(_by_out(alike)) == 1.0).all()


@pytest.mark.parametrize("positions", [1, 2, 8, 63, 256])
def test_each_position_is_taken_once(positions: int) -> None:
    assert sorted(stepped_positions(positions).tolist()) == list(range(positions))


@pytest.mark.parametrize("most", [1, 3, 5, 8, 12])
def test_shares_of_other_fines_lie_between(most: int) -> None:
    known = stepped_fines(most)
    assert known[-1] == most
    between = between_fines(known.astype(np.float64)[None], most)
    assert between[0] == pytest.approx(np.arange(1, most + 1))
