"""Word lengths of every layer, and with them of every stream.

A convolution may have narrower operands than the default. Its input is then rounded where it enters
the layer, behind any fork, as a clip acts there: other readers of the stream keep their words. A
convolution whose words are read by narrower ones only puts out words as narrow as the widest of
these readers needs, so nothing is rounded twice; layers that pass words on (Relu, MaxPool2d, Fork,
...) have the words that they get. All other words, the network's ends among them, are those of the
default.
"""

from __future__ import annotations

from . import ops
from .graph import Graph
from .values import Arithmetic, ConvArithmetic, WordLengths, precision_of

# Ops whose words are some of their input's words (or zero): they keep its format.
KEEPS_FORMAT = (
    *(ops.Output, ops.Fork, ops.Relu, ops.Clip, ops.MaxPool2d, ops.Slice, ops.Pad),
    *(ops.Upsample, ops.DepthToSpace, ops.Shuffle),
)


def arithmetic_by_layer(graph: Graph, arithmetic: WordLengths) -> dict[str, Arithmetic]:
    """Layer -> word lengths of its operands and its streams, in the graph's order.

    Args:
        graph: the network, or a part of it.
        arithmetic: of all layers, or of each; layers that the graph lacks do not matter.
    """
    precision = precision_of(arithmetic)
    default = precision.default
    if not precision.layers:
        return {layer.name: default for layer in graph}
    wanted: dict[str, int] = {}  # bits of the words that a layer reads
    read: dict[str, int] = {}  # bits that the widest reader of a layer's words wants
    for layer in reversed(graph.layers):
        name, edges = layer.name, graph.out_edges(layer.name)
        read[name] = max((wanted[edge.dst] for edge in edges), default=default.act_bits)
        if isinstance(layer.op, ops.Conv2d):
            wanted[name] = precision.of(name).act_bits
        elif isinstance(layer.op, KEEPS_FORMAT):
            wanted[name] = read[name]
        else:
            wanted[name] = default.act_bits
    found: dict[str, Arithmetic] = {}
    for layer in graph:
        name = layer.name
        sources = [found[edge.src].out_bits for edge in graph.in_edges(name)]
        if isinstance(layer.op, ops.Conv2d):
            found[name] = _of_conv(precision.of(name), sources[0], read[name])
        elif isinstance(layer.op, KEEPS_FORMAT) and sources[0] != default.act_bits:
            found[name] = Arithmetic(sources[0], default.weight_bits, default.acc_bits)
        else:
            found[name] = default
    return found


def _of_conv(own: Arithmetic, source_bits: int, result_bits: int) -> Arithmetic:
    if own.act_bits == source_bits == result_bits:
        return own
    return ConvArithmetic(own.act_bits, own.weight_bits, own.acc_bits, source_bits, result_bits)
