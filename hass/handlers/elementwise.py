"""Add, Sub, Mul, Div, Max, Min of two tensors, and small powers of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import ops
from ..rewrites.affine import affine_of
from ..rewrites.draft import Draft
from .activation import FLOAT32_MAX, bounded
from .affine import add_affine, arithmetic_by_constant, per_channel
from .node import Node, describe
from .values import Stream


def arithmetic(node: Node) -> Stream:
    """Two streams (not Div), or a stream and a constant; Sub adds what it takes negated."""
    first, second = node.input(0), node.input(1)
    if not (isinstance(first, Stream) and isinstance(second, Stream)):
        return arithmetic_by_constant(node)
    if first.positional is not None or second.positional is not None:
        node.rows(0 if first.positional is not None else 1)
    if node.op == "Div":
        raise node.refuse("of two feature maps: no divider is built, only division by constants")
    op = ops.Mul() if node.op == "Mul" else ops.Add()
    if first.grown in ((), second.dims) and second.grown in ((), first.dims):
        first, second = replace(first, grown=()), replace(second, grown=())
    alike = replace(first, layer="") == replace(second, layer="")
    if not alike and (first.grown or second.grown):
        raise node.refuse(f"of {describe(first)} and {describe(second)}, one of them expanded")
    if alike or _broadcasts(second, first):
        larger = first
    elif _broadcasts(first, second):
        larger = second
    else:
        raise node.refuse(f"of {describe(first)} and {describe(second)}")
    if node.op == "Sub":
        second = add_affine(node, second, -1.0, 0.0)
    name = node.draft.add(node.layer, op, [first.layer, second.layer])
    return replace(larger, layer=name)


def _broadcasts(small: Stream, large: Stream) -> bool:
    """Whether ``small`` holds one value per channel of ``large``."""
    return (
        small.map.pixels == 1
        and small.map.channels == large.map.channels
        and len(small.shape) == len(large.shape)
        and small.has_channel_axis
        and large.has_channel_axis
    )


def bound(node: Node) -> Stream:
    """Max or Min of a stream and a constant: a Clip, or with a bound per channel a moved Relu."""
    present = [value for value in node.inputs if value is not None]
    if len(present) == 1:
        return node.stream(0)
    if len(present) != 2 or all(isinstance(value, Stream) for value in present):
        raise node.refuse("of several feature maps, only of one and a constant")
    first_is = isinstance(node.input(0), Stream)
    source, constant = node.stream(0 if first_is else 1), node.constant(1 if first_is else 0)
    assert constant is not None
    value = per_channel(node, constant, source)
    if not np.isfinite(value).all():
        raise node.refuse("a bound is not a number")
    if value.size == 1:
        ends = (-FLOAT32_MAX, float(value)) if node.op == "Min" else (float(value), FLOAT32_MAX)
        return bounded(replace(node, inputs=(source,)), *ends)
    sign = -1.0 if node.op == "Min" else 1.0  # min(x, c) = c - relu(c - x)
    moved = add_affine(node, source, sign, -sign * value)
    kept = replace(node, inputs=(moved,)).unary(ops.Relu())
    return add_affine(node, kept, sign, value)


def power(node: Node) -> Stream:
    """Pow by 1, 2 or 3: the product of the stream with itself; a negative one of 1 + Relu(x)."""
    source, exponents = node.stream(0), node.constant(1)
    if exponents is None or exponents.size != 1:
        raise node.refuse("by other than one constant")
    exponent = float(exponents.reshape(-1)[0])
    if exponent < 0.0 and (positive := _behind_one_more(node.draft, source.layer)):
        moved = replace(source, layer=positive)
        op = ops.Curve(ops.Function.DECAY, -exponent)
        return replace(node, inputs=(moved,)).unary(op)
    if exponent not in (1.0, 2.0, 3.0):
        raise node.refuse(f"by {exponent:g}, only by 1, 2 or 3, or of 1 + Relu(x) by less than 0")
    layer = source.layer
    for _ in range(int(exponent) - 1):
        layer = node.draft.add(node.layer, ops.Mul(), [layer, source.layer])
    return replace(source, layer=layer)


def _behind_one_more(draft: Draft, layer: str) -> str | None:
    """x, if a layer is 1 + Relu(x)."""
    affine = affine_of(draft, layer)
    if affine is None or not (np.all(affine.scale == 1.0) and np.all(affine.shift == 1.0)):
        return None
    (relu,) = draft.sources(layer)
    return draft.sources(relu)[0] if isinstance(draft.op(relu), ops.Relu) else None


HANDLERS = {
    "Add": arithmetic,
    "Sub": arithmetic,
    "Mul": arithmetic,
    "Div": arithmetic,
    "Max": bound,
    "Min": bound,
    "Pow": power,
}
