"""A lower bound of the first frame's time as a convex function of numbers per layer; its slope.

The steps are those of ``first_frame``, with the numbers of ``paces``. Where that takes away the
larger of two times in which words come, this takes away their sum, so that only sums and maxima of
sums are left: a convex function. Its slope at one point gives a tangent, which lies below it
everywhere: a sum of one term per layer that no choice of foldings undercuts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from .. import ops
from ..graph import Graph
from .coefficients import coefficients
from .first_frame import window_rows
from .paces import BEAT, BURST, COLUMNS, CYCLES, LAG, STAGES, TAIL, Floats
from .shape import LayerShape


@dataclass(frozen=True, slots=True, eq=False)
class FirstFrameFloor:
    """The bound at one point and its tangent.

    Attributes:
        cycles: the bound there.
        slope: (layers, 6) of it: at other numbers x the bound is at least
            ``cycles + (slope * (x - numbers)).sum()``.
    """

    cycles: float
    slope: Floats


@dataclass(slots=True, eq=False)
class _Times:
    """When rows' first and last pixels are whole, and the slopes of the answer by these."""

    first: Floats
    last: Floats
    by_first: Floats = field(init=False)
    by_last: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.by_first = np.zeros(len(self.first))
        self.by_last = np.zeros(len(self.last))


class _Paced:
    """Positions in order: each when it is ready, and ``cycles`` after the one before."""

    def __init__(self, ready: _Times, cycles: float, width: int) -> None:
        self.ready, self._width = ready, width
        rows = np.arange(len(ready.first))
        row_cycles = cycles * width
        led = ready.first + (row_cycles - cycles)
        self._led = led >= ready.last
        paced = rows * row_cycles
        done = np.maximum(led, ready.last) - paced
        most = np.maximum.accumulate(done)
        new = np.concatenate([[True], done[1:] > most[:-1]])
        self._origin = np.maximum.accumulate(np.where(new, rows, 0))
        last = paced + most
        before = np.concatenate([[-np.inf], last[:-1]]) + cycles
        self._waits = before > ready.first
        self.out = _Times(np.maximum(ready.first, before), np.asarray(last, np.float64))

    def back(self) -> float:
        """Hand the slopes on to ``ready``; returns the slope by ``cycles``."""
        out, ready, waits = self.out, self.ready, self._waits
        by_last = out.by_last.copy()
        by_last[:-1] += np.where(waits, out.by_first, 0.0)[1:]
        slope = float(out.by_first[waits].sum())
        ready.by_first += np.where(waits, 0.0, out.by_first)
        passed = np.arange(len(by_last)) - self._origin
        slope += float((by_last * passed).sum()) * self._width
        by_done = np.bincount(self._origin, by_last, len(by_last))
        led = np.where(self._led, by_done, 0.0)
        ready.by_first += led
        ready.by_last += by_done - led
        return slope + float(led.sum()) * (self._width - 1)


class _Node:
    """One layer: its times, and the way back through it."""

    def __init__(self, shape: LayerShape, numbers: Floats, sources: Sequence[_Node]) -> None:
        self._shape, self._numbers, self._sources = shape, numbers, sources
        self.slope = np.zeros(COLUMNS)
        self._reads: list[_Paced] = []
        self._lates: list[float] = []
        if not sources:
            self.times = self._source()
            return
        joined = self._join()
        if isinstance(shape.op, ops.GlobalAvgPool):
            end = np.array([joined.last[-1]])
            self._work: _Paced | None = None
            self.times = _Times(end + numbers[STAGES], end + numbers[STAGES])
        else:
            self._work = self._through()
            out = self._work.out
            self.times = _Times(out.first + numbers[STAGES], out.last + numbers[STAGES])

    def _source(self) -> _Times:
        out = self._shape.out
        pixel = out.channels * self._numbers[BEAT]
        start = coefficients().pipeline.stream_cycles.value - 1
        last = np.arange(1.0, out.height + 1.0) * (out.width * pixel)
        return _Times(last - (out.width - 1) * pixel + start, last + start)

    def _join(self) -> _Times:
        """When what is read has come on all ports."""
        beat = self._numbers[BEAT]
        for map_in, source in zip(self._shape.inputs, self._sources, strict=True):
            beats = map_in.channels * beat
            late = max(0.0, beats - 1.0 - source._numbers[BURST])
            ready = _Times(source.times.first + late, source.times.last + late)
            self._lates.append(late)
            self._reads.append(_Paced(ready, beats, map_in.width))
        largest = max(map_in.pixels for map_in in self._shape.inputs)
        self._maps = [i for i, m in enumerate(self._shape.inputs) if m.pixels == largest]
        self._gates = [i for i, m in enumerate(self._shape.inputs) if m.pixels < largest]
        firsts = np.stack([self._reads[i].out.first for i in self._maps])
        lasts = np.stack([self._reads[i].out.last for i in self._maps])
        self._which = firsts.argmax(axis=0), lasts.argmax(axis=0)
        first, last = firsts.max(axis=0), lasts.max(axis=0)
        gate = max((float(self._reads[i].out.last[-1]) for i in self._gates), default=-np.inf)
        self._gated = gate > first, gate > last
        self._joined = _Times(np.maximum(first, gate), np.maximum(last, gate))
        return self._joined

    def _late(self) -> float:
        """From the last word that a position needs to its last word out; by which number."""
        numbers = self._numbers
        late, self._by = float(numbers[TAIL]), TAIL
        if len(self._sources) == 1:
            lag = float(numbers[LAG] - self._sources[0]._numbers[BURST])
            if lag > late:
                late, self._by = lag, LAG
        return late

    def _through(self) -> _Paced:
        shape, joined = self._shape, self._joined
        source = shape.inputs[0]
        self._rows, columns = window_rows(shape.op, source, shape.out)
        self._shares = [c / (source.width - 1) if source.width > 1 else 1.0 for c in columns]
        late = self._late()
        times = []
        for share in self._shares:
            first, last = joined.first[self._rows], joined.last[self._rows]
            come = np.where(self._rows < 0, 0.0, first + share * (last - first))
            times.append(come + late)
        return _Paced(_Times(*times), float(self._numbers[CYCLES]), shape.out.width)

    def back(self) -> None:
        """Hand the slopes on to the sources."""
        times, slope = self.times, self.slope
        total = float(times.by_first.sum() + times.by_last.sum())
        if not self._sources:
            out = self._shape.out
            ends = np.arange(1.0, out.height + 1.0) * out.width
            pixels = times.by_last @ ends + times.by_first @ (ends - (out.width - 1))
            slope[BEAT] += float(pixels) * out.channels
            return
        slope[STAGES] += total
        if self._work is None:
            self._joined.by_last[-1] += total
        else:
            self._back_through(self._work)
        self._back_join()

    def _back_through(self, work: _Paced) -> None:
        work.out.by_first, work.out.by_last = self.times.by_first, self.times.by_last
        self.slope[CYCLES] += work.back()
        ready = work.ready
        late = float(ready.by_first.sum() + ready.by_last.sum())
        self.slope[self._by] += late
        if self._by == LAG:
            self._sources[0].slope[BURST] -= late
        inside = self._rows >= 0
        rows, count = self._rows[inside], len(self._joined.first)
        for share, by in zip(self._shares, (ready.by_first, ready.by_last), strict=True):
            reached = np.bincount(rows, by[inside], count)
            self._joined.by_first += (1.0 - share) * reached
            self._joined.by_last += share * reached

    def _back_join(self) -> None:
        joined = self._joined
        held = float(joined.by_first[self._gated[0]].sum() + joined.by_last[self._gated[1]].sum())
        for place, port in enumerate(self._maps):
            out = self._reads[port].out
            first, last = (
                ~gated & (which == place)
                for gated, which in zip(self._gated, self._which, strict=True)
            )
            out.by_first += np.where(first, joined.by_first, 0.0)
            out.by_last += np.where(last, joined.by_last, 0.0)
        if self._gates:
            latest = max(self._gates, key=lambda i: float(self._reads[i].out.last[-1]))
            self._reads[latest].out.by_last[-1] += held
        for map_in, read, late, source in zip(
            self._shape.inputs, self._reads, self._lates, self._sources, strict=True
        ):
            self.slope[BEAT] += read.back() * map_in.channels
            ready = read.ready
            if late > 0.0:
                by_late = float(ready.by_first.sum() + ready.by_last.sum())
                self.slope[BEAT] += by_late * map_in.channels
                source.slope[BURST] -= by_late
            source.times.by_first += ready.by_first
            source.times.by_last += ready.by_last


def first_frame_floor(
    graph: Graph, shapes: Mapping[str, LayerShape], numbers: Floats
) -> FirstFrameFloor:
    """The bound on the cycles until the last word of a first frame leaves, and its slope.

    Args:
        graph: the network.
        shapes: of its layers.
        numbers: (layers, 6) of ``paces``, in the graph's order; means of several foldings' numbers
            are numbers as well.
    """
    nodes: dict[str, _Node] = {}
    for layer, row in zip(graph, numbers, strict=True):
        sources = [nodes[edge.src] for edge in graph.in_edges(layer.name)]
        nodes[layer.name] = _Node(shapes[layer.name], row, sources)
    # where several leave the network, the latest: the largest of convex functions is one
    last = max((nodes[sink.name] for sink in graph.outputs), key=lambda n: n.times.last[-1])
    last.times.by_last[-1] = 1.0
    for node in reversed(nodes.values()):
        node.back()
    return FirstFrameFloor(
        float(last.times.last[-1]), np.array([node.slope for node in nodes.values()])
    )
