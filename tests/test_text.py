"""A graph as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from strategies import graphs

from hass import ops
from hass.errors import SpecError
from hass.graph import Graph, Weights
from hass.rewrites.draft import Draft
from hass.rewrites.insert_forks import insert_forks
from hass.text import graph_from_json, graph_to_json, graph_to_text
from hass.values import FeatureMap


def _every_op() -> Graph:
    """One layer of every op."""
    draft = Draft("every_op")
    draft.add("input", ops.Input(), [], out=FeatureMap(11, 7, 4))
    chain: list[ops.Op] = [
        ops.Relu(),
        ops.Clip(0.0, 6.0),
        ops.HardSigmoid(1 / 6, 0.5),
        ops.HardSwish(),
        ops.Sigmoid(),
        ops.LeakyRelu(0.1),
        ops.PRelu((0.5, 0.25, -0.1, 1.5)),
        ops.Curve(ops.Function.GELU),
        ops.MaxPool2d((3, 2), (2, 1), (1, 0, 1, 1)),
        ops.AvgPool2d((2, 2), (1, 1), (0, 0, 1, 0), ops.Divisor.INSIDE),
        ops.Pad((1, 2, 3, 4), 0, 2),
        ops.Slice(ops.Span(0, 9, 2), ops.Span(1, 5), ops.Span(2, 6, 3)),
        ops.Upsample((1, 3)),
        ops.Pad((0, 0, 0, 0), 0, 2),
        ops.DepthToSpace((2, 1)),
        ops.Shuffle(2),
    ]
    last = "input"
    for op in chain:
        last = draft.add(ops.op_name(op).lower(), op, [last])
    pooled = draft.add("gap", ops.GlobalAvgPool(), [last])
    scaled = draft.add("mul", ops.Mul(), [last, pooled])
    joined = draft.add("concat", ops.Concat(), [scaled, draft.add("add", ops.Add(), [last, last])])
    op = ops.Conv2d(6, (3, 1), (2, 1), (1, 0, 1, 0), 2)
    conv = draft.add_conv("conv", op, joined, [[[[0.5]] * 3] * 2] * 6, [0.0] * 6)  # type: ignore[list-item]
    draft.add("output", ops.Output(), [conv])
    return insert_forks(*draft.build())[0]


def test_every_op_is_in_the_example() -> None:
    assert {type(layer.op) for layer in _every_op()} == set(ops.OP_TYPES)


def test_text(golden: Callable[[str, str], None]) -> None:
    golden("every_op.txt", graph_to_text(_every_op()))


def test_json(golden: Callable[[str, str], None]) -> None:
    golden("every_op.json", graph_to_json(_every_op()))


def test_json_of_every_op_reads_back() -> None:
    assert graph_from_json(graph_to_json(_every_op())) == _every_op()


@settings(max_examples=100, deadline=None)
@given(graphs())
def test_json_round_trip_is_identity(made: tuple[Graph, Weights]) -> None:
    graph, _ = made
    text = graph_to_json(graph)
    again = graph_from_json(text)
    assert again == graph
    assert again.digest == graph.digest
    assert graph_to_json(again) == text


def _drop(*path: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]

    return change


def _put(value: Any, *path: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


MISTAKES: dict[str, Callable[[Any], None]] = {
    "newer schema": _put(2, "schema_version"),
    "unknown key": _put(1, "extra"),
    "unknown attribute": _put(1, "layers", 1, "op", "extra"),
    "unknown op": _put("Conv3d", "layers", 1, "op", "op"),
    "missing attribute": _drop("layers", 2, "op", "high"),
    "text for a number": _put("6", "layers", 2, "op", "high"),
    "bounds crossed": _put(-1.0, "layers", 2, "op", "high"),
    "empty map": _put(0, "layers", 1, "out", "height"),
    "stride 0": _put([0, 1], "layers", 6, "op", "stride"),
    "three kernel sizes": _put([1, 1, 1], "layers", 6, "op", "kernel"),
    "edge from nowhere": _put("nowhere", "edges", 0, "src"),
    "layer twice": _put("input", "layers", 1, "name"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_json_with_a_mistake_is_refused(case: str) -> None:
    data = json.loads(graph_to_json(_every_op()))
    MISTAKES[case](data)
    with pytest.raises(SpecError) as caught:
        graph_from_json(json.dumps(data), "graph.json")
    assert str(caught.value).startswith("graph.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": NaN}'])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"graph\.json"):
        graph_from_json(text, "graph.json")


def test_all_mistakes_are_told_at_once() -> None:
    data = json.loads(graph_to_json(_every_op()))
    for case in ("unknown key", "text for a number", "three kernel sizes"):
        MISTAKES[case](data)
    with pytest.raises(SpecError) as caught:
        graph_from_json(json.dumps(data))
    places = [mistake.where for mistake in caught.value.mistakes]
    assert len(places) == 3
    assert "graph.json: extra" in places
