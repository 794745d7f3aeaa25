"""Functions of each word: Relu and what bends or bounds, and smooth ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .. import ops
from .affine import add_affine
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


def leaky_relu(node: Node) -> Stream:
    """LeakyRelu; alpha defaults to 0.01."""
    alpha = node.floating("alpha", float(np.float32(0.01)))
    return node.unary(ops.Relu() if alpha == 0.0 else ops.LeakyRelu(alpha))


def curve(function: ops.Function) -> Callable[[Node], Stream]:
    """The handler of an op that is a Curve without parameters."""
    return lambda node: node.unary(ops.Curve(function))


def gelu(node: Node) -> Stream:
    """Gelu (opset 20 and later), exact or by tanh."""
    functions = {"none": ops.Function.GELU, "tanh": ops.Function.GELU_TANH}
    approximate = node.text("approximate", "none")
    if approximate not in functions:
        raise node.refuse(f"approximate = {approximate!r}, expected 'none' or 'tanh'")
    return node.unary(ops.Curve(functions[approximate]))


def swish(node: Node) -> Stream:
    """Swish (opset 24 and later): x * Sigmoid(alpha * x)."""
    return node.unary(ops.Curve(ops.Function.SILU, node.floating("alpha", 1.0)))


def elu(node: Node) -> Stream:
    """Elu."""
    return node.unary(ops.Curve(ops.Function.ELU, node.floating("alpha", 1.0)))


def selu(node: Node) -> Stream:
    """Selu: gamma times an Elu."""
    # the defaults are float32 numbers of the ONNX schema
    alpha = node.floating("alpha", float(np.float32(1.67326319217681884765625)))
    gamma = node.floating("gamma", float(np.float32(1.05070102214813232421875)))
    return add_affine(node, node.unary(ops.Curve(ops.Function.ELU, alpha)), gamma, 0.0)


def celu(node: Node) -> Stream:
    """Celu: alpha * Elu(x / alpha)."""
    alpha = node.floating("alpha", 1.0)
    if alpha == 1.0:
        return elu(node)
    if alpha <= 0.0:
        raise node.refuse(f"alpha {alpha:g}, expected a positive one")
    scaled = replace(node, inputs=(add_affine(node, node.stream(0), 1.0 / alpha, 0.0),))
    return add_affine(node, scaled.unary(ops.Curve(ops.Function.ELU)), alpha, 0.0)


HANDLERS = {
    "Relu": relu,
    "Sigmoid": sigmoid,
    "HardSwish": hard_swish,
    "HardSigmoid": hard_sigmoid,
    "Clip": clip,
    "LeakyRelu": leaky_relu,
    "Tanh": curve(ops.Function.TANH),
    "Erf": curve(ops.Function.ERF),
    "Softplus": curve(ops.Function.SOFTPLUS),
    "Mish": curve(ops.Function.MISH),
    "Gelu": gelu,
    "Swish": swish,
    "Elu": elu,
    "Selu": selu,
    "Celu": celu,
}
