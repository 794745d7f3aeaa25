"""Giving up: hardly ever by mistake, and soon where it is due."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest

from hass.measure import surely_lost
from hass.measure.paired import MISTAKEN, fortunes


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
        if surely_lost(first, second[: look * step], total, allowed):
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
    assert surely_lost(first, np.zeros(8, dtype=np.bool_), 10, 5)
    assert not surely_lost(first, np.zeros(8, dtype=np.bool_), 10, 9)


@pytest.mark.parametrize(("worse", "better", "same"), [(3, 1, 3), (2, 0, 5), (1, 4, 2)])
def test_bets_are_fair_where_the_floor_is_just_kept(worse: int, better: int, same: int) -> None:
    """Over all orders of the images, what the bettor has is on average what he began with."""
    kinds = [1] * worse + [-1] * better + [0] * same
    orders = np.array(list(permutations(kinds)))
    for count in (1, 4, len(kinds)):
        after = [
            fortunes(order[:count] >= 0, order[:count] <= 0, len(kinds), worse - better)[-1]
            for order in orders
        ]
        assert np.exp(after).mean() == pytest.approx(1.0)


def test_a_network_half_as_far_below_as_allowed_is_given_up_before_the_end() -> None:
    rng = np.random.default_rng(7)
    looks = [looks_until_given_up(*hits(rng, 1500, 95, 55), 15, 60) for _ in range(30)]
    assert np.mean(looks) < 0.8 * 25  # the bound of Hoeffding's that was here ran to the end
    looks = [looks_until_given_up(*hits(rng, 1500, 150, 60), 15, 60) for _ in range(30)]
    assert np.mean(looks) < 0.4 * 25  # and two thirds here
