"""The pruned front is that of a plain pairwise comparison."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hass.folding.pareto import pareto_front


def naive_front(costs: np.ndarray) -> list[int]:
    """Rows that no other beats; the first of equal ones."""
    kept = []
    for index, row in enumerate(costs):
        beaten = any(
            (other <= row).all() and ((other < row).any() or position < index)
            for position, other in enumerate(costs)
            if position != index
        )
        if not beaten:
            kept.append(index)
    return kept


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 60),
    st.sampled_from([1, 3, 6]),
    st.sampled_from([2, 5, 1000, 2**40]),
)
def test_same_as_naive(seed: int, count: int, width: int, high: int) -> None:
    costs = np.random.default_rng(seed).integers(0, high, (count, width))
    assert pareto_front(costs).tolist() == naive_front(costs)


def test_same_as_naive_across_blocks() -> None:
    rng = np.random.default_rng(1)
    costs = rng.integers(0, 50, (1500, 6))
    front = pareto_front(costs)
    assert len(front) > 300  # more than one block
    assert front.tolist() == naive_front(costs)


def test_only_one_of_equal_rows_is_kept() -> None:
    assert pareto_front(np.full((400, 6), 7)).tolist() == [0]
