"""The model that hass's IR is proved against: the file itself in float32, without quantisers of
activations.

onnxruntime has no kernels of bfloat16 and few of float64 on the CPU, and rounds what float16 files
compute after every operator. So files of other types are compared in float32, where the IR must
agree to float32's rounding: a tolerance for float16 would hide what it is to find.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from .model_file import load_model_file

_FLOAT32 = TensorProto.FLOAT
# unit roundoff, half the distance of 1 to the next number: IEEE 754 and bfloat16
UNIT_ROUNDOFF: Mapping[int, float] = {
    TensorProto.FLOAT16: 2.0**-11,
    TensorProto.BFLOAT16: 2.0**-8,
    TensorProto.DOUBLE: 2.0**-53,
}
# half of the smallest number above zero
_UNDERFLOW: Mapping[int, float] = {TensorProto.FLOAT16: 2.0**-25, TensorProto.BFLOAT16: 2.0**-134}


@dataclass(frozen=True, slots=True)
class PlainModel:
    """A model in float32.

    Attributes:
        content: the ONNX file.
        folder: where its external data lie.
        roundoff: of the coarsest type that the file computes in and this model does not; 0 where
            it computes in float32 throughout.
        underflow: the most that rounding moves what is too small for that type; 0 likewise.
        quantised: whether quantisers of activations were dropped.
    """

    content: bytes
    folder: Path
    roundoff: float
    underflow: float
    quantised: bool


def plain_model(path: str | Path) -> PlainModel | None:
    """The model of a file in float32; None where the file itself is that.

    Raises:
        SpecError, GraphError: as ``load_model_file``.
    """
    file = load_model_file(path)
    proto = file.proto
    types = float32_graph(proto.graph)
    if not types and not file.remarks:
        return None
    for output in proto.graph.output:  # shapes and types follow from the nodes
        output.type.tensor_type.ClearField("shape")
    roundoff = max((UNIT_ROUNDOFF[kind] for kind in types), default=0.0)
    underflow = max((_UNDERFLOW.get(kind, 0.0) for kind in types), default=0.0)
    folder = file.path.parent.resolve()
    return PlainModel(proto.SerializeToString(), folder, roundoff, underflow, bool(file.remarks))


def float32_graph(graph: onnx.GraphProto) -> set[int]:
    """Change a graph in place to float32; returns the types that it had besides."""
    found: set[int] = set()
    graph.ClearField("value_info")
    for info in (*graph.input, *graph.output):
        kind = info.type.tensor_type
        if kind.elem_type in UNIT_ROUNDOFF:
            found.add(kind.elem_type)
            kind.elem_type = _FLOAT32
    casts: list[onnx.NodeProto] = []
    stored = {tensor.name for tensor in graph.initializer if tensor.data_type in UNIT_ROUNDOFF}
    inputs = [info for info in graph.input if info.name not in stored]  # of old operator sets
    graph.ClearField("input")
    graph.input.extend(inputs)
    for tensor in graph.initializer:
        if tensor.data_type in UNIT_ROUNDOFF:
            found.add(tensor.data_type)
            casts.append(_cast(f"{tensor.name}:stored", tensor.name))
            tensor.name = f"{tensor.name}:stored"
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.append(node)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found |= float32_graph(attribute.g)
        made = _made_type(node)
        if made in UNIT_ROUNDOFF:
            found.add(made)
            if node.op_type == "Cast":
                _set_integer(node, "to", _FLOAT32)
            else:
                output = node.output[0]
                node.output[0] = f"{output}:stored"
                nodes.append(_cast(f"{output}:stored", output))
    kept = [onnx.NodeProto() for _ in nodes]
    for copy, node in zip(kept, nodes, strict=True):
        copy.CopyFrom(node)
    graph.ClearField("node")
    graph.node.extend([*casts, *kept])
    return found


def _made_type(node: onnx.NodeProto) -> int:
    """The type that a node says it makes; 0 where it makes what it gets."""
    for attribute in _own(node):
        if attribute.name in ("to", "dtype", "output_dtype"):
            return int(attribute.i)
        if attribute.name == "value" and attribute.type == onnx.AttributeProto.TENSOR:
            return int(attribute.t.data_type)
    return 0


def _own(node: onnx.NodeProto) -> Iterator[onnx.AttributeProto]:
    if node.op_type in ("Cast", "Constant", "ConstantOfShape", "DequantizeLinear", "EyeLike"):
        yield from node.attribute


def _set_integer(node: onnx.NodeProto, name: str, value: int) -> None:
    for attribute in node.attribute:
        if attribute.name == name:
            attribute.i = value


def _cast(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], to=_FLOAT32)
