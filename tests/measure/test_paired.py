"""Giving up: hardly ever by mistake, and soon where it is due."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hass.measure import surely_lost
from hass.measure.paired import MISTAKEN, chance_within


def hits(rng: np.random.Generator, total: int, worse: int, better: int) -> tuple[np.ndarray, ...]:
    """Two networks' answers on images in random order: so many only the first, or second, has."""
    first = np.ones(total, dtype=np.bool_)
    second = np.ones(total, dtype=np.bool_)
    second[:worse] = False
    first[worse : worse + better] = False
    order = rng.permutation(total)
    return first[order], second[order]


def looks_until_given_up(first: np.ndarray, second: np.ndarray, allowed: int, step: int) -> int:
    total = len(first)
    looks = -(-total // step)
    for look in range(1, looks):
        if surely_lost(first, second[: look * step], total, allowed, looks):
            return look
    return looks


@pytest.mark.parametrize(("worse", "better"), [(4, 0), (14, 10), (64, 60), (104, 100)])
def test_a_network_that_just_keeps_the_floor_is_hardly_ever_given_up(
    worse: int, better: int
) -> None:
    rng = np.random.default_rng(5)
    runs = 1000
    lost = sum(looks_until_given_up(*hits(rng, 400, worse, better), 4, 50) < 8 for _ in range(runs))
    assert lost <= runs * MISTAKEN + 3 * math.sqrt(runs * MISTAKEN)


def test_a_hopeless_network_is_given_up_soon() -> None:
    rng = np.random.default_rng(6)
    looks = [looks_until_given_up(*hits(rng, 400, 160, 10), 4, 50) for _ in range(50)]
    assert max(looks) <= 3


def test_what_the_rest_cannot_make_good_is_certain() -> None:
    first = np.ones(10, dtype=np.bool_)
    assert surely_lost(first, np.zeros(8, dtype=np.bool_), 10, 5, 1)
    assert not surely_lost(first, np.zeros(8, dtype=np.bool_), 10, 9, 1)


def test_bounds_fall_with_what_speaks_against_it() -> None:
    chances = [chance_within(worse, 5, 4) for worse in range(60)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] == 1.0 and chances[-1] < 1e-4
    assert chance_within(0, 0, 4) == 1.0
    assert chance_within(3, 0, 0) == pytest.approx(0.5**3)
