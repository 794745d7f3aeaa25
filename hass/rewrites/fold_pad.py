"""Fold a spatial Pad into the window that follows."""

from __future__ import annotations

from dataclasses import replace

from .. import ops
from ..graph import Graph, Weights
from ..ops import Pads
from .draft import Draft


def fold_pad(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Zeros around a map become pads of the Conv2d behind it; channel pads stay.

    Only a convolution pads with zeros without asking: a maximum never lets padding win, and an
    average may not count it.
    """
    draft = Draft.of(graph, weights)
    for name in draft:
        pad = draft.op(name)
        if not isinstance(pad, ops.Pad) or pad.channels_front or pad.channels_back:
            continue
        (reader,) = draft.readers(name)
        op = draft.op(reader)
        if isinstance(op, ops.Conv2d):
            draft.set_op(reader, replace(op, pads=_sum(op.pads, pad.pads)))
            draft.remove(name)
    return draft.build()


def _sum(first: Pads, second: Pads) -> Pads:
    top, left, bottom, right = (a + b for a, b in zip(first, second, strict=True))
    return top, left, bottom, right
