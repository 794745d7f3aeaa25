"""Normalisation by statistics of each frame: InstanceNormalization, GroupNormalization,
LayerNormalization.

    centred = x - mean(x);  y = scale * centred / sqrt(mean(centred**2) + epsilon) + shift

becomes averages over positions and over the channels of a group, each copied to its channels, a
sum, two products, and the Curve (1 + v / epsilon)**-0.5 of each group. Where the mean is over
positions, the map waits for it twice, and FIFOs hold a frame each time: BatchNormalization, which
folds into a convolution, costs nothing of this.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import FloatArray
from .affine import FLOAT64, add_affine, per_channel
from .node import Node, describe
from .over_channels import copied, mean_of_groups
from .values import Stream


def _mean(node: Node, layer: str, groups: int, over_positions: bool, factor: float) -> str:
    """``factor`` times the mean of each group of channels."""
    draft, name = node.draft, f"{node.layer}.mean"
    if over_positions and draft.map(layer).pixels > 1:
        layer = draft.add(name, ops.GlobalAvgPool(), [layer])
    return mean_of_groups(node, layer, groups, factor, name)


def _normalised(
    node: Node,
    groups: int,
    scale: npt.ArrayLike,
    shift: npt.ArrayLike,
    *,
    over_positions: bool = True,
) -> Stream:
    """The first input, normalised over groups of channels, and over positions or at each."""
    source, epsilon = node.stream(0), node.floating("epsilon", 1e-5)
    channels = source.map.channels
    words = channels // groups * (source.map.pixels if over_positions else 1)
    if epsilon <= 0.0 or words < 2:
        found = f"epsilon {epsilon:g}, {words} words for each mean"
        raise node.refuse(f"{found}; expected a positive epsilon and several words")
    draft, name = node.draft, node.layer
    mean = _mean(node, source.layer, groups, over_positions, -1.0)
    mean = copied(node, mean, channels, f"{name}.means")
    centred = draft.add(f"{name}.centred", ops.Add(), [source.layer, mean])
    squares = draft.add(f"{name}.squares", ops.Mul(), [centred, centred])
    variance = _mean(node, squares, groups, over_positions, 1.0 / epsilon)
    gate = draft.add(f"{name}.gate", ops.Curve(ops.Function.DECAY, 0.5), [variance])
    gate = copied(node, gate, channels, f"{name}.gates")
    product = draft.add(f"{name}.product", ops.Mul(), [centred, gate])
    result = Stream(product, source.map, source.shape, source.axes)
    return add_affine(node, result, np.asarray(scale) / math.sqrt(epsilon), shift)


def _parameters(node: Node, count: int) -> tuple[FloatArray, FloatArray]:
    """Scale and shift, for each of so many groups or channels."""
    scale, shift = node.floats(1), node.floats(2)
    if scale.shape != (count,) or shift.shape != (count,):
        found = f"{list(scale.shape)} and {list(shift.shape)}"
        raise node.refuse(f"scale and shift of shapes {found}, expected [{count}]")
    return scale, shift


def _groups(node: Node, count: int) -> int:
    source = node.stream(0)
    if source.axes or count < 1 or source.map.channels % count:
        raise node.refuse(f"{count} groups of {describe(source)}")
    return count


def instance_normalization(node: Node) -> Stream:
    """InstanceNormalization: over the positions of each channel, or, where a Reshape has joined
    channels, of each group of them."""
    source = node.stream(0)
    groups = _groups(node, source.dims[1] if len(source.dims) > 2 else 0)
    scale, shift = (
        np.repeat(values, source.map.channels // groups) for values in _parameters(node, groups)
    )
    return _normalised(node, groups, scale, shift)


def group_normalization(node: Node) -> Stream:
    """GroupNormalization; scale and shift are of groups up to opset 20, of channels from 21 on."""
    source = node.spatial_stream(0)
    groups = _groups(node, node.integer("num_groups", 0))
    each = source.map.channels // groups if node.opset < 21 else 1
    parameters = _parameters(node, source.map.channels // each)
    scale, shift = (np.repeat(values, each) for values in parameters)
    return _normalised(node, groups, scale, shift)


def layer_normalization(node: Node) -> Stream:
    """LayerNormalization over all words of the frame, or over the channels at each position."""
    if any(node.used_outputs[1:]):
        raise node.refuse("its further outputs are used")
    source = node.stream(0)
    rank = len(source.dims)
    axis = node.integer("axis", -1)
    if not -rank <= axis < rank:
        raise node.refuse(f"axis {axis} of {rank} dimensions")
    over = range(axis % rank, rank)
    own = {source.axes[place] if source.axes else place for place in over}
    live = {place for place in own if source.shape[place] > 1}
    everything = {place for place in range(1, rank) if source.shape[place] > 1}
    channels_only = source.shape[1] == source.map.channels and live == {1}
    if not channels_only and live != everything:
        found = f"over dimensions {list(over)} of {describe(source)}"
        raise node.refuse(f"{found}, only over all of a frame, or over all channels")
    scale, shift = (_per_channel(node, index, source) for index in (1, 2))
    return _normalised(node, 1, scale, shift, over_positions=not channels_only)


def _per_channel(node: Node, index: int, source: Stream) -> FLOAT64 | float:
    constant = node.constant(index)
    if constant is None:
        if index == 1:
            raise node.refuse("has no scale")
        return 0.0
    if source.axes and constant.size == source.map.channels:
        return node.floats(index).reshape(-1).astype(np.float64)
    return per_channel(node, constant, source)


HANDLERS = {
    "InstanceNormalization": instance_normalization,
    "GroupNormalization": group_normalization,
    "LayerNormalization": layer_normalization,
}
