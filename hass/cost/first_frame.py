"""The first frame through an empty pipeline, row by row.

A map's pixels leave a block at times that are kept per row: when the row's first pixel is whole,
and when its last is; between the two at an even pace. A block works on its positions in order: the
next one is done one position's time after the one before, and not before the pixel that it needs
has come. That is a maximum over rows so far, taken for all rows at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import Graph
from ..values import FeatureMap
from .coefficients import coefficients
from .even_flow import axis_ends
from .foldings import Folding, as_arrays
from .ops.conv import engine_stages
from .result import LayerCosts
from .shape import LayerShape
from .weight_passes import in_passes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class RowTimes:
    """When the words of a frame leave a block, in cycles.

    Attributes:
        first: (rows,) when the first pixel of a row is whole.
        last: (rows,) when its last pixel is.
        burst_cycles: from a pixel's first word to its last.
    """

    first: Floats
    last: Floats
    burst_cycles: float

    @property
    def start_cycles(self) -> float:
        """When the first word leaves."""
        return max(0.0, float(self.first[0]) - self.burst_cycles)

    @property
    def end_cycles(self) -> float:
        """When the last word leaves."""
        return float(self.last[-1])

    def at(self, rows: Ints, column: int, width: int) -> Floats:
        """When the pixels of ``rows`` at ``column`` are whole; before all time for rows below 0."""
        share = column / (width - 1) if width > 1 else 1.0
        times = self.first[rows] + share * (self.last[rows] - self.first[rows])
        return np.where(rows < 0, 0.0, times)


@dataclass(frozen=True, slots=True)
class _Work:
    """What a position costs.

    Attributes:
        cycles: of work.
        tail_cycles: at the least from its last word in to its last word out, stages apart.
        burst_cycles: from its first word out to its last.
        stages: registers.
        gathered: share of a pixel's words that must be there before work begins.
    """

    cycles: float
    tail_cycles: float
    burst_cycles: float
    stages: int
    gathered: float = 0.0


def _work(shape: LayerShape, folding: Folding, costs: LayerCosts) -> _Work:
    op, out = shape.op, shape.out
    beats = out.channels / (folding.coarse_out * folding.coarse_group)
    stages = coefficients().pipeline.stream_cycles.value
    match op:
        case ops.Conv2d():
            engine = int(engine_stages(as_arrays([folding]))[0])
            # frame II is exact where the engine sets it, a position's work rounded up elsewhere
            together = 1
            if in_passes(out, folding):
                together = out.width * folding.rows_per_pass
            cycles = min(
                int(costs.frame_ii_cycles[0]) / (shape.haste * out.pixels),
                float(costs.latency_cycles[0] - engine) / together,
            )
            rounds = op.groups // folding.coarse_group
            beats_in = shape.inputs[0].channels // (folding.coarse_in * folding.coarse_group)
            tail = cycles * folding.packed / beats_in  # the work on a window
            burst = (cycles - cycles / rounds) + tail * (1.0 - rounds / beats)
            gathered = (folding.packed - 1) / max(1, beats_in - 1)
            return _Work(cycles, tail, burst, engine, gathered)
        case ops.MaxPool2d() | ops.AvgPool2d() | ops.Upsample():
            return _Work(beats, 1.0, beats - 1.0, stages)
        case ops.DepthToSpace() | ops.Shuffle():  # a pixel is whole before
            return _Work(beats, beats, beats - 1.0, stages, 1.0)
        case _:
            return _Work(beats, 0.0, beats - 1.0, stages)


def window_rows(op: ops.Op, source: FeatureMap, out: FeatureMap) -> tuple[Ints, tuple[int, int]]:
    """(rows out,) last row in that each needs (-1: none), and the columns that its first and its
    last position need."""
    match op:
        case ops.Slice():
            rows = np.arange(op.rows.start, op.rows.stop, op.rows.step, dtype=np.int64)
            last = op.columns.start + (out.width - 1) * op.columns.step
            return rows, (op.columns.start, last)
        case ops.Conv2d() | ops.MaxPool2d() | ops.AvgPool2d() | ops.Pad():
            pass
        case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            pass
        case _:
            return np.arange(out.height, dtype=np.int64), (0, out.width - 1)
    rows, columns = (axis_ends(op, source, out, axis) for axis in (0, 1))
    return rows, (max(int(columns[0]), 0), max(int(columns.max()), 0))


def _paced(
    ready_first: Floats, ready_last: Floats, cycles: float, width: int
) -> tuple[Floats, Floats]:
    """Times of the first and the last position of each row: as they are ready, and ``cycles``
    after the one before."""
    row_cycles = cycles * width
    paced = np.arange(len(ready_first)) * row_cycles
    done = np.maximum(ready_first + row_cycles - cycles, ready_last)
    last = paced + np.maximum.accumulate(done - paced)
    before = np.concatenate([[-cycles], last[:-1]])
    first = np.maximum(ready_first, before + cycles)
    return np.asarray(first, np.float64), np.asarray(last, np.float64)


def _taken(source: FeatureMap, streams: int, come: RowTimes) -> RowTimes:
    """When a port of so many streams has read what has come."""
    beats = source.channels / streams
    late = max(0.0, beats - 1.0 - come.burst_cycles)
    first, last = _paced(come.first + late, come.last + late, beats, source.width)
    return RowTimes(first, last, max(come.burst_cycles, beats - 1.0))


def _through(shape: LayerShape, work: _Work, come: RowTimes) -> RowTimes:
    """A block that works on its positions in order."""
    source, out = shape.inputs[0], shape.out
    rows, columns = window_rows(shape.op, source, out)
    since = come.burst_cycles * (1.0 - work.gathered)  # work could begin
    late = max(work.tail_cycles, work.cycles - 1.0 + min(work.tail_cycles, 1.0) - since)
    ready = come.at(rows, columns[0], source.width) + late
    ready_last = come.at(rows, columns[1], source.width) + late
    first, last = _paced(ready, ready_last, work.cycles, out.width)
    return RowTimes(
        np.asarray(first + work.stages, np.float64),
        np.asarray(last + work.stages, np.float64),
        work.burst_cycles,
    )


def _through_passes(shape: LayerShape, folding: Folding, work: _Work, come: RowTimes) -> RowTimes:
    """A convolution that computes several rows together: they leave once all are done."""
    source, out = shape.inputs[0], shape.out
    rows, columns = window_rows(shape.op, source, out)
    together = folding.rows_per_pass
    ready = come.at(rows[together - 1 :: together], columns[1], source.width)
    pass_cycles = work.cycles * out.width * together
    number = np.arange(len(ready)) * pass_cycles
    done = number + np.maximum.accumulate(ready - number) + pass_cycles + work.stages
    beats = out.channels / (folding.coarse_out * folding.coarse_group)
    begun = np.repeat(done, together) + np.tile(np.arange(together) * out.width * beats, len(done))
    row_cycles = out.width * beats
    order = np.arange(out.height) * row_cycles
    begun = order + np.maximum.accumulate(begun - order)
    stages = coefficients().pipeline.stream_cycles.value
    return RowTimes(
        np.asarray(begun + beats + stages, np.float64),
        np.asarray(begun + row_cycles + stages, np.float64),
        beats - 1.0,
    )


def _joined(shape: LayerShape, sources: Sequence[RowTimes]) -> RowTimes:
    """What a block may read: what the latest of its inputs has brought."""
    maps = []
    gate_cycles = 0.0
    largest = max(source.pixels for source in shape.inputs)
    for source, come in zip(shape.inputs, sources, strict=True):
        if source.pixels < largest:  # one position, held for the frame
            gate_cycles = max(gate_cycles, come.end_cycles)
        else:
            maps.append(come)
    latest = max(maps, key=lambda come: come.end_cycles)
    first = np.maximum.reduce([come.first for come in maps])
    last = np.maximum.reduce([come.last for come in maps])
    burst = latest.burst_cycles if latest.end_cycles > gate_cycles else 0.0
    return RowTimes(np.maximum(first, gate_cycles), np.maximum(last, gate_cycles), burst)


def _source(shape: LayerShape, folding: Folding) -> RowTimes:
    pixel = shape.out.channels / (folding.coarse_out * folding.coarse_group)
    last = np.arange(1.0, shape.out.height + 1.0) * (shape.out.width * pixel)
    stages = coefficients().pipeline.stream_cycles.value
    first = last - (shape.out.width - 1) * pixel
    return RowTimes(np.asarray(first + stages - 1), np.asarray(last + stages - 1), pixel - 1)


def first_frame(
    graph: Graph,
    shapes: Mapping[str, LayerShape],
    foldings: Mapping[str, Folding],
    costs: Mapping[str, LayerCosts],
) -> dict[str, RowTimes]:
    """Layer -> when the first frame's words leave it, its first word having entered an empty
    pipeline in cycle 0.

    Args:
        graph: the network.
        shapes: of its layers.
        foldings: of its layers.
        costs: of one folding each.
    """
    times: dict[str, RowTimes] = {}
    for layer in graph:
        shape, folding = shapes[layer.name], foldings[layer.name]
        if isinstance(layer.op, ops.Input):
            times[layer.name] = _source(shape, folding)
            continue
        work = _work(shape, folding, costs[layer.name])
        streams = folding.coarse_in * folding.coarse_group
        come = _joined(
            shape,
            [
                _taken(source, streams, times[edge.src])
                for source, edge in zip(shape.inputs, graph.in_edges(layer.name), strict=True)
            ],
        )
        if in_passes(shape.out, folding):
            times[layer.name] = _through_passes(shape, folding, work, come)
        elif isinstance(layer.op, ops.GlobalAvgPool):
            end = np.array([come.end_cycles + work.stages])
            times[layer.name] = RowTimes(end, end, work.burst_cycles)
        else:
            times[layer.name] = _through(shape, work, come)
    return times
