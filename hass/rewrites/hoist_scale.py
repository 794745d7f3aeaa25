"""Move a scale from in front of a Mul to behind it, where a convolution can take it over."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..graph import Graph, Weights
from .affine import affine_of
from .draft import Draft


def hoist_scale(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """``(c * x) * y`` becomes ``c * (x * y)`` where a Conv2d alone reads the product.

    Gates written with a rounded 1/6 leave such a scale. It has no shift, and one value per channel
    at most, so it goes through a broadcast as well.
    """
    draft = Draft.of(graph, weights)
    for name in draft:
        affine = affine_of(draft, name)
        if affine is None or np.any(affine.shift != 0):
            continue
        (product,) = draft.readers(name)
        if not isinstance(draft.op(product), ops.Mul):
            continue
        (reader,) = draft.readers(product)
        if isinstance(draft.op(reader), ops.Conv2d):
            op, weight, bias = draft.op(name), draft.weight(name), draft.bias(name)
            draft.remove(name)
            scaled = draft.add(name, op, [product], after=product)
            draft.set_weights(scaled, weight, bias)
            draft.set_sources(reader, [scaled])
    return draft.build()
