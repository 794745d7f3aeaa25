"""Pruning clips exactly so many of the smallest weights, as its families say, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hass.clip_family import (
    MAGNITUDE,
    MOST_NEIGHBOURS,
    Blocks,
    ClipFamily,
    FilterMagnitude,
    Neighbours,
    family_of,
)
from hass.errors import ProfileError
from hass.graph import Weights
from hass.prune import pruned_weights
from hass.sparsity import SparsitySetting

arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=4, max_dims=4, max_side=4),
    elements=st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 3.0]),
)


@settings(deadline=None)
@given(arrays, st.floats(0.0, 1.0, exclude_max=True))
def test_exactly_the_smallest_with_ties_by_index(array: np.ndarray, sparsity: float) -> None:
    weights = Weights({"a.weight": array, "a.bias": np.ones(3)})
    pruned = pruned_weights(weights, {"a": SparsitySetting(weight_sparsity=sparsity)})
    count = math.floor(sparsity * array.size)
    flat = array.reshape(-1)
    order = sorted(range(flat.size), key=lambda index: (abs(flat[index]), index))
    expected = flat.copy()
    expected[order[:count]] = 0.0
    assert np.array_equal(pruned["a.weight"], expected.reshape(array.shape))
    assert np.array_equal(pruned["a.bias"], np.ones(3))


def test_untouched_arrays_are_shared_and_the_dense_weights_stay() -> None:
    dense = Weights({f"{name}.weight": np.arange(1.0, 9.0) for name in "ab"})
    before = dense.digest
    pruned = pruned_weights(dense, {"a": SparsitySetting(weight_sparsity=0.5)})
    assert pruned["b.weight"] is dense["b.weight"]
    assert np.array_equal(pruned["a.weight"], [0, 0, 0, 0, 5, 6, 7, 8])
    assert dense.digest == before
    assert not pruned["a.weight"].flags.writeable


def test_only_activation_clips_leave_the_weights() -> None:
    dense = Weights({"a.weight": np.arange(8.0)})
    assert pruned_weights(dense, {"a": SparsitySetting(act_threshold=1.0)}) is dense


def test_unknown_layers_are_named() -> None:
    with pytest.raises(ProfileError, match="ghost"):
        pruned_weights(Weights({"a.weight": np.ones(4)}), {"ghost": SparsitySetting()})


def _sets(shape: tuple[int, ...], family: ClipFamily) -> list[list[list[tuple[int, ...]]]]:
    """Sets of weights that are compared, each of units that go together, each of places."""
    places = list(np.ndindex(*shape))
    filters, channels = shape[:2]
    match family:
        case FilterMagnitude():
            return [[[p] for p in places if p[0] == number] for number in range(filters)]
        case Neighbours(m):
            return [
                [[(f, c, y, x)] for c in range(first, min(first + m, channels))]
                for f, first, y, x in np.ndindex(shape)
                if first % m == 0
            ]
        case Blocks():
            blocks = [
                [
                    (f, c, y, x)
                    for f in range(top, min(top + family.filters, filters))
                    for c in range(left, min(left + family.channels, channels))
                ]
                for top, left, y, x in np.ndindex(shape)
                if top % family.filters == 0 and left % family.channels == 0
            ]
            return [blocks]
        case _:
            return [[[p] for p in places]]


families = st.one_of(
    st.sampled_from([MAGNITUDE, FilterMagnitude()]),
    st.integers(2, 5).map(Neighbours),
    st.tuples(st.integers(1, 3), st.integers(2, 3)).map(lambda sizes: Blocks(*sizes)),
)


@settings(deadline=None)
@given(arrays, families, st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 2 / 3, 0.75, 0.95]))
def test_each_family_clips_what_a_loop_over_its_sets_clips(
    array: np.ndarray, family: ClipFamily, share: float
) -> None:
    setting = SparsitySetting(share, 0.0, family)
    pruned = pruned_weights(Weights({"a.weight": array}), {"a": setting})["a.weight"]
    expected = array.copy()
    for units in _sets(array.shape, family):
        count = math.floor(share * len(units))
        if isinstance(family, Neighbours):
            kept = family.m - math.floor(round(share * family.m, 6))
            count = max(0, len(units) - kept)
        means = [sum(abs(float(array[p])) for p in unit) / len(unit) for unit in units]
        for index in sorted(range(len(units)), key=lambda i: (means[i], i))[:count]:
            for place in units[index]:
                expected[place] = 0.0
    assert np.array_equal(pruned, expected)


def test_every_share_of_n_is_n() -> None:
    """In floating point (k / m) * m may be less than k."""
    assert 1 / 49 * 49 < 1
    for m in range(2, MOST_NEIGHBOURS + 1):
        assert [Neighbours(m).clipped(k / m) for k in range(m)] == list(range(m))
        assert Neighbours(m).clipped(1 - 1e-12) == m - 1


@settings(deadline=None)
@given(families)
def test_names_of_families_are_read_again(family: ClipFamily) -> None:
    assert family_of(str(family)) == family


@pytest.mark.parametrize(
    "name", ["", "n:1", "n:65", "2:4", "block:1x1", "block:0x2", "block:4", "N"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"n:M|must be in|not 1x1"):
        family_of(name)


def test_a_layer_that_is_not_clipped_has_no_family() -> None:
    assert SparsitySetting(0.0, 0.5, Neighbours(4)) == SparsitySetting(0.0, 0.5)
