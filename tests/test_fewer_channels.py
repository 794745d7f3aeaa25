"""A network without some channels computes what the network with these channels masked computes."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from chain_networks import Chain, float_outputs, network
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import graphs

from hass import ops
from hass.channels import as_removed, channel_classes, classes_by_layer, removed_classes
from hass.errors import GraphError
from hass.fewer_channels import masked_weights, without_channels
from hass.fixed_point import choose_formats
from hass.graph import Graph, Weights
from hass.onnx_io import write_model
from hass.reference import run_reference
from hass.values import Arithmetic, FeatureMap

SAME3 = ((3, 3), (1, 1), (1, 1, 1, 1))
ONE = ((1, 1),)
FRAME = FeatureMap(6, 5, 3)
# two residual blocks, the second with a projection
RESIDUAL: Chain = [
    ("stem", ops.Conv2d(4, *SAME3), ["in"]),
    ("fork", ops.Fork(), ["stem"]),
    ("a", ops.Conv2d(6, *SAME3), ["fork"]),
    ("a_relu", ops.Relu(), ["a"]),
    ("b", ops.Conv2d(4, *SAME3), ["a_relu"]),
    ("sum", ops.Add(), ["b", "fork"]),
    ("fork2", ops.Fork(), ["sum"]),
    ("c", ops.Conv2d(5, (3, 3), (2, 2), (1, 1, 1, 1)), ["fork2"]),
    ("shortcut", ops.Conv2d(5, (1, 1), (2, 2)), ["fork2"]),
    ("sum2", ops.Add(), ["c", "shortcut"]),
    ("pool", ops.GlobalAvgPool(), ["sum2"]),
    ("fc", ops.Conv2d(3, *ONE), ["pool"]),
]
# an inverted residual with squeeze and excitation, as MobileNetV3 has
INVERTED: Chain = [
    ("stem", ops.Conv2d(4, *SAME3), ["in"]),
    ("fork", ops.Fork(), ["stem"]),
    ("expand", ops.Conv2d(8, *ONE), ["fork"]),
    ("swish", ops.HardSwish(), ["expand"]),
    ("dw", ops.Conv2d(8, *SAME3, 8), ["swish"]),
    ("fork2", ops.Fork(), ["dw"]),
    ("squeeze", ops.GlobalAvgPool(), ["fork2"]),
    ("reduce", ops.Conv2d(2, *ONE), ["squeeze"]),
    ("reduce_relu", ops.Relu(), ["reduce"]),
    ("restore", ops.Conv2d(8, *ONE), ["reduce_relu"]),
    ("gate", ops.HardSigmoid(0.2, 0.5), ["restore"]),
    ("scale", ops.Mul(), ["fork2", "gate"]),
    ("project", ops.Conv2d(4, *ONE), ["scale"]),
    ("sum", ops.Add(), ["project", "fork"]),
    ("fc", ops.Conv2d(3, (6, 5)), ["sum"]),
]


def outputs(graph: Graph, weights: Weights, seed: int = 0) -> np.ndarray:
    source = graph.frame
    shape = (4, source.channels, source.height, source.width)
    frames = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    model = write_model(graph, weights)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"input": frames})[0])


def check(graph: Graph, weights: Weights, removed: dict[str, tuple[int, ...]]) -> Graph:
    """The smaller graph, checked against the masked network and against what it says of itself."""
    narrowed = without_channels(graph, weights, removed)
    masked = masked_weights(graph, weights, narrowed.removed)
    wanted = outputs(graph, masked)
    found = outputs(narrowed.graph, narrowed.weights)
    assert np.allclose(found, wanted, rtol=1e-4, atol=1e-5 * max(1.0, float(abs(wanted).max())))
    gone = [channel for c in removed_classes(graph, narrowed.removed) for channel in c.channels]
    for layer in graph:
        count = sum(name == layer.name for name, _ in gone)
        assert narrowed.graph[layer.name].out.channels == layer.out.channels - count > 0
    again = without_channels(graph, weights, narrowed.removed)
    assert again.graph == narrowed.graph and again.weights.digest == narrowed.weights.digest
    return narrowed.graph


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_any_network_without_any_channels(made: tuple[Graph, Weights], data: st.DataObject) -> None:
    graph, weights = made
    classes = channel_classes(graph)
    if classes:
        chosen = data.draw(st.lists(st.sampled_from(classes), unique=True))
        check(graph, weights, dict(as_removed(chosen)))


def widths(graph: Graph, *names: str) -> list[int]:
    return [graph[name].out.channels for name in names]


def test_residual_sums_tie_channels() -> None:
    graph, weights = network(RESIDUAL, FRAME)
    led = {name: len(classes) for name, classes in classes_by_layer(graph).items()}
    assert led == {"stem": 4, "a": 6, "c": 5}  # b goes with the stem, the shortcut with c
    smaller = check(graph, weights, {"stem": (1,), "a": (0, 3, 4), "shortcut": (2, 4)})
    assert widths(smaller, "stem", "a", "b", "sum", "c", "shortcut", "fc") == [3, 3, 3, 3, 3, 3, 3]


def test_integers_without_a_channel_are_those_of_the_masked_network() -> None:
    graph, weights = network(RESIDUAL, FRAME)
    removed = {"stem": (0, 2), "a": (1,), "c": (3,)}
    narrowed = without_channels(graph, weights, removed)
    masked = masked_weights(graph, weights, removed)
    frames = np.random.default_rng(1).normal(size=(5, 3, 6, 5)).astype(np.float32)
    largest = {n: float(abs(x).max()) for n, x in float_outputs(graph, masked, {}, frames).items()}
    found = []
    for of, values in ((graph, masked), (narrowed.graph, narrowed.weights)):
        formats = choose_formats(of, values, largest, Arithmetic())
        found.append(run_reference(of, values, formats, {"b": 0.3}, frames)["out"])
    assert np.array_equal(*found) and found[0].any()


def test_depthwise_and_gates_tie_channels() -> None:
    graph, weights = network(INVERTED, FRAME)
    led = {name: len(classes) for name, classes in classes_by_layer(graph).items()}
    assert led == {"stem": 4, "expand": 8, "reduce": 2}
    smaller = check(graph, weights, {"dw": (0, 5), "reduce": (1,), "stem": (3,)})
    assert widths(smaller, "expand", "dw", "restore", "scale", "reduce", "project") == [
        *(6, 6, 6, 6),
        *(1, 3),
    ]
    dw = smaller["dw"].op
    assert isinstance(dw, ops.Conv2d) and dw.groups == 6


@pytest.mark.parametrize(("kernel", "goes"), [(ONE, True), (SAME3, False)])
def test_a_constant_goes_into_biases_only_where_nothing_is_padded(
    kernel: tuple[ops.Pair, ...], goes: bool
) -> None:
    """Sigmoid makes 0.5 of a masked channel, and padding is 0 around it."""
    chain: Chain = [
        ("stem", ops.Conv2d(3, *SAME3), ["in"]),
        ("sigmoid", ops.Sigmoid(), ["stem"]),
        ("next", ops.Conv2d(4, *kernel), ["sigmoid"]),  # type: ignore[arg-type]
        ("fc", ops.Conv2d(2, (6, 5)), ["next"]),
    ]
    graph, weights = network(chain, FRAME)
    smaller = check(graph, weights, {"stem": (0, 2)})
    assert widths(smaller, "stem") == [1 if goes else 3]
    if not goes:
        assert smaller == graph


def test_groups_stay_equally_large() -> None:
    chain: Chain = [
        ("stem", ops.Conv2d(6, *SAME3), ["in"]),
        ("grouped", ops.Conv2d(4, *SAME3, 2), ["stem"]),
        ("fc", ops.Conv2d(2, (6, 5)), ["grouped"]),
    ]
    graph, weights = network(chain, FRAME)
    smaller = check(graph, weights, {"stem": (1,), "grouped": (2,)})
    assert widths(smaller, "stem", "grouped") == [4, 2]


def test_slices_pads_and_concats_follow() -> None:
    whole = ops.Span(0, 6), ops.Span(0, 5)
    chain: Chain = [
        ("stem", ops.Conv2d(6, *SAME3), ["in"]),
        ("fork", ops.Fork(), ["stem"]),
        ("left", ops.Slice(*whole, ops.Span(0, 2)), ["fork"]),
        ("right", ops.Slice(*whole, ops.Span(1, 6)), ["fork"]),
        ("wide", ops.Pad((0, 0, 0, 0), 1, 2), ["left"]),
        ("branch", ops.Conv2d(5, *ONE), ["right"]),
        ("sum", ops.Add(), ["wide", "branch"]),
        ("more", ops.Conv2d(3, *ONE), ["fork"]),
        ("all", ops.Concat(), ["sum", "more"]),
        ("fc", ops.Conv2d(2, (6, 5)), ["all"]),
    ]
    graph, weights = network(chain, FRAME)
    # branch's first channel meets the padding's, its second the stem's first
    smaller = check(graph, weights, {"branch": (0, 1, 4), "more": (0,), "stem": (3,)})
    assert widths(smaller, "stem", "left", "right", "wide", "sum", "more", "all") == [
        *(4, 1, 4),
        *(2, 2, 2, 4),
    ]
    pad = smaller["wide"].op
    assert isinstance(pad, ops.Pad) and (pad.channels_front, pad.channels_back) == (0, 1)


def test_a_layer_keeps_a_channel() -> None:
    graph, weights = network(RESIDUAL, FRAME)
    smaller = check(graph, weights, {"a": (0, 1, 2, 3, 4, 5)})
    assert widths(smaller, "a") == [1]


@pytest.mark.parametrize("removed", [{"fc": (0,)}, {"stem": (4,)}, {"pool": (0,)}, {"ghost": (0,)}])
def test_what_cannot_be_removed_is_refused(removed: dict[str, tuple[int, ...]]) -> None:
    graph, weights = network(RESIDUAL, FRAME)
    with pytest.raises(GraphError, match=f"{next(iter(removed))}.*cannot be removed"):
        without_channels(graph, weights, removed)
