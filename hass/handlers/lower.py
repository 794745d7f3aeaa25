"""ONNX graph -> IR: walks the nodes that the output needs and calls their handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from .. import ops
from ..errors import GraphError, UnsupportedNode, UnsupportedOpError
from ..graph import Graph, Weights
from ..rewrites.draft import Draft
from ..shapes import check_map
from ..values import FeatureMap, Head
from . import HANDLERS, REFUSED
from .constants import EVALUATORS, evaluate, shape_value
from .head import check_heads
from .limits import MOST_MADE_VALUES, check_weights, values_kept
from .model_file import ModelFile
from .names import safe_name
from .node import Node
from .values import Constant, Stream, Unknown, Value, spatial

_FLOAT_TYPES = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.BFLOAT16,
)


@dataclass(frozen=True, slots=True)
class Lowered:
    """A network as a draft of the IR, before any rewrite: fan-out without forks.

    Attributes:
        graph, weights: the layers.
        head: what the host makes of the output; None: nothing.
    """

    graph: Graph
    weights: Weights
    head: Head | None


def lower(file: ModelFile) -> Lowered:
    """The model as layers.

    Raises:
        SpecError: if a tensor's values are malformed.
        GraphError: on other than one input, no output, dynamic or other than four input
            dimensions, tensors that nothing makes, shapes that do not meet.
        UnsupportedOpError: listing every node that cannot be lowered.
    """
    graph = file.proto.graph
    draft = Draft(safe_name(graph.name, safe_name(file.path.stem, "model")))
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    if graph.sparse_initializer:
        raise GraphError(f"{file.path}: sparse initializers are not supported")
    values: dict[str, Value] = {}
    source = _only_input(file, initializers)
    feature_map, batch = _input_map(file, source)
    layer = draft.add("input", ops.Input(), [], out=feature_map)
    # reserves the names, output, output_2, ... in the file's order; sources are set at the end
    names = [draft.add("output", ops.Output(), [layer]) for _ in graph.output]
    values[source.name] = spatial(layer, feature_map, batch)
    _Lowering(file, draft, initializers, values).run()
    if not graph.output:
        raise GraphError(f"{file.path}: outputs none, expected at least one")
    head: Head | None = None
    for name, output in zip(names, graph.output, strict=True):
        result = values.get(output.name)
        where = f"{file.path}: output {output.name!r}"
        if not isinstance(result, Stream):
            raise GraphError(f"{where} does not depend on the model's input")
        if result.axes:
            raise GraphError(f"{where} is transposed")
        if result.head is not None and len(names) > 1:
            raise GraphError(
                f"{where} is a {result.head}, which the host computes: of several outputs none may "
                "be one; export the network without it"
            )
        head = result.head
        draft.set_sources(name, [result.layer])
    return Lowered(*draft.build(), head)


def _only_input(
    file: ModelFile, initializers: Mapping[str, onnx.TensorProto]
) -> onnx.ValueInfoProto:
    inputs: list[onnx.ValueInfoProto] = [
        item for item in file.proto.graph.input if item.name not in initializers
    ]
    if len(inputs) != 1:
        names = ", ".join(repr(item.name) for item in inputs) or "none"
        raise GraphError(f"{file.path}: inputs {names}, expected exactly one")
    (source,) = inputs
    return source


def _input_map(file: ModelFile, source: onnx.ValueInfoProto) -> tuple[FeatureMap, int]:
    """Feature map and batch (1 where symbolic) of the model's input."""
    where = f"{file.path}: input {source.name!r}"
    kind = source.type.tensor_type
    if kind.elem_type not in _FLOAT_TYPES:
        names = {number: name for name, number in onnx.TensorProto.DataType.items()}
        found = names.get(kind.elem_type, str(kind.elem_type))
        raise GraphError(f"{where} is of type {found}, expected floating point")
    dims = kind.shape.dim
    if len(dims) != 4:
        found = f"{len(dims)} dimensions" if kind.HasField("shape") else "no shape"
        raise GraphError(f"{where} has {found}, expected four: N, C, H, W")
    for index, label in ((1, "C"), (2, "H"), (3, "W")):
        size = dims[index].dim_value
        if size < 1:
            found = dims[index].dim_param or (size if dims[index].HasField("dim_value") else "?")
            raise GraphError(
                f"{where}: dimension {index} ({label}) is {found!r}, expected static C, H, W"
            )
    channels, height, width = (int(dim.dim_value) for dim in dims[1:])
    feature_map, batch = FeatureMap(height, width, channels), max(int(dims[0].dim_value), 1)
    try:
        check_map(feature_map, batch)
    except GraphError as error:
        raise GraphError(f"{where}: {error}") from None
    return feature_map, batch


class _Lowering:
    """The state of one walk over the nodes."""

    def __init__(
        self,
        file: ModelFile,
        draft: Draft,
        initializers: Mapping[str, onnx.TensorProto],
        values: dict[str, Value],
    ) -> None:
        self._file = file
        self._draft = draft
        self._initializers = initializers
        self._values = values
        self._refused: list[UnsupportedNode] = []
        self._made = 0  # values of constants that nodes made
        self._stored = 0  # values of constants that the file holds

    def run(self) -> None:
        """Lower all nodes that the outputs need; fills the table of values."""
        nodes = self._file.proto.graph.node
        needed, read = _needed(self._file)
        for index in needed:
            proto = nodes[index]
            used = tuple(name in read for name in proto.output)
            try:
                outputs = self._outputs(index, proto, used)
            except UnsupportedOpError as error:
                self._refused.extend(error.nodes)
                outputs = (Unknown(),) * len(proto.output)
            for name, value in zip(proto.output, outputs, strict=False):
                if name in self._values or name in self._initializers:
                    raise GraphError(f"{self._file.path}: tensor {name!r} is made twice")
                if name:
                    self._values[name] = value
        if self._refused:
            raise UnsupportedOpError(str(self._file.path), self._refused)

    def _outputs(
        self, index: int, proto: onnx.NodeProto, used: tuple[bool, ...]
    ) -> Sequence[Value]:
        name = proto.name or f"{proto.op_type}_{index}"
        domain = proto.domain if proto.domain not in ("", "ai.onnx") else ""
        node = Node(
            path=str(self._file.path),
            op=f"{domain}.{proto.op_type}" if domain else proto.op_type,
            name=name,
            layer=safe_name(proto.name, f"{safe_name(proto.op_type, 'layer')}_{index}"),
            opset=self._file.opset,
            inputs=tuple(self._input(name, text) for text in proto.input),
            attributes={item.name: item for item in proto.attribute},
            used_outputs=used,
            draft=self._draft,
        )
        try:
            outputs = self._lower(node)
            # layers may share weights, but not so many that a small file is a huge network
            check_weights(self._draft.weight_values, self._stored)
            return outputs
        except GraphError as error:
            raise GraphError(f"{self._file.path}: node {name!r} ({node.op}): {error}") from None
        except ValueError as error:  # an op record that refuses its attributes
            raise node.refuse(str(error)) from None

    def _lower(self, node: Node) -> Sequence[Value]:
        if node.op == "Constant":
            return (self._constant(node),)
        known = node.op in HANDLERS or node.op in EVALUATORS
        if not known:
            raise node.refuse(REFUSED.get(node.op, "this op is not supported"))
        if any(isinstance(value, Unknown) for value in node.inputs):
            return (Unknown(),) * len(node.used_outputs)
        if node.op == "Shape":
            value = node.input(0)
            if isinstance(value, Stream):
                return (shape_value(node, value.dims),)
        present = [value for value in node.inputs if value is not None]
        constants: list[Constant] = [v for v in present if isinstance(v, np.ndarray)]
        if len(constants) == len(present):
            made = evaluate(node, constants, MOST_MADE_VALUES - self._made)
            self._made += values_kept(made, constants)
            return (made,)
        check_heads(node)
        if node.op not in HANDLERS:
            reason = REFUSED.get(node.op, "of the frame is not supported, only of constants")
            raise node.refuse(reason)
        result = HANDLERS[node.op](node)
        return result if isinstance(result, tuple) else (result,)

    def _input(self, node: str, name: str) -> Value | None:
        if not name:
            return None
        if name not in self._values:
            if name not in self._initializers:
                where = f"{self._file.path}: node {node!r}"
                raise GraphError(f"{where} reads {name!r}, which nothing before it makes")
            self._values[name] = self._stored_array(self._initializers[name])
        return self._values[name]

    def _stored_array(self, tensor: onnx.TensorProto) -> Constant:
        array = self._file.array(tensor)
        self._stored += array.size
        return array

    def _constant(self, node: Node) -> Constant:
        for name, attribute in node.attributes.items():
            if name == "value" and attribute.type == onnx.AttributeProto.TENSOR:
                return self._stored_array(attribute.t)
            if name in ("value_int", "value_ints"):
                ints = attribute.ints if name == "value_ints" else attribute.i
                return np.asarray(ints, np.int64)
            if name in ("value_float", "value_floats"):
                floats = attribute.floats if name == "value_floats" else attribute.f
                return np.asarray(floats, np.float32)
        raise node.refuse("has no value, or one that is not a dense tensor of numbers")


def _needed(file: ModelFile) -> tuple[list[int], set[str]]:
    """Indices of the nodes that the outputs need, in file order, and all tensors that they read."""
    graph = file.proto.graph
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    pending = [output.name for output in graph.output]
    read = set(pending)
    needed: set[int] = set()
    while pending:
        index = makers.get(pending.pop())
        if index is not None and index not in needed:
            needed.add(index)
            pending.extend(graph.node[index].input)
            read.update(graph.node[index].input)
    return sorted(needed), read
