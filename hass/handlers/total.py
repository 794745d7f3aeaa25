"""Sum of any number of tensors: a row of additions."""

from __future__ import annotations

from dataclasses import replace

from .elementwise import arithmetic
from .node import Node
from .values import Stream


def total(node: Node) -> Stream:
    """Sum; constants are added to the streams one by one."""
    if not node.inputs or any(value is None for value in node.inputs):
        raise node.refuse("of a missing input")
    terms = sorted(node.inputs, key=lambda value: not isinstance(value, Stream))
    result, *others = terms
    for term in others:
        result = arithmetic(replace(node, op="Add", inputs=(result, term)))
    return replace(node, inputs=(result,)).stream(0)


HANDLERS = {"Sum": total}
