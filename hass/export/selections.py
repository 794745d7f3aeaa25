"""Slices, pads and shuffles, which other tools lack, as convolutions of one pixel that pick
channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .. import ops
from ..fixed_point import IntArray
from ..graph import Graph, Layer
from ..intmath import ceil_div
from ..moves import shuffled_channels


@dataclass(frozen=True, slots=True)
class Selection:
    """A convolution that moves words and computes nothing.

    Attributes:
        op: 1x1, in one group.
        weights: (out_channels, in_channels, 1, 1) of 0 and 1, at most one 1 for each filter.
    """

    op: ops.Conv2d
    weights: IntArray


def selection(graph: Graph, layer: Layer) -> Selection | None:
    """A Slice, a Pad or a Shuffle as a convolution; None: it is none, or starts inside the map."""
    maps = graph.in_maps(layer.name)
    chosen: Sequence[int]
    match layer.op:
        case ops.Slice(rows, columns, channels):
            kept = ceil_div(maps[0].height, rows.step), ceil_div(maps[0].width, columns.step)
            if rows.start or columns.start or kept != (layer.out.height, layer.out.width):
                return None
            op = ops.Conv2d(channels.count, (1, 1), (rows.step, columns.step))
            chosen = range(channels.start, channels.stop, channels.step)
            front = 0
        case ops.Pad(pads, front, _):
            op = ops.Conv2d(layer.out.channels, (1, 1), (1, 1), pads)
            chosen = range(maps[0].channels)
        case ops.Shuffle() as op_:
            op = ops.Conv2d(layer.out.channels, (1, 1))
            chosen = shuffled_channels(op_, layer.out.channels).tolist()
            front = 0
        case _:
            return None
    weights = np.zeros((op.out_channels, maps[0].channels, 1, 1), dtype=np.int64)
    for index, channel in enumerate(chosen):
        weights[front + index, channel] = 1
    return Selection(op, weights)
