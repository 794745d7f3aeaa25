"""Relu, Clip, HardSigmoid, HardSwish, Sigmoid."""

from __future__ import annotations

import numpy as np

from .. import ops
from .node import Node
from .values import Stream

FLOAT32_MAX = float(np.finfo(np.float32).max)  # a bound that bounds nothing; JSON has no infinity


def relu(node: Node) -> Stream:
    """Relu."""
    return node.unary(ops.Relu())


def sigmoid(node: Node) -> Stream:
    """Sigmoid."""
    return node.unary(ops.Sigmoid())


def hard_swish(node: Node) -> Stream:
    """HardSwish (opset 14 and later)."""
    return node.unary(ops.HardSwish())


def hard_sigmoid(node: Node) -> Stream:
    """HardSigmoid; alpha and beta default to 0.2 and 0.5."""
    # the defaults are float32 numbers of the ONNX schema
    alpha = node.floating("alpha", float(np.float32(0.2)))
    return node.unary(ops.HardSigmoid(alpha, node.floating("beta", 0.5)))


def _bound(node: Node, index: int, attribute: str, default: float) -> float:
    if node.opset < 11:
        value = node.floating(attribute, default)
    elif node.input(index) is None:
        value = default
    else:
        array = node.floats(index)
        if array.size != 1:
            raise node.refuse(f"{attribute} has {array.size} values, expected one")
        value = float(array.reshape(-1)[0])
    if np.isnan(value):
        raise node.refuse(f"{attribute} is not a number")
    return min(max(value, -FLOAT32_MAX), FLOAT32_MAX)


def clip(node: Node) -> Stream:
    """Clip; without an upper bound and from 0 it is a Relu, without any it is nothing."""
    low = _bound(node, 1, "min", -FLOAT32_MAX)
    high = _bound(node, 2, "max", FLOAT32_MAX)
    if low > high:
        raise node.refuse(f"min {low} is above max {high}")
    if high == FLOAT32_MAX and low == 0:
        return node.unary(ops.Relu())
    if high == FLOAT32_MAX and low == -FLOAT32_MAX:
        return node.stream(0)
    return node.unary(ops.Clip(low + 0.0, high))  # + 0.0: no negative zero


HANDLERS = {
    "Relu": relu,
    "Sigmoid": sigmoid,
    "HardSwish": hard_swish,
    "HardSigmoid": hard_sigmoid,
    "Clip": clip,
}
