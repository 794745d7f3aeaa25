"""Let a convolution make, or take, channels in the order that a Shuffle would bring them into."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..graph import Graph, Weights
from ..moves import IndexArray, shuffled_channels
from .draft import Draft

# What works on each channel alone, and on all of them alike.
_ALIKE = (
    *(ops.Relu, ops.Clip, ops.HardSigmoid, ops.HardSwish, ops.Sigmoid, ops.LeakyRelu, ops.Curve),
    *(ops.MaxPool2d, ops.AvgPool2d, ops.GlobalAvgPool, ops.Upsample),
)


def fold_shuffle(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Drop Shuffles next to a convolution in one group.

    Case 1: the convolution before puts out its filters in the other order.
    Case 2: the convolution behind takes its weights in the other order.
    Between the two there may be layers that treat all channels alike, and depthwise convolutions,
    whose filters change places too.
    """
    if not graph.of_type(ops.Shuffle):
        return graph, weights
    draft = Draft.of(graph, weights)
    for name in draft:
        op = draft.op(name)
        if isinstance(op, ops.Shuffle):
            order = shuffled_channels(op, draft.map(name).channels)
            _fold(draft, name, order)
    return draft.build()


def _fold(draft: Draft, name: str, order: IndexArray) -> None:
    passed: list[str] = []
    before = draft.sources(name)[0]
    while _goes_along(draft, before):
        passed.append(before)
        before = draft.sources(before)[0]
    if _is_whole(draft, before):
        for conv in (before, *passed):
            _reorder_filters(draft, conv, order)
        draft.remove(name)
        return
    passed.clear()
    behind = draft.readers(name)[0]
    while _goes_along(draft, behind):
        passed.append(behind)
        behind = draft.readers(behind)[0]
    if _is_whole(draft, behind):
        for conv in passed:
            _reorder_filters(draft, conv, np.argsort(order))
        weight = draft.weight(behind)[:, np.argsort(order)]
        draft.set_weights(behind, weight, draft.bias(behind))
        draft.remove(name)


def _is_whole(draft: Draft, name: str) -> bool:
    """Whether a layer is a convolution whose filters see all channels."""
    op = draft.op(name)
    return isinstance(op, ops.Conv2d) and op.groups == 1


def _goes_along(draft: Draft, name: str) -> bool:
    """Whether the order of channels goes through a layer, to or from one other layer."""
    op = draft.op(name)
    if isinstance(op, ops.Conv2d):
        channels = draft.map(draft.sources(name)[0]).channels
        return op.groups > 1 and op.groups == channels == op.out_channels
    return isinstance(op, _ALIKE)


def _reorder_filters(draft: Draft, name: str, order: IndexArray) -> None:
    if isinstance(draft.op(name), ops.Conv2d):
        draft.set_weights(name, draft.weight(name)[order], draft.bias(name)[order])
