"""Averages, which several tools only build as depthwise convolutions."""

from __future__ import annotations

from .. import ops
from ..graph import Graph, Layer


def average_window(graph: Graph, layer: Layer) -> ops.AvgPool2d | None:
    """The average that a layer takes, with its window said; None: it takes none."""
    match layer.op:
        case ops.AvgPool2d() as op:
            return op
        case ops.GlobalAvgPool():
            (source,) = graph.in_maps(layer.name)
            size = (source.height, source.width)
            return ops.AvgPool2d(size, size)
        case _:
            return None
