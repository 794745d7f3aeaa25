"""What must be read out of a running network to know every stream, and nothing twice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .. import ops
from ..graph import Graph, Layer

Range = tuple[float, float]  # smallest and largest value seen


@dataclass(frozen=True, slots=True)
class TapPlan:
    """Taps of one pass.

    Attributes:
        conv_inputs: Conv2d layer -> tap with its clipped input; layers that read the same
            stream with the same threshold share one.
        outputs: layer -> tap with its output. Layers whose range follows from their input are
            absent (see ``implied_range``).
    """

    conv_inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @property
    def taps(self) -> tuple[str, ...]:
        """All taps, without duplicates, in a fixed order."""
        return tuple(dict.fromkeys((*self.conv_inputs.values(), *self.outputs.values())))


def stream_source(graph: Graph, name: str, port: int = 0) -> str:
    """The layer that makes what arrives at an input port, looking through Forks."""
    source = graph[graph.in_edges(name)[port].src]
    while isinstance(source.op, ops.Fork):
        source = graph[graph.in_edges(source.name)[0].src]
    return source.name


def plan_taps(graph: Graph, act_thresholds: Mapping[str, float]) -> TapPlan:
    """The fewest taps that show all Conv2d inputs and the range of all outputs."""
    conv_inputs: dict[str, str] = {}
    shared: dict[tuple[str, float], str] = {}
    outputs: dict[str, str] = {}
    for layer in graph.convs:
        source, threshold = stream_source(graph, layer.name), act_thresholds.get(layer.name, 0.0)
        conv_inputs[layer.name] = shared.setdefault((source, threshold), f"tap:{layer.name}")
    for layer in graph:
        if not _is_implied(layer):
            outputs[layer.name] = shared.get((layer.name, 0.0), f"out:{layer.name}")
    return TapPlan(conv_inputs, outputs)


def conv_input_taps(graph: Graph) -> TapPlan:
    """The fewest taps that show all Conv2d inputs, nothing clipped."""
    return TapPlan(plan_taps(graph, {}).conv_inputs, {})


def _is_implied(layer: Layer) -> bool:
    match layer.op:
        case ops.Input():
            return True
        case ops.Fork() | ops.Output() | ops.Concat() | ops.Pad():
            return True
        case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            return True
        case ops.Relu() | ops.Clip() | ops.HardSigmoid() | ops.Sigmoid():
            return True
        case _:
            return False


def complete_ranges(graph: Graph, measured: Mapping[str, Range]) -> dict[str, Range]:
    """Ranges of all layers from those of the Input and of the layers with an output tap."""
    ranges: dict[str, Range] = {}
    for layer in graph:
        if layer.name in measured:
            ranges[layer.name] = measured[layer.name]
        else:
            sources = [ranges[edge.src] for edge in graph.in_edges(layer.name)]
            ranges[layer.name] = implied_range(layer.op, sources)
    return ranges


def implied_range(op: ops.Op, sources: list[Range]) -> Range:
    """Range of the output of an op that copies its inputs or maps them monotonically."""
    low, high = min(s[0] for s in sources), max(s[1] for s in sources)
    match op:
        case ops.Relu():
            return max(low, 0.0), max(high, 0.0)
        case ops.Clip():
            return min(max(low, op.low), op.high), min(max(high, op.low), op.high)
        case ops.HardSigmoid():
            ends = [min(max(op.alpha * x + op.beta, 0.0), 1.0) for x in (low, high)]
            return min(ends), max(ends)
        case ops.Sigmoid():
            # 0.5 * (1 + tanh(x / 2)) is the same and cannot overflow
            return 0.5 * (1 + math.tanh(low / 2)), 0.5 * (1 + math.tanh(high / 2))
        case ops.Pad():
            pads = (*op.pads, op.channels_front, op.channels_back)
            return (min(low, 0.0), max(high, 0.0)) if any(pads) else (low, high)
        case _:
            return low, high
