"""Pruning clips exactly so many of the smallest weights, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hass.errors import ProfileError
from hass.graph import Weights
from hass.prune import pruned_weights
from hass.sparsity import SparsitySetting

arrays = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=4, max_dims=4, max_side=4),
    elements=st.sampled_from([-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 3.0]),
)


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
