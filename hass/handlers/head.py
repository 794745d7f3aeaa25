"""Softmax and LogSoftmax as the network's last op: the class with the largest word stays the same,
so they are left to the host, and the hardware puts out what they read.
"""

from __future__ import annotations

import math
from dataclasses import replace

from ..values import Head
from .node import Node, describe
from .values import Stream

_HEADS = {"Softmax": Head.SOFTMAX, "LogSoftmax": Head.LOG_SOFTMAX}
# What may stand behind a head: ops that change the view of a frame only.
_KEEP_HEAD = frozenset(
    {"Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"}
)


def check_heads(node: Node) -> None:
    """Refuse a node that computes with what only the host knows.

    Raises:
        UnsupportedOpError: if an input is a Softmax, or what one becomes under other views.
    """
    if node.op in _KEEP_HEAD:
        return
    for value in node.inputs:
        if isinstance(value, Stream) and value.head is not None:
            raise node.refuse(f"reads a {value.head}, which the host computes: it must be last")


def _is_over_channels(source: Stream, axes: set[int]) -> bool:
    """Whether some dimensions of a tensor are its channels, all of them and nothing else."""
    if source.map.pixels == 1:
        return math.prod(source.dims[axis] for axis in axes) == source.map.channels
    own = {source.axes[axis] for axis in axes} if source.axes else axes
    return source.shape[1] == source.map.channels and {
        axis for axis in own if source.shape[axis] > 1
    } == {1}


def head(node: Node) -> Stream:
    """Softmax or LogSoftmax over the channels."""
    source = node.stream(0)
    rank = len(source.dims)
    axis = node.integer("axis", 1 if node.opset < 13 else -1)
    if not -rank <= axis < rank:
        raise node.refuse(f"axis {axis} of {rank} dimensions")
    # up to opset 12 over all dimensions from the axis on
    axes = set(range(axis % rank, rank)) if node.opset < 13 else {axis % rank}
    if source.map.channels == 1 or not _is_over_channels(source, axes):
        found = f"over dimensions {sorted(axes)} of {describe(source)}"
        raise node.refuse(f"{found}; only over all channels, which is left to the host")
    return replace(source, head=_HEADS[node.op])


HANDLERS = dict.fromkeys(_HEADS, head)
