"""Functions that a model brings along: every call becomes the nodes of the function's body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

import onnx
import onnx.checker
import onnx.inliner

from ..errors import GraphError

_Key: TypeAlias = tuple[str, str, str]  # domain, name, overload
# A thousand-node network of functions makes some ten thousand. Of a file of some kilobytes 65,536
# take 5 s and 230 MiB to import, half a million 49 s and 1.4 GiB.
MOST_NODES = 65_536
_MOST_COPIES = 8  # of a body's constants, on average over the file
_FOR_THE_NODES_BYTES = 1 << 26
_COUNTED = 1 << 40  # nodes or bytes of one call, and no further


def inline_functions(proto: onnx.ModelProto, path: object) -> onnx.ModelProto:
    """The same model without functions; the model itself where it has none.

    Raises:
        GraphError: if functions call each other in a circle, would make more than 65,536 nodes or
            far more bytes than the file has, or cannot be inlined.
    """
    if not proto.functions:
        return proto
    functions = {_key(f.domain, f.name, f.overload): f for f in proto.functions}
    calls = {key: [_called(n) for n in _nodes(f.node)] for key, f in functions.items()}
    inner = {key: {call for call in calls[key] if call in functions} for key in functions}
    nodes: dict[_Key, int] = {}  # that a call makes, of the function and of those it calls
    sizes: dict[_Key, int] = {}  # and their bytes
    try:
        for key in TopologicalSorter(inner).static_order():
            made = sum(nodes.get(call, 1) for call in calls[key])
            made_bytes = functions[key].ByteSize() + sum(sizes.get(c, 0) for c in calls[key])
            # bounded, as a chain of thousands would have numbers of thousands of digits
            nodes[key] = min(max(made, 1), _COUNTED)
            sizes[key] = min(made_bytes, _COUNTED)
    except CycleError as error:
        raise GraphError(f"{path}: function {error.args[1][0][1]!r} calls itself") from None
    own = [_called(node) for node in _nodes(proto.graph.node)]
    made, made_bytes = sum(nodes.get(c, 1) for c in own), sum(sizes.get(c, 0) for c in own)
    if made > MOST_NODES:
        raise GraphError(f"{path}: functions make more than {MOST_NODES} nodes")
    most_bytes = _FOR_THE_NODES_BYTES + _MOST_COPIES * proto.ByteSize()
    if made_bytes > most_bytes:
        raise GraphError(f"{path}: functions make more than {most_bytes} bytes")
    try:
        return onnx.inliner.inline_local_functions(proto)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise GraphError(f"{path}: functions that cannot be inlined: {reason}") from None


def _key(domain: str, name: str, overload: str) -> _Key:
    return "" if domain == "ai.onnx" else domain, name, overload


def _called(node: onnx.NodeProto) -> _Key:
    return _key(node.domain, node.op_type, node.overload)


def _nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Nodes and those of their branches."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            yield from _nodes(attribute.g.node)
            for graph in attribute.graphs:
                yield from _nodes(graph.node)
