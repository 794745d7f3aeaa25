"""Functions of each word: Relu and what bends or bounds, and smooth ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .. import ops
from .affine import add_affine, per_channel
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


def bounded(node: Node, low: float, high: float) -> Stream:
    """The only input held in low..high, together with the bounds that it has already."""
    source = node.stream(0)
    match node.draft.op(source.layer):
        case ops.Relu():
            before = (0.0, FLOAT32_MAX)
        case ops.Clip(least, most):
            before = (least, most)
        case _:
            before = (-FLOAT32_MAX, FLOAT32_MAX)
    if before != (-FLOAT32_MAX, FLOAT32_MAX):
        (earlier,) = node.draft.sources(source.layer)
        node = replace(node, inputs=(replace(source, layer=earlier),))
    low, high = (min(max(end, low), high) for end in before)
    if (low, high) == (0.0, FLOAT32_MAX):
        return node.unary(ops.Relu())
    return node.unary(ops.Clip(low + 0.0, high))


def absolute(node: Node) -> Stream:
    """Abs: a LeakyRelu whose slope turns the sign."""
    return node.unary(ops.LeakyRelu(-1.0))


def leaky_relu(node: Node) -> Stream:
    """LeakyRelu; alpha defaults to 0.01."""
    alpha = node.floating("alpha", float(np.float32(0.01)))
    return node.unary(ops.Relu() if alpha == 0.0 else ops.LeakyRelu(alpha))


def prelu(node: Node) -> Stream:
    """PRelu: a slope of each channel; a LeakyRelu where they are one."""
    source, constant = node.stream(0), node.constant(1)
    if constant is None:
        raise node.refuse("takes two inputs")
    values = np.broadcast_to(per_channel(node, constant, source), (source.map.channels,))
    slopes = tuple(float(np.float32(value)) for value in values)
    if any(not np.isfinite(slope) for slope in slopes):
        raise node.refuse("a slope is not a number")
    if len(set(slopes)) > 1:
        return node.unary(ops.PRelu(slopes))
    return node.unary(ops.Relu() if slopes[0] == 0.0 else ops.LeakyRelu(slopes[0]))


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
    "Abs": absolute,
    "LeakyRelu": leaky_relu,
    "PRelu": prelu,
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
