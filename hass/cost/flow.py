"""What the FIFOs of a graph must hold, whatever the folding.

A join (Add, Mul, Concat) waits for its latest input; what the others deliver meanwhile must be
held, or the fork above them stalls and the pipeline deadlocks. The need follows from the even flow
(``even_flow``) along the longest path to each port, in frame times, an upper bound that no folding
exceeds. So a layer's cost depends on its own folding alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import Graph, Layer
from ..sparsity import SparsityProfile
from ..values import FeatureMap
from .coefficients import coefficients
from .even_flow import burst_words, pad_flow, pass_flow, reorder_flow, slice_flow, window_flow
from .shape import FifoNeed, LayerShape

# Layers on a single position, with a join behind them, must be done in this part of a frame
# time: the map that waits for them at the join then costs 1 + a few eighths of a frame of memory
# instead of several frames, for multipliers and streams that such small layers hardly notice.
BRANCH_HASTE = 8

# Pixels that the FIFO in front of a sparse engine holds so that the engine can be ahead of the even
# flow or behind it, as its positions take different times; a join's FIFO holds as many for itself
# and for each convolution that another path has more. Traced ResNet-20 on a ZCU104, half of the
# weights clipped, 48 images: with one pixel and none at joins the pipeline takes 2.7 % more cycles
# than with FIFOs without end, with 4 it takes 1.6 % more.
SPARSE_SLACK_PIXELS = 4

NO_PASSES: Mapping[str, int] = MappingProxyType({})
ROUNDING = 1e-9  # of sums of fractions of a frame

Frames = TypeVar("Frames", float, npt.NDArray[np.float64])


@dataclass(frozen=True, slots=True)
class _Passage:
    """When the words of a frame leave a layer in the even flow.

    Attributes:
        start_frames: frame times from the frame's first word to this layer's.
        spread_frames: frame times between its first word and its last.
        stages: registers on the longest way, in entries of a stream.
        convs: convolutions on the way, at most.
    """

    start_frames: float
    spread_frames: float
    stages: int
    convs: int


def _before_joins(graph: Graph) -> frozenset[str]:
    """Layers from which a join can be reached."""
    found: set[str] = set()
    for layer in reversed(graph.layers):
        for edge in graph.out_edges(layer.name):
            if edge.dst in found or len(graph.in_edges(edge.dst)) > 1:
                found.add(layer.name)
    return frozenset(found)


def _haste(layer: Layer, maps: Sequence[FeatureMap], hasty: bool) -> int:
    """See ``LayerShape.haste``."""
    if not hasty or layer.out.pixels > 1 or isinstance(layer.op, ops.Input):
        return 1
    small = all(source.pixels == 1 for source in maps)
    return BRANCH_HASTE if small or isinstance(layer.op, ops.Conv2d) else 1


def _stages(op: ops.Op) -> int:
    """Words that may sit in a layer's arithmetic registers, in entries of the stream."""
    stages = coefficients().pipeline
    fixed = stages.stream_cycles.value
    if isinstance(op, ops.Conv2d):
        # engine, both adder trees (at most 2**8 inputs each), accumulator
        fixed += stages.multiplier_cycles.value + stages.selector_cycles.value + 17
    return fixed


def _progress(frames: float, spread_frames: float) -> float:
    """Frames' worth of words that have passed ``frames`` after the first one."""
    whole = math.floor(frames + ROUNDING)
    return whole + min(1.0, max(0.0, frames - whole) / max(spread_frames, ROUNDING))


def _held_frames(passage: _Passage, start_frames: float, spread_frames: float) -> float:
    """Frames' worth of words held where words leave a layer as ``passage`` says and are read from
    ``start_frames`` on: the most that is there when reading begins or arriving ends."""
    wait = start_frames - passage.start_frames
    later = max(0, math.ceil(wait - passage.spread_frames - ROUNDING))
    read = _progress(max(0.0, later + passage.spread_frames - wait), spread_frames)
    return max(_progress(wait, passage.spread_frames), later + 1 - read)


def _joined_at(layer: Layer, maps: Sequence[FeatureMap], sources: Sequence[_Passage]) -> float:
    """When a layer may read its first word, in frame times.

    Words of a pixel travel in beats of several, which are whole once the pixel is; that is up to a
    pixel's time after the word in question. A gate of one position must be there as a whole.
    """
    if len(sources) < 2:
        return max((source.start_frames for source in sources), default=0.0)
    single = [m.pixels == 1 and layer.out.pixels > 1 for m in maps]
    ready = [
        source.start_frames + (source.spread_frames if alone else 0.0)
        for source, alone in zip(sources, single, strict=True)
    ]
    return max(ready) + _spread(layer, sources) / layer.out.pixels


def _spread(layer: Layer, sources: Sequence[_Passage]) -> float:
    if layer.out.pixels > 1 or not sources:
        return 1.0
    return max(source.spread_frames for source in sources)


def passed(
    shape: LayerShape,
    begin: Frames,
    arriving: Frames,
    rows_per_pass: int,
    larger: Callable[[Frames, float], Frames],
) -> tuple[Frames, Frames | float]:
    """Start and spread of what a layer puts out, in frame times.

    Args:
        shape: the layer, its FIFOs apart.
        begin: when it may read its first word.
        arriving: the largest spread of what it reads; 1 of an Input.
        rows_per_pass: see ``layer_shapes``; 0: weights on chip.
        larger: the larger of two, as both are numbers or arrays of cases.
    """
    op, positions = shape.op, shape.out.pixels
    single = 1.0 / shape.haste
    match op:
        case ops.Conv2d() if rows_per_pass and positions > 1:
            lead = pass_flow(op, shape.inputs[0], shape.out, rows_per_pass).delay_frames
            done = lead * arriving + rows_per_pass / shape.out.height
            return begin + done + 1.0 / positions, 1.0
        case ops.Conv2d():
            lead = window_flow(op, shape.inputs[0], shape.out, shape.haste).delay_frames
            if positions == 1:
                return begin + lead * arriving + single, single
            return begin + lead * arriving + 1.0 / positions, 1.0
        case ops.MaxPool2d() | ops.AvgPool2d() if positions > 1:
            lead = window_flow(op, shape.inputs[0], shape.out).delay_frames
            return begin + lead * arriving, 1.0
        case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            lead = reorder_flow(op, shape.inputs[0], shape.out).delay_frames
            return begin + lead * arriving, 1.0 if positions > 1 else larger(arriving, single)
        case ops.GlobalAvgPool() | ops.MaxPool2d() | ops.AvgPool2d():
            pixel = arriving / shape.inputs[0].pixels
            return begin + arriving - pixel, pixel
        case ops.Slice() if positions > 1:
            return begin + slice_flow(op, shape.inputs[0], shape.out).delay_frames, 1.0
        case ops.Slice():
            return begin + arriving, arriving / shape.inputs[0].pixels
        case ops.Pad():
            return begin + pad_flow(op, shape.inputs[0], shape.out).delay_frames * arriving, 1.0
        case _:
            return begin, 1.0 if positions > 1 else larger(arriving, single)


def _extra_words(layer: Layer, port: int, maps: Sequence[FeatureMap]) -> int:
    """Words that a layer leaves in front of a port while it is busy elsewhere."""
    match layer.op:
        case ops.Concat():  # the inputs before it have their turn within a position
            before = sum(source.channels for source in maps[:port])
            return math.ceil(maps[port].channels * before / layer.out.channels)
        case ops.Pad():
            return pad_flow(layer.op, maps[0], layer.out).held_pixels * maps[0].channels
        case _:
            return 0


def layer_shapes(
    graph: Graph,
    profile: SparsityProfile | None = None,
    rows_per_pass: Mapping[str, int] = NO_PASSES,
) -> dict[str, LayerShape]:
    """Layer name -> what its cost depends on, FIFO needs included.

    Args:
        graph: the network.
        profile: measured sparsity; without it no engine is sparse, and none needs slack.
        rows_per_pass: convolution whose weights are off chip -> output rows that it computes
            together, for which the other branches in front of a join wait longer.
    """
    slack = 0 if profile is None else SPARSE_SLACK_PIXELS
    shapes: dict[str, LayerShape] = {}
    passages: dict[str, _Passage] = {}
    hasty = _before_joins(graph)
    for layer in graph:
        names = [edge.src for edge in graph.in_edges(layer.name)]
        sources = [passages[name] for name in names]
        maps = graph.in_maps(layer.name)
        begin = _joined_at(layer, maps, sources)
        spread = _spread(layer, sources)
        deepest = max((source.stages for source in sources), default=0)
        convs = max((source.convs for source in sources), default=0)
        needs = []
        for port, (name, source) in enumerate(zip(names, sources, strict=True)):
            before = shapes[name]
            words = burst_words(before.op, before.inputs, before.out)
            words += _extra_words(layer, port, maps)
            if len(sources) > 1:
                gates = maps[port].pixels == 1 and layer.out.pixels > 1
                held = _held_frames(source, begin, spread / layer.out.pixels if gates else spread)
                words += math.ceil(held * maps[port].words - ROUNDING)
                words += slack * (convs - source.convs + 1) * maps[port].channels
            needs.append(FifoNeed(words, 2 + deepest - source.stages))
        shape = LayerShape(
            layer.op,
            maps,
            layer.out,
            tuple(needs),
            readers=max(1, len(graph.out_edges(layer.name))),
            haste=_haste(layer, maps, layer.name in hasty),
        )
        shapes[layer.name] = shape
        arriving = max((source.spread_frames for source in sources), default=1.0)
        rows = rows_per_pass.get(layer.name, 0)
        start, spread = passed(shape, begin, arriving, rows, max)
        convs += isinstance(layer.op, ops.Conv2d)
        passages[layer.name] = _Passage(start, spread, deepest + _stages(layer.op), convs)
    return shapes
