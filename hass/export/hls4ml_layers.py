"""A network as hls4ml's QONNX reader takes it, and the layers that it cannot take.

Rules of hls4ml 1.3.0, each tried with it: a grouped convolution is refused unless each channel is a
group; an average comes out right only as a depthwise convolution; a max pool on streams has
neither padding nor windows that overlap; its Sigmoid takes other places of its table than hass's.
A Quant node may round ties to even or down only, so all of them say ties to even, and the build
script turns that to half up, hass's rounding, in the types that hls4ml makes of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .. import ops
from ..errors import Mistake, SpecError
from ..fixed_point import reciprocal
from ..graph import Graph, Layer
from ..identifiers import identifiers
from ..reference import integer_weights
from .averages import average_window
from .exporter import ExportSource
from .qonnx_graph import INPUT, QonnxGraph, QuantWord, quant_word
from .qonnx_layers import add_conv
from .selections import selection


def _refusal(graph: Graph, layer: Layer) -> str | None:
    """What hls4ml would take in the place of a layer that it cannot take."""
    op, maps = layer.op, graph.in_maps(layer.name)
    if isinstance(op, ops.Conv2d | ops.MaxPool2d) and op.dilation != (1, 1):
        return "a window without dilation"
    match op:
        case ops.Conv2d():
            if op.groups == 1 or op.groups == maps[0].channels == op.out_channels:
                return None
            return "one group, or one group and one filter for each channel"
        case ops.MaxPool2d():
            apart = op.kernel == op.stride and not any(op.pads)
            return None if apart else "a max pool without padding, its stride its kernel"
        case ops.AvgPool2d():
            inside = any(op.pads) and op.divisor is ops.Divisor.INSIDE
            return "an average that counts its padding" if inside else None
        case ops.Add() | ops.Mul():
            return None if maps[0] == maps[1] else "operands of the same shape"
        case ops.Clip() | ops.HardSigmoid() | ops.HardSwish() | ops.Sigmoid():
            return "Relu as the activation"
        case ops.LeakyRelu() | ops.PRelu() | ops.Curve():
            return "Relu as the activation"
        case ops.Upsample() | ops.DepthToSpace():
            return "a network without it"
        case ops.Slice() | ops.Pad() | ops.Shuffle():
            found = selection(graph, layer) is not None
            return None if found else "a slice that starts at the map's corner and leaves no rest"
        case _:
            return None


def check_layers(graph: Graph) -> None:
    """Refuse a network that hls4ml cannot build.

    Raises:
        SpecError: with all layers that it cannot take.
    """
    mistakes = [
        Mistake(f"--to hls4ml, layer {layer.name!r}", ops.op_name(layer.op), wanted)
        for layer in graph
        if (wanted := _refusal(graph, layer)) is not None
    ]
    if mistakes:
        raise SpecError(mistakes)


@dataclass(frozen=True, slots=True)
class Hls4mlNetwork:
    """A network in hls4ml's QONNX.

    Attributes:
        model: the file.
        names: hass layer -> name of its node; Output and Fork have none.
    """

    model: bytes
    names: Mapping[str, str]


def hls4ml_network(source: ExportSource) -> Hls4mlNetwork:
    """The network of a design as QONNX.

    Args:
        source: of a network that ``check_layers`` lets pass.
    """
    return _Writer(source).run()


class _Writer:
    """One walk over the layers."""

    def __init__(self, source: ExportSource) -> None:
        self._source, self._graph, self._formats = source, source.graph, source.formats
        self._names = identifiers([layer.name for layer in source.graph])
        self._integers = integer_weights(source.graph, source.weights, source.formats)
        self._out = QonnxGraph(source.graph.name, source.graph.frame)

    def run(self) -> Hls4mlNetwork:
        """The whole network."""
        tensors: dict[str, str] = {}
        names: dict[str, str] = {}
        for layer in self._graph:
            taken = [tensors[edge.src] for edge in self._graph.in_edges(layer.name)]
            if isinstance(layer.op, ops.Output | ops.Fork):
                tensors[layer.name] = taken[0]
                continue
            names[layer.name] = self._names[layer.name]
            tensors[layer.name] = self._layer(layer, taken)
        (sink,) = self._graph.of_type(ops.Output)
        return Hls4mlNetwork(self._out.finish(tensors[sink.name], sink.out), names)

    def _layer(self, layer: Layer, taken: Sequence[str]) -> str:
        op, node = layer.op, self._names[layer.name]
        match op:
            case ops.Input():
                made = INPUT
            case ops.Conv2d():
                made = add_conv(self._out, self._source, self._integers, layer, taken[0], node)
            case ops.AvgPool2d() | ops.GlobalAvgPool():
                made = self._average(layer, taken[0])
            case ops.Slice() | ops.Pad() | ops.Shuffle():
                made = self._select(layer, taken[0])
            case ops.Concat():
                return self._concat(layer, taken)
            case ops.Relu():
                return self._out.node("Relu", taken, node)
            case ops.MaxPool2d():
                return self._out.window("MaxPool", taken, node, op)
            case _:  # Add and Mul, as check_layers has seen to
                made = self._out.node(ops.op_name(op), taken, node)
        return self._out.quant(made, quant_word(self._formats.outputs[layer.name]), f"{node}_q")

    def _average(self, layer: Layer, taken: str) -> str:
        """As a depthwise convolution with hass's own reciprocal: the same integers."""
        node, op = self._names[layer.name], average_window(self._graph, layer)
        assert op is not None
        multiplier, frac_bits = reciprocal(op.kernel[0] * op.kernel[1])
        while multiplier % 2 == 0:
            multiplier, frac_bits = multiplier // 2, frac_bits - 1
        word = QuantWord(multiplier.bit_length() + 1, 2.0**-frac_bits, narrow=True)
        channels = layer.out.channels
        weight = self._out.weights(node, np.full((channels, 1, *op.kernel), multiplier), word)
        inputs = [taken, weight, self._out.constant(f"{node}_bias", np.zeros(channels))]
        return self._out.window("Conv", inputs, node, op, groups=channels)

    def _select(self, layer: Layer, taken: str) -> str:
        node, chosen = self._names[layer.name], selection(self._graph, layer)
        assert chosen is not None
        weight = self._out.weights(node, chosen.weights, QuantWord(2, 1.0, narrow=True))
        bias = self._out.constant(f"{node}_bias", np.zeros(layer.out.channels))
        return self._out.window("Conv", [taken, weight, bias], node, chosen.op, groups=1)

    def _concat(self, layer: Layer, taken: Sequence[str]) -> str:
        """hls4ml joins two at a time; each operand is first brought to the result's words."""
        node, word = self._names[layer.name], quant_word(self._formats.outputs[layer.name])
        parts = [
            self._out.quant(tensor, word, f"{node}_q{port}") for port, tensor in enumerate(taken)
        ]
        joined = parts[0]
        for port, part in enumerate(parts[1:], 1):
            name = node if port == len(parts) - 1 else f"{node}_upto{port}"
            joined = self._out.node("Concat", [joined, part], name, {"axis": 1})
        return joined
