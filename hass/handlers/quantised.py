"""Quantised models as models of real numbers: weights are the values that their integers stand for,
activations are no longer rounded.

QuantizeLinear on activations, and every operator on integers, is exchanged for what it does to the
real values behind the integers. What a quantiser cuts off below zero is a Relu that the quantiser
took over, so that is kept, as a Clip; rounding and other saturation are dropped, and named. Word
lengths are kept beside the layers: hass has fixed-point formats of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper

from .integer_ops import INTEGER_OPS, Rewriter, Words, copied
from .qonnx_ops import DOMAINS, QONNX_OPS
from .values import Constant

_QDQ_DOMAINS = ("", "ai.onnx", "com.microsoft")
# They move integers and leave them as they are.
_MOVES = frozenset(
    {
        "Concat", "Dropout", "Flatten", "Gather", "Identity", "MaxPool", "Reshape", "Slice",
        "Split", "Squeeze", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
# They put out values of no more bits than they get.
_KEEPS_BITS = _MOVES | {"Relu", "Clip", "Pad", "Max", "Min"}
_KEEPS_SIGN = _MOVES | {"AveragePool", "GlobalAveragePool", "Add", "Mul", "ReduceMean", "Resize"}
_NEVER_NEGATIVE = frozenset({"Relu", "Sigmoid", "HardSigmoid", "Softmax"})
_LAYERS = {"Conv": 1, "Gemm": 1, "MatMul": 1, "ConvTranspose": 1}  # which input has the weights
_SHOWN = 8  # names in a remark


@dataclass(frozen=True, slots=True)
class Dequantised:
    """A model of real numbers.

    Attributes:
        proto: its content; the original where nothing was quantised.
        remarks: what was dropped.
        word_bits: tensor that a layer puts out -> bits of the layer's operands, where both its
            activations and its weights are quantised.
        reasons: tensor -> why the node that makes it could not be exchanged; it is left as it is.
    """

    proto: onnx.ModelProto
    remarks: tuple[str, ...] = ()
    word_bits: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


def dequantised(
    proto: onnx.ModelProto, opset: int, array: Callable[[onnx.TensorProto], Constant]
) -> Dequantised:
    """A model without quantisers of activations.

    Args:
        proto: the model, functions inlined.
        opset: version of the default operator set.
        array: gives a tensor's values.
    """
    if not any(_handler(node) is not None for node in proto.graph.node):
        return Dequantised(proto)
    walk = _Walk(proto.graph, opset, array)
    for node in proto.graph.node:
        walk.visit(node)
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    graph = result.graph
    for name in ("node", "value_info", "quantization_annotation"):
        graph.ClearField(name)
    graph.node.extend(walk.nodes)
    graph.initializer.extend(walk.made)
    kept = [item for item in proto.opset_import if item.domain not in DOMAINS]
    result.ClearField("opset_import")
    result.opset_import.extend(kept)
    return Dequantised(result, walk.remarks(), walk.word_bits, walk.reasons)


class _Walk(Rewriter):
    """One walk over the nodes, in file order."""

    def __init__(
        self, graph: onnx.GraphProto, opset: int, array: Callable[[onnx.TensorProto], Constant]
    ) -> None:
        super().__init__(opset)
        self._array = array
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._outputs = {output.name for output in graph.output}
        self._fixed: set[str] = set(self._tensors)  # tensors that do not depend on the frame
        self._non_negative: set[str] = set()
        self.word_bits: dict[str, int] = {}
        self.reasons: dict[str, str] = {}

    def visit(self, node: onnx.NodeProto) -> None:
        """Exchange a node, or take it over."""
        handler = _handler(node)
        inputs = [name for name in node.input if name]
        of_frame = any(name not in self._fixed for name in inputs)
        if node.op_type == "Constant" and [item.name for item in node.attribute] == ["value"]:
            self._tensors[node.output[0]] = node.attribute[0].t
        if not node.output:
            self.nodes.append(node)
        elif handler is not None and (of_frame or node.domain in DOMAINS):
            before = len(self.nodes)
            try:
                handler(self, node)
                if node.output[0] in self._outputs and node.output[0] in self.words:
                    raise ValueError("puts out integers of the model; end it with DequantizeLinear")
            except (ValueError, IndexError, TypeError) as error:
                del self.nodes[before:]
                self._leave(node, str(error) or type(error).__name__)
        elif any(name in self.words for name in inputs) and node.op_type != "Shape":
            self._move(node)
        else:
            self._keep(node)
        if not of_frame:
            self._fixed.update(node.output)

    def constant(self, name: str) -> Constant:
        """See ``Rewriter``."""
        if name not in self._tensors:
            raise ValueError(f"{name!r} is not a constant")
        return self._array(self._tensors[name])

    def is_constant(self, name: str) -> bool:
        """See ``Rewriter``."""
        return name in self._fixed

    def is_non_negative(self, name: str) -> bool:
        """See ``Rewriter``."""
        return name in self._non_negative

    def _leave(self, node: onnx.NodeProto, reason: str) -> None:
        self.nodes.append(node)
        self.reasons.update(dict.fromkeys(node.output, reason))

    def _move(self, node: onnx.NodeProto) -> None:
        """A node that reads integers, which are real values by now."""
        words = [self.words.get(name) for name in node.input if name and not self.is_constant(name)]
        if node.op_type == "Pad" and words[0] is not None:
            self._pad(node, words[0])
        elif node.op_type in _MOVES and words[0] is not None and set(words) == {words[0]}:
            self.nodes.append(node)
            self.words.update(dict.fromkeys(node.output, words[0]))
        else:
            self._leave(node, "of the integers of a quantiser; dequantise them first")

    def _pad(self, node: onnx.NodeProto, words: Words) -> None:
        try:
            value = self.scalar(node.input[2]) if len(node.input) > 2 and node.input[2] else 0.0
        except ValueError as error:
            self._leave(node, str(error))
            return
        if value != words.zero_point:
            self._leave(node, f"with {value:g}, only with the zero point {words.zero_point:g}")
            return
        node = copied(node, inputs=[*node.input[:2], "", *node.input[3:]])
        self.nodes.append(node)
        self.words[node.output[0]] = words

    def _keep(self, node: onnx.NodeProto) -> None:
        self.nodes.append(node)
        inputs = [name for name in node.input if name]
        output = node.output[0] if node.output else ""
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):  # of weights
            self.bits[output] = self.bits_of_integers(node)
        elif node.op_type in _KEEPS_BITS and inputs and inputs[0] in self.bits:
            self.bits.update(dict.fromkeys(node.output, self.bits[inputs[0]]))
        if node.op_type in _LAYERS and len(inputs) > 1:
            self.note_layer(output, inputs[0], inputs[1])
        if node.op_type in _NEVER_NEGATIVE or (
            node.op_type in _KEEPS_SIGN
            and all(self.is_non_negative(name) for name in inputs if not self.is_constant(name))
            and not any(self.is_constant(name) for name in inputs[:2] if node.op_type in _SIGNED)
        ):
            self._non_negative.update(node.output)

    def note_layer(self, output: str, source: str, weight: str) -> None:
        """See ``Rewriter``."""
        if source in self.bits and weight in self.bits:
            self.word_bits[output] = max(self.bits[source], self.bits[weight])

    def bits_of_integers(self, node: onnx.NodeProto) -> int:
        """Bits of the integers that a quantiser of constants makes or reads."""
        for name in (node.input[0], *node.input[2:3]):
            if name in self._tensors:
                kind = self._tensors[name].data_type
                if kind in INTEGER_BITS:
                    return INTEGER_BITS[kind]
            elif name in self.bits:
                return self.bits[name]
        return 8  # QuantizeLinear without a zero point makes uint8

    def give(self, name: str, tensor: onnx.TensorProto) -> None:
        """See ``Rewriter``."""
        self._tensors[name] = tensor
        self._fixed.add(name)

    def mark_non_negative(self, name: str) -> None:
        """See ``Rewriter``."""
        self._non_negative.add(name)

    def remarks(self) -> tuple[str, ...]:
        """What was dropped, for people."""
        return tuple(f"{what}: {_some(nodes)}" for what, nodes in self.dropped.items())


_SIGNED = frozenset({"Add", "Mul"})  # whose constants may be negative
INTEGER_BITS: Mapping[int, int] = {
    getattr(onnx.TensorProto, f"{sign}INT{bits}"): bits
    for sign in ("", "U")
    for bits in (2, 4, 8, 16, 32)
    if hasattr(onnx.TensorProto, f"{sign}INT{bits}")
}


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _quantize(walk: Rewriter, node: onnx.NodeProto) -> None:
    scale, zero_point = walk.scalar(node.input[1]), 0.0
    dtype = np.dtype(np.uint8)
    for attribute in node.attribute:
        if attribute.name == "output_dtype" and attribute.i:
            dtype = helper.tensor_dtype_to_np_dtype(attribute.i)
    if len(node.input) > 2 and node.input[2]:
        constant = walk.constant(node.input[2])
        dtype, zero_point = constant.dtype, walk.scalar(node.input[2])
    words = Words.of(scale, zero_point, dtype)
    walk.saturate(node, node.input[0], words, node.output[0])
    walk.words[node.output[0]] = words


def _dequantize(walk: Rewriter, node: onnx.NodeProto) -> None:
    source = walk.real(node.input[0])
    scale = walk.scalar(node.input[1])
    zero_point = walk.scalar(node.input[2]) if len(node.input) > 2 and node.input[2] else 0.0
    output = node.output[0]
    if (source.scale, source.zero_point) == (scale, zero_point):
        walk.add("Identity", [node.input[0]], output, node.name)
    else:  # the integers are read on another scale
        factor = walk.number(output, "factor", scale / source.scale)
        shift = walk.number(output, "shift", (source.zero_point - zero_point) * scale)
        scaled = walk.add("Mul", [node.input[0], factor], f"{output}:scaled", node.name)
        walk.add("Add", [scaled, shift], output)
    walk.bits[output] = source.bits
    if walk.is_non_negative(node.input[0]) and zero_point <= source.zero_point:
        walk.mark_non_negative(output)


_HANDLERS: Mapping[str, Callable[[Rewriter, onnx.NodeProto], None]] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    **INTEGER_OPS,
}


def _handler(node: onnx.NodeProto) -> Callable[[Rewriter, onnx.NodeProto], None] | None:
    if node.domain in DOMAINS:
        return QONNX_OPS.get(node.op_type)
    return _HANDLERS.get(node.op_type) if node.domain in _QDQ_DOMAINS else None
