"""Functions that a model brings along: every call becomes the nodes of the function's body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

import onnx
import onnx.inliner

from ..errors import GraphError

_Key: TypeAlias = tuple[str, str, str]  # domain, name, overload
# A thousand-node network of functions makes some ten thousand; a million takes onnx a minute.
MOST_NODES = 1_000_000


def inline_functions(proto: onnx.ModelProto, path: object) -> onnx.ModelProto:
    """The same model without functions; the model itself where it has none.

    Raises:
        GraphError: if functions call each other in a circle, would make more than a million nodes,
            or cannot be inlined.
    """
    if not proto.functions:
        return proto
    functions = {_key(f.domain, f.name, f.overload): f for f in proto.functions}
    sizes: dict[_Key, int] = {}
    for key in functions:
        _measure(key, functions, sizes, path)
    total = sum(sizes.get(_called(node), 1) for node in _nodes(proto.graph.node))
    if total > MOST_NODES:
        raise GraphError(f"{path}: functions make {total} nodes, expected at most {MOST_NODES}")
    try:
        return onnx.inliner.inline_local_functions(proto)
    except (RuntimeError, ValueError) as error:
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


def _measure(
    start: _Key, functions: Mapping[_Key, onnx.FunctionProto], sizes: dict[_Key, int], path: object
) -> None:
    """Nodes that a call makes, of this function and of those it calls."""
    stack, open_ = [start], {start}
    while stack:
        key = stack[-1]
        calls = [_called(node) for node in _nodes(functions[key].node)]
        pending = [called for called in calls if called in functions and called not in sizes]
        if pending and key not in sizes:
            if pending[0] in open_:
                raise GraphError(f"{path}: function {pending[0][1]!r} calls itself")
            stack.append(pending[0])
            open_.add(pending[0])
            continue
        sizes[key] = max(sum(sizes.get(called, 1) for called in calls), 1)
        open_.discard(stack.pop())
