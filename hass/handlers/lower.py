"""ONNX graph -> IR: walks the nodes that the output needs and calls their handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from .. import ops
from ..errors import GraphError, ModelError, UnsupportedNode, UnsupportedOpError
from ..graph import Graph, Weights
from ..rewrites.draft import Draft
from . import HANDLERS, REFUSED
from .constants import EVALUATORS, evaluate, shape_value
from .entry import FrameOrder, frame_order, input_dims, readings, seen_as
from .model_file import ModelFile
from .names import safe_name
from .node import Node
from .upright import call
from .values import Constant, Stream, Unknown, Value


@dataclass(frozen=True, slots=True)
class Lowered:
    """A network as a draft of the IR, before any rewrite: fan-out without forks.

    Attributes:
        graph, weights: the layers.
        input_order, output_order: how the file orders the words of a frame.
    """

    graph: Graph
    weights: Weights
    input_order: FrameOrder
    output_order: FrameOrder


def lower(file: ModelFile) -> Lowered:
    """The model as layers.

    Raises:
        SpecError: if a tensor's values are malformed.
        GraphError: on other than one input and one output, dynamic or other than two to four
            input dimensions, tensors that nothing makes, shapes that do not meet.
        UnsupportedOpError: listing every node that cannot be lowered.
    """
    graph = file.proto.graph
    initializers = {tensor.name: tensor for tensor in graph.initializer}
    if graph.sparse_initializer:
        raise GraphError(f"{file.path}: sparse initializers are not supported")
    source = _only_input(file, initializers)
    dims = input_dims(file, source)
    attempts: list[_Attempt] = []
    pending = list(readings("input", dims))
    while pending:
        attempt = _Attempt(file, initializers, source.name, pending.pop(0))
        try:
            return attempt.run()
        except ModelError as error:
            attempt.error = error
        if not attempts:
            pending += seen_as(attempt.reading, attempt.streams)
        attempts.append(attempt)
    # the reading that came furthest says best what is wrong; the first of them, where none did
    raise max(attempts, key=lambda attempt: attempt.lowered).error


class _Attempt:
    """The lowering of a model under one reading of its input's dimensions."""

    def __init__(
        self,
        file: ModelFile,
        initializers: Mapping[str, onnx.TensorProto],
        source: str,
        reading: Stream,
    ) -> None:
        self.reading = reading
        self.error: ModelError = GraphError(f"{file.path}: not lowered")
        self._file, self._initializers = file, initializers
        self._values: dict[str, Value] = {source: reading}

    @property
    def streams(self) -> list[Stream]:
        """What could be lowered."""
        return [value for value in self._values.values() if isinstance(value, Stream)]

    @property
    def lowered(self) -> int:
        """How much could be lowered."""
        return len(self.streams)

    def run(self) -> Lowered:
        """See ``lower``."""
        file, graph = self._file, self._file.proto.graph
        draft = Draft(safe_name(graph.name, safe_name(file.path.stem, "model")))
        layer = draft.add("input", ops.Input(), [], out=self.reading.map)
        draft.add("output", ops.Output(), [layer])  # reserves the name; its source follows
        _Lowering(file, draft, self._initializers, self._values).run()
        if len(graph.output) != 1:
            names = ", ".join(repr(output.name) for output in graph.output) or "none"
            raise GraphError(f"{file.path}: outputs {names}, expected exactly one")
        result = self._values.get(graph.output[0].name)
        if not isinstance(result, Stream):
            raise GraphError(
                f"{file.path}: output {graph.output[0].name!r} does not depend on the model's input"
            )
        draft.set_sources("output", [result.layer])
        return Lowered(*draft.build(), frame_order(self.reading), frame_order(result))


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
            return self._lower(node)
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
            return (evaluate(node, constants),)
        if node.op not in HANDLERS:
            raise node.refuse("of the frame is not supported, only of constants")
        return call(HANDLERS[node.op], node)

    def _input(self, node: str, name: str) -> Value | None:
        if not name:
            return None
        if name not in self._values:
            if name not in self._initializers:
                where = f"{self._file.path}: node {node!r}"
                raise GraphError(f"{where} reads {name!r}, which nothing before it makes")
            self._values[name] = self._file.array(self._initializers[name])
        return self._values[name]

    def _constant(self, node: Node) -> Constant:
        for name, attribute in node.attributes.items():
            if name == "value" and attribute.type == onnx.AttributeProto.TENSOR:
                return self._file.array(attribute.t)
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
