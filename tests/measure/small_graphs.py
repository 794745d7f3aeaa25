"""Small networks for tests of measuring: non-square, strided, grouped, with a skip branch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hass import ops
from hass.graph import Edge, Graph, Layer, Weights, build_graph
from hass.shapes import output_map
from hass.values import FeatureMap


def build(
    name: str, frame: FeatureMap, steps: Sequence[tuple[str, ops.Op, Sequence[str]]]
) -> Graph:
    """A graph of (layer, op, sources); "input" and "output" are added, shapes inferred."""
    layers = {"input": Layer("input", ops.Input(), frame)}
    edges = []
    for layer, op, sources in (*steps, ("output", ops.Output(), (steps[-1][0],))):
        maps = [layers[source].out for source in sources]
        layers[layer] = Layer(layer, op, output_map(op, maps))
        edges += [Edge(source, layer, port) for port, source in enumerate(sources)]
    return build_graph(name, tuple(layers.values()), edges)


def random_weights(graph: Graph, seed: int = 0, density: float = 1.0) -> Weights:
    """Normal weights; about ``density`` of them not zero."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for layer in graph.convs:
        channels = graph.in_maps(layer.name)[0].channels // layer.op.groups
        shape = (layer.op.out_channels, channels, *layer.op.kernel)
        values = rng.standard_normal(shape) / np.sqrt(channels)
        arrays[f"{layer.name}.weight"] = np.where(rng.random(shape) < density, values, 0.0)
        arrays[f"{layer.name}.bias"] = 0.1 * rng.standard_normal(layer.op.out_channels)
    return Weights(arrays)


def residual_graph() -> Graph:
    """7x5x3 -> conv, relu, fork -> (grouped, depthwise, 1x1) + skip -> 4 classes."""
    conv = ops.Conv2d
    return build(
        "residual",
        FeatureMap(7, 5, 3),
        [
            ("stem", conv(4, (3, 3), (1, 1), (1, 1, 1, 1)), ("input",)),
            ("relu", ops.Relu(), ("stem",)),
            ("fork", ops.Fork(), ("relu",)),
            ("grouped", conv(6, (3, 2), (1, 1), (1, 0, 1, 1), groups=2), ("fork",)),
            ("swish", ops.HardSwish(), ("grouped",)),
            ("depthwise", conv(6, (3, 3), (1, 1), (1, 1, 1, 1), groups=6), ("swish",)),
            ("point", conv(4, (1, 1)), ("depthwise",)),
            ("add", ops.Add(), ("point", "fork")),
            ("relu2", ops.Relu(), ("add",)),
            ("strided", conv(5, (3, 3), (2, 2), (0, 1, 0, 0)), ("relu2",)),
            ("clip", ops.Clip(0.0, 6.0), ("strided",)),
            ("pool", ops.GlobalAvgPool(), ("clip",)),
            ("classes", conv(4, (1, 1)), ("pool",)),
        ],
    )
