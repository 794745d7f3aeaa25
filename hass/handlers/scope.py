"""Which tensors a node can read, and which nodes the outputs need."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import onnx

from ..errors import GraphError
from .values import Constant, Value


@dataclass(frozen=True, slots=True)
class Scope:
    """The tensors of a graph, and behind them those of the graphs around it.

    Attributes:
        path: of the model, for messages.
        values: of tensors that were made or read already.
        initializers: those that were not read yet.
        array: gives the values of one.
    """

    path: str
    values: ChainMap[str, Value]
    initializers: ChainMap[str, onnx.TensorProto]
    array: Callable[[onnx.TensorProto], Constant]

    def inner(self, graph: onnx.GraphProto) -> Scope:
        """That of a branch."""
        own = {tensor.name: tensor for tensor in graph.initializer}
        values, initializers = self.values.new_child(), self.initializers.new_child(own)
        return Scope(self.path, values, initializers, self.array)

    def read(self, node: str, name: str) -> Value:
        """A tensor that a node reads.

        Raises:
            GraphError: if nothing makes it.
            SpecError: if its values are malformed.
        """
        if name not in self.values:
            if name not in self.initializers:
                where = f"{self.path}: node {node!r}"
                raise GraphError(f"{where} reads {name!r}, which nothing before it makes")
            self.values[name] = self.array(self.initializers[name])
        return self.values[name]

    def give(self, name: str, value: Value) -> None:
        """Note what a node makes.

        Raises:
            GraphError: if another one of the same graph made it.
        """
        if name in self.values.maps[0] or name in self.initializers.maps[0]:
            raise GraphError(f"{self.path}: tensor {name!r} is made twice")
        self.values[name] = value


def needed_nodes(graph: onnx.GraphProto) -> tuple[list[int], set[str]]:
    """Indices of the nodes that the outputs need, in file order, and all tensors that they read."""
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    pending = [output.name for output in graph.output]
    read = set(pending)
    needed: set[int] = set()
    while pending:
        index = makers.get(pending.pop())
        if index is not None and index not in needed:
            needed.add(index)
            names = list(_reads(graph.node[index]))
            pending.extend(names)
            read.update(names)
    return sorted(needed), read


def _reads(node: onnx.NodeProto) -> Iterator[str]:
    """Tensors that a node reads, those that only its branches read among them."""
    yield from node.input
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.GRAPH:
            yield from (output.name for output in attribute.g.output)
            for inner in attribute.g.node:
                yield from _reads(inner)
