"""A network as FINN's QONNX reader takes it, the layers that it cannot take, and what it computes.

FINN turns a Quant node into thresholds: round half up, as hass does. Behind a Relu the word must be
unsigned, elsewhere signed; the words of hass are signed everywhere, so that behind a Relu the sign
goes. Both operands of a sum need one scale. An average becomes a depthwise convolution of ones,
which divides exactly, where hass multiplies by a rounded reciprocal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from .. import ops
from ..errors import Mistake, SpecError
from ..fixed_point import IntArray, quantise, requantise, saturate
from ..graph import Graph, Layer
from ..handlers.clips import non_negative_layers
from ..identifiers import identifiers
from ..reference import convolve, integer_weights
from ..reference_ops import apply, windows
from ..values import FixedPoint
from .averages import average_window
from .exporter import ExportSource
from .qonnx_graph import INPUT, QonnxGraph, QuantWord, quant_word
from .qonnx_layers import add_conv
from .selections import selection

MAX_BITS = 8  # FINN builds no thresholds for wider words (max_multithreshold_bit_width)


def _refusal(graph: Graph, layer: Layer) -> str | None:
    """What FINN would take in the place of a layer that it cannot take."""
    op, maps = layer.op, graph.in_maps(layer.name)
    if isinstance(op, ops.Conv2d | ops.MaxPool2d) and op.dilation != (1, 1):
        return "a window without dilation"
    match op:
        case ops.Conv2d():
            if op.groups == 1 or op.groups == maps[0].channels == op.out_channels:
                return None
            return "one group, or one group and one filter for each channel"
        case ops.MaxPool2d():
            return "a max pool without padding" if any(op.pads) else None
        case ops.AvgPool2d():
            inside = any(op.pads) and op.divisor is ops.Divisor.INSIDE
            return "an average that counts its padding" if inside else None
        case ops.Add():
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
        case ops.Mul() | ops.Concat():
            return "a network without it"
        case _:
            return None


def check_design(source: ExportSource) -> None:
    """Refuse a design that FINN cannot build.

    Raises:
        SpecError: with all that it cannot take.
    """
    arithmetic = source.design.arithmetic
    mistakes = [
        Mistake(
            f"--to finn, arithmetic.{name}",
            str(bits),
            f"at most {MAX_BITS} bits: a {bits}-bit design is no hardware in FINN; search with "
            f"{MAX_BITS} bits (--bits {MAX_BITS})",
        )
        for name, bits in (
            ("act_bits", arithmetic.act_bits),
            ("weight_bits", arithmetic.weight_bits),
        )
        if bits > MAX_BITS
    ]
    mistakes += [
        Mistake(f"--to finn, layer {layer.name!r}", ops.op_name(layer.op), wanted)
        for layer in source.graph
        if (wanted := _refusal(source.graph, layer)) is not None
    ]
    if mistakes:
        raise SpecError(mistakes)


def only_reader(graph: Graph, name: str) -> Layer | None:
    """The layer that alone reads another; None where there are several."""
    edges = graph.out_edges(name)
    return graph[edges[0].dst] if len(edges) == 1 else None


def read_by_relu(graph: Graph, name: str) -> bool:
    """Whether a layer's words are those of the Relu behind it: they are only made once."""
    reader = only_reader(graph, name)
    return reader is not None and isinstance(reader.op, ops.Relu)


def sum_format(source: ExportSource, name: str) -> FixedPoint:
    """The format in which FINN takes both operands of a sum: the coarser one of hass's two."""
    operands = [source.formats.outputs[edge.src] for edge in source.graph.in_edges(name)]
    return min(operands, key=lambda fmt: fmt.frac_bits)


def tie_margin(shift_bits: int) -> float:
    """What is added to an integer sum so that a tie of its average survives 1 / taps as a float.

    Thresholds of the sum are multiples of ``2**(shift_bits - 1)`` and sums are whole: half of that,
    or of 1 where it is less, moves no sum across a threshold that it does not meet.

    >>> tie_margin(2), tie_margin(0), tie_margin(-1)
    (0.5, 0.25, 0.125)
    """
    return float(2.0 ** (min(0, shift_bits - 1) - 1))


class FinnNetwork:
    """One walk over the layers of a design that ``check_design`` lets pass."""

    def __init__(self, source: ExportSource) -> None:
        self._source, self._graph, self._formats = source, source.graph, source.formats
        self._names = identifiers([layer.name for layer in source.graph])
        self._integers = integer_weights(source.graph, source.weights, source.formats)
        self._non_negative = non_negative_layers(source.graph)
        self._out = QonnxGraph(source.graph.name, source.graph.frame)

    def model(self) -> bytes:
        """The network as QONNX."""
        tensors: dict[str, str] = {}
        for layer in self._graph:
            taken = [tensors[edge.src] for edge in self._graph.in_edges(layer.name)]
            tensors[layer.name] = self._layer(layer, taken)
        (sink,) = self._graph.of_type(ops.Output)
        return self._out.finish(tensors[sink.name], sink.out)

    def _layer(self, layer: Layer, taken: Sequence[str]) -> str:
        op, name, node = layer.op, layer.name, self._names[layer.name]
        word = quant_word(self._formats.outputs[name])
        match op:
            case ops.Output() | ops.Fork():
                return taken[0]
            case ops.MaxPool2d():
                return self._out.window("MaxPool", taken, node, op)
            case ops.Relu():
                made = self._out.node("Relu", taken, node)
            case ops.Input():
                made = INPUT
            case ops.Conv2d():
                made = add_conv(self._out, self._source, self._integers, layer, taken[0], node)
            case ops.Slice() | ops.Pad() | ops.Shuffle():
                made = self._select(layer, taken[0])
            case ops.Add():
                made = self._out.node("Add", self._aligned(layer, taken), node)
            case _:  # averages, as check_design has seen to
                made = self._average(layer, taken[0])
        return made if read_by_relu(self._graph, name) else self._quant(name, made, word, node)

    def _quant(self, layer: str, tensor: str, word: QuantWord, name: str) -> str:
        """Thresholds. A word without a sign is taken behind a Relu only, and thresholds below
        zero are refused behind a word without a sign."""
        if layer in self._non_negative:
            if not isinstance(self._graph[layer].op, ops.Relu) or tensor != name:
                tensor = self._out.node("Relu", [tensor], f"{name}_r")
            word = QuantWord(word.width_bits - 1, word.scale, signed=False)
        return self._out.quant(tensor, word, f"{name}_q")

    def _average(self, layer: Layer, taken: str) -> str:
        node, op = self._names[layer.name], average_window(self._graph, layer)
        assert op is not None
        channels, taps = layer.out.channels, op.kernel[0] * op.kernel[1]
        ones = np.ones((channels, 1, *op.kernel), dtype=np.int64)
        weight = self._out.weights(node, ones, QuantWord(2, 1.0 / taps, narrow=True))
        source = self._formats.outputs[self._graph.in_edges(layer.name)[0].src]
        shift_bits = source.frac_bits - self._formats.outputs[layer.name].frac_bits
        bias = np.full(channels, np.ldexp(tie_margin(shift_bits), -source.frac_bits) / taps)
        inputs = [taken, weight, self._out.constant(f"{node}_bias", bias)]
        return self._out.window("Conv", inputs, node, op, groups=channels)

    def _select(self, layer: Layer, taken: str) -> str:
        node, chosen = self._names[layer.name], selection(self._graph, layer)
        assert chosen is not None
        weight = self._out.weights(node, chosen.weights, QuantWord(2, 1.0, narrow=True))
        return self._out.window("Conv", [taken, weight], node, chosen.op, groups=1)

    def _aligned(self, layer: Layer, taken: Sequence[str]) -> list[str]:
        """Operands of a sum, those of the finer format rounded to the coarser one."""
        common = sum_format(self._source, layer.name)
        result = []
        for port, edge in enumerate(self._graph.in_edges(layer.name)):
            tensor = taken[port]
            if self._formats.outputs[edge.src] != common:
                name = f"{self._names[layer.name]}_in{port}"
                tensor = self._quant(edge.src, tensor, quant_word(common), name)
            result.append(tensor)
        return result


def _average_exactly(op: ops.AvgPool2d, source: IntArray, shift_bits: int) -> IntArray:
    """``floor(sum * 2**shift_bits / taps + 1/2)``."""
    total = windows(source, op).sum(axis=(4, 5))
    over, under = max(shift_bits, 0), max(-shift_bits, 0)
    taps = (op.kernel[0] * op.kernel[1]) << under
    return np.asarray((2 * (total << over) + taps) // (2 * taps))


def finn_outputs(source: ExportSource, frames: npt.NDArray[np.float32]) -> IntArray:
    """What FINN computes: (N, C, H, W) integers in the Output's format.

    As ``run_reference``, but for averages, sums of operands in two formats, accumulators that wrap
    (FINN's are as wide as they need to be), and clips, which are left out.
    """
    graph, formats = source.graph, source.formats
    integers = integer_weights(graph, source.weights, formats)
    maps: dict[str, IntArray] = {}
    for layer in graph:
        name, op, out = layer.name, layer.op, formats.outputs[layer.name]
        edges = graph.in_edges(name)
        taken = [maps[edge.src] for edge in edges]
        words: Mapping[str, FixedPoint] = formats.outputs
        average = average_window(graph, layer)
        if isinstance(op, ops.Input):
            maps[name] = quantise(frames, out)
        elif isinstance(op, ops.Conv2d):
            sums = convolve(op, taken[0], integers[f"{name}.weight"])
            sums = sums + integers[f"{name}.bias"].reshape(1, -1, 1, 1)
            maps[name] = requantise(sums, formats.accumulator(graph, name).frac_bits, out)
        elif average is not None:
            shift_bits = out.frac_bits - words[edges[0].src].frac_bits
            maps[name] = saturate(_average_exactly(average, taken[0], shift_bits), out)
        elif isinstance(op, ops.Add):
            common = sum_format(source, name)
            both = [
                requantise(operand, words[edge.src].frac_bits, common)
                for operand, edge in zip(taken, edges, strict=True)
            ]
            maps[name] = requantise(both[0] + both[1], common.frac_bits, out)
        else:
            maps[name] = apply(op, taken, [words[edge.src] for edge in edges], out)
    return maps[graph.of_type(ops.Output)[0].name]
