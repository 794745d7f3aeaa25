"""Operators on integers, as operators on the real values that the integers stand for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from .values import Constant

Float32 = npt.NDArray[np.float32]
_BITS_OF_DYNAMIC = 8  # DynamicQuantizeLinear makes uint8


@dataclass(frozen=True, slots=True)
class Words:
    """Integers on a tensor: value = (integer - zero_point) * scale, integers in low..high."""

    scale: float
    zero_point: float
    low: float
    high: float
    bits: int

    @classmethod
    def of(cls, scale: float, zero_point: float, dtype: npt.DTypeLike) -> Words:
        """Those of an integer type.

        Raises:
            ValueError: if the type is not one, or the scale is not positive.
        """
        kind = np.dtype(dtype)
        if not 0 < scale < float("inf"):
            raise ValueError(f"has a scale of {scale}, expected a positive number")
        if kind.kind in "iu":
            limits = np.iinfo(kind)
            return cls(scale, zero_point, limits.min, limits.max, kind.itemsize * 8)
        known = {"int4": (-8, 7, 4), "uint4": (0, 15, 4), "int2": (-2, 1, 2), "uint2": (0, 3, 2)}
        if kind.name not in known:
            raise ValueError(f"makes words of type {kind}, expected integers")
        low, high, bits = known[kind.name]
        return cls(scale, zero_point, low, high, bits)

    @property
    def lowest(self) -> float:
        """The smallest value."""
        return (self.low - self.zero_point) * self.scale

    @property
    def highest(self) -> float:
        """The largest value."""
        return (self.high - self.zero_point) * self.scale


class Rewriter(ABC):
    """What operators need of the walk over the nodes, and the nodes that it makes.

    Attributes:
        nodes, made: of the new graph; constants of it.
        words: tensors that held integers and now hold the values that those stand for.
        bits: tensors whose values have so many bits.
        dropped: what is not done any more -> the nodes that did it.
    """

    def __init__(self, opset: int) -> None:
        self._opset = opset
        self.nodes: list[onnx.NodeProto] = []
        self.made: list[onnx.TensorProto] = []
        self.words: dict[str, Words] = {}
        self.bits: dict[str, int] = {}
        self.dropped: dict[str, list[str]] = {}

    @abstractmethod
    def constant(self, name: str) -> Constant:
        """A tensor's values. Raises ValueError if it is computed."""

    @abstractmethod
    def is_constant(self, name: str) -> bool:
        """Whether a tensor does not depend on the frame."""

    @abstractmethod
    def is_non_negative(self, name: str) -> bool:
        """Whether a tensor's values are known not to be below zero."""

    @abstractmethod
    def mark_non_negative(self, name: str) -> None:
        """Note that they are."""

    @abstractmethod
    def note_layer(self, output: str, source: str, weight: str) -> None:
        """Note the word length of a layer whose operands have known ``bits``."""

    @abstractmethod
    def give(self, name: str, tensor: onnx.TensorProto) -> None:
        """Note a constant that was made, under the name that nodes know it by."""

    def scalar(self, name: str) -> float:
        """A constant that holds one number, or several times the same one."""
        values = np.unique(self.constant(name).astype(np.float64))
        if values.size != 1:
            raise ValueError(f"{name!r} has several values, expected one for all channels")
        return float(values[0])

    def real(self, name: str) -> Words:
        """The words of a tensor of integers that the frame decides."""
        if name not in self.words:
            raise ValueError(f"reads {name!r}, integers that no quantiser made")
        return self.words[name]

    def add(
        self,
        op: str,
        inputs: Sequence[str],
        output: str,
        name: str = "",
        attributes: Iterable[onnx.AttributeProto] = (),
    ) -> str:
        """Add a node; returns the tensor that it makes."""
        node = helper.make_node(op, list(inputs), [output], name)
        node.attribute.extend(attributes)
        self.nodes.append(node)
        return output

    def array(self, output: str, what: str, values: npt.ArrayLike) -> str:
        """Add a float32 constant for the node that makes ``output``; returns its name."""
        name = f"{output}:{what}"
        self.made.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def number(self, output: str, what: str, value: float) -> str:
        """A constant of one number."""
        return self.array(output, what, value)

    def drop(self, what: str, node: onnx.NodeProto) -> None:
        """Note what a node did and is not done any more."""
        self.dropped.setdefault(what, []).append(node.name or node.output[0])

    def saturate(self, node: onnx.NodeProto, source: str, words: Words, output: str) -> None:
        """What is left of a quantiser on real values: that none is below zero."""
        self.drop(f"activations are not rounded to {words.bits} bits any more", node)
        self.bits[output] = words.bits
        if words.lowest < 0 or self.is_non_negative(source):
            if words.lowest >= 0:
                self.mark_non_negative(output)
            self.add("Identity", [source], output)
            return
        self.mark_non_negative(output)
        low, high = words.lowest + 0.0, float(np.float32(words.highest))
        if self._opset < 11:
            limits = [helper.make_attribute("min", low), helper.make_attribute("max", high)]
            self.add("Clip", [source], output, f"{node.name or output}_saturated", limits)
        else:
            ends = [self.number(output, "low", low), self.number(output, "high", high)]
            self.add("Clip", [source, *ends], output, f"{node.name or output}_saturated")


def copied(node: onnx.NodeProto, *, inputs: Sequence[str]) -> onnx.NodeProto:
    """The same node with other inputs."""
    result = onnx.NodeProto()
    result.CopyFrom(node)
    del result.input[:]
    result.input.extend(inputs)
    return result


def _centred(walk: Rewriter, name: str, zero_point: str, axis: int) -> Float32:
    """Integer weights without their zero point (one, or one for each index of an axis)."""
    integers = walk.constant(name).astype(np.float64)
    if zero_point:
        integers = integers - _along(walk.constant(zero_point), integers.ndim, axis)
    return integers.astype(np.float32)


def _along(values: Constant, rank: int, axis: int) -> npt.NDArray[np.float64]:
    """Constants that are broadcast along an axis."""
    numbers = values.astype(np.float64)
    if numbers.size == 1:
        return numbers.reshape(())
    return numbers.reshape([-1 if index == axis else 1 for index in range(rank)])


def _output_words(walk: Rewriter, scale: str, zero_point: str) -> Words:
    dtype = walk.constant(zero_point).dtype if zero_point else np.dtype(np.uint8)
    return Words.of(walk.scalar(scale), walk.scalar(zero_point) if zero_point else 0.0, dtype)


def _check(walk: Rewriter, source: str, scale: str, zero_point: str) -> Words:
    """The words of an input, which must be on the scale that the node says."""
    words = walk.real(source)
    said = (walk.scalar(scale), walk.scalar(zero_point) if zero_point else 0.0)
    if (words.scale, words.zero_point) != said:
        raise ValueError(f"reads {source!r} on another scale than it was made on")
    return words


def _finish(walk: Rewriter, node: onnx.NodeProto, real: str, words: Words) -> None:
    output = node.output[0]
    walk.saturate(node, real, words, output)
    walk.words[output] = words


def _in(node: onnx.NodeProto, index: int) -> str:
    return node.input[index] if index < len(node.input) else ""


def _qlinear_conv(walk: Rewriter, node: onnx.NodeProto) -> None:
    """x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B."""
    source = _check(walk, node.input[0], node.input[1], node.input[2])
    words = _output_words(walk, node.input[6], node.input[7])
    out = node.output[0]
    integers = _centred(walk, node.input[3], node.input[5], 0)
    scale = walk.constant(node.input[4])
    weight = integers * _along(scale, integers.ndim, 0)
    inputs = [node.input[0], walk.array(out, "weight", weight)]
    if _in(node, 8):
        bias = walk.constant(node.input[8]) * _along(scale, 1, 0) * source.scale
        inputs.append(walk.array(out, "bias", bias))
    real = walk.add("Conv", inputs, f"{out}:real", node.name, node.attribute)
    walk.bits[inputs[0]] = source.bits
    walk.bits[inputs[1]] = walk.constant(node.input[3]).dtype.itemsize * 8
    walk.note_layer(real, *inputs[:2])
    _finish(walk, node, real, words)


def _qlinear_matmul(walk: Rewriter, node: onnx.NodeProto) -> None:
    """a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point."""
    source = _check(walk, node.input[0], node.input[1], node.input[2])
    words = _output_words(walk, node.input[6], node.input[7])
    out = node.output[0]
    integers = _centred(walk, node.input[3], node.input[5], -1)
    weight = integers * _along(walk.constant(node.input[4]), integers.ndim, integers.ndim - 1)
    name = walk.array(out, "weight", weight)
    real = walk.add("MatMul", [node.input[0], name], f"{out}:real", node.name)
    walk.bits[node.input[0]], walk.bits[name] = source.bits, 8
    walk.note_layer(real, node.input[0], name)
    _finish(walk, node, real, words)


def _qgemm(walk: Rewriter, node: onnx.NodeProto) -> None:
    """A, a_scale, a_zero_point, B, b_scale, b_zero_point, C, y_scale, y_zero_point."""
    source = _check(walk, node.input[0], node.input[1], node.input[2])
    if not _in(node, 7):
        raise ValueError("puts out real numbers, expected integers with a scale")
    words = _output_words(walk, node.input[7], _in(node, 8))
    out = node.output[0]
    attributes = {attribute.name: attribute for attribute in node.attribute}
    transposed = "transB" in attributes and attributes["transB"].i
    axis = 0 if transposed else 1
    integers = _centred(walk, node.input[3], "", axis)
    integers -= _along(walk.constant(node.input[5]), 2, axis).astype(np.float32)
    scale = walk.constant(node.input[4])
    inputs = [node.input[0], walk.array(out, "weight", integers * _along(scale, 2, axis))]
    if node.input[6]:
        alpha = attributes["alpha"].f if "alpha" in attributes else 1.0
        bias = walk.constant(node.input[6]) * _along(scale, 1, 0) * source.scale * alpha
        inputs.append(walk.array(out, "bias", bias))
    real = walk.add("Gemm", inputs, f"{out}:real", node.name, node.attribute)
    walk.bits[inputs[0]], walk.bits[inputs[1]] = source.bits, 8
    walk.note_layer(real, *inputs[:2])
    _finish(walk, node, real, words)


def _integer_product(walk: Rewriter, node: onnx.NodeProto) -> None:
    """ConvInteger and MatMulInteger: x, w, x_zero_point, w_zero_point; sums in int32."""
    source = walk.real(node.input[0])
    if _in(node, 2) and walk.scalar(node.input[2]) != source.zero_point:
        raise ValueError(f"reads {node.input[0]!r} with another zero point than it was made with")
    if not _in(node, 2) and source.zero_point != 0:
        raise ValueError(f"reads {node.input[0]!r} without its zero point")
    op = "Conv" if node.op_type == "ConvInteger" else "MatMul"
    out = node.output[0]
    axis = 0 if op == "Conv" else walk.constant(node.input[1]).ndim - 1
    weight = walk.array(out, "weight", _centred(walk, node.input[1], _in(node, 3), axis))
    real = walk.add(op, [node.input[0], weight], f"{out}:real", node.name, node.attribute)
    walk.bits[node.input[0]], walk.bits[weight] = source.bits, 8
    walk.note_layer(real, node.input[0], weight)
    step = walk.number(out, "step", 1.0 / source.scale)
    walk.add("Mul", [real, step], out)


def _dynamic(walk: Rewriter, node: onnx.NodeProto) -> None:
    """DynamicQuantizeLinear: the scale that each frame decides is taken as 1."""
    walk.drop("activations are not rounded to 8 bits of a range of each frame any more", node)
    output = node.output[0]
    walk.add("Identity", [node.input[0]], output, node.name)
    walk.words[output] = Words.of(1.0, 0.0, np.uint8)
    walk.bits[output] = _BITS_OF_DYNAMIC
    for name, value in zip(node.output[1:], (np.float32(1), np.uint8(0)), strict=False):
        if name:
            tensor = numpy_helper.from_array(np.asarray(value), f"{name}:value")
            walk.add("Constant", [], name, "", [helper.make_attribute("value", tensor)])
            walk.give(name, tensor)


def _operand(walk: Rewriter, node: onnx.NodeProto, index: int) -> str:
    """The real values of an input (x, scale, zero_point), perhaps constant."""
    name: str = node.input[index]
    scale, zero_point = node.input[index + 1], _in(node, index + 2)
    if not walk.is_constant(name):
        _check(walk, name, scale, zero_point)
        return name
    offset = walk.scalar(zero_point) if zero_point else 0.0
    values = (walk.constant(name) - offset) * walk.scalar(scale)
    made = walk.array(node.output[0], f"constant{index}", values)
    if (values >= 0).all():
        walk.mark_non_negative(made)
    return made


def _real_operator(
    op: str, streams: Sequence[int], scales_at: int
) -> Callable[[Rewriter, onnx.NodeProto], None]:
    """An operator of com.microsoft whose inputs are (x, scale, zero_point) each."""

    def rewrite(walk: Rewriter, node: onnx.NodeProto) -> None:
        inputs = [_operand(walk, node, index) for index in streams]
        words = _output_words(walk, node.input[scales_at], _in(node, scales_at + 1))
        kept: list[Any] = []
        for attribute in node.attribute:
            if attribute.name == "channels_last" and attribute.i:
                raise ValueError("has its channels last; simplify for another provider")
            if attribute.name != "channels_last":
                kept.append(attribute)
        real = walk.add(op, inputs, f"{node.output[0]}:real", node.name, kept)
        if op in ("Sigmoid",) or all(walk.is_non_negative(name) for name in inputs):
            walk.mark_non_negative(real)
        _finish(walk, node, real, words)

    return rewrite


def _qlinear_concat(walk: Rewriter, node: onnx.NodeProto) -> None:
    """y_scale, y_zero_point, then (x, scale, zero_point) each."""
    words = _output_words(walk, node.input[0], node.input[1])
    inputs = list(node.input[2::3])
    for index, name in enumerate(inputs):
        _check(walk, name, node.input[3 * index + 3], node.input[3 * index + 4])
    real = walk.add("Concat", inputs, f"{node.output[0]}:real", node.name, node.attribute)
    if all(walk.is_non_negative(name) for name in inputs):
        walk.mark_non_negative(real)
    _finish(walk, node, real, words)


INTEGER_OPS: Mapping[str, Callable[[Rewriter, onnx.NodeProto], None]] = {
    "ConvInteger": _integer_product,
    "DynamicQuantizeLinear": _dynamic,
    "MatMulInteger": _integer_product,
    "QGemm": _qgemm,
    "QLinearAdd": _real_operator("Add", (0, 3), 6),
    "QLinearAveragePool": _real_operator("AveragePool", (0,), 3),
    "QLinearConcat": _qlinear_concat,
    "QLinearConv": _qlinear_conv,
    "QLinearGlobalAveragePool": _real_operator("GlobalAveragePool", (0,), 3),
    "QLinearLeakyRelu": _real_operator("LeakyRelu", (0,), 3),
    "QLinearMatMul": _qlinear_matmul,
    "QLinearMul": _real_operator("Mul", (0, 3), 6),
    "QLinearSigmoid": _real_operator("Sigmoid", (0,), 3),
}
