"""Recognise a HardSigmoid that is written as scale and shift, Clip, scale and shift."""

from __future__ import annotations

from .. import ops
from ..graph import Graph, Weights
from .affine import affine_of
from .draft import Draft

_TOLERANCE = 1e-6  # of the range 0..1: float32 roundings of 1/6 and the like


def fuse_hard_sigmoid(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Replace ``b * clip(a * x + s, low, high)`` by HardSigmoid where the result spans 0..1.

    Case 1: (x + 3), Clip 0..6, * 1/6 or / 6.
    Case 2: (x / 6 + 0.5), Clip 0..1. A scale without a shift in front of a Clip is left alone: it
    folds into the convolution before it.
    """
    draft = Draft.of(graph, weights)
    for name in draft:
        if name in draft and isinstance(draft.op(name), ops.Clip):
            _fuse(draft, name)
    return draft.build()


def _uniform(draft: Draft, name: str) -> tuple[float, float] | None:
    affine = affine_of(draft, name)
    if affine is None or not affine.is_uniform:
        return None
    return float(affine.scale[0]), float(affine.shift[0])


def _fuse(draft: Draft, name: str) -> None:
    clip = draft.op(name)
    before, behind = draft.sources(name)[0], draft.readers(name)[0]
    first, second = _uniform(draft, before), _uniform(draft, behind)
    if not isinstance(clip, ops.Clip) or first is None or first[1] == 0:
        return
    # two affine layers in a row (x * 1/6, then + 0.5) count as one
    scale, shift = second or (1.0, 0.0)
    low, high = scale * clip.low + shift, scale * clip.high + shift
    if scale <= 0 or abs(low) > _TOLERANCE or abs(high - 1) > _TOLERANCE:
        return
    alpha, beta = scale * first[0], scale * first[1] + shift
    earlier = draft.sources(before)[0]
    in_front = _uniform(draft, earlier)
    draft.remove(before)
    if in_front is not None and in_front[1] == 0:
        alpha *= in_front[0]
        draft.remove(earlier)
    if second is not None:
        draft.remove(behind)
    draft.set_op(name, ops.HardSigmoid(alpha, beta))
