"""Conv."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..graph import FloatArray
from .node import Node
from .values import Stream, spatial
from .window import Window, read_window

_MOST_ACROSS = 1 << 22  # weights of a matrix: 2,048 channels


def conv(node: Node) -> Stream:
    """Conv (2-D): grouped, depthwise, strided, dilated, any pads; a missing bias is zero."""
    weight = node.floats(1)
    if weight.ndim != 4:
        raise node.refuse(f"{weight.ndim - 2}-D convolution, only 2-D is supported")
    source = node.spatial_stream(0)
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    window = read_window(node, source.map, kernel)
    groups = node.integer("group", 1)
    if window.kernel != kernel:
        raise node.refuse(f"kernel_shape {list(window.kernel)}, but the weight has {list(kernel)}")
    if groups < 1 or source.map.channels != groups * weight.shape[1]:
        raise node.refuse(
            f"weight of {weight.shape[1]} channels in {groups} groups"
            f" on a feature map of {source.map.channels} channels"
        )
    out_channels = int(weight.shape[0])
    bias = np.zeros(out_channels, np.float32) if node.input(2) is None else node.floats(2)
    if (across := _across_channels(node, source, weight, bias, window)) is not None:
        return across
    op = ops.Conv2d(out_channels, kernel, window.stride, window.pads, groups, window.dilation)
    name = node.draft.add_conv(node.layer, op, source.layer, weight, bias)
    return spatial(name, node.draft.map(name), source.shape[0])


def _across_channels(
    node: Node, source: Stream, weight: FloatArray, bias: FloatArray, window: Window
) -> Stream | None:
    """A row of one filter over the channels of a vector, which efficient channel attention (ECA)
    has: the matrix with that band, so that a vector comes out; None for any other."""
    draft, (count, words) = node.draft, sorted((source.map.height, source.map.width))
    spread = isinstance(draft.op(source.layer), ops.DepthToSpace)
    if weight.shape[:2] != (1, 1) or bias.shape != (1,) or count > 1 or not spread:
        return None
    (vector,) = draft.sources(source.layer)
    same = sum(window.pads) == weight.size - 1 and window.stride == window.dilation == (1, 1)
    if draft.map(vector).pixels > 1 or not same or words**2 > _MOST_ACROSS:
        return None
    tap = np.arange(words)[None, :] - np.arange(words)[:, None] + window.pads[0] + window.pads[1]
    inside = (tap >= 0) & (tap < weight.size)
    band = np.where(inside, weight.reshape(-1)[np.clip(tap, 0, weight.size - 1)], 0.0)
    op = ops.Conv2d(words, (1, 1))
    name = draft.add_conv(node.layer, op, vector, band[:, :, None, None], np.repeat(bias, words))
    return Stream(name, draft.map(name), source.shape)


HANDLERS = {"Conv": conv}
