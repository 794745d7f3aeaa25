"""Actors of a layer with a window: line buffer and engine, and what keeps the outputs of a pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hass import ops
from hass.cost import Folding, as_arrays
from hass.cost.coefficients import coefficients
from hass.cost.even_flow import pass_flow, reorder_flow, window_flow
from hass.cost.ops.conv import engine_stages
from hass.cost.weight_passes import in_passes
from hass.graph import Graph, Layer
from hass.intmath import ceil_div

from . import columns as c
from .hardware import GATHERED_WINDOWS
from .windows import completing_pixels, last_positions, pass_ends

Ints = npt.NDArray[np.int64]
Row = dict[int, int]  # column -> value


@dataclass(slots=True)
class Draft:
    """Rows of tables while they are made."""

    actors: list[Row] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    programs: list[npt.NDArray[np.int64]] = field(default_factory=list)
    positions: list[Ints] = field(default_factory=list)
    program_words: int = 0
    position_words: int = 0
    done_words: int = 0
    lanes: int = 0

    def add(self, layer: str, row: Row) -> int:
        self.actors.append(row)
        self.layers.append(layer)
        return len(self.actors) - 1

    def add_positions(self, table: Ints) -> int:
        self.positions.append(table)
        self.position_words += len(table)
        return self.position_words - len(table)

    def add_program(self, codes: npt.NDArray[np.int64]) -> int:
        self.programs.append(codes)
        self.program_words += len(codes)
        return self.program_words - len(codes)

    def add_ring(self, least: int) -> Row:
        size = power_of_two(least)
        self.done_words += size
        return {c.RING_OFFSET: self.done_words - size, c.RING_MASK: size - 1}


def power_of_two(least: int) -> int:
    return 1 << max(0, least - 1).bit_length()


def block_latency(layer: Layer, folding: Folding) -> int:
    """Register stages from a block's input to its output."""
    if isinstance(layer.op, ops.Conv2d):
        return int(engine_stages(as_arrays([folding]))[0])
    return coefficients().pipeline.stream_cycles.value


def _engine_row(layer: Layer, channels: int, folding: Folding) -> Row:
    if not isinstance(layer.op, ops.Conv2d):
        return {
            c.ROUNDS: channels // folding.coarse_in,
            c.BLOCKS: 1,
            c.FILTERS: 1,
            c.PACKED: 1,
            c.LANES: 1,
            c.AHEAD: 1,
            c.CYCLES: 1,
        }
    op = layer.op
    products = folding.packed * op.kernel[0] * op.kernel[1]
    return {
        c.ROUNDS: op.groups // folding.coarse_group,
        c.BLOCKS: channels // (op.groups * folding.coarse_in * folding.packed),
        c.FILTERS: op.out_channels // (op.groups * folding.coarse_out),
        c.PACKED: folding.packed,
        c.LANES: 1,
        c.AHEAD: 1,
        c.CYCLES: ceil_div(products, folding.fine),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A buffer and the engine that works on what it holds.

    Attributes:
        pixels, positions: of a frame, in and out.
        completing, last: see ``windows``.
        per_pixel: beats.
        capacity_beats: of the buffer.
        latency_cycles: of the engine.
        engine: its columns.
    """

    pixels: int
    positions: int
    completing: Ints
    last: Ints
    per_pixel: int
    capacity_beats: int
    latency_cycles: int
    engine: Row

    def add_to(self, draft: Draft, layer: str, frames: int) -> tuple[int, int]:
        """The two actors."""
        beats = self.pixels * self.per_pixel
        buffer_actor = len(draft.actors)
        draft.add(
            layer,
            {
                c.KIND: c.WINDOW,
                c.TOTAL_STEPS: frames * beats,
                c.FRAME_STEPS: beats,
                c.PARTNER: buffer_actor + 1,
                c.TABLE: draft.add_positions(self.last),
                c.BEATS_PER_FRAME: beats,
                c.BEATS_PER_PIXEL: self.per_pixel,
                c.CAPACITY_BEATS: self.capacity_beats,
                **draft.add_ring(self.capacity_beats + self.per_pixel + 1),
            },
        )
        engine = self.engine
        windows = self.positions * engine[c.ROUNDS] * engine[c.BLOCKS]
        frames_held = 2 + ceil_div(self.capacity_beats, beats)
        draft.add(
            layer,
            {
                c.KIND: c.ENGINE,
                c.TOTAL_STEPS: frames * windows,
                c.FRAME_STEPS: windows,
                c.LATENCY: self.latency_cycles,
                c.PARTNER: buffer_actor,
                c.TABLE: draft.add_positions(self.completing),
                c.POSITIONS: self.positions,
                c.LANE_OFFSET: draft.lanes,
                c.DRAWN: -1,
                c.SCHEDULE: -1,
                **draft.add_ring(min(frames, frames_held) * windows + engine[c.AHEAD]),
                **engine,
            },
        )
        draft.lanes += engine[c.LANES]
        return buffer_actor, buffer_actor + 1


def windowed(layer: Layer, graph: Graph, folding: Folding, haste: int, drawn: Row) -> Pair:
    """Line buffer and engine of a layer."""
    op, source, out = layer.op, graph.in_maps(layer.name)[0], layer.out
    assert isinstance(op, ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d)
    streams = folding.coarse_in * folding.coarse_group
    engine = _engine_row(layer, source.channels, folding) | drawn
    per_pixel = source.channels // streams
    if in_passes(out, folding):
        assert isinstance(op, ops.Conv2d)
        held = pass_flow(op, source, out, folding.rows_per_pass).held_pixels
        capacity = ceil_div(held, source.width) * source.width * per_pixel
        completing, last = pass_ends(op, source, out, folding.rows_per_pass)
        engine = engine | {c.WHOLE: 1}
    else:
        capacity = window_flow(op, source, out, haste).held_pixels * per_pixel
        capacity += GATHERED_WINDOWS * engine[c.PACKED]
        completing = completing_pixels(op, source, out)
        last = last_positions(op, source, out)
    if engine[c.AHEAD] > 1:  # windows in the lanes' own FIFOs
        capacity += engine[c.AHEAD] * engine[c.PACKED]
    return Pair(
        source.pixels,
        out.pixels,
        completing,
        last,
        per_pixel,
        capacity,
        block_latency(layer, folding),
        engine,
    )


def reordering(layer: Layer, graph: Graph, folding: Folding) -> Pair:
    """Memory and reader of a layer that puts out its words in another order; of one that repeats
    pixels beat by beat, of others in whole pixels."""
    op, (source,), out = layer.op, graph.in_maps(layer.name), layer.out
    assert isinstance(op, ops.Upsample | ops.DepthToSpace | ops.Shuffle)
    per_pixel = source.channels // folding.coarse_in
    engine = _engine_row(layer, out.channels, folding)
    return Pair(
        source.pixels,
        out.pixels,
        completing_pixels(op, source, out),
        last_positions(op, source, out),
        per_pixel,
        reorder_flow(op, source, out).held_pixels * per_pixel,
        block_latency(layer, folding),
        engine | {c.WHOLE: int(not isinstance(op, ops.Upsample))},
    )


def outputs_of_pass(layer: Layer, folding: Folding) -> Pair:
    """The memory in which the outputs of a pass wait for its end, while those of the one before are
    sent."""
    out = layer.out
    per_pixel = out.channels // (folding.coarse_out * folding.coarse_group)
    size = folding.rows_per_pass * out.width
    ends = (np.arange(out.pixels, dtype=np.int64) // size + 1) * size - 1
    one = dict.fromkeys((c.BLOCKS, c.FILTERS, c.PACKED, c.LANES, c.AHEAD, c.CYCLES, c.WHOLE), 1)
    return Pair(
        out.pixels,
        out.pixels,
        ends,
        ends,
        per_pixel,
        2 * size * per_pixel,
        coefficients().pipeline.stream_cycles.value,
        {c.ROUNDS: per_pixel, **one},
    )
