"""Add, Sub, Mul, Div, Max, Min of tensors, and small powers of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .. import ops
from .activation import FLOAT32_MAX, bounded
from .affine import add_affine, arithmetic_by_constant, per_channel
from .node import Node, describe
from .over_channels import larger, spread_to
from .roots import decayed, root
from .values import Stream


def arithmetic(node: Node) -> Stream:
    """Two streams, or a stream and a constant; Sub adds what it takes negated, and Div by a root
    multiplies."""
    first, second = node.input(0), node.input(1)
    if node.op == "Div" and isinstance(second, Stream) and second.divides:
        second = replace(second, divides=False)
        node = replace(node, op="Mul", inputs=(first, second))
    if not (isinstance(first, Stream) and isinstance(second, Stream)):
        return arithmetic_by_constant(node)
    if first.positional is not None or second.positional is not None:
        node.rows(0 if first.positional is not None else 1)
    if first.divides or second.divides:
        node.view(0 if first.divides else 1)
    if node.op == "Div":
        raise node.refuse(
            "of two feature maps: no divider is built, only division by constants, and by the root "
            "of a mean of squares to which a constant is added"
        )
    return _joined(node, first, second)


def _joined(node: Node, first: Stream, second: Stream) -> Stream:
    """Add, Sub, Mul, Max of two streams."""
    if first.grown in ((), second.dims) and second.grown in ((), first.dims):
        first, second = replace(first, grown=()), replace(second, grown=())
    first, second = spread_to(node, first, second), spread_to(node, second, first)
    alike = replace(first, layer="") == replace(second, layer="")
    if not alike and (first.grown or second.grown):
        raise node.refuse(f"of {describe(first)} and {describe(second)}, one of them expanded")
    if alike or _broadcasts(second, first):
        whole = first
    elif _broadcasts(first, second):
        whole = second
    else:
        raise node.refuse(f"of {describe(first)} and {describe(second)}")
    if node.op == "Max":
        name = larger(node, first.layer, second.layer)
    else:
        if node.op == "Sub":
            second = add_affine(node, second, -1.0, 0.0)
        op = ops.Mul() if node.op == "Mul" else ops.Add()
        name = node.draft.add(node.layer, op, [first.layer, second.layer])
    return replace(whole, layer=name)


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
    """Max or Min of a stream and a constant: a Clip, or with a bound per channel a moved Relu; Max
    of several streams."""
    present = [value for value in node.inputs if value is not None]
    if not present:
        raise node.refuse("of nothing")
    result, *others = sorted(present, key=lambda value: not isinstance(value, Stream))
    for other in others:
        result = _bound_by(replace(node, inputs=(result, other)))
    return replace(node, inputs=(result,)).stream(0)


def _bound_by(node: Node) -> Stream:
    """Of a stream, and another one or a constant."""
    if isinstance(node.input(1), Stream):
        if node.op == "Min":
            raise node.refuse("of two feature maps, only of one and a constant; Max is supported")
        return _joined(node, node.rows(0), node.rows(1))
    source, constant = node.stream(0), node.constant(1)
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
    """Pow by 1, 2 or 3: the product of the stream with itself; by 0.5 and below 0 see ``roots``."""
    source, exponents = node.stream(0), node.constant(1)
    if exponents is None or exponents.size != 1:
        raise node.refuse("by other than one constant")
    exponent = float(exponents.reshape(-1)[0])
    if exponent < 0.0:
        return decayed(node, -exponent)
    if exponent == 0.5:
        return root(node)
    if exponent not in (1.0, 2.0, 3.0):
        raise node.refuse(f"by {exponent:g}, only by 1, 2 or 3, by 0.5 where Sqrt is, or below 0")
    layer = source.layer
    for _ in range(int(exponent) - 1):
        layer = node.draft.add(node.layer, ops.Mul(), [layer, source.layer])
    return replace(source, layer=layer)


HANDLERS = {
    "Add": arithmetic,
    "Sub": arithmetic,
    "Mul": arithmetic,
    "Div": arithmetic,
    "Max": bound,
    "Min": bound,
    "Pow": power,
}
