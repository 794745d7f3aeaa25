"""The network in integers: what the emitted hardware computes, bit for bit, in numpy.

``fixed_point`` gives the number formats and their rules; this module gives the network.
Maps are int64 arrays (frames, channels, height, width).

- Conv2d: inputs requantised where the layer has narrower ones, clipped, products summed modulo
  ``2**acc_bits``, bias added, requantised.
- All others: ``reference_ops``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from . import ops
from .errors import GraphError
from .exact_sums import EXACT_FLOAT, Factors, NumberArray, Part
from .fixed_point import (
    IntArray,
    NumberFormats,
    clip_limit,
    quantise,
    requantise,
    wrap,
)
from .graph import Graph, Weights
from .reference_ops import apply
from .shapes import output_map
from .threads import thread_count
from .values import FeatureMap, FixedPoint

MAP_WORDS = 1 << 19  # frames go through the network together while their largest map has so many


def clip_limits(
    act_thresholds: Mapping[str, float], formats: NumberFormats, graph: Graph
) -> dict[str, int]:
    """Conv2d layer -> integer limit of the clip on its input; layers that clip nothing absent."""
    limits = {}
    for name, threshold in act_thresholds.items():
        limit = clip_limit(threshold, formats.operand(graph, name))
        if limit > 0:
            limits[name] = limit
    return limits


def integer_weights(graph: Graph, weights: Weights, formats: NumberFormats) -> dict[str, IntArray]:
    """``<conv>.weight`` and ``<conv>.bias`` as integers of the weight and accumulator formats."""
    integers = {}
    for layer in graph.convs:
        name = layer.name
        integers[f"{name}.weight"] = quantise(weights[f"{name}.weight"], formats.weights[name])
        bias = quantise(weights[f"{name}.bias"], formats.accumulator(graph, name))
        integers[f"{name}.bias"] = bias
    return integers


def clip(integers: IntArray, limit: int) -> IntArray:
    """Zero where ``|integer| <= limit``; same shape."""
    return np.where(np.abs(integers) <= limit, 0, integers)


def operands(graph: Graph, conv: str, formats: NumberFormats, source: IntArray) -> IntArray:
    """The words that come to a convolution, in the format of its operands; same shape."""
    if conv not in formats.inputs:
        return source
    return requantise(source, formats.source(graph, conv).frac_bits, formats.inputs[conv])


def convolve(op: ops.Conv2d, source: IntArray, weight: IntArray) -> IntArray:
    """Exact sums of products, (N, out_channels, H_out, W_out), before the bias."""
    factors = Factors(op, weight)
    largest = max(int(source.max()), -int(source.min()))
    return _collected(factors.sums(source, largest), op, source)


def _collected(parts: Iterable[Part], op: ops.Conv2d, source: IntArray) -> IntArray:
    """The parts of a convolution's output in one map, (N, out_channels, H_out, W_out)."""
    frames, channels, height, width = source.shape
    out = output_map(op, [FeatureMap(height, width, channels)])
    result = np.empty((frames, out.channels, out.height, out.width), dtype=np.int64)
    for some, rows, words in parts:
        result[:, some, rows] = words.transpose(1, 0, 2, 3)
    return result


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution with its integers.

    Attributes:
        op: the convolution.
        factors, bias: its weights, and (out_channels,) in the accumulator's format.
        limit: of the clip on its input; 0: none.
        accumulator, out: formats.
    """

    op: ops.Conv2d
    factors: Factors
    bias: IntArray
    limit: int
    accumulator: FixedPoint
    out: FixedPoint

    def words(self, source: IntArray, fmt: FixedPoint) -> IntArray:
        """Its output words from its input's, which are of a format."""
        clipped = clip(source, self.limit) if self.limit else source
        largest = -fmt.low
        exact = self.factors.bound(largest) + -self.accumulator.low <= EXACT_FLOAT
        parts = (
            (some, rows, self._finished(sums, self.bias[some], exact))
            for some, rows, sums in self.factors.sums(clipped, largest)
        )
        return _collected(parts, self.op, clipped)

    def _finished(self, sums: NumberArray, bias: IntArray, exact: bool) -> NumberArray:
        """Output words of some sums; ``exact``: float64 holds the biased sums."""
        shift_bits = self.accumulator.frac_bits - self.out.frac_bits
        column = bias.reshape(-1, 1, 1, 1)
        if exact and shift_bits > 0:
            total = sums.astype(np.float64, copy=False)
            total += column
            if self.accumulator.low <= total.min() and total.max() <= self.accumulator.high:
                # nothing wraps: ``requantise`` in floats, which takes far fewer passes
                total *= 0.5**shift_bits
                total += 0.5
                np.floor(total, out=total)
                return np.asarray(np.clip(total, self.out.low, self.out.high, out=total))
            integers = total.astype(np.int64)
        else:
            integers = sums.astype(np.int64) + column
        wrapped = wrap(integers, self.accumulator.width_bits)
        return requantise(wrapped, self.accumulator.frac_bits, self.out)


def _layers(
    graph: Graph, weights: Weights, formats: NumberFormats, act_thresholds: Mapping[str, float]
) -> dict[str, _Layer]:
    integers = integer_weights(graph, weights, formats)
    limits = clip_limits(act_thresholds, formats, graph)
    return {
        layer.name: _Layer(
            layer.op,
            Factors(layer.op, integers[f"{layer.name}.weight"]),
            integers[f"{layer.name}.bias"],
            limits.get(layer.name, 0),
            formats.accumulator(graph, layer.name),
            formats.outputs[layer.name],
        )
        for layer in graph.convs
        if isinstance(layer.op, ops.Conv2d)
    }


def run_reference(
    graph: Graph,
    weights: Weights,
    formats: NumberFormats,
    act_thresholds: Mapping[str, float],
    frames: npt.NDArray[np.float32],
    *,
    taps: Sequence[str] = (),
) -> dict[str, IntArray]:
    """Run frames through the network in integers.

    Args:
        graph: the network.
        weights: its weights, pruned where the design prunes.
        formats: of ``fixed_point.choose_formats``.
        act_thresholds: Conv2d layer -> t: inputs with |x| <= t become zero.
        frames: (N, C, H, W), real values.
        taps: further layers whose output is wanted.

    Returns:
        Layer -> integers (N, C, H, W) in ``formats.outputs[layer]``, for the Outputs and the taps.

    Raises:
        GraphError: if the frames do not fit the network's input, or a tap is no layer.
    """
    source_map = graph.frame
    expected = (source_map.channels, source_map.height, source_map.width)
    if frames.ndim != 4 or frames.shape[1:] != expected:
        raise GraphError(
            f"{graph.name}: frames have shape {frames.shape}, expected (N, *{expected})"
        )
    layers = _layers(graph, weights, formats, act_thresholds)
    wanted = {layer.name for layer in graph.outputs} | {graph[name].name for name in taps}
    largest = max(layer.out.words for layer in graph)
    count = max(1, MAP_WORDS // largest)

    def run(start: int) -> dict[str, IntArray]:
        some = frames[start : start + count]
        return _run_together(graph, layers, formats, some, wanted)

    # a thread for some frames each: most of the time goes into what no matrix library shares out
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(thread_count()) as pool:
        parts = list(pool.map(run, range(0, max(1, len(frames)), count)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _run_together(
    graph: Graph,
    layers: Mapping[str, _Layer],
    formats: NumberFormats,
    frames: npt.NDArray[np.float32],
    wanted: Set[str],
) -> dict[str, IntArray]:
    """``run_reference`` of frames whose maps are in memory at the same time."""
    last_reader = {edge.src: edge.dst for layer in graph for edge in graph.in_edges(layer.name)}
    maps: dict[str, IntArray] = {}
    for layer in graph:
        name, op = layer.name, layer.op
        edges = graph.in_edges(name)
        sources = [maps[edge.src] for edge in edges]
        out = formats.outputs[name]
        if isinstance(op, ops.Input):
            maps[name] = quantise(frames, out)
        elif isinstance(op, ops.Conv2d):
            taken = operands(graph, name, formats, sources[0])
            maps[name] = layers[name].words(taken, formats.operand(graph, name))
        else:
            maps[name] = apply(op, sources, [formats.outputs[e.src] for e in edges], out)
        for edge in edges:
            if last_reader[edge.src] == name and edge.src not in wanted:
                maps.pop(edge.src, None)
    return {name: maps[name] for name in maps if name in wanted}
