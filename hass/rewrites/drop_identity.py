"""Drop layers that do nothing."""

from __future__ import annotations

from .. import ops
from ..graph import Graph, Weights
from .affine import affine_of
from .draft import Draft


def drop_identity(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Drop scales by one without a shift, 1x1 pools, and a Relu behind what is not negative."""
    draft = Draft.of(graph, weights)
    for name in draft:
        if _is_identity(draft, name):
            draft.remove(name)
    return draft.build()


def _is_identity(draft: Draft, name: str) -> bool:
    match draft.op(name):
        case ops.Conv2d():
            affine = affine_of(draft, name)
            return affine is not None and affine.is_identity
        case ops.MaxPool2d() | ops.AvgPool2d() as op:
            return op.kernel == (1, 1) and op.stride == (1, 1) and not any(op.pads)
        case ops.Relu():
            source = draft.op(draft.sources(name)[0])
            return isinstance(source, ops.Relu | ops.Sigmoid | ops.HardSigmoid) or (
                isinstance(source, ops.Clip) and source.low >= 0
            )
        case _:
            return False
