"""Networks that hls4ml or FINN can build, designs made by hand, and QONNX run without qonnx."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from chain_networks import Chain, float_outputs, network
from onnx import helper

from hass import ops
from hass.cost import EngineKind, Folding, MemoryKind, estimate
from hass.design import ModelRef, build_design, provenance_now
from hass.device import load_device
from hass.export import ExportSource, export_source
from hass.folding import FoldingPlan
from hass.frames import TestFrames as Frames
from hass.graph import Graph, Weights
from hass.intmath import divisors
from hass.prune import pruned_weights
from hass.sparsity import SparsitySetting
from hass.values import Arithmetic, FeatureMap

HOSTILE = [
    '*/ #"',
    "日本語",
    "class",
    "a\nb",
    "trailing\\",
    "??/",
    "{{ 7 * 7 }}",
    "../../etc/passwd",
]
NARROW = Arithmetic(8, 8, 32)
OBLONG = FeatureMap(9, 7, 3)
FRAMES = 5

_RESIDUAL: Chain = [
    (HOSTILE[0], ops.Conv2d(4, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    (HOSTILE[1], ops.Relu(), [HOSTILE[0]]),
    (HOSTILE[2], ops.Fork(), [HOSTILE[1]]),
    (HOSTILE[3], ops.Conv2d(6, (3, 3), (2, 2), (1, 1, 1, 1)), [HOSTILE[2]]),
    (HOSTILE[4], ops.Conv2d(6, (1, 1), (2, 2)), [HOSTILE[2]]),
    (HOSTILE[5], ops.Add(), [HOSTILE[3], HOSTILE[4]]),
    (HOSTILE[6], ops.Fork(), [HOSTILE[5]]),
    ("dw", ops.Conv2d(6, (3, 3), (1, 1), (1, 1, 1, 1), 6), [HOSTILE[6]]),
    ("avg", ops.AvgPool2d((3, 3), (1, 1), (1, 1, 1, 1)), [HOSTILE[6]]),
]
FOR_HLS4ML: Chain = [
    *_RESIDUAL,
    ("mul", ops.Mul(), ["dw", "avg"]),
    ("r2", ops.Relu(), ["mul"]),
    ("f3", ops.Fork(), ["r2"]),
    ("pw", ops.Conv2d(8, (1, 1)), ["f3"]),
    ("cat", ops.Concat(), ["pw", "f3"]),
    ("cut", ops.Slice(ops.Span(0, 5, 2), ops.Span(0, 4, 2), ops.Span(1, 14, 3)), ["cat"]),
    ("wide", ops.Pad((0, 1, 1, 0), 1, 2), ["cut"]),
    ("max", ops.MaxPool2d((2, 3), (2, 3)), ["wide"]),
    (HOSTILE[7], ops.Conv2d(5, (2, 1)), ["max"]),
    ("r3", ops.Relu(), [HOSTILE[7]]),
    ("fc", ops.Conv2d(3, (1, 1)), ["r3"]),
]
FOR_FINN: Chain = [
    *_RESIDUAL,
    ("sum", ops.Add(), ["dw", "avg"]),
    ("r2", ops.Relu(), ["sum"]),
    ("pw", ops.Conv2d(8, (1, 1)), ["r2"]),
    ("max", ops.MaxPool2d((2, 2), (1, 1)), ["pw"]),
    ("r3", ops.Relu(), ["max"]),
    ("gap", ops.GlobalAvgPool(), ["r3"]),
    (HOSTILE[7], ops.Conv2d(5, (1, 1)), ["gap"]),
    ("r4", ops.Relu(), [HOSTILE[7]]),
    ("fc", ops.Conv2d(3, (1, 1)), ["r4"]),
]
# a shortcut as in the first ResNets for CIFAR-10: every second pixel, and channels of zeros
SHORTCUT: Chain = [
    ("a", ops.Conv2d(4, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    ("r", ops.Relu(), ["a"]),
    ("fork", ops.Fork(), ["r"]),
    ("b", ops.Conv2d(8, (3, 3), (2, 2), (1, 1, 1, 1)), ["fork"]),
    ("cut", ops.Slice(ops.Span(0, 9, 2), ops.Span(0, 7, 2), ops.Span(0, 4)), ["fork"]),
    ("wide", ops.Pad((0, 0, 0, 0), 2, 2), ["cut"]),
    ("sum", ops.Add(), ["b", "wide"]),
    ("r2", ops.Relu(), ["sum"]),
    ("gap", ops.GlobalAvgPool(), ["r2"]),
    ("fc", ops.Conv2d(3, (1, 1)), ["gap"]),
]
# what both tools compute as hass does: averages over powers of two only, no sums
ONE_PIXEL: Chain = [
    ("a", ops.Conv2d(4, (1, 1)), ["in"]),
    ("r", ops.Relu(), ["a"]),
    ("b", ops.Conv2d(3, (1, 1)), ["r"]),
]
# the input read twice, and a whole map as the result
FORKED: Chain = [
    ("fork", ops.Fork(), ["in"]),
    ("r", ops.Relu(), ["fork"]),
    ("c", ops.Conv2d(2, (3, 3), (1, 1), (1, 1, 1, 1)), ["fork"]),
    ("cat", ops.Concat(), ["c", "r"]),
]
STRAIGHT: Chain = [
    ("a", ops.Conv2d(4, (3, 2), (1, 1), (1, 0, 1, 1)), ["in"]),
    ("r", ops.Relu(), ["a"]),
    ("max", ops.MaxPool2d((2, 2), (2, 2)), ["r"]),
    ("dw", ops.Conv2d(4, (3, 3), (1, 1), (1, 1, 1, 1), 4), ["max"]),
    ("mean", ops.AvgPool2d((2, 1), (1, 1)), ["dw"]),
    ("fc", ops.Conv2d(5, (3, 3)), ["mean"]),
]


def plain_foldings(graph: Graph) -> dict[str, Folding]:
    """Foldings that depend on nothing but the graph: dense and dynamic engines in turns, some of
    which no other tool can have."""
    foldings = {}
    for index, layer in enumerate(graph):
        if not isinstance(layer.op, ops.Conv2d):
            foldings[layer.name] = Folding()
            continue
        op = layer.op
        channels = graph.in_maps(layer.name)[0].channels // op.groups
        taps, filters = op.kernel[0] * op.kernel[1], op.out_channels // op.groups
        coarse_in = divisors(channels)[index % len(divisors(channels))]
        coarse_out = divisors(filters)[(index + 1) % len(divisors(filters))]
        coarse_group = divisors(op.groups)[index % len(divisors(op.groups))]
        packed = channels // coarse_in if taps == 1 else 1
        dynamic = index % 3 == 1 and packed * taps > 1
        foldings[layer.name] = Folding(
            EngineKind.DYNAMIC if dynamic else EngineKind.DENSE,
            coarse_in,
            coarse_out,
            coarse_group,
            min(2, packed * taps) if dynamic else packed * taps,
            packed,
            weight_memory=MemoryKind.LUTRAM,
        )
    return foldings


def source_of(
    graph: Graph,
    weights: Weights,
    arithmetic: Arithmetic = NARROW,
    *,
    weight_sparsity: float = 0.0,
    act_threshold: float = 0.0,
    frames: int = FRAMES,
) -> ExportSource:
    """A design of a network with ranges measured on its own frames.

    Every second convolution, from the first on, gets the weight sparsity.
    """
    first = graph.frame
    shape = (frames, first.channels, first.height, first.width)
    images = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    settings = {
        layer.name: SparsitySetting(weight_sparsity if index % 2 else 0.0, act_threshold)
        for index, layer in enumerate(graph.convs, 1)
    }
    foldings, device = plain_foldings(graph), load_device("zcu104")
    found = estimate(graph, foldings, device)
    plan = FoldingPlan(foldings, found, "greedy", found.frame_ii_cycles, 0.0)
    reference = ModelRef("net.onnx", "0" * 64, graph.digest, weights.digest)
    outputs = float_outputs(graph, pruned_weights(weights, settings), {}, images)
    ranges = {name: float(np.abs(values).max()) for name, values in outputs.items()}
    design = replace(
        build_design(reference, device, plan, provenance_now(), arithmetic=arithmetic),
        settings=settings,
        output_max_abs=ranges,
    )
    return export_source(design, graph, weights, Frames(images, (), "Random."))


def chain_source(
    chain: Chain,
    first: FeatureMap = OBLONG,
    arithmetic: Arithmetic = NARROW,
    *,
    weight_sparsity: float = 0.0,
    act_threshold: float = 0.0,
) -> ExportSource:
    """A design of a chain."""
    graph, weights = network(chain, first)
    return source_of(
        graph, weights, arithmetic, weight_sparsity=weight_sparsity, act_threshold=act_threshold
    )


def run_half_up(path: Path, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Run a QONNX file in onnxruntime, with Quant nodes that round half up."""
    model = onnx.load(path)
    constants = {
        value.name: onnx.numpy_helper.to_array(value).item()
        for value in model.graph.initializer
        if not value.dims
    }
    nodes = []
    for node in model.graph.node:
        nodes += _quant(node, constants) if node.op_type == "Quant" else [node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    bounds = {node.input[1] for node in nodes if node.op_type in ("Max", "Min")}
    for name in ("half@0.5", *sorted(bounds)):
        value = np.array(float(name.split("@")[1]), np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    del model.opset_import[1:]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of the constants that only Quant nodes read
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    found = [session.run(None, {"input": frame[np.newaxis]})[0] for frame in frames]
    return np.concatenate(found)


def _quant(node: onnx.NodeProto, constants: dict[str, float]) -> list[onnx.NodeProto]:
    """min(max(floor(x / scale + 1/2), low), high) * scale."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    assert attributes["rounding_mode"] == b"ROUND"
    assert constants[node.input[2]] == 0.0
    width, signed = int(constants[node.input[3]]), attributes["signed"]
    high = (1 << (width - signed)) - 1
    low = (attributes["narrow"] - (1 << (width - 1))) if signed else 0
    made, name = node.output[0], node.name
    return [
        helper.make_node("Div", [node.input[0], node.input[1]], [f"{name}/s"]),
        helper.make_node("Add", [f"{name}/s", "half@0.5"], [f"{name}/h"]),
        helper.make_node("Floor", [f"{name}/h"], [f"{name}/f"]),
        helper.make_node("Max", [f"{name}/f", f"low@{low}"], [f"{name}/l"]),
        helper.make_node("Min", [f"{name}/l", f"high@{high}"], [f"{name}/u"]),
        helper.make_node("Mul", [f"{name}/u", node.input[1]], [made]),
    ]
