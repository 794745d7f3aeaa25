"""Recognise a HardSwish that is written as x times its gate."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..graph import Graph, Weights
from .affine import affine_of
from .draft import Draft

_TOLERANCE = 1e-6  # float32 roundings of 1/6


def fuse_hard_swish(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """Replace a Mul of a stream and its own gate.

    Case 1: x * HardSigmoid(x) with slope 1/6 and offset 1/2.
    Case 2: x * Clip(x + 3, 0, 6) is six times a HardSwish; the factor becomes a scale, which
    cancels against the division by six that follows.
    """
    draft = Draft.of(graph, weights)
    for name in draft:
        if isinstance(draft.op(name), ops.Mul):
            first, second = draft.sources(name)
            for stream, gate in ((first, second), (second, first)):
                factor = _gate_factor(draft, gate, stream)
                if factor is not None:
                    _replace(draft, name, stream, factor)
                    break
    return draft.build()


def _gate_factor(draft: Draft, gate: str, stream: str) -> float | None:
    """``f`` where ``stream * gate`` is f * HardSwish(stream); None otherwise."""
    op = draft.op(gate)
    if isinstance(op, ops.HardSigmoid) and draft.sources(gate)[0] == stream:
        near = abs(op.alpha - 1 / 6) <= _TOLERANCE and abs(op.beta - 0.5) <= _TOLERANCE
        return 1.0 if near else None
    if op == ops.Clip(0.0, 6.0):
        shifted = draft.sources(gate)[0]
        affine = affine_of(draft, shifted)
        if affine is not None and draft.sources(shifted)[0] == stream:
            plus_three = np.all(affine.scale == 1) and np.all(affine.shift == 3)
            return 6.0 if plus_three else None
    return None


def _replace(draft: Draft, name: str, stream: str, factor: float) -> None:
    if factor == 1.0:
        draft.set_op(name, ops.HardSwish())
        draft.set_sources(name, [stream])
        return
    channels = draft.map(name).channels
    swish = draft.add(f"{name}.hardswish", ops.HardSwish(), [stream], after=stream)
    draft.set_op(name, ops.Conv2d(channels, (1, 1), groups=channels))
    draft.set_sources(name, [swish])
    draft.set_weights(name, np.full((channels, 1, 1, 1), factor), np.zeros(channels))
