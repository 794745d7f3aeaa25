"""ONNX graph -> IR: walks the nodes that the output needs and calls their handlers."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from .. import ops
from ..errors import GraphError, ModelError, UnsupportedNode, UnsupportedOpError
from ..graph import Graph, Weights
from ..rewrites.draft import Draft
from ..shapes import check_map
from ..values import Head
from . import HANDLERS, REFUSED
from .by_reference import BY_REFERENCE
from .constants import evaluate, is_evaluated, shape_value
from .entry import FrameOrder, frame_order, input_dims, readings, seen_as
from .head import check_heads
from .limits import MOST_MADE_VALUES, check_weights, values_kept
from .model_file import ModelFile
from .names import safe_name
from .node import Node
from .scope import Scope, needed_nodes
from .upright import call
from .values import Constant, Stream, Unknown, Value

_SAME_AT_MICROSOFT = ("QuantizeLinear", "DequantizeLinear")
# Keras' export(format="onnx") and tf2onnx's from_function make inputs of what a layer captured, the
# mean of Normalization for one, and drop the values
_LOST_CONSTANTS = (
    "constants that the converter left out of the file? tf2onnx.convert.from_keras keeps them, and "
    "so does python -m tf2onnx.convert --saved-model"
)
_ONLY_OF_CONSTANTS = "of the frame is not supported, only of constants"


@dataclass(frozen=True, slots=True)
class Lowered:
    """A network as a draft of the IR, before any rewrite: fan-out without forks.

    Attributes:
        graph, weights: the layers.
        input_order, output_orders: how the file orders the words of a frame.
        word_bits: layer -> bits of its operands, where a quantised model says so.
        head: what the host makes of the output; None: nothing.
    """

    graph: Graph
    weights: Weights
    input_order: FrameOrder
    output_orders: tuple[FrameOrder, ...]
    word_bits: Mapping[str, int]
    head: Head | None


def lower(file: ModelFile) -> Lowered:
    """The model as layers.

    Raises:
        SpecError: if a tensor's values are malformed.
        GraphError: on other than one input, no output, dynamic or other than two to four input
            dimensions, tensors that nothing makes, shapes that do not meet.
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
    try:
        check_map(pending[0].map, dims[0])
    except GraphError as error:
        raise GraphError(f"{file.path}: input {source.name!r}: {error}") from None
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
        self._file = file
        self._initializers = dict(initializers)
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
        # reserves the names, output, output_2, ... in the file's order; sources are set at the end
        names = [draft.add("output", ops.Output(), [layer]) for _ in graph.output]
        lowering = _Lowering(file, draft)
        values, initializers = ChainMap(self._values), ChainMap(self._initializers)
        lowering.run(Scope(str(file.path), values, initializers, lowering.stored_array))
        if not graph.output:
            raise GraphError(f"{file.path}: outputs none, expected at least one")
        results = [self._result(output.name, len(names)) for output in graph.output]
        for name, result in zip(names, results, strict=True):
            draft.set_sources(name, [result.layer])
        word_bits = {
            made.layer: bits
            for tensor, bits in file.word_bits.items()
            if isinstance(made := self._values.get(tensor), Stream)
        }
        network, weights = draft.build()
        return Lowered(
            network,
            weights,
            frame_order(self.reading),
            tuple(frame_order(result) for result in results),
            word_bits,
            results[0].head,
        )

    def _result(self, name: str, outputs: int) -> Stream:
        """An output of the model."""
        result = self._values.get(name)
        where = f"{self._file.path}: output {name!r}"
        if not isinstance(result, Stream):
            raise GraphError(f"{where} does not depend on the model's input")
        kinds = {
            "expanded": bool(result.grown),
            "scaled by a constant that varies over positions": result.positional is not None,
            "a root": result.divides,
        }
        for kind in (kind for kind, found in kinds.items() if found):
            raise GraphError(f"{where} is {kind}; nothing behind it takes that over")
        if result.head is not None and outputs > 1:
            raise GraphError(
                f"{where} is a {result.head}, which the host computes: of several outputs none may "
                "be one; export the network without it"
            )
        return result


def _only_input(
    file: ModelFile, initializers: Mapping[str, onnx.TensorProto]
) -> onnx.ValueInfoProto:
    inputs: list[onnx.ValueInfoProto] = [
        item for item in file.proto.graph.input if item.name not in initializers
    ]
    if len(inputs) != 1:
        names = ", ".join(repr(item.name) for item in inputs) or "none"
        lost = len(inputs) > 1 and file.proto.producer_name == "tf2onnx"
        hint = f" ({_LOST_CONSTANTS})" if lost else ""
        raise GraphError(f"{file.path}: inputs {names}, expected exactly one{hint}")
    (source,) = inputs
    return source


def _unknown(op: str) -> str:
    if "." in op or onnx.defs.has(op):
        return "this op is not supported"
    return "this is no operator of ONNX: a converter left it as it was"


class _Lowering:
    """The state of one walk over the nodes."""

    def __init__(self, file: ModelFile, draft: Draft) -> None:
        self._file = file
        self._draft = draft
        self._refused: list[UnsupportedNode] = []
        self._made = 0  # values of constants that nodes made
        self._stored = 0  # values of constants that the file holds

    def run(self, scope: Scope) -> None:
        """Lower all nodes that the outputs need; fills the scope's values."""
        self._walk(self._file.proto.graph, scope)
        if self._refused:
            raise UnsupportedOpError(str(self._file.path), self._refused)

    def _walk(self, graph: onnx.GraphProto, scope: Scope) -> None:
        needed, read = needed_nodes(graph)
        for index in needed:
            proto = graph.node[index]
            used = tuple(name in read for name in proto.output)
            try:
                outputs = self._outputs(index, proto, used, scope)
            except UnsupportedOpError as error:
                self._refused.extend(error.nodes)
                outputs = (Unknown(),) * len(proto.output)
            for name, value in zip(proto.output, outputs, strict=False):
                if name:
                    scope.give(name, value)

    def _outputs(
        self, index: int, proto: onnx.NodeProto, used: tuple[bool, ...], scope: Scope
    ) -> Sequence[Value]:
        name = proto.name or f"{proto.op_type}_{index}"
        domain = proto.domain if proto.domain not in ("", "ai.onnx") else ""
        if proto.op_type in _SAME_AT_MICROSOFT and domain == "com.microsoft":
            domain = ""
        node = Node(
            path=str(self._file.path),
            op=f"{domain}.{proto.op_type}" if domain else proto.op_type,
            name=name,
            layer=safe_name(proto.name, f"{safe_name(proto.op_type, 'layer')}_{index}"),
            opset=self._file.opset,
            inputs=tuple(scope.read(name, text) if text else None for text in proto.input),
            attributes={item.name: item for item in proto.attribute},
            used_outputs=used,
            draft=self._draft,
        )
        for output in proto.output:
            if output in self._file.reasons:
                raise node.refuse(self._file.reasons[output])
        try:
            outputs = self._branch(node, scope) if node.op == "If" else self._lower(node)
            # layers may share weights, but not so many that a small file is a huge network
            check_weights(self._draft.weight_values, self._stored)
            return outputs
        except GraphError as error:
            raise GraphError(f"{self._file.path}: node {name!r} ({node.op}): {error}") from None
        except ValueError as error:  # an op record that refuses its attributes
            raise node.refuse(str(error)) from None

    def _branch(self, node: Node, scope: Scope) -> Sequence[Value]:
        """If with a constant condition: the nodes of one branch, in place."""
        condition = node.input(0)
        if isinstance(condition, Unknown):
            return (Unknown(),) * len(node.used_outputs)
        if not isinstance(condition, np.ndarray) or condition.size != 1:
            raise node.refuse("whose condition is not one constant; export one branch only")
        branch = node.attributes.get("then_branch" if condition.any() else "else_branch")
        if branch is None or branch.type != onnx.AttributeProto.GRAPH:
            raise node.refuse("has no such branch")
        inner = scope.inner(branch.g)
        self._walk(branch.g, inner)
        return [inner.read(node.name, output.name) for output in branch.g.output]

    def _lower(self, node: Node) -> Sequence[Value]:
        if node.op == "Constant":
            return (self._constant(node),)
        if node.op not in HANDLERS and not is_evaluated(node.op):
            raise node.refuse(REFUSED.get(node.op, _unknown(node.op)))
        if any(isinstance(value, Unknown) for value in node.inputs):
            if node.op not in HANDLERS and node.op in BY_REFERENCE:
                raise node.refuse(REFUSED.get(node.op, _ONLY_OF_CONSTANTS))
            return (Unknown(),) * len(node.used_outputs)
        if node.op == "Shape":
            value = node.input(0)
            if isinstance(value, Stream):
                return (shape_value(node, value.dims),)
        if node.op == "CastLike" and isinstance(node.input(0), np.ndarray):
            return (node.floats(0),)
        if not any(isinstance(value, Stream) for value in node.inputs):
            return self._evaluated(node)
        check_heads(node)
        if node.op not in HANDLERS:
            raise node.refuse(REFUSED.get(node.op, _ONLY_OF_CONSTANTS))
        return call(HANDLERS[node.op], node)

    def _evaluated(self, node: Node) -> Sequence[Constant]:
        made = evaluate(node, MOST_MADE_VALUES - self._made)
        constants = [value for value in node.inputs if isinstance(value, np.ndarray)]
        self._made += sum(values_kept(result, constants) for result in made)
        return made

    def stored_array(self, tensor: onnx.TensorProto) -> Constant:
        """Values that the file holds."""
        array = self._file.array(tensor)
        self._stored += array.size
        return array

    def _constant(self, node: Node) -> Constant:
        for name, attribute in node.attributes.items():
            if name == "value" and attribute.type == onnx.AttributeProto.TENSOR:
                return self.stored_array(attribute.t)
            if name in ("value_int", "value_ints"):
                ints = attribute.ints if name == "value_ints" else attribute.i
                return np.asarray(ints, np.int64)
            if name in ("value_float", "value_floats"):
                floats = attribute.floats if name == "value_floats" else attribute.f
                return np.asarray(floats, np.float32)
        raise node.refuse("has no value, or one that is not a dense tensor of numbers")
