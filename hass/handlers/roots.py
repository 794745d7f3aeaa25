"""Roots and negative powers of words that a constant keeps above zero, as normalisations end in:

    (s * v + e) ** -a  =  e ** -a * (1 + s / e * v) ** -a,    v >= 0, s > 0, e > 0

with the Curve DECAY. A root itself is built nowhere; divisions by it are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import ops
from ..rewrites.affine import affine_of
from ..rewrites.draft import Draft
from .affine import add_affine
from .clips import keeps_non_negative, makes_non_negative
from .node import Node
from .values import Stream

_MOST_LAYERS = 64  # looked at for what is never below zero; a variance needs three


def _is_non_negative(draft: Draft, start: str) -> bool:
    """Whether a layer never puts out a value below zero."""
    pending, seen = [start], {start}
    while pending and len(seen) < _MOST_LAYERS:
        layer = pending.pop()
        op, sources = draft.op(layer), draft.sources(layer)
        if makes_non_negative(op) or (isinstance(op, ops.Mul) and len(set(sources)) == 1):
            continue
        if isinstance(op, ops.Conv2d):
            if draft.weight(layer).min() < 0.0 or draft.bias(layer).min() < 0.0:
                return False
        elif not keeps_non_negative(op) or not sources:
            return False
        pending.extend(source for source in sources if source not in seen)
        seen.update(sources)
    return not pending


def decayed(node: Node, exponent: float) -> Stream:
    """The only stream to the power of ``-exponent``.

    Raises:
        UnsupportedOpError: if nothing keeps it above zero.
    """
    draft, source = node.draft, node.stream(0)
    affine = affine_of(draft, source.layer)
    if affine is not None and np.all(affine.scale > 0.0) and np.all(affine.shift > 0.0):
        (inner,) = draft.sources(source.layer)
        if isinstance(draft.op(inner), ops.Relu):  # the curve does it
            (inner,) = draft.sources(inner)
            known = True
        else:
            known = _is_non_negative(draft, inner)
        if known:
            inside = replace(source, layer=inner)
            if not np.array_equal(affine.scale, affine.shift):
                inside = add_affine(node, inside, affine.scale / affine.shift, 0.0)
            curve = ops.Curve(ops.Function.DECAY, exponent)
            gate = replace(node, inputs=(inside,)).unary(curve)
            if np.all(affine.shift == 1.0):
                return gate
            return add_affine(node, gate, affine.shift**-exponent, 0.0)
    raise node.refuse(
        "of what may be zero: only of a mean of squares, or the like, to which a positive constant "
        "is added"
    )


def root(node: Node) -> Stream:
    """Sqrt, of which only a division by it can be built."""
    return replace(decayed(node, 0.5), divides=True)


def reciprocal(node: Node) -> Stream:
    """Reciprocal of a root, or of what is kept above zero."""
    value = node.input(0)
    if isinstance(value, Stream) and value.divides:
        return replace(value, divides=False)
    return decayed(node, 1.0)


HANDLERS = {"Reciprocal": reciprocal, "Sqrt": root}
