"""Conv."""

from __future__ import annotations

import numpy as np

from .. import ops
from .node import Node
from .values import Stream, spatial
from .window import read_window


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
    op = ops.Conv2d(out_channels, kernel, window.stride, window.pads, groups, window.dilation)
    name = node.draft.add_conv(node.layer, op, source.layer, weight, bias)
    return spatial(name, node.draft.map(name), source.shape[0])


HANDLERS = {"Conv": conv}
