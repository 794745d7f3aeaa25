"""A folded graph as the tables of the kernel: one actor per layer, two where a window slides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from hass import ops
from hass.cost import Estimate, FifoEstimate, Folding, as_arrays, layer_shapes
from hass.cost.coefficients import coefficients
from hass.cost.even_flow import window_flow
from hass.cost.ops.conv import engine_stages
from hass.graph import Graph, Layer
from hass.intmath import ceil_div

from . import columns as c
from .hardware import GATHERED_WINDOWS
from .programs import frame_steps, program
from .tables import Tables
from .windows import completing_pixels, last_positions

Ints = npt.NDArray[np.int64]
Row = dict[int, int]  # column -> value


@dataclass(frozen=True, slots=True)
class Machine:
    """The tables, and what their rows are.

    Attributes:
        tables: to be advanced.
        actor_layers: layer of each actor.
        fifos: what each FIFO is, its depth as simulated.
        engines: layer -> actor that does its work (its only one, or its engine).
        windows: layer -> actor of its line buffer.
    """

    tables: Tables
    actor_layers: tuple[str, ...]
    fifos: tuple[FifoEstimate, ...]
    engines: Mapping[str, int]
    windows: Mapping[str, int]


@dataclass(slots=True)
class _Draft:
    """Rows of tables while they are made."""

    actors: list[Row] = field(default_factory=list)
    layers: list[str] = field(default_factory=list)
    programs: list[npt.NDArray[np.int32]] = field(default_factory=list)
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

    def add_program(self, codes: npt.NDArray[np.int32]) -> int:
        self.programs.append(codes)
        self.program_words += len(codes)
        return self.program_words - len(codes)

    def add_ring(self, least: int) -> Row:
        size = _power_of_two(least)
        self.done_words += size
        return {c.RING_OFFSET: self.done_words - size, c.RING_MASK: size - 1}


def _power_of_two(least: int) -> int:
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


def _add_windowed(
    draft: _Draft,
    layer: Layer,
    graph: Graph,
    folding: Folding,
    haste: int,
    frames: int,
    drawn: Row,
) -> tuple[int, int]:
    """Line buffer and engine of a layer: their actors."""
    op, source, out = layer.op, graph.in_maps(layer.name)[0], layer.out
    assert isinstance(op, ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d)
    streams = folding.coarse_in * folding.coarse_group
    engine = _engine_row(layer, source.channels, folding) | drawn
    per_pixel = source.channels // streams
    capacity = window_flow(op, source, out, haste).held_pixels * per_pixel
    capacity += GATHERED_WINDOWS * engine[c.PACKED]
    if engine[c.AHEAD] > 1:  # windows in the lanes' own FIFOs
        capacity += engine[c.AHEAD] * engine[c.PACKED]
    beats = source.pixels * per_pixel
    buffer_actor = len(draft.actors)
    draft.add(
        layer.name,
        {
            c.KIND: c.WINDOW,
            c.TOTAL_STEPS: frames * beats,
            c.FRAME_STEPS: beats,
            c.PARTNER: buffer_actor + 1,
            c.TABLE: draft.add_positions(last_positions(op, source, out)),
            c.BEATS_PER_FRAME: beats,
            c.BEATS_PER_PIXEL: per_pixel,
            c.CAPACITY_BEATS: capacity,
            **draft.add_ring(capacity + per_pixel + 1),
        },
    )
    windows = out.pixels * engine[c.ROUNDS] * engine[c.BLOCKS]
    frames_held = 2 + ceil_div(capacity, beats)
    draft.add(
        layer.name,
        {
            c.KIND: c.ENGINE,
            c.TOTAL_STEPS: frames * windows,
            c.FRAME_STEPS: windows,
            c.LATENCY: block_latency(layer, folding),
            c.PARTNER: buffer_actor,
            c.TABLE: draft.add_positions(completing_pixels(op, source, out)),
            c.POSITIONS: out.pixels,
            c.LANE_OFFSET: draft.lanes,
            c.DRAWN: -1,
            c.SCHEDULE: -1,
            **draft.add_ring(min(frames, frames_held) * windows + engine[c.AHEAD]),
            **engine,
        },
    )
    draft.lanes += engine[c.LANES]
    return buffer_actor, buffer_actor + 1


def _add_steps(
    draft: _Draft, layer: Layer, graph: Graph, streams: int, frames: int, pace: int
) -> int:
    codes = program(layer, graph.in_maps(layer.name), streams)
    steps = frame_steps(layer, streams, len(codes))
    return draft.add(
        layer.name,
        {
            c.KIND: c.STEPS,
            c.TOTAL_STEPS: frames * steps,
            c.FRAME_STEPS: steps,
            c.LATENCY: coefficients().pipeline.stream_cycles.value,
            c.PROGRAM: draft.add_program(codes),
            c.PROGRAM_LENGTH: len(codes),
            c.PACE_CYCLES: pace if isinstance(layer.op, ops.Input) else 0,
            c.PACE_BEATS: steps,
        },
    )


def build_machine(
    graph: Graph,
    estimate: Estimate,
    *,
    frames: int,
    pace_cycles: int,
    depths: Mapping[tuple[str, str, int], int],
    drawn: Mapping[str, Row],
) -> Machine:
    """The machine of a folded graph.

    Args:
        graph: the network.
        estimate: gives foldings and FIFO depths.
        frames: to simulate.
        pace_cycles: the source takes at least so many cycles per frame.
        depths: (src, dst, port) -> entries instead of the estimate's.
        drawn: layer -> columns of its engine that draws its cycles.
    """
    draft = _Draft()
    engines: dict[str, int] = {}
    windows: dict[str, int] = {}
    shapes = layer_shapes(graph)
    foldings = {name: item.folding for name, item in estimate.layers.items()}
    for layer in graph:
        folding, haste = foldings[layer.name], shapes[layer.name].haste
        if isinstance(layer.op, ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d):
            windows[layer.name], engines[layer.name] = _add_windowed(
                draft, layer, graph, folding, haste, frames, drawn.get(layer.name, {})
            )
        else:
            streams = folding.coarse_in * folding.coarse_group
            engines[layer.name] = _add_steps(draft, layer, graph, streams, frames, pace_cycles)
    fifos = tuple(
        replace(fifo, depth_words=depths.get(fifo.edge, fifo.depth_words))
        for fifo in estimate.fifos
    )
    actors = _table(draft.actors, c.ACTOR_COLUMNS)
    state = np.zeros((len(actors), c.STATE_COLUMNS), dtype=np.int64)
    state[:, [c.LAST_TIME, c.FIRST_OUT]] = -1
    fifo_table, ring_words = _fifo_table(fifos, foldings, actors, engines)
    in_ports, out_ports = _ports(graph, fifos, len(actors), engines, windows)
    tables = Tables(
        actors=actors,
        state=state,
        in_ports=in_ports,
        out_ports=out_ports,
        fifos=fifo_table,
        fifo_state=np.zeros((len(fifos), c.FIFO_STATE_COLUMNS), dtype=np.int64),
        write_times=np.zeros(ring_words, dtype=np.int64),
        read_times=np.zeros(ring_words, dtype=np.int64),
        programs=_joined(draft.programs, np.int32),
        positions=_joined(draft.positions, np.int64),
        done_times=np.zeros(max(1, draft.done_words), dtype=np.int64),
        alone_times=np.zeros(max(1, draft.done_words), dtype=np.int64),
        lane_work=np.zeros(max(1, draft.lanes), dtype=np.int64),
        lane_times=np.full(max(1, draft.lanes), -1, dtype=np.int64),
        frame_done=np.full((len(actors), frames), -1, dtype=np.int64),
    )
    return Machine(tables, tuple(draft.layers), fifos, engines, windows)


def _joined(
    parts: Sequence[npt.NDArray[np.integer]], kind: type[np.integer]
) -> npt.NDArray[np.int64]:
    return np.concatenate([*parts, np.zeros(1, dtype=kind)]).astype(kind)


def _table(rows: Sequence[Row], columns: int) -> Ints:
    result = np.zeros((len(rows), columns), dtype=np.int64)
    for row, values in zip(result, rows, strict=True):
        row[list(values)] = list(values.values())
    return result


def _fifo_table(
    fifos: Sequence[FifoEstimate],
    foldings: Mapping[str, Folding],
    actors: Ints,
    engines: Mapping[str, int],
) -> tuple[Ints, int]:
    """The FIFOs' rows, and the length of their rings together.

    A FIFO holds its entries, and a beat in each register of the writer's pipeline and in the skid
    register of its port (``hass.cost.primitives.port`` charges both).
    """
    rows, offset = [], 0
    for fifo in fifos:
        writer = actors[engines[fifo.src]]
        folding = foldings[fifo.src]
        wide = folding.coarse_out * folding.coarse_group
        capacity = fifo.depth_words * fifo.streams + int(writer[c.LATENCY]) * wide
        ring = _power_of_two(ceil_div(capacity, min(wide, fifo.streams)) + 4)
        rows.append(
            {
                c.WRITE_WORDS: wide,
                c.READ_WORDS: fifo.streams,
                c.CAPACITY_WORDS: capacity,
                c.OFFSET: offset,
                c.MASK: ring - 1,
            }
        )
        offset += ring
    return _table(rows, c.FIFO_COLUMNS), offset


def _ports(
    graph: Graph,
    fifos: Sequence[FifoEstimate],
    actors: int,
    engines: Mapping[str, int],
    windows: Mapping[str, int],
) -> tuple[Ints, Ints]:
    """(A, P) FIFO of each input and of each output port, or -1."""
    most_in = max(len(graph.in_edges(layer.name)) for layer in graph)
    most_out = max(len(graph.out_edges(layer.name)) for layer in graph)
    into = np.full((actors, most_in), -1, dtype=np.int64)
    out_of = np.full((actors, most_out), -1, dtype=np.int64)
    used = dict.fromkeys(engines, 0)
    for index, fifo in enumerate(fifos):
        into[windows.get(fifo.dst, engines[fifo.dst]), fifo.port] = index
        out_of[engines[fifo.src], used[fifo.src]] = index
        used[fifo.src] += 1
    return into, out_of
