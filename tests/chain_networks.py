"""Networks written as lists of named ops."""

from __future__ import annotations

import numpy as np
import onnxruntime

from hass import ops
from hass.graph import Edge, Graph, Layer, Weights, build_graph
from hass.onnx_io import write_model
from hass.shapes import output_map
from hass.values import FeatureMap
from hass.verify import verify

Chain = list[tuple[str, ops.Op, list[str]]]

# every op of the IR, with a residual sum and squeeze and excitation
EVERY_OP: Chain = [
    ("stem", ops.Conv2d(8, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    ("hs", ops.HardSwish(), ["stem"]),
    ("max", ops.MaxPool2d((3, 3), (2, 2), (1, 1, 1, 1)), ["hs"]),
    ("fork", ops.Fork(), ["max"]),
    ("dw", ops.Conv2d(8, (3, 3), (1, 1), (1, 1, 1, 1), 8), ["fork"]),
    ("r6", ops.Clip(0.0, 6.0), ["dw"]),
    ("add", ops.Add(), ["r6", "fork"]),
    ("fork2", ops.Fork(), ["add"]),
    ("squeeze", ops.GlobalAvgPool(), ["fork2"]),
    ("reduce", ops.Conv2d(4, (1, 1)), ["squeeze"]),
    ("relu", ops.Relu(), ["reduce"]),
    ("expand", ops.Conv2d(8, (1, 1)), ["relu"]),
    ("leaky", ops.LeakyRelu(0.1), ["expand"]),
    ("slopes", ops.PRelu((0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 1.2)), ["leaky"]),
    ("bent", ops.Curve(ops.Function.GELU), ["slopes"]),
    ("gate", ops.HardSigmoid(1 / 6, 0.5), ["bent"]),
    ("scaled", ops.Mul(), ["fork2", "gate"]),
    ("fork3", ops.Fork(), ["scaled"]),
    ("grouped", ops.Conv2d(6, (1, 1), groups=2), ["fork3"]),
    ("sig", ops.Sigmoid(), ["grouped"]),
    ("cut", ops.Slice(ops.Span(0, 4), ops.Span(0, 3), ops.Span(2, 6)), ["fork3"]),
    ("mixed", ops.Shuffle(2), ["sig"]),
    ("cat", ops.Concat(), ["mixed", "cut"]),
    ("dealt", ops.DepthToSpace((1, 2)), ["cat"]),
    ("twice", ops.Upsample((2, 1)), ["dealt"]),
    ("thin", ops.Slice(ops.Span(0, 8, 2), ops.Span(0, 6, 2), ops.Span(0, 5)), ["twice"]),
    ("wide", ops.Pad((0, 1, 0, 0), 1, 1), ["thin"]),
    ("avg", ops.AvgPool2d((2, 2), (2, 2), (1, 0, 1, 0), ops.Divisor.INSIDE), ["wide"]),
    ("mean", ops.AvgPool2d((3, 2), (1, 1)), ["avg"]),
    ("fc", ops.Conv2d(5, (1, 1)), ["mean"]),
]


def without_growth(chain: Chain) -> Chain:
    """``EVERY_OP`` without the layers that make a map larger, and the one that makes it small again
    behind them."""
    gone = ("dealt", "twice", "thin")
    kept = [(name, op, sources) for name, op, sources in chain if name not in gone]
    return [
        (name, op, ["cat" if source == gone[-1] else source for source in sources])
        for name, op, sources in kept
    ]


def network(chain: Chain, source: FeatureMap, seed: int = 0) -> tuple[Graph, Weights]:
    """A graph of named ops behind an Input ``in``, an Output behind the last, random weights."""
    layers = {"in": Layer("in", ops.Input(), source)}
    edges = []
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, op, sources in [*chain, ("out", ops.Output(), [chain[-1][0]])]:
        maps = [layers[s].out for s in sources]
        layers[name] = Layer(name, op, output_map(op, maps))
        edges.extend(Edge(s, name, port) for port, s in enumerate(sources))
        if isinstance(op, ops.Conv2d):
            fan_in = maps[0].channels // op.groups * op.kernel[0] * op.kernel[1]
            shape = (op.out_channels, maps[0].channels // op.groups, *op.kernel)
            arrays[f"{name}.weight"] = rng.normal(0, fan_in**-0.5, shape)
            arrays[f"{name}.bias"] = rng.normal(0, 0.3, op.out_channels)
    graph, weights = build_graph("net", list(layers.values()), edges), Weights(arrays)
    verify(graph, weights)
    return graph, weights


def float_outputs(
    graph: Graph, weights: Weights, thresholds: dict[str, float], frames: np.ndarray
) -> dict[str, np.ndarray]:
    """Layer -> what onnxruntime computes for it, (N, C, H, W)."""
    names = [layer.name for layer in graph if not isinstance(layer.op, ops.Output | ops.Input)]
    taps = [f"out:{name}" for name in names]
    model = write_model(graph, weights, act_thresholds=thresholds, taps=taps)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = session.run(taps, {"input": frames})
    return {graph.of_type(ops.Input)[0].name: frames, **dict(zip(names, found, strict=True))}
