"""Merge a Relu or Clip with the one behind it."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..graph import Graph, Weights
from .draft import Draft

_NO_BOUND = float(np.finfo(np.float32).max)  # as Clip says it


def merge_bounds(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """One Relu or Clip instead of two in a row, where nothing else reads what is between them."""
    draft = Draft.of(graph, weights)
    for name in draft:
        if not draft.sources(name):
            continue
        before = draft.sources(name)[0]
        first, second = _bounds(draft.op(before)), _bounds(draft.op(name))
        if first is not None and second is not None:
            low, high = (min(max(limit, second[0]), second[1]) for limit in first)
            is_relu = (low, high) == (0, _NO_BOUND)
            draft.set_op(name, ops.Relu() if is_relu else ops.Clip(low, high))
            draft.remove(before)
    return draft.build()


def _bounds(op: ops.Op) -> tuple[float, float] | None:
    match op:
        case ops.Relu():
            return 0.0, _NO_BOUND
        case ops.Clip():
            return op.low, op.high
        case _:
            return None
