"""A graph as text: for people (and goldens), and as JSON that reads back to the same value."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, get_type_hints

import pydantic

from . import ops
from .errors import GraphError, Mistake, SpecError
from .files import JsonValue, canonical_json
from .graph import Edge, Graph, Layer
from .validation import FileFormat, StrictRecord, mistakes_of
from .values import FeatureMap

SCHEMA_VERSION = 1
# Attributes that older files lack, what that means, and what is not said to people.
_ADDED = {"dilation": (1, 1)}


def graph_to_text(graph: Graph) -> str:
    """One line a layer: name, map that it puts out, op with attributes, layers that it reads.

    >>> from hass.graph import build_graph
    >>> layers = [Layer("input", ops.Input(), FeatureMap(2, 3, 1)),
    ...           Layer("output", ops.Output(), FeatureMap(2, 3, 1))]
    >>> print(graph_to_text(build_graph("g", layers, [Edge("input", "output")])), end="")
    graph g: 2 layers
      input   2x3x1  Input
      output  2x3x1  Output  <- input
    """
    names = max(len(layer.name) for layer in graph)
    maps = max(len(str(layer.out)) for layer in graph)
    lines = [f"graph {graph.name}: {len(graph.layers)} layers"]
    for layer in graph:
        sources = ", ".join(edge.src for edge in graph.in_edges(layer.name))
        arrow = f"  <- {sources}" if sources else ""
        lines.append(f"  {layer.name:<{names}}  {layer.out!s:<{maps}}  {_op_text(layer.op)}{arrow}")
    return "\n".join(lines) + "\n"


def _op_text(op: ops.Op) -> str:
    values = {f.name: getattr(op, f.name) for f in fields(op)}
    said = {name: value for name, value in values.items() if _ADDED.get(name) != value}
    attributes = " ".join(f"{name}={_value_text(value)}" for name, value in said.items())
    return f"{ops.op_name(op)} {attributes}".rstrip()


def _value_text(value: object) -> str:
    match value:
        case (float(), *others):
            return f"{1 + len(others)} values"
        case tuple():
            return "x".join(str(item) for item in value)
        case ops.Span():
            return f"{value.start}:{value.stop}:{value.step}"
        case float():
            return f"{value:.6g}"
        case _:
            return str(value)


class _Span(StrictRecord):
    start: int
    stop: int
    step: int


class _Map(StrictRecord):
    height: int
    width: int
    channels: int


def _record_of(kind: type[ops.Op]) -> type[StrictRecord]:
    """The record of an op: its fields, all required but ``_ADDED``, and its name under ``op``."""
    hints = get_type_hints(kind)
    types: dict[str, Any] = {"op": (Literal[kind.__name__], ...)}
    for item in fields(kind):
        kind_of = _Span if hints[item.name] is ops.Span else hints[item.name]
        types[item.name] = (kind_of, _ADDED.get(item.name, ...))
    return pydantic.create_model(f"{kind.__name__}Record", __base__=StrictRecord, **types)


_RECORDS = tuple(_record_of(kind) for kind in ops.OP_TYPES)
_KINDS = {kind.__name__: kind for kind in ops.OP_TYPES}


class _Layer(StrictRecord):
    name: str
    out: _Map
    op: Annotated[reduce(or_, _RECORDS), pydantic.Field(discriminator="op")]  # type: ignore[valid-type]


class _Edge(StrictRecord):
    src: str
    dst: str
    port: int


class _Graph(StrictRecord):
    schema_version: Literal[1]
    name: str
    layers: tuple[_Layer, ...]
    edges: tuple[_Edge, ...]


FORMAT = FileFormat(
    "graph.json", "an imported network, without its weights", _Graph.model_json_schema
)


def graph_to_json(graph: Graph) -> str:
    """The graph as canonical JSON; ``graph_from_json`` gives back an equal one.

    Raises:
        ValueError: on an attribute that is not finite.
    """
    layers: list[JsonValue] = [
        {
            "name": layer.name,
            "out": asdict(layer.out),
            "op": {"op": ops.op_name(layer.op), **asdict(layer.op)},
        }
        for layer in graph
    ]
    edges: list[JsonValue] = [asdict(edge) for edge in graph.edges]
    return canonical_json(
        {
            "schema_version": SCHEMA_VERSION,
            "name": graph.name,
            "layers": layers,
            "edges": edges,
        }
    )


def graph_from_json(text: str, where: object = "graph.json") -> Graph:
    """Read what ``graph_to_json`` wrote. Shapes are not inferred anew; ``verify`` checks them.

    Args:
        text: the JSON.
        where: the file, for messages.

    Raises:
        SpecError: listing all mistakes: not JSON, unknown or missing keys, wrong types, values
            that an op refuses, edges of layers that do not exist.
    """
    try:
        json.loads(text, parse_constant=_refuse_constant)
        record = _Graph.model_validate_json(text)
    except pydantic.ValidationError as error:
        raise mistakes_of(error, where, _Graph.model_json_schema) from None
    except ValueError as error:
        raise SpecError.at(where, str(error), "JSON") from None
    mistakes: list[Mistake] = []
    layers: list[Layer] = []
    for index, layer in enumerate(record.layers):
        try:
            layers.append(Layer(layer.name, _op_of(layer.op), _map_of(layer.out)))
        except ValueError as error:
            place = f"{where}: layers.{index} ({layer.name})"
            mistakes.append(Mistake(place, str(error), "legal attributes"))
    if mistakes:
        raise SpecError(mistakes)
    edges = tuple(Edge(edge.src, edge.dst, edge.port) for edge in record.edges)
    try:
        return Graph(record.name, tuple(layers), edges)
    except GraphError as error:
        raise SpecError.at(where, str(error), "unique layers, and edges between them") from None


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _map_of(record: _Map) -> FeatureMap:
    return FeatureMap(record.height, record.width, record.channels)


def _op_of(record: StrictRecord) -> ops.Op:
    values: dict[str, Any] = {}
    for name in type(record).model_fields:
        value = getattr(record, name)
        span = isinstance(value, _Span)
        values[name] = ops.Span(value.start, value.stop, value.step) if span else value
    return _KINDS[values.pop("op")](**values)
