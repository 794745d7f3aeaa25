"""Activation clips in ONNX: |x| <= t becomes 0, by the cheapest op that is exact on the stream."""

from __future__ import annotations

from collections.abc import Mapping

from .. import ops
from ..graph import Graph


def makes_non_negative(op: ops.Op) -> bool:
    """Whether an op never puts out a value below zero, whatever it reads."""
    match op:
        case ops.Relu() | ops.Sigmoid() | ops.HardSigmoid():
            return True
        case ops.Curve(ops.Function.SOFTPLUS | ops.Function.DECAY):
            return True
        case ops.Clip() as clip:
            return clip.low >= 0
        case _:
            return False


def keeps_non_negative(op: ops.Op) -> bool:
    """Whether an op never puts out a value below zero where it reads none."""
    match op:
        case (
            ops.MaxPool2d()
            | ops.AvgPool2d()
            | ops.GlobalAvgPool()
            | ops.Add()
            | ops.Mul()
            | ops.Concat()
            | ops.Fork()
            | ops.Slice()
            | ops.Pad()
            | ops.Upsample()
            | ops.DepthToSpace()
            | ops.Shuffle()
            | ops.Output()
        ):
            return True
        case _:
            return False


def non_negative_layers(graph: Graph) -> frozenset[str]:
    """Layers that never put out a value below zero, whatever the frame."""
    found: set[str] = set()
    for layer in graph:
        sources = [edge.src for edge in graph.in_edges(layer.name)]
        kept = keeps_non_negative(layer.op) and found.issuperset(sources)
        if kept or makes_non_negative(layer.op):
            found.add(layer.name)
    return frozenset(found)


def replaced_relus(graph: Graph, act_thresholds: Mapping[str, float]) -> dict[str, float]:
    """Relu layers that a ThresholdedRelu may replace, with its threshold.

    All readers, through a Fork where there is one, must be convolutions that clip alike.
    """
    found: dict[str, float] = {}
    for layer in graph.of_type(ops.Relu):
        readers = [edge.dst for edge in graph.out_edges(layer.name)]
        if isinstance(graph[readers[0]].op, ops.Fork):
            readers = [edge.dst for edge in graph.out_edges(readers[0])]
        thresholds = {act_thresholds.get(reader, 0.0) for reader in readers}
        if len(thresholds) == 1 and (threshold := thresholds.pop()) > 0:
            found[layer.name] = threshold
    return found
