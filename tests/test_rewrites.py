"""Each pass alone: what it must change, what it must leave alone. Equality of function is proved
in test_onnx_random.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hass import ops
from hass.cost import EngineKind, Folding, MemoryKind, estimate
from hass.device import load_device
from hass.errors import GraphError
from hass.graph import Graph, Weights
from hass.ops import Conv2d, op_name
from hass.rewrites import run_passes
from hass.rewrites.chain_concats import chain_concats
from hass.rewrites.draft import Draft
from hass.rewrites.drop_identity import drop_identity
from hass.rewrites.fold_affine import fold_affine
from hass.rewrites.fold_pad import fold_pad
from hass.rewrites.fuse_hard_sigmoid import fuse_hard_sigmoid
from hass.rewrites.fuse_hard_swish import fuse_hard_swish
from hass.rewrites.hoist_scale import hoist_scale
from hass.rewrites.insert_forks import insert_forks
from hass.values import FeatureMap

Build = Callable[["Net"], str]


class Net:
    """A draft with an input of 5x3x2; methods add a layer behind ``source`` and return its name."""

    def __init__(self) -> None:
        self.draft = Draft("net")
        self.draft.add("input", ops.Input(), [], out=FeatureMap(5, 3, 2))

    def op(self, op: ops.Op, *sources: str) -> str:
        return self.draft.add(op_name(op).lower(), op, sources)

    def affine(self, source: str, scale: float, shift: float, name: str = "affine") -> str:
        channels = self.draft.map(source).channels
        weight = np.full((channels, 1, 1, 1), scale)
        op = Conv2d(channels, (1, 1), groups=channels)
        return self.draft.add_conv(name, op, source, weight, np.full(channels, shift))

    def conv(self, source: str, pads: ops.Pads = (0, 0, 0, 0)) -> str:
        weight = np.arange(24.0).reshape(3, 2, 2, 2)
        return self.draft.add_conv("conv", Conv2d(3, (2, 2), pads=pads), source, weight, np.ones(3))

    def done(self, last: str) -> tuple[Graph, Weights]:
        self.draft.add("output", ops.Output(), [last])
        return insert_forks(*self.draft.build())


def _after(step: Callable[[Graph, Weights], tuple[Graph, Weights]], build: Build) -> list[str]:
    net = Net()
    graph, _ = run_passes(*net.done(build(net)), [step])
    return [layer.name for layer in graph.layers[1:-1]]


def test_insert_forks_counts_every_port() -> None:
    net = Net()
    total = net.op(ops.Add(), "input", "input")
    graph, _ = net.done(net.op(ops.Mul(), total, "input"))
    assert [layer.name for layer in graph] == ["input", "input.fork", "add", "mul", "output"]
    assert len(graph.out_edges("input.fork")) == 3


def test_insert_forks_leaves_a_fork_alone() -> None:
    net = Net()
    graph, weights = net.done(net.op(ops.Add(), "input", "input"))
    assert insert_forks(graph, weights) == (graph, weights)


def test_fold_affine_into_the_convolution_before() -> None:
    net = Net()
    graph, weights = fold_affine(*net.done(net.affine(net.conv("input"), 2.0, 3.0)))
    assert [layer.name for layer in graph] == ["input", "conv", "output"]
    np.testing.assert_array_equal(weights["conv.bias"], [5.0, 5.0, 5.0])
    np.testing.assert_array_equal(weights["conv.weight"], 2 * np.arange(24.0).reshape(3, 2, 2, 2))


def test_fold_affine_into_the_convolution_behind() -> None:
    net = Net()
    graph, weights = fold_affine(*net.done(net.conv(net.affine("input", 2.0, 3.0))))
    assert [layer.name for layer in graph] == ["input", "conv", "output"]
    sums = np.arange(24.0).reshape(3, 8).sum(axis=1)
    np.testing.assert_array_equal(weights["conv.bias"], 1 + 3 * sums)
    np.testing.assert_array_equal(weights["conv.weight"], 2 * np.arange(24.0).reshape(3, 2, 2, 2))


FOLD_AFFINE: dict[str, tuple[Build, list[str]]] = {
    "shift in front of pads stays": (
        lambda n: n.conv(n.affine("input", 1.0, 3.0), (1, 0, 0, 0)),
        ["affine", "conv"],
    ),
    "scale in front of pads folds": (
        lambda n: n.conv(n.affine("input", 2.0, 0.0), (1, 0, 0, 0)),
        ["conv"],
    ),
    "two in a row become one": (
        lambda n: n.affine(n.affine("input", 2.0, 1.0, "first"), 2.0, 1.0),
        ["first"],
    ),
    "behind a convolution with two readers stays": (
        lambda n: (lambda c: n.op(ops.Add(), n.affine(c, 2.0, 0.0), c))(n.conv("input")),
        ["conv", "conv.fork", "affine", "add"],
    ),
    "behind an activation stays": (
        lambda n: n.affine(n.op(ops.Relu(), n.conv("input")), 2.0, 0.0),
        ["conv", "relu", "affine"],
    ),
}


@pytest.mark.parametrize("case", FOLD_AFFINE)
def test_fold_affine(case: str) -> None:
    build, expected = FOLD_AFFINE[case]
    assert _after(fold_affine, build) == expected


def _pad(channels: int = 0) -> ops.Pad:
    return ops.Pad((1, 0, 2, 1), channels)


def test_fold_pad_adds_to_the_pads_of_a_convolution() -> None:
    net = Net()
    graph, _ = run_passes(*net.done(net.conv(net.op(_pad(), "input"), (0, 1, 0, 0))), [fold_pad])
    assert graph["conv"].op == Conv2d(3, (2, 2), pads=(1, 1, 2, 1))
    assert [layer.name for layer in graph] == ["input", "conv", "output"]


def test_fold_pad_leaves_pools_and_channels_alone() -> None:
    pool = ops.MaxPool2d((2, 2), (1, 1))
    assert _after(fold_pad, lambda n: n.op(pool, n.op(_pad(), "input"))) == ["pad", "maxpool2d"]
    relu = _after(fold_pad, lambda n: n.op(ops.Relu(), n.op(_pad(1), "input")))
    assert relu == ["pad", "relu"]


def _gate(net: Net, source: str, high: float, sixth: float, three: float = 3.0) -> str:
    shifted = net.affine(source, 1.0, three, "shift")
    return net.affine(net.op(ops.Clip(0.0, high), shifted), sixth, 0.0, "sixth")


SIGMOIDS: dict[str, tuple[Build, list[str]]] = {
    "exact": (lambda n: _gate(n, "input", 6.0, 1 / 6), ["clip"]),
    "rounded by hand": (lambda n: _gate(n, "input", 6.0, 0.16667), ["clip", "sixth"]),
    "another range": (lambda n: _gate(n, "input", 6.0, 0.2), ["shift", "clip", "sixth"]),
    "falling": (lambda n: _gate(n, "input", 6.0, -1 / 6), ["shift", "clip", "sixth"]),
    "no shift": (lambda n: _gate(n, "input", 6.0, 1 / 6, 0.0), ["shift", "clip", "sixth"]),
}


@pytest.mark.parametrize("case", SIGMOIDS)
def test_fuse_hard_sigmoid(case: str) -> None:
    build, expected = SIGMOIDS[case]
    assert _after(fuse_hard_sigmoid, build) == expected


SWISHES: dict[str, tuple[Build, list[str]]] = {
    "gate of the same stream": (
        lambda n: n.op(ops.Mul(), n.op(ops.HardSigmoid(1 / 6, 0.5), "input"), "input"),
        ["mul"],
    ),
    "another slope": (
        lambda n: n.op(ops.Mul(), n.op(ops.HardSigmoid(0.2, 0.5), "input"), "input"),
        ["input.fork", "hardsigmoid", "mul"],
    ),
    "gate of another stream": (
        lambda n: n.op(
            ops.Mul(), n.op(ops.HardSigmoid(1 / 6, 0.5), n.op(ops.Relu(), "input")), "input"
        ),
        ["input.fork", "relu", "hardsigmoid", "mul"],
    ),
    "six times": (
        lambda n: n.op(ops.Mul(), "input", n.op(ops.Clip(0.0, 6.0), n.affine("input", 1.0, 3.0))),
        ["mul.hardswish", "mul"],
    ),
    "shift by two": (
        lambda n: n.op(ops.Mul(), "input", n.op(ops.Clip(0.0, 6.0), n.affine("input", 1.0, 2.0))),
        ["input.fork", "affine", "clip", "mul"],
    ),
}


@pytest.mark.parametrize("case", SWISHES)
def test_fuse_hard_swish(case: str) -> None:
    build, expected = SWISHES[case]
    assert _after(fuse_hard_swish, build) == expected


def test_hoist_scale_only_towards_a_convolution() -> None:
    def product(net: Net, shift: float = 0.0) -> str:
        gate = net.affine(net.op(ops.Sigmoid(), "input"), 2.0, shift)
        return net.op(ops.Mul(), "input", gate)

    moved = _after(hoist_scale, lambda n: n.conv(product(n)))
    assert moved == ["input.fork", "sigmoid", "mul", "affine", "conv"]
    kept = ["input.fork", "sigmoid", "affine", "mul"]
    assert _after(hoist_scale, lambda n: n.conv(product(n, shift=1.0))) == [*kept, "conv"]
    assert _after(hoist_scale, lambda n: n.op(ops.Relu(), product(n))) == [*kept, "relu"]


POOLS = (ops.Relu(), ops.LeakyRelu(0.5), ops.MaxPool2d((1, 1), (2, 2)))


def test_hoist_scale_behind_what_a_scale_passes() -> None:
    def behind(net: Net, last: ops.Op, scale: float = 2.0, shift: float = 0.0) -> str:
        made = net.affine(net.op(ops.Sigmoid(), "input"), scale, shift)
        for op in POOLS:
            made = net.op(op, made)
        return net.op(last, made)

    pool, names = ops.AvgPool2d((1, 1), (1, 1)), ["relu", "leakyrelu", "maxpool2d"]
    moved = _after(hoist_scale, lambda n: n.conv(behind(n, pool)))
    assert moved == ["sigmoid", *names, "avgpool2d", "affine", "conv"]
    kept = ["sigmoid", "affine", *names, "avgpool2d", "conv"]
    assert _after(hoist_scale, lambda n: n.conv(behind(n, pool, scale=-2.0))) == kept
    assert _after(hoist_scale, lambda n: n.conv(behind(n, pool, shift=1.0))) == kept
    clipped = _after(hoist_scale, lambda n: n.conv(behind(n, ops.Clip(-1.0, 1.0))))
    assert clipped == ["sigmoid", "affine", *names, "clip", "conv"]


IDENTITIES: dict[str, tuple[Build, list[str]]] = {
    "scale by one": (lambda n: n.affine("input", 1.0, 0.0), []),
    "scale by almost one": (lambda n: n.affine("input", 1.0 + 1e-5, 0.0), ["affine"]),
    "shift": (lambda n: n.affine("input", 1.0, 1e-5), ["affine"]),
    "1x1 pool": (lambda n: n.op(ops.MaxPool2d((1, 1), (1, 1)), "input"), []),
    "1x1 pool with a stride": (
        lambda n: n.op(ops.AvgPool2d((1, 1), (2, 1)), "input"),
        ["avgpool2d"],
    ),
    "relu behind sigmoid": (lambda n: n.op(ops.Relu(), n.op(ops.Sigmoid(), "input")), ["sigmoid"]),
    "relu behind clip from -1": (
        lambda n: n.op(ops.Relu(), n.op(ops.Clip(-1.0, 1.0), "input")),
        ["clip", "relu"],
    ),
}


@pytest.mark.parametrize("case", IDENTITIES)
def test_drop_identity(case: str) -> None:
    build, expected = IDENTITIES[case]
    assert _after(drop_identity, build) == expected


def test_driver_names_the_pass_that_broke_the_graph() -> None:
    def lose_weights(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
        return graph, Weights({})

    net = Net()
    with pytest.raises(GraphError, match="after pass lose_weights: net: layer 'conv': has no"):
        run_passes(*net.done(net.conv("input")), [insert_forks, lose_weights])


def test_draft_drops_dead_layers_and_their_weights() -> None:
    net = Net()
    net.conv(net.op(ops.Sigmoid(), "input"))
    graph, weights = net.done(net.op(ops.Relu(), "input"))
    assert [layer.name for layer in graph] == ["input", "relu", "output"]
    assert not weights


def test_draft_refuses_weights_that_do_not_fit() -> None:
    with pytest.raises(GraphError, match=r"expected \(3, 2, 1, 1\)"):
        Net().draft.add_conv("c", Conv2d(3, (1, 1)), "input", np.ones((3, 3, 1, 1)), np.ones(3))


def _concats(build: Build) -> dict[str, list[str]]:
    """What each concatenation reads, forks left out."""
    net = Net()
    graph, _ = run_passes(*net.done(build(net)), [chain_concats])

    def behind(name: str) -> str:
        is_fork = isinstance(graph[name].op, ops.Fork)
        return graph.in_edges(name)[0].src if is_fork else name

    return {
        layer.name: [behind(edge.src) for edge in graph.in_edges(layer.name)]
        for layer in graph.of_type(ops.Concat)
    }


def test_a_dense_block_becomes_a_chain_of_concatenations() -> None:
    def block(net: Net) -> str:
        layers, last = ["input"], "input"
        for _ in range(4):
            layers.append(net.affine(last, 2.0, 1.0))
            last = net.op(ops.Concat(), *layers)
        return last

    assert _concats(block) == {
        "concat": ["input", "affine"],
        "concat_2": ["concat", "affine_2"],
        "concat_3": ["concat_2", "affine_3"],
        "concat_4": ["concat_3", "affine_4"],
    }


def test_concatenations_that_begin_differently_are_left() -> None:
    def build(net: Net) -> str:
        first, second = net.affine("input", 2.0, 1.0), net.affine("input", 3.0, 1.0)
        one = net.op(ops.Concat(), "input", first)
        same = net.op(ops.Concat(), "input", first)
        turned = net.op(ops.Concat(), first, "input", second)
        return net.op(ops.Concat(), net.op(ops.Add(), one, same), turned)

    found = _concats(build)
    assert found["concat"] == found["concat_2"] == ["input", "affine"]
    assert found["concat_3"] == ["affine", "input", "affine_2"]


def test_a_chain_of_concatenations_needs_less_memory() -> None:
    net, layers, last = Net(), ["input"], "input"
    for _ in range(6):
        channels = net.draft.map(last).channels
        conv = Conv2d(2, (3, 3), pads=(1, 1, 1, 1))
        weight = np.ones((2, channels, 3, 3))
        layers.append(net.draft.add_conv("conv", conv, last, weight, np.zeros(2)))
        last = net.op(ops.Concat(), *layers)
    flat, weights = net.done(last)
    chained, _ = run_passes(flat, weights, [chain_concats])
    words = []
    for graph in (flat, chained):
        dense = Folding(EngineKind.DENSE, weight_memory=MemoryKind.BRAM)
        convs = {layer.name: dense for layer in graph.convs}
        foldings = {layer.name: convs.get(layer.name, Folding()) for layer in graph}
        fifos = estimate(graph, foldings, load_device("zcu104")).fifos
        words.append(sum(fifo.streams * fifo.depth_words for fifo in fifos))
    assert words[1] < words[0] / 2
