"""Parts of networks: each a network of its own, and all of them together the whole."""

from __future__ import annotations

import itertools

import numpy as np
import onnxruntime
import pytest
from chain_networks import EVERY_OP, Chain, float_outputs, network
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import random_profile
from strategies import graphs

from hass import ops
from hass.cuts import (
    WHOLE,
    Part,
    all_cuts,
    cutting_order,
    part_graph,
    part_weights,
    useful_cuts,
)
from hass.errors import GraphError, ProfileError
from hass.fixed_point import choose_formats, dequantise
from hass.graph import Graph, Weights
from hass.onnx_io import write_model
from hass.reference import run_reference
from hass.sparsity import part_profile
from hass.values import Arithmetic, FeatureMap
from hass.verify import verify

SAME3 = ((3, 3), (1, 1), (1, 1, 1, 1))
# a plain residual block, and a strided one with a projection; a map goes around two convolutions
RESIDUAL: Chain = [
    ("stem", ops.Conv2d(4, *SAME3), ["in"]),
    ("fork", ops.Fork(), ["stem"]),
    ("a", ops.Conv2d(6, *SAME3), ["fork"]),
    ("a_relu", ops.Relu(), ["a"]),
    ("b", ops.Conv2d(4, *SAME3), ["a_relu"]),
    ("sum", ops.Add(), ["b", "fork"]),
    ("fork2", ops.Fork(), ["sum"]),
    ("c", ops.Conv2d(5, (3, 3), (2, 2), (1, 1, 1, 1)), ["fork2"]),
    ("c_relu", ops.Relu(), ["c"]),
    ("d", ops.Conv2d(8, *SAME3), ["c_relu"]),
    ("shortcut", ops.Conv2d(8, (1, 1), (2, 2)), ["fork2"]),
    ("sum2", ops.Add(), ["d", "shortcut"]),
    ("pool", ops.GlobalAvgPool(), ["sum2"]),
    ("fc", ops.Conv2d(3, (1, 1)), ["pool"]),
]
# three readers of one map, two of them behind the join of the others
SHARED: Chain = [
    ("stem", ops.Conv2d(4, *SAME3), ["in"]),
    ("fork", ops.Fork(), ["stem"]),
    ("a", ops.Conv2d(4, *SAME3), ["fork"]),
    ("b", ops.Conv2d(4, *SAME3), ["fork"]),
    ("ab", ops.Add(), ["a", "b"]),
    ("c", ops.Conv2d(4, *SAME3), ["ab"]),
    ("sum", ops.Add(), ["c", "fork"]),
    ("d", ops.Conv2d(2, *SAME3), ["sum"]),
]
NETWORKS = {"residual": RESIDUAL, "shared": SHARED, "every op": EVERY_OP}
FRAME = FeatureMap(8, 6, 3)


def parts_at(names: list[str]) -> list[Part]:
    ends = [None, *names, None]
    return [Part(first, last) for first, last in itertools.pairwise(ends)]


def float_output(graph: Graph, weights: Weights, frames: np.ndarray) -> np.ndarray:
    """What onnxruntime computes, (N, C, H, W)."""
    session = onnxruntime.InferenceSession(
        write_model(graph, weights), providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(["output"], {"input": frames})
    out = graph.of_type(ops.Output)[0].out
    return np.asarray(found).reshape(len(frames), out.channels, out.height, out.width)


def check_parts(graph: Graph, weights: Weights, names: list[str], frames: np.ndarray) -> None:
    """Parts verify, hold each layer with weights once, and compute together what the whole does."""
    expected = float_output(graph, weights, frames)
    weighted = []
    for part in parts_at(names):
        cut = part_graph(graph, part)
        own = part_weights(weights, cut.graph)
        verify(cut.graph, own)
        weighted += [layer.name for layer in cut.graph.convs]
        assert set(cut.carries).isdisjoint(layer.name for layer in graph)
        for layer in cut.graph:  # what is not added stands for the layer of its name
            assert layer.name in cut.carries or layer.out == graph[layer.name].out
        frames = float_output(cut.graph, own, frames)
    assert sorted(weighted) == sorted(layer.name for layer in graph.convs)
    np.testing.assert_allclose(frames, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("chain", NETWORKS.values(), ids=list(NETWORKS))
def test_parts_at_every_cut_compute_what_the_whole_does(chain: Chain) -> None:
    graph, weights = network(chain, FRAME)
    frames = np.random.default_rng(1).normal(size=(2, 3, 8, 6)).astype(np.float32)
    names = [cut.last for cut in all_cuts(graph)]
    assert names
    for name in names:
        check_parts(graph, weights, [name], frames)
    useful = [cut.last for cut in useful_cuts(graph)]
    check_parts(graph, weights, useful, frames)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_parts_of_any_network_compute_what_the_whole_does(data: st.DataObject) -> None:
    graph, weights = data.draw(graphs(max_layers=10))
    order = cutting_order(graph)
    assert sorted(order) == sorted(layer.name for layer in graph)
    seen: set[str] = set()
    for name in order:
        assert all(edge.src in seen for edge in graph.in_edges(name))
        seen.add(name)
    by_place: dict[int, list[str]] = {}
    for cut in all_cuts(graph):
        by_place.setdefault(cut.weighted, []).append(cut.last)
    places = sorted(by_place)
    chosen = data.draw(st.lists(st.sampled_from(places), unique=True)) if places else []
    names = [data.draw(st.sampled_from(by_place[place])) for place in sorted(chosen)]
    source = graph.frame
    shape = (2, source.channels, source.height, source.width)
    frames = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    check_parts(graph, weights, names, frames)


def test_useful_cuts_of_residual_blocks() -> None:
    graph, _ = network(RESIDUAL, FRAME)
    found = {cut.last: (cut.streams, str(cut.crossing)) for cut in useful_cuts(graph)}
    assert found == {
        "stem": (("stem",), "8x6x4"),
        "a_relu": (("fork", "a_relu"), "8x6x10"),
        "sum": (("sum",), "8x6x4"),
        # the projection stands before what it goes around; behind it alone two sizes cross
        "shortcut": (("fork2", "shortcut"), "8x6x12"),
        "c_relu": (("shortcut", "c_relu"), "4x3x13"),
        "pool": (("pool",), "1x1x8"),
    }


def test_a_part_between_two_streams_begins_with_slices_and_ends_with_a_concat() -> None:
    graph, _ = network(RESIDUAL, FRAME)
    before = part_graph(graph, Part(None, "a_relu"))
    assert [layer.name for layer in before.graph][-2:] == ["a_relu.out.concat", "a_relu.out"]
    assert before.graph["a_relu.out"].out == FeatureMap(8, 6, 10)
    behind = part_graph(graph, Part("a_relu", "sum"))
    names = [layer.name for layer in behind.graph]
    assert names == ["a_relu.in", "a_relu.in.fork", "fork", "a_relu", "b", "sum", "sum.out"]
    assert isinstance(behind.graph["fork"].op, ops.Slice)
    assert behind.carries["a_relu.in"] == ("fork", "a_relu")


def test_a_smaller_map_crosses_inside_a_larger_one() -> None:
    graph, _ = network(RESIDUAL, FRAME)
    before = part_graph(graph, Part("sum", "shortcut"))
    assert before.graph["shortcut.out.pad"].op == ops.Pad((0, 0, 4, 3))
    behind = part_graph(graph, Part("shortcut", None))
    op = behind.graph["shortcut"].op
    assert isinstance(op, ops.Slice)
    assert (op.rows, op.columns, op.channels) == (ops.Span(0, 4), ops.Span(0, 3), ops.Span(4, 12))


def test_a_map_that_passes_a_part_is_handed_on() -> None:
    graph, _ = network(SHARED, FRAME)
    names = [cut.last for cut in useful_cuts(graph)]
    middle = next(
        part_graph(graph, part)
        for part in parts_at(names)
        if part.after
        and part.until
        and "b" in {x.name for x in part_graph(graph, part).graph.convs}
    )
    assert any(isinstance(layer.op, ops.Concat) for layer in middle.graph)
    assert "fork" in middle.graph


def test_the_whole_is_itself() -> None:
    graph, _ = network(RESIDUAL, FRAME)
    assert part_graph(graph, WHOLE).graph is graph


@pytest.mark.parametrize(
    ("part", "what"),
    [
        (Part("nowhere", None), "cannot be cut behind 'nowhere'"),
        (Part(None, "fork"), "cannot be cut behind 'fork'"),  # the cut in front of it is meant
        (Part("sum", "stem"), "no layer with weights lies"),
        (Part("fc", None), "cannot be cut behind 'fc'"),  # nothing with weights behind it
    ],
)
def test_places_that_are_no_cuts_are_refused(part: Part, what: str) -> None:
    graph, _ = network(RESIDUAL, FRAME)
    with pytest.raises(GraphError, match=what):
        part_graph(graph, part)


def test_weights_of_another_network_are_refused() -> None:
    graph, _ = network(RESIDUAL, FRAME)
    cut = part_graph(graph, Part(None, "a_relu"))
    with pytest.raises(GraphError, match=r"no weights stem\.weight"):
        part_weights(Weights({}), cut.graph)


def test_a_profile_of_a_part() -> None:
    graph, weights = network(RESIDUAL, FRAME)
    profile = random_profile(graph, weights)
    cut = part_graph(graph, Part("a_relu", "c_relu"))
    own = part_weights(weights, cut.graph)
    found = part_profile(profile, cut.graph, own, cut.carries)
    assert set(found.layers) == {"b", "shortcut", "c"}
    assert found.graph_digest == cut.graph.digest
    assert found.weights_digest == own.digest
    whole = profile.output_max_abs
    if whole:
        assert found.output_max_abs["a_relu.in"] == max(whole["fork"], whole["a_relu"])
    stranger, _ = network(SHARED, FRAME)
    other = random_profile(stranger)
    with pytest.raises(ProfileError, match="lacks layers b"):
        part_profile(other.__class__(**{**_fields(other), "layers": {}}), cut.graph, own, {})


def _fields(profile: object) -> dict[str, object]:
    names = profile.__dataclass_fields__  # type: ignore[attr-defined]
    return {name: getattr(profile, name) for name in names}


def test_integers_of_parts_are_those_of_the_whole() -> None:
    """Where one stream crosses, its words keep their format: parts agree bit for bit."""
    graph, weights = network(RESIDUAL, FRAME)
    frames = np.random.default_rng(5).normal(size=(3, 3, 8, 6)).astype(np.float32)
    maps = float_outputs(graph, weights, {}, frames)
    largest = {name: float(np.abs(values).max()) for name, values in maps.items()}
    arithmetic = Arithmetic(8, 8, 24)
    formats = choose_formats(graph, weights, largest, arithmetic)
    expected = run_reference(graph, weights, formats, {}, frames)["out"]
    names = [cut.last for cut in useful_cuts(graph) if len(cut.streams) == 1]
    assert len(names) == 3
    values = frames
    for part in parts_at(names):
        cut = part_graph(graph, part)
        own = part_weights(weights, cut.graph)
        known = {
            layer.name: max(
                largest[source] for source in cut.carries.get(layer.name, (layer.name,))
            )
            for layer in cut.graph
            if not isinstance(layer.op, ops.Output)
        }
        formats = choose_formats(cut.graph, own, known, arithmetic)
        last = cut.graph.of_type(ops.Output)[0].name
        integers = run_reference(cut.graph, own, formats, {}, values)[last]
        values = dequantise(integers, formats.outputs[last]).astype(np.float32)
    np.testing.assert_array_equal(integers, expected)
