"""MaxPool, AveragePool, and pooling over the whole map."""

from __future__ import annotations

from dataclasses import replace

from .. import ops
from .affine import add_affine
from .node import Node, describe
from .over_channels import largest_channel, mean_of_groups
from .values import Stream, spatial
from .window import Window, read_window


def max_pool(node: Node) -> Stream:
    """MaxPool; ceil_mode becomes pads, which never win."""
    if any(node.used_outputs[1:]):
        raise node.refuse("its Indices output is used")
    window = read_window(node, node.spatial_stream(0).map)
    return node.windowed(
        ops.MaxPool2d(window.kernel, window.stride, window.all_pads, window.dilation)
    )


def average_pool(node: Node) -> Stream:
    """AveragePool; ceil_mode becomes pads, and a window over the whole map a GlobalAvgPool."""
    source = node.spatial_stream(0)
    window = read_window(node, source.map)
    if window.dilation != (1, 1):
        raise node.refuse(f"dilations {list(window.dilation)}, only [1, 1] is supported")
    if window.kernel == (source.map.height, source.map.width) and not any(window.all_pads):
        return global_average_pool(node)
    count_pads = bool(node.integer("count_include_pad", 0))
    if count_pads and any(window.overhang) and any(window.pads):
        # given pads count and the overhang does not: pad first, then divide by what is inside
        name = node.draft.add(f"{node.layer}.pad", ops.Pad(window.pads), [source.layer])
        padded = spatial(name, node.draft.map(name), source.shape[0])
        window = replace(window, pads=(0, 0, 0, 0))
        node = replace(node, inputs=(padded,))
    return node.windowed(_average(window, count_pads))


def _average(window: Window, count_pads: bool) -> ops.AvgPool2d:
    inside = any(window.overhang) or (any(window.pads) and not count_pads)
    divisor = ops.Divisor.INSIDE if inside else ops.Divisor.WINDOW
    return ops.AvgPool2d(window.kernel, window.stride, window.all_pads, divisor)


def global_average_pool(node: Node) -> Stream:
    """GlobalAveragePool; nothing to do on a 1x1 map."""
    source = node.spatial_stream(0)
    return source if source.map.pixels == 1 else node.windowed(ops.GlobalAvgPool())


def global_max_pool(node: Node) -> Stream:
    """GlobalMaxPool: a MaxPool2d over the whole map."""
    source = node.spatial_stream(0)
    kernel = (source.map.height, source.map.width)
    return source if source.map.pixels == 1 else node.windowed(ops.MaxPool2d(kernel, kernel))


def reduce(node: Node) -> Stream:
    """ReduceMean, ReduceSum, ReduceMax over all positions, all channels or both; axes are an
    attribute in old opsets."""
    source = node.stream(0)
    rank = len(source.shape)
    since = 13 if node.op == "ReduceSum" else 18
    axes = node.integers("axes") if node.opset < since else node.integer_list(1)
    if axes is None or any(not -rank <= axis < rank for axis in axes):
        raise node.refuse(f"over axes {axes}, only over positions or channels of a feature map")
    reduced = {axis % rank for axis in axes}
    if 0 in reduced:
        raise node.refuse("over the batch, as in training; export the network for inference")
    live = {axis for axis in range(1, rank) if source.shape[axis] > 1}
    positions = live - {1}
    if not source.has_channel_axis or reduced & live not in ({1} & live, positions, live):
        found = f"over axes {sorted(reduced)} of {describe(source)}"
        raise node.refuse(f"{found}, only over all positions, all channels or both")
    shape = [1 if axis in reduced else size for axis, size in enumerate(source.shape)]
    if not node.integer("keepdims", 1):
        shape = [size for axis, size in enumerate(source.shape) if axis not in reduced]
    result = source
    if positions <= reduced and source.map.pixels > 1:
        result = _over_positions(node, result)
    if 1 in reduced and source.map.channels > 1:
        result = _over_channels(node, result)
    return replace(result, shape=tuple(shape))


def _over_positions(node: Node, source: Stream) -> Stream:
    kernel = (source.map.height, source.map.width)
    op = ops.MaxPool2d(kernel, kernel) if node.op == "ReduceMax" else ops.GlobalAvgPool()
    name = node.draft.add(node.layer, op, [source.layer])
    result = Stream(name, node.draft.map(name), source.shape)
    if node.op == "ReduceSum":
        return add_affine(node, result, source.map.pixels, 0.0)
    return result


def _over_channels(node: Node, source: Stream) -> Stream:
    if node.op == "ReduceMax":
        return largest_channel(node, source)
    factor = source.map.channels if node.op == "ReduceSum" else 1
    name = mean_of_groups(node, source.layer, 1, factor, node.layer)
    return Stream(name, node.draft.map(name), source.shape)


HANDLERS = {
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "ReduceMax": reduce,
    "ReduceMean": reduce,
    "ReduceSum": reduce,
}
