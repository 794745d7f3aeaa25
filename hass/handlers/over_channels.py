"""What joins the channels of a position, and what gives all channels of it the same word.

Means and sums are a 1x1 convolution with one filter, copies one with a filter of ones for each
channel: C multiplications each, where one convolution for both would take C * C. The largest
channel is found as in a tournament, each round as in ``larger``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import ops
from ..rewrites.draft import Draft
from .node import Node
from .values import Constant, Stream, spatial


def mean_of_groups(node: Node, layer: str, groups: int, factor: float, hint: str) -> str:
    """``factor`` times the mean of each group of channels: a layer of so many channels."""
    channels = node.draft.map(layer).channels
    share = np.full((groups, channels // groups, 1, 1), factor * groups / channels)
    op = ops.Conv2d(groups, (1, 1), groups=groups)
    return node.draft.add_conv(hint, op, layer, share, np.zeros(groups))


def copied(node: Node, layer: str, channels: int, hint: str) -> str:
    """Each channel of a layer for a group of channels, ``channels`` of them in all."""
    groups = node.draft.map(layer).channels
    if groups == channels:
        return layer
    op = ops.Conv2d(channels, (1, 1), groups=groups)
    return node.draft.add_conv(hint, op, layer, np.ones((channels, 1, 1, 1)), np.zeros(channels))


def spread_to(node: Node, small: Stream, large: Stream) -> Stream:
    """A stream of one channel with as many as ``large`` has, if it is broadcast to them; else as it
    is."""
    alike = len(small.shape) == len(large.shape) and (
        small.map.pixels == 1
        or (small.map.height, small.map.width) == (large.map.height, large.map.width)
    )
    return _spread(node, small, large.map.channels) if alike and large.has_channel_axis else small


def spread_by(node: Node, small: Stream, constant: Constant) -> Stream:
    """The same for a constant with one value for each of several channels."""
    rank = len(small.shape)
    if small.map.channels != 1 or constant.ndim > rank or constant.ndim < rank - 1:
        return small
    channels = constant.shape[constant.ndim - rank + 1]
    return _spread(node, small, channels) if constant.size == channels else small


def _spread(node: Node, small: Stream, channels: int) -> Stream:
    if small.map.channels != 1 or channels == 1 or not small.has_channel_axis or small.grown:
        return small
    layer = copied(node, small.layer, channels, f"{node.layer}.channels")
    shape = (small.shape[0], channels, *small.shape[2:])
    return replace(small, layer=layer, map=node.draft.map(layer), shape=shape)


def larger(node: Node, first: str, second: str) -> str:
    """The larger of two layers, word by word: b + Relu(a - b)."""
    draft, channels = node.draft, node.draft.map(second).channels
    minus, name = np.full((channels, 1, 1, 1), -1.0), node.layer
    op = ops.Conv2d(channels, (1, 1), groups=channels)
    negative = draft.add_conv(f"{name}.minus", op, second, minus, np.zeros(channels))
    difference = draft.add(f"{name}.difference", ops.Add(), [first, negative])
    above = draft.add(f"{name}.above", ops.Relu(), [difference])
    return draft.add(name, ops.Add(), [above, second])


def largest_channel(node: Node, source: Stream) -> Stream:
    """The largest channel at each position, as a map of one channel."""
    draft, layer = node.draft, source.layer
    while draft.map(layer).channels > 1:
        layer = _round(node, layer)
    return spatial(layer, draft.map(layer), source.shape[0])


def _round(node: Node, layer: str) -> str:
    """The larger of each two neighbours among the channels, and the last one where it has none."""
    draft, name, here = node.draft, node.layer, node.draft.map(layer)
    pairs, odd = divmod(here.channels, 2)
    even = _kept(draft, name, layer, ops.Span(0, 2 * pairs)) if odd else layer
    # the difference of each pair, in one convolution
    signs = np.tile(np.array([1.0, -1.0]), (pairs, 1))[:, :, None, None]
    op = ops.Conv2d(pairs, (1, 1), groups=pairs)
    difference = draft.add_conv(f"{name}.difference", op, even, signs, np.zeros(pairs))
    above = draft.add(f"{name}.above", ops.Relu(), [difference])
    second = _kept(draft, name, layer, ops.Span(1, 2 * pairs, 2))
    winners = draft.add(name, ops.Add(), [above, second])
    if not odd:
        return winners
    last = _kept(draft, name, layer, ops.Span(2 * pairs, 2 * pairs + 1))
    return draft.add(f"{name}.round", ops.Concat(), [winners, last])


def _kept(draft: Draft, name: str, layer: str, channels: ops.Span) -> str:
    here = draft.map(layer)
    op = ops.Slice(ops.Span(0, here.height), ops.Span(0, here.width), channels)
    return draft.add(f"{name}.kept", op, [layer])
