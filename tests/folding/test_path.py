"""The best way over intervals, against all ways, and how little is asked to find it."""

from __future__ import annotations

import itertools
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hass.folding.path import Cost, best_way, search

JOINS = {"sum": np.add, "maximum": np.maximum}

ALL = 10**9


def all_ways(nodes: int, count: int) -> list[tuple[int, ...]]:
    inner = itertools.combinations(range(1, nodes - 1), count - 1)
    return [(0, *middle, nodes - 1) for middle in inner]


def cost_of(costs: np.ndarray, stages: list[int], way: tuple[int, ...], join: np.ufunc) -> float:
    total = 0.0
    for kind, (start, end) in zip(stages, itertools.pairwise(way), strict=False):
        total = float(join(total, costs[kind, start, end]))
    return total


def by_force(
    costs: np.ndarray, stages: list[int], join: np.ufunc, counts: list[int]
) -> tuple[float, int] | None:
    """Cost and number of intervals of the best way, the fewest of the best."""
    nodes = costs.shape[1]
    ways = [way for count in counts for way in all_ways(nodes, count)]
    found = [(cost_of(costs, stages, way, join), len(way) - 1) for way in ways]
    finite = [pair for pair in found if pair[0] < inf]
    return min(finite) if finite else None


class Oracle:
    """Costs that are told in three steps, each a better bound than the one before."""

    def __init__(self, costs: np.ndarray, rng: np.random.Generator) -> None:
        self.costs = costs
        shares = np.sort(rng.random((2, *costs.shape)), axis=0)
        finite = np.where(np.isfinite(costs), costs, 50.0)
        self.bounds = shares * finite
        self.rank: dict[tuple[int, int, int], int] = {}

    def tell(self, *step: int) -> Cost:
        rank = self.rank.setdefault(step, 0)  # type: ignore[arg-type]
        cost = float(self.costs[step])
        if rank == 2:
            return Cost(cost, cost, 2, final=True)
        return Cost(float(self.bounds[(rank, *step)]), inf, rank, final=False)

    def sharpen(self, *step: int) -> Cost:
        assert self.rank[step] < 2, "asked for what is known"  # type: ignore[index]
        self.rank[step] += 1  # type: ignore[index]
        return self.tell(*step)

    @property
    def solved(self) -> int:
        return sum(rank == 2 for rank in self.rank.values())


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, list[int], list[int], int]:
    nodes, kinds = draw(st.integers(2, 6)), draw(st.integers(1, 3))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    costs = rng.integers(1, draw(st.sampled_from([4, 100])), (kinds, nodes, nodes)).astype(float)
    costs[rng.random(costs.shape) < draw(st.sampled_from([0.0, 0.4]))] = inf
    costs[:, np.arange(nodes)[:, None] >= np.arange(nodes)[None, :]] = inf
    # every kind of interval stands somewhere in a way, the longest way may have any
    stages = [*range(kinds), *rng.integers(0, kinds, nodes).tolist()]
    counts = draw(st.lists(st.integers(1, nodes - 1), min_size=1, unique=True))
    return costs, stages, sorted(counts), seed


@pytest.mark.parametrize("join", JOINS.values(), ids=list(JOINS))
@given(problem=problems())
@settings(max_examples=150, deadline=None)
def test_search_is_brute_force(
    join: np.ufunc, problem: tuple[np.ndarray, list[int], list[int], int]
) -> None:
    costs, stages, counts, seed = problem
    expected = by_force(costs, stages, join, counts)
    way = best_way(costs, stages, join, counts)
    oracle = Oracle(costs, np.random.default_rng(seed))
    found = search(costs.shape[1], stages, oracle.tell, oracle.sharpen, join, counts, 0.0, ALL)
    if expected is None:
        assert way is None and found is None
        return
    assert way is not None and found is not None
    assert (way.cost, len(way.nodes) - 1) == expected
    assert found.way.cost == found.bound == expected[0]
    assert cost_of(costs, stages, found.way.nodes, join) == found.way.cost
    assert len(found.way.nodes) - 1 in counts


@pytest.mark.parametrize("join", JOINS.values(), ids=list(JOINS))
@given(problem=problems(), gap=st.sampled_from([0.01, 0.5]))
@settings(max_examples=50, deadline=None)
def test_a_gap_is_kept(
    join: np.ufunc, problem: tuple[np.ndarray, list[int], list[int], int], gap: float
) -> None:
    costs, stages, counts, seed = problem
    expected = by_force(costs, stages, join, counts)
    oracle = Oracle(costs, np.random.default_rng(seed))
    found = search(costs.shape[1], stages, oracle.tell, oracle.sharpen, join, counts, gap, ALL)
    if expected is None or found is None:
        assert expected is None and found is None
        return
    assert found.bound <= expected[0] <= found.way.cost <= expected[0] * (1.0 + gap)


def test_what_cannot_be_on_the_best_way_is_not_solved() -> None:
    """Bounds that are nearly the costs: of 45 intervals only those on the best way are solved."""
    nodes = 10
    places = np.arange(nodes)
    costs = (places[None, :] - places[:, None] - 3.0) ** 2 + 1.0
    costs[places[:, None] >= places[None, :]] = inf
    oracle = Oracle(costs[None], np.random.default_rng(0))
    oracle.bounds = np.stack([0.98 * costs, 0.99 * costs])[:, None]
    found = search(nodes, [0] * 9, oracle.tell, oracle.sharpen, np.add, range(1, nodes), 0.0, ALL)
    assert found is not None
    assert found.way.nodes == (0, 3, 6, 9)
    assert oracle.solved == 3


@pytest.mark.parametrize("join", JOINS.values(), ids=list(JOINS))
@given(problem=problems(), most=st.integers(0, 4))
@settings(max_examples=50, deadline=None)
def test_a_search_that_stops_early_is_honest(
    join: np.ufunc, problem: tuple[np.ndarray, list[int], list[int], int], most: int
) -> None:
    costs, stages, counts, seed = problem
    expected = by_force(costs, stages, join, counts)
    oracle = Oracle(costs, np.random.default_rng(seed))
    found = search(costs.shape[1], stages, oracle.tell, oracle.sharpen, join, counts, 0.0, most)
    if expected is None or found is None:
        assert expected is None and found is None
        return
    assert cost_of(costs, stages, found.way.nodes, join) == found.way.cost
    assert found.bound <= expected[0] <= found.way.cost
