"""Reshapes and transposes as views: what numpy does to the data, a stream's view says."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hass.handlers.entry import frame_order
from hass.handlers.values import Stream, in_data_order, spatial
from hass.handlers.views import reshaped, transposed
from hass.values import FeatureMap

_SIZES = st.sampled_from([1, 2, 3, 4, 6])


def _follow(data: st.DataObject, stream: Stream, array: np.ndarray) -> tuple[Stream, np.ndarray]:
    """One more reshape or transpose of both."""
    rank = array.ndim
    if data.draw(st.booleans()):
        perm = [0, *data.draw(st.permutations(range(1, rank)))]
        return transposed(stream, perm), array.transpose(perm)
    dims = [1]
    rest = array.size
    for _ in range(data.draw(st.integers(0, 4))):
        dims.append(data.draw(st.sampled_from([d for d in (1, 2, 3, 4, 6, 12) if rest % d == 0])))
        rest //= dims[-1]
    dims.append(rest)
    result = reshaped(stream, dims)
    return (stream, array) if result is None else (result, array.reshape(dims))


@settings(max_examples=150, deadline=None)
@given(st.tuples(_SIZES, _SIZES, _SIZES), st.data())
def test_a_view_is_what_numpy_makes_of_the_data(
    sizes: tuple[int, int, int], data: st.DataObject
) -> None:
    channels, height, width = sizes
    stream = spatial("layer", FeatureMap(height, width, channels), 1)
    frame = np.arange(math.prod(sizes)).reshape(sizes)
    array = frame[None]
    for _ in range(data.draw(st.integers(1, 6))):
        stream, array = _follow(data, stream, array)
        assert stream.dims == array.shape
        np.testing.assert_array_equal(in_data_order(array[0], stream), frame)
        moved = frame_order(stream).to_file(frame[None].astype(np.float32))
        np.testing.assert_array_equal(moved[0], array.reshape(-1))
        if stream.is_spatial:
            np.testing.assert_array_equal(array[0], frame)


@settings(max_examples=60, deadline=None)
@given(st.tuples(_SIZES, _SIZES, _SIZES), st.permutations([1, 2, 3]))
def test_a_transpose_and_its_inverse_leave_nothing(
    sizes: tuple[int, int, int], order: list[int]
) -> None:
    channels, height, width = sizes
    stream = spatial("layer", FeatureMap(height, width, channels), 1)
    perm = [0, *order]
    back = [perm.index(axis) for axis in range(4)]
    assert transposed(transposed(stream, perm), back) == stream
