"""Parts of frames, and what is kept of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hass.work_shares import WorkShares, in_parts, shares_of


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_parts_add_up_and_divide_what_lies_between_them(
    positions: int, parts: int, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 50, (3, positions)).astype(np.float64)
    found = in_parts(values, parts)
    assert found.shape == (3, parts)
    np.testing.assert_allclose(found.sum(axis=1), values.sum(axis=1))
    fine = np.repeat(values / parts, parts, axis=1)  # each position in equal pieces
    np.testing.assert_allclose(found, fine.reshape(3, parts, positions).sum(axis=2), atol=1e-9)


@given(st.integers(0, 1000))
def test_relative_work_is_kept_to_a_part_in_255(seed: int) -> None:
    parts = np.random.default_rng(seed).integers(1, 10**6, (4, 9)).astype(np.float64)
    relative = shares_of(parts).relative()
    assert relative.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(
        relative, parts / parts.mean(), atol=parts.max() / parts.mean() / 200
    )


def test_a_layer_without_any_product_is_even() -> None:
    assert (shares_of(np.zeros((2, 3))).relative() == 1.0).all()


def test_values_are_frozen_and_compared_by_content() -> None:
    levels = np.array([[1, 2], [3, 4]], dtype=np.uint8)
    one, same = WorkShares(levels), WorkShares(levels.copy())
    levels[0, 0] = 9
    assert one == same and hash(one) == hash(same)
    assert one != WorkShares(levels) and one != WorkShares(same.levels.reshape(1, 4))
    with pytest.raises(ValueError, match="read-only"):
        one.levels[0, 0] = 5
    with pytest.raises(ValueError, match="bytes"):
        WorkShares(levels.astype(np.int64))
