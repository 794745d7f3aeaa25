"""Pruning: clip the smallest weights of a layer to zero, and refit the filters that are left."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .clip_family import Blocks, FilterMagnitude, LayerMagnitude, Neighbours, WholeChannels
from .errors import ProfileError
from .filter_refit import FilterRefit
from .graph import FloatArray, Weights
from .sparsity import Settings, SparsitySetting

Mask = npt.NDArray[np.bool_]


def pruned_weights(weights: Weights, settings: Settings) -> Weights:
    """The weights with each layer's smallest ones clipped to zero, as its family says.

    Smallest is of smallest magnitude, and of equal ones the first in memory order; weights that
    were zero already count. With s the ``weight_sparsity`` of a layer of weights (filters,
    channels of a group, kh, kw), clipped are of

    - ``magnitude``: all n weights exactly ``floor(s * n)``;
    - ``filter``: the n weights of each filter exactly ``floor(s * n)``;
    - ``n:M``: each M neighbouring channels' weights of a filter at a place of its window, from the
      first channel on, ``floor(s * M)``; of fewer than M at the end as many as exceed the
      ``M - floor(s * M)`` that are kept of M;
    - ``block:FxC``: all n blocks exactly ``floor(s * n)``, those of smallest mean magnitude. A
      block is F neighbouring filters by C neighbouring channels at a place of the window, from the
      first filter and channel on, smaller at the end.

    Biases are not clipped. Where a setting has a ``refit``, each filter's weights that are left and
    its bias are multiplied with its scale, and its shift is added to the bias. Arrays that stay as
    they are are shared.

    Args:
        weights: the dense weights.
        settings: Conv2d layer -> what is asked of it.

    Raises:
        ProfileError: if a setting names a layer without weights, or whole channels, or refits
            another number of filters than the layer has.
    """
    unknown = sorted(name for name in settings if f"{name}.weight" not in weights)
    if unknown:
        raise ProfileError(f"settings name layers without weights: {', '.join(unknown)}")
    changed: dict[str, FloatArray] = {}
    for name, setting in settings.items():
        if setting.weight_sparsity > 0:
            array = weights[f"{name}.weight"]
            clipped = _clipped(np.abs(array), setting)
            if clipped.any():
                changed[f"{name}.weight"] = np.where(clipped, np.float32(0), array)
        if setting.refit is not None:
            array = changed.get(f"{name}.weight", weights[f"{name}.weight"])
            found = _refitted(name, array, weights[f"{name}.bias"], setting.refit)
            changed[f"{name}.weight"], changed[f"{name}.bias"] = found
    return weights.replace(changed) if changed else weights


def _refitted(
    layer: str, weight: FloatArray, bias: FloatArray, refit: FilterRefit
) -> tuple[FloatArray, FloatArray]:
    """Weights and bias of a layer, in float32 as all weights."""
    if len(refit.scales) != len(weight):
        raise ProfileError(
            f"settings refit {len(refit.scales)} filters of layer {layer}, which has {len(weight)}"
        )
    scales, shifts = np.asarray(refit.scales), np.asarray(refit.shifts)
    scaled = scales.reshape(-1, *(1,) * (weight.ndim - 1)) * weight
    return scaled.astype(np.float32), (scales * bias + shifts).astype(np.float32)


def _clipped(magnitudes: FloatArray, setting: SparsitySetting) -> Mask:
    """Which weights of a layer are clipped."""
    share = setting.weight_sparsity
    match setting.weight_family:
        case LayerMagnitude():
            return _smallest_share(magnitudes.reshape(1, -1), share).reshape(magnitudes.shape)
        case FilterMagnitude():
            rows = magnitudes.reshape(len(magnitudes), -1)
            return _smallest_share(rows, share).reshape(magnitudes.shape)
        case Neighbours() as family:
            return _clipped_neighbours(magnitudes, family.m, family.clipped(share))
        case WholeChannels():
            raise ProfileError(
                "whole channels are no clip of a layer: take them out of the network "
                "(`hass prune`), and clip what is left"
            )
        case Blocks(filters, channels):
            means = _block_means(magnitudes, filters, channels)
            chosen = _smallest_share(means.reshape(1, -1), share).reshape(means.shape)
            whole = chosen.repeat(filters, axis=0).repeat(channels, axis=1)
            return np.asarray(whole[: magnitudes.shape[0], : magnitudes.shape[1]])


def _smallest_share(rows: npt.NDArray[np.floating], share: float) -> Mask:
    return _smallest(rows, math.floor(share * rows.shape[1]))


def _smallest(rows: npt.NDArray[np.floating], count: int) -> Mask:
    """Of each row of (r, n) the ``count`` smallest, 0..n, the first ones among equals."""
    if count == 0:
        return np.zeros(rows.shape, dtype=np.bool_)
    limits = np.partition(rows, count - 1, axis=1)[:, count - 1 : count]
    below = rows < limits
    ties = rows == limits
    room = count - np.count_nonzero(below, axis=1, keepdims=True)
    return np.asarray(below | (ties & (np.cumsum(ties, axis=1, dtype=np.int64) <= room)))


def _clipped_neighbours(magnitudes: FloatArray, m: int, clipped: int) -> Mask:
    last = np.moveaxis(magnitudes, 1, -1)  # the channels
    mask = np.zeros(last.shape, dtype=np.bool_)
    whole = last.shape[-1] // m * m
    if whole:
        found = _smallest(np.ascontiguousarray(last[..., :whole]).reshape(-1, m), clipped)
        mask[..., :whole] = found.reshape(*last.shape[:-1], whole)
    rest = last.shape[-1] - whole
    if rest > m - clipped:
        found = _smallest(last[..., whole:].reshape(-1, rest), rest - (m - clipped))
        mask[..., whole:] = found.reshape(*last.shape[:-1], rest)
    return np.asarray(np.moveaxis(mask, -1, 1))


def _block_means(magnitudes: FloatArray, filters: int, channels: int) -> npt.NDArray[np.floating]:
    """Mean magnitude of each block, (blocks of filters, blocks of channels, kh, kw)."""
    sums, sizes = magnitudes.astype(np.float64), np.ones((1, 1), dtype=np.int64)
    for axis, step in enumerate((filters, channels)):
        starts = np.arange(0, magnitudes.shape[axis], step)
        lengths = np.minimum(step, magnitudes.shape[axis] - starts)
        sums = np.add.reduceat(sums, starts, axis=axis)
        sizes = sizes * (lengths[:, None] if axis == 0 else lengths)
    return np.asarray(sums / sizes[..., None, None])
