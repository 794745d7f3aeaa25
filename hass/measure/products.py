"""Active products per segment: windows of zero masks convolved with masks of the weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import FloatArray
from ..intmath import divisors
from ..sparsity import CountArray
from ..values import FeatureMap
from .occupancy import MaskArray
from .sampling import PositionArray, Positions

# Products of a segment up to which packed segments are measured: synthesised engines reach
# M = 64, and their selectors grow with M * fine.
MOST_PRODUCTS = 64

BYTE_MAX = 255

SmallCounts = npt.NDArray[np.integer]


def packings(channels_per_group: int, kernel: tuple[int, int]) -> tuple[int, ...]:
    """Channels per segment that are measured, ascending; always 1.

    >>> packings(12, (3, 3)), packings(3, (11, 11)), packings(6, (1, 1))
    ((1, 2, 3, 4, 6), (1,), (1, 2, 3, 6))
    """
    taps = kernel[0] * kernel[1]
    return tuple(p for p in divisors(channels_per_group) if p == 1 or p * taps <= MOST_PRODUCTS)


def _taps(op: ops.Conv2d, axis: int) -> npt.NDArray[np.int64]:
    """Places of a window's taps along a side."""
    return np.arange(op.kernel[axis]) * op.dilation[axis]


def gather_windows(
    active: MaskArray, op: ops.Conv2d, positions: Positions
) -> npt.NDArray[np.float32]:
    """Masks of the windows at sampled positions, padding 0.

    Args:
        active: (n, C, H, W).
        op: the layer.
        positions: P of each of the n images.

    Returns:
        (C, n, P, kh * kw) of 0.0 and 1.0.
    """
    images, channels, height, width = active.shape
    rows = positions.rows[..., None] * op.stride[0] - op.pads[0] + _taps(op, 0)
    columns = positions.columns[..., None] * op.stride[1] - op.pads[1] + _taps(op, 1)
    places = (
        (np.arange(images) * (height * width))[:, None, None, None]
        + (_nearest(rows, height) * width)[..., None]
        + _nearest(columns, width)[..., None, :]
    )
    flat = active.swapaxes(0, 1).reshape(channels, -1)
    windows = flat.take(places.reshape(-1), axis=1)
    inside = ((rows >= 0) & (rows < height))[..., None] & ((columns >= 0) & (columns < width))[
        ..., None, :
    ]
    if not inside.all():
        windows &= inside.reshape(-1)
    shape = (channels, *positions.rows.shape, -1)
    return np.asarray(windows.reshape(shape), dtype=np.float32)


def _nearest(places: PositionArray, size: int) -> PositionArray:
    return np.minimum(np.maximum(places, 0), size - 1)


def filter_masks(weights: FloatArray, groups: int) -> MaskArray:
    """Masks of the weights, (groups, F / groups, C / groups, kh * kw)."""
    filters, channels, height, width = weights.shape
    live = weights != 0
    return np.asarray(live.reshape(groups, filters // groups, channels, height * width))


def window_products(
    windows: npt.NDArray[np.float32],
    masks: MaskArray,
    filters: PositionArray,
    inside: MaskArray,
) -> SmallCounts:
    """Active products of each channel's window with each filter chosen for its image.

    Args:
        windows: (C, n, P, K) as gathered.
        masks: (G, F / G, C / G, K) of the weights.
        filters: (n, m) inside the group.
        inside: (n, P), False for positions to leave out.

    Returns:
        (C, m, positions inside).
    """
    groups, _, channels, taps = masks.shape
    chosen = masks[:, filters].transpose(0, 3, 1, 2, 4)
    chosen = chosen.reshape(groups * channels, *filters.shape, taps).astype(np.float32)
    if taps == 1:
        counts = windows[..., 0][:, :, None, :] * chosen
    else:
        counts = np.matmul(chosen, windows.swapaxes(2, 3))
    by_filter = counts.astype(np.uint8 if taps <= BYTE_MAX else np.uint32).swapaxes(1, 2)
    if inside.all():
        return np.ascontiguousarray(by_filter).reshape(*by_filter.shape[:2], -1)
    return np.ascontiguousarray(by_filter[:, :, inside])


def products_together(
    windows: npt.NDArray[np.float32], masks: MaskArray, filters: tuple[int, ...]
) -> SmallCounts:
    """Active products of all channels' windows with some filters.

    Args:
        windows: (C, P, K) of P positions.
        masks: (G, F / G, C / G, K) of the weights.
        filters: m of each group.

    Returns:
        (P, C, m).
    """
    counts = taps_of_filters(windows, masks, filters)
    kind = np.uint8 if windows.shape[2] <= BYTE_MAX else np.uint32
    return np.asarray(counts, dtype=kind)


def taps_of_filters(
    taps: npt.NDArray[np.floating], masks: MaskArray, filters: tuple[int, ...]
) -> npt.NDArray[np.floating]:
    """Sums of numbers of each channel's taps over the taps where some filters have weights.

    Args:
        taps: (C, P, K).
        masks: (G, F / G, C / G, K) of the weights.
        filters: m of each group.

    Returns:
        (P, C, m).
    """
    groups, _, channels, count = masks.shape
    chosen = masks[:, list(filters)].transpose(0, 2, 3, 1).astype(taps.dtype)
    by_group = taps.reshape(groups, channels, -1, count)
    sums = np.matmul(by_group, chosen).reshape(groups * channels, -1, len(filters))
    return np.asarray(sums.swapaxes(0, 1))


def add_to_histograms(histograms: dict[int, CountArray], counts: SmallCounts) -> None:
    """Add segments to the histograms, for every packing.

    Args:
        histograms: packing, ascending -> (C / packing, M + 1), changed in place.
        counts: (C, m, P) active products per channel.
    """
    packed_counts: dict[int, SmallCounts] = {1: counts}
    for packing, histogram in histograms.items():
        if packing > 1:  # from the largest packing that divides it: the fewest additions
            base = max(p for p in packed_counts if packing % p == 0)
            source = packed_counts[base]
            shape = (histogram.shape[0], packing // base, *counts.shape[1:])
            packed_counts[packing] = source.reshape(shape).sum(axis=1, dtype=counts.dtype)
        blocks, bins = histogram.shape
        if bins == 2:  # counts are 0 or 1
            ones = counts.sum(axis=(1, 2), dtype=np.int64)
            histogram[:, 1] += ones
            histogram[:, 0] += counts[0].size - ones
            continue
        keys = packed_counts[packing].reshape(blocks, -1) + (np.arange(blocks) * bins)[:, None]
        histogram += np.bincount(keys.reshape(-1), minlength=blocks * bins).reshape(blocks, bins)


def empty_histograms(source: FeatureMap, op: ops.Conv2d) -> dict[int, CountArray]:
    """Histograms of zeros for every packing of a layer, ascending."""
    taps = op.kernel[0] * op.kernel[1]
    return {
        packing: np.zeros((source.channels // packing, packing * taps + 1), dtype=np.int64)
        for packing in packings(source.channels // op.groups, op.kernel)
    }
