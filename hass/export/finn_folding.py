"""Foldings of a design in FINN's terms: its nodes, their names, PE and SIMD, and its own cycles.

Rules and cycle formulas are those of FINN's documentation and code (0.10, and FINN+ 1.6.1, with
which names, cycles and results were compared). PE divides a matrix's rows and SIMD its columns;
a depthwise layer has all its channels parallel before any of its taps are; a window is made of some
channels at a time, or of all and all taps at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TypeAlias

import numpy as np

from .. import ops
from ..cost import Folding
from ..fixed_point import quantise
from ..graph import Graph, Layer
from ..intmath import ceil_div, divisors
from ..values import FeatureMap
from .averages import average_window
from .exporter import ExportSource
from .finn_layers import read_by_relu, sum_format
from .selections import selection

# op type -> the implementation that FINN picks; thresholds inside a matrix unit exist in HLS only
IMPLEMENTATIONS = {
    "MVAU": "hls",
    "VVAU": "hls",
    "Pool": "hls",
    "ElementwiseAdd": "hls",
    "DuplicateStreams": "hls",
    "ConvolutionInputGenerator": "rtl",
    "FMPadding": "rtl",
    "Thresholding": "rtl",
}
Windowed: TypeAlias = ops.Conv2d | ops.AvgPool2d | ops.MaxPool2d
MAX_FIFO_DEPTH = 32768  # entries; beyond them FINN must split a FIFO


@dataclass(frozen=True, slots=True)
class FinnNode:
    """A node of FINN's graph.

    Attributes:
        op_type: FINN's word, without its implementation.
        layer: the hass layer that it belongs to.
        level: nodes on the longest way to it; FINN sorts its graph by that.
        factors: folding attribute -> value.
        cycles: per frame, by FINN's formula.
        sizes: what the matrix or window is; tells nodes of one type apart.
        fifo_depth: entries of the FIFO behind it; 0: FINN's own.
        key: the name that FINN gives it, as in a folding file.
    """

    op_type: str
    layer: str
    level: int
    factors: Mapping[str, int]
    cycles: int
    sizes: tuple[int, ...] = ()
    fifo_depth: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """Multipliers of a layer in FINN: PE and SIMD with what they divide.

    Attributes:
        op_type: MVAU, or VVAU for a depthwise layer.
        rows, columns: MH and MW of a matrix; channels and taps of a depthwise layer.
        pe, simd: parallel rows and columns.
        wanted: PE and SIMD that hass's folding comes to.
        cycles: per frame.
    """

    op_type: str
    rows: int
    columns: int
    pe: int
    simd: int
    wanted: tuple[int, int]
    cycles: int


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor that is nearest; of two the larger, which is faster.

    >>> nearest_divisor(36, 8), nearest_divisor(9, 2)
    (9, 3)
    """
    return min(divisors(number), key=lambda d: (abs(d - wanted), -d))


def least_divisor(number: int, cycles_at_one: int, target_cycles: int) -> int:
    """The least parallelism with which work takes no longer than the target; else all.

    >>> least_divisor(12, 100, 30)
    4
    """
    return next(
        (d for d in divisors(number) if ceil_div(cycles_at_one, d) <= target_cycles), number
    )


def conv_unit(op: ops.Conv2d, channels: int, pixels: int, folding: Folding) -> Unit:
    """The multipliers of a convolution, as near to hass's folding as FINN allows."""
    taps = op.kernel[0] * op.kernel[1]
    if op.groups == 1:
        rows, columns = op.out_channels, channels * taps
        wanted = (folding.coarse_out, folding.coarse_in * folding.fine)
        pe, simd = nearest_divisor(rows, wanted[0]), nearest_divisor(columns, wanted[1])
        kind = "MVAU"
    else:
        rows, columns = channels, taps
        wanted = (folding.coarse_group, folding.fine)
        parallel = folding.multipliers
        pe = nearest_divisor(rows, min(parallel, rows))
        simd = nearest_divisor(columns, max(1, parallel // rows)) if pe == rows else 1
        kind = "VVAU"
    cycles = (rows // pe) * (columns // simd) * pixels
    return Unit(kind, rows, columns, pe, simd, wanted, cycles)


def average_unit(op: ops.AvgPool2d, channels: int, pixels: int, folding: Folding) -> Unit:
    """The multipliers of an average, which hass has none of: its streams become PE."""
    convolution = ops.Conv2d(channels, op.kernel, op.stride, op.pads, channels)
    taps = op.kernel[0] * op.kernel[1]
    pe = nearest_divisor(channels, folding.coarse_in)
    kind = "VVAU" if convolution.groups > 1 else "MVAU"
    return Unit(kind, channels, taps, pe, 1, (pe, 1), channels // pe * taps * pixels)


def window_cycles(
    op: Windowed,
    source: FeatureMap,
    out: FeatureMap,
    simd: int,
    *,
    depthwise: bool,
) -> int:
    """Cycles of a sliding window that puts out ``simd`` channels of one tap at a time.

    Args:
        op: with its kernel and stride.
        source: the padded map.
        out: the map of positions.
        simd: channels at a time; divides those of ``source``.
        depthwise: whether all taps of some channels come before the next channels.
    """
    (kernel_height, kernel_width), (down, right) = op.kernel, op.stride
    folds = source.channels // simd
    if op.kernel == (1, 1):
        return source.pixels * folds + 2
    if min(source.height, source.width) == 1:
        length, taps, positions = source.pixels, prod(op.kernel), out.pixels
        stride = right if source.height == 1 else down
        written = positions * taps * folds
        if not depthwise:
            return written + 2
        read = (length + (taps - 1) * (stride - 1)) * folds
        return max(written + (folds - 1) * taps, read) + 2
    fill = ((kernel_height - 1) * source.width + kernel_width) * folds
    row = max(out.width * kernel_height * kernel_width * folds, right * source.width * folds)
    cycles = fill + out.height * row
    if depthwise:
        cycles += out.pixels * (right - 1) * (folds - 1) + (down - 1) * source.width * folds
    return cycles


def padded(op: Windowed, source: FeatureMap) -> FeatureMap:
    """The map with its padding."""
    top, left, bottom, right = op.pads
    return FeatureMap(source.height + top + bottom, source.width + left + right, source.channels)


def _named(nodes: Iterable[FinnNode]) -> Iterator[FinnNode]:
    """Nodes in FINN's order, numbered within each type as FINN numbers them."""
    counts: Counter[str] = Counter()
    for node in sorted(nodes, key=lambda node: node.level):
        key = f"{node.op_type}_{IMPLEMENTATIONS[node.op_type]}_{counts[node.op_type]}"
        counts[node.op_type] += 1
        yield replace(node, key=key)


class _Walk:
    """Nodes in the order of the layers."""

    def __init__(self, source: ExportSource) -> None:
        self._source, self._graph = source, source.graph
        self._plan = source.design.plan
        self.units = {
            layer.name: unit for layer in self._graph if (unit := self._unit(layer)) is not None
        }
        slowest = max((unit.cycles for unit in self.units.values()), default=1)
        self.target_cycles = max(slowest, source.design.summary.frame_ii_cycles)

    def _unit(self, layer: Layer) -> Unit | None:
        folding, pixels = self._plan.foldings[layer.name], layer.out.pixels
        average = average_window(self._graph, layer)
        if average is not None:
            return average_unit(average, layer.out.channels, pixels, folding)
        chosen = selection(self._graph, layer)
        if chosen is not None:
            rows, columns = chosen.weights.shape[:2]
            pe = nearest_divisor(rows, folding.coarse_out)
            return Unit("MVAU", rows, columns, pe, columns, (pe, columns), rows // pe * pixels)
        if isinstance(layer.op, ops.Conv2d):
            channels = self._graph.in_maps(layer.name)[0].channels
            return conv_unit(layer.op, channels, pixels, folding)
        return None

    def nodes(self) -> Iterator[FinnNode]:
        """All of them."""
        levels: dict[str, int] = {}  # layer -> of its last node
        for layer in self._graph:
            before = [levels[edge.src] for edge in self._graph.in_edges(layer.name)]
            level = max(before, default=0)
            for node in self._layer(layer, before):
                level = max(level, node.level)
                yield node
            levels[layer.name] = level

    def _layer(self, layer: Layer, before: Sequence[int]) -> Iterator[FinnNode]:
        op, average = layer.op, average_window(self._graph, layer)
        chosen = selection(self._graph, layer)
        if average is not None:
            yield from self._windowed(layer, average, before[0])
        elif chosen is not None:
            yield from self._windowed(layer, chosen.op, before[0])
        elif isinstance(op, ops.Conv2d | ops.MaxPool2d):
            yield from self._windowed(layer, op, before[0])
        elif isinstance(op, ops.Fork):
            yield self._stream("DuplicateStreams", layer, before[0] + 1)
        elif isinstance(op, ops.Add):
            yield from self._sum(layer, before)
        elif self._thresholds_alone(layer):
            yield self._stream("Thresholding", layer, max(before, default=0) + 1)

    def _sum(self, layer: Layer, before: Sequence[int]) -> Iterator[FinnNode]:
        common, level = sum_format(self._source, layer.name), max(before)
        for edge, reached in zip(self._graph.in_edges(layer.name), before, strict=True):
            if self._source.formats.outputs[edge.src] != common:
                yield self._stream("Thresholding", layer, reached + 1)
                level = max(level, reached + 1)
        yield self._stream("ElementwiseAdd", layer, level + 1)
        if not read_by_relu(self._graph, layer.name):
            yield self._stream("Thresholding", layer, level + 2)

    def _thresholds_alone(self, layer: Layer) -> bool:
        """Whether thresholds of an Input or a Relu lie in no matrix unit before them."""
        match layer.op:
            case ops.Input():
                return not read_by_relu(self._graph, layer.name)
            case ops.Relu():
                return self._graph.in_edges(layer.name)[0].src not in self.units
            case _:
                return False

    def _stream(self, op_type: str, layer: Layer, level: int) -> FinnNode:
        pe = least_divisor(layer.out.channels, layer.out.words, self.target_cycles)
        return FinnNode(op_type, layer.name, level, {"PE": pe}, layer.out.words // pe)

    def _windowed(self, layer: Layer, op: Windowed, level: int) -> Iterator[FinnNode]:
        (source,) = self._graph.in_maps(layer.name)
        name, unit, around = layer.name, self.units.get(layer.name), padded(op, source)
        if any(op.pads):
            level, simd = (
                level + 1,
                least_divisor(around.channels, around.words, self.target_cycles),
            )
            yield FinnNode("FMPadding", name, level, {"SIMD": simd}, around.words // simd)
        work, pool_pe = layer.out.words * prod(op.kernel), 1
        if unit is None:
            pool_pe = least_divisor(source.channels, work, self.target_cycles)
        if op.kernel != (1, 1) or op.stride != (1, 1) or any(op.pads):
            level += 1
            factors, cycles = self._window(layer, op, around, unit, pool_pe)
            yield FinnNode("ConvolutionInputGenerator", name, level, factors, cycles)
        if unit is None:
            sizes: tuple[int, ...] = (source.channels, *op.kernel)
            yield FinnNode("Pool", name, level + 1, {"PE": pool_pe}, work // pool_pe, sizes)
            return
        factors, sizes = {"PE": unit.pe, "SIMD": unit.simd}, (unit.columns, unit.rows)
        depth = self._fifo_depth(name, unit.pe)
        yield FinnNode(unit.op_type, name, level + 1, factors, unit.cycles, sizes, depth)

    def _window(
        self, layer: Layer, op: Windowed, around: FeatureMap, unit: Unit | None, pool_pe: int
    ) -> tuple[dict[str, int], int]:
        """Factors and cycles of the node that makes windows."""
        all_at_once = ({"SIMD": around.channels, "parallel_window": 1}, around.pixels + 2)
        if unit is not None and unit.op_type == "MVAU":
            for simd in divisors(around.channels):
                cycles = window_cycles(op, around, layer.out, simd, depthwise=False)
                if cycles <= self.target_cycles:
                    return {"SIMD": simd, "parallel_window": 0}, cycles
            if prod(op.kernel) > 1:
                return all_at_once
            return {"SIMD": around.channels, "parallel_window": 0}, cycles
        if unit is not None and unit.simd > 1:
            return all_at_once
        simd = pool_pe if unit is None else unit.pe
        cycles = window_cycles(op, around, layer.out, simd, depthwise=True)
        return {"SIMD": simd, "parallel_window": 0}, cycles

    def _fifo_depth(self, name: str, pe: int) -> int:
        """Of the FIFO behind a layer, in entries of ``pe`` words."""
        words = [
            fifo.depth_words * fifo.streams
            for fifo in self._plan.estimate.fifos
            if fifo.src == name and len(self._graph.in_edges(fifo.dst)) == 1
        ]
        return min(MAX_FIFO_DEPTH, max(2, ceil_div(max(words), pe))) if words else 0


@dataclass(frozen=True, slots=True)
class FinnFolding:
    """A design in FINN's terms.

    Attributes:
        nodes: in FINN's order.
        units: hass layer -> its multipliers.
        target_cycles: what nodes without multipliers are made parallel enough for.
    """

    nodes: tuple[FinnNode, ...]
    units: Mapping[str, Unit]
    target_cycles: int


def finn_folding(source: ExportSource) -> FinnFolding:
    """The folding of a design that ``check_design`` lets pass."""
    walk = _Walk(source)
    return FinnFolding(tuple(_named(walk.nodes())), walk.units, walk.target_cycles)


def weight_sums(source: ExportSource, name: str, graph: Graph) -> Sequence[int]:
    """Sum and sum of magnitudes of a layer's integer weights: tells equal shapes apart."""
    average = average_window(graph, graph[name])
    if average is not None:
        ones = graph[name].out.channels * prod(average.kernel)
        return [ones, ones]
    chosen = selection(graph, graph[name])
    if chosen is not None:
        return [int(chosen.weights.sum())] * 2
    weights = quantise(source.weights[f"{name}.weight"], source.formats.weights[name])
    return [int(weights.sum()), int(np.abs(weights).sum())]
