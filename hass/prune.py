"""Pruning: clip the smallest weights of a layer to zero."""

from __future__ import annotations

import math

import numpy as np

from .errors import ProfileError
from .graph import FloatArray, Weights
from .sparsity import Settings


def pruned_weights(weights: Weights, settings: Settings) -> Weights:
    """The weights with each layer's smallest magnitudes clipped to zero.

    Of a layer with n weights exactly ``floor(weight_sparsity * n)`` are clipped: those of
    smallest magnitude, the first in memory order among equal ones; weights that were zero
    already count. Biases are not clipped. Arrays that stay as they are are shared.

    Args:
        weights: the dense weights.
        settings: Conv2d layer -> what is asked of it.

    Raises:
        ProfileError: if a setting names a layer without weights.
    """
    unknown = sorted(name for name in settings if f"{name}.weight" not in weights)
    if unknown:
        raise ProfileError(f"settings name layers without weights: {', '.join(unknown)}")
    changed: dict[str, FloatArray] = {}
    for name, setting in settings.items():
        array = weights[f"{name}.weight"]
        count = math.floor(setting.weight_sparsity * array.size)
        if count:
            changed[f"{name}.weight"] = _clip_smallest(array, count)
    return weights.replace(changed) if changed else weights


def _clip_smallest(array: FloatArray, count: int) -> FloatArray:
    """``array`` with its ``count`` smallest magnitudes zero; 1 <= count <= size."""
    magnitudes = np.abs(array.reshape(-1))
    limit = np.partition(magnitudes, count - 1)[count - 1]
    below = magnitudes < limit
    ties = np.flatnonzero(magnitudes == limit)[: count - int(np.count_nonzero(below))]
    result = array.reshape(-1).copy()
    result[below] = 0.0
    result[ties] = 0.0
    result.flags.writeable = False
    return result.reshape(array.shape)
