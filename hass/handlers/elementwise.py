"""Add, Sub, Mul, Div of two tensors, and small powers of one."""

from __future__ import annotations

from dataclasses import replace

from .. import ops
from .affine import arithmetic_by_constant
from .node import Node, describe
from .values import Stream


def arithmetic(node: Node) -> Stream:
    """Two streams (Add, Mul only), or a stream and a constant."""
    first, second = node.input(0), node.input(1)
    if not (isinstance(first, Stream) and isinstance(second, Stream)):
        return arithmetic_by_constant(node)
    if first.positional is not None or second.positional is not None:
        node.rows(0 if first.positional is not None else 1)
    if node.op not in ("Add", "Mul"):
        raise node.refuse("of two feature maps, only with a constant")
    op = ops.Add() if node.op == "Add" else ops.Mul()
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


def power(node: Node) -> Stream:
    """Pow by 1, 2 or 3: the product of the stream with itself."""
    source, exponents = node.stream(0), node.constant(1)
    if exponents is None or exponents.size != 1:
        raise node.refuse("by other than one constant")
    exponent = float(exponents.reshape(-1)[0])
    if exponent not in (1.0, 2.0, 3.0):
        raise node.refuse(f"by {exponent:g}, only by 1, 2 or 3")
    layer = source.layer
    for _ in range(int(exponent) - 1):
        layer = node.draft.add(node.layer, ops.Mul(), [layer, source.layer])
    return replace(source, layer=layer)


HANDLERS = {
    "Add": arithmetic,
    "Sub": arithmetic,
    "Mul": arithmetic,
    "Div": arithmetic,
    "Pow": power,
}
