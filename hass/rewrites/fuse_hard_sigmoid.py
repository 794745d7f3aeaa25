"""Recognise a HardSigmoid that is written as scale and shift, Clip, scale and shift."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..graph import Graph, Weights
from .affine import affine_of
from .draft import Draft

_EXACT = 1e-6  # of the range 0..1: what float32 makes of 1/6 and the like
_ROUNDED = 1e-3  # constants rounded by hand, as 0.16667: the difference is kept as a scale


def fuse_hard_sigmoid(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Replace ``b * clip(a * x + s, low, high)`` by HardSigmoid where the result spans 0..1.

    Case 1: (x + 3), Clip 0..6, * 1/6 or / 6. With a rounded 1/6 a scale by almost one remains.
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
    off = abs(high - 1)
    if scale <= 0 or abs(low) > _EXACT or off > (_EXACT if second is None else _ROUNDED):
        return
    alpha, beta = scale * first[0] / high, (scale * first[1] + shift) / high
    earlier = draft.sources(before)[0]
    in_front = _uniform(draft, earlier)
    draft.remove(before)
    if in_front is not None and in_front[1] == 0:
        alpha *= in_front[0]
        draft.remove(earlier)
    if second is not None and off <= _EXACT:
        draft.remove(behind)
    elif second is not None:
        channels = draft.map(behind).channels
        draft.set_weights(behind, np.full((channels, 1, 1, 1), high), np.zeros(channels))
    draft.set_op(name, ops.HardSigmoid(alpha, beta))
