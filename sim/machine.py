"""A folded graph as the tables of the kernel: one actor per layer, two where a window slides, four
where weights are off chip: outputs of a pass wait for its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from hass import ops
from hass.cost import Estimate, FifoEstimate, Folding, layer_shapes
from hass.cost.coefficients import coefficients
from hass.cost.weight_passes import in_passes
from hass.graph import Graph, Layer
from hass.intmath import ceil_div

from . import columns as c
from .pairs import Draft, Row, outputs_of_pass, power_of_two, reordering, windowed
from .programs import frame_steps, program
from .tables import Tables

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Machine:
    """The tables, and what their rows are.

    Attributes:
        tables: to be advanced.
        actor_layers: layer of each actor.
        fifos: what each FIFO is, its depth as simulated.
        engines: layer -> actor that does its work (its only one, or its engine).
        windows: layer -> actor of its line buffer.
        outlets: layer -> actor that puts out its words.
        links: writing and reading actor of each FIFO of the tables: of ``fifos``, and of those
            inside layers after them.
    """

    tables: Tables
    actor_layers: tuple[str, ...]
    fifos: tuple[FifoEstimate, ...]
    engines: Mapping[str, int]
    windows: Mapping[str, int]
    outlets: Mapping[str, int]
    links: tuple[tuple[int, int], ...]


def _add_steps(
    draft: Draft, layer: Layer, graph: Graph, streams: int, frames: int, pace: int
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
    intervals: int = 0,
) -> Machine:
    """The machine of a folded graph.

    Args:
        graph: the network.
        estimate: gives foldings and FIFO depths.
        frames: to simulate.
        pace_cycles: the source takes at least so many cycles per frame.
        depths: (src, dst, port) -> entries instead of the estimate's.
        drawn: layer -> columns of its engine that draws its cycles.
        intervals: of time, an even number, for which is kept what FIFOs hold; 0 keeps nothing.
    """
    draft = Draft()
    engines: dict[str, int] = {}
    windows: dict[str, int] = {}
    outlets: dict[str, int] = {}
    inside: list[_Link] = []
    shapes = layer_shapes(graph)
    foldings = {name: item.folding for name, item in estimate.layers.items()}
    for layer in graph:
        folding, haste = foldings[layer.name], shapes[layer.name].haste
        if isinstance(layer.op, ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d):
            pair = windowed(layer, graph, folding, haste, drawn.get(layer.name, {}))
            windows[layer.name], engines[layer.name] = pair.add_to(draft, layer.name, frames)
            outlets[layer.name] = engines[layer.name]
            if in_passes(layer.out, folding):
                store, sender = outputs_of_pass(layer, folding).add_to(draft, layer.name, frames)
                wide = folding.coarse_out * folding.coarse_group
                inside.append(_Link(engines[layer.name], store, wide, wide, _INSIDE_ENTRIES))
                outlets[layer.name] = sender
        elif isinstance(layer.op, ops.Upsample | ops.DepthToSpace | ops.Shuffle):
            pair = reordering(layer, graph, folding)
            windows[layer.name], engines[layer.name] = pair.add_to(draft, layer.name, frames)
            outlets[layer.name] = engines[layer.name]
        else:
            streams = folding.coarse_in * folding.coarse_group
            engines[layer.name] = _add_steps(draft, layer, graph, streams, frames, pace_cycles)
            outlets[layer.name] = engines[layer.name]
    fifos = tuple(
        replace(fifo, depth_words=depths.get(fifo.edge, fifo.depth_words))
        for fifo in estimate.fifos
    )
    actors = _table(draft.actors, c.ACTOR_COLUMNS)
    state = np.zeros((len(actors), c.STATE_COLUMNS), dtype=np.int64)
    state[:, [c.LAST_TIME, c.FIRST_OUT]] = -1
    links = (*_links(fifos, foldings, engines, windows, outlets), *inside)
    fifo_table, ring_words = _fifo_table(links, actors)
    in_ports, out_ports = _ports(graph, fifos, links, len(actors))
    fifo_state = np.zeros((len(links), c.FIFO_STATE_COLUMNS), dtype=np.int64)
    fifo_state[:, c.INTERVAL_CYCLES] = 1
    tables = Tables(
        actors=actors,
        state=state,
        in_ports=in_ports,
        out_ports=out_ports,
        fifos=fifo_table,
        fifo_state=fifo_state,
        write_times=np.zeros(ring_words, dtype=np.int64),
        read_times=np.zeros(ring_words, dtype=np.int64),
        programs=_joined(draft.programs, np.int64),
        positions=_joined(draft.positions, np.int64),
        done_times=np.zeros(max(1, draft.done_words), dtype=np.int64),
        alone_times=np.zeros(max(1, draft.done_words), dtype=np.int64),
        lane_work=np.zeros(max(1, draft.lanes), dtype=np.int64),
        lane_times=np.full(max(1, draft.lanes), -1, dtype=np.int64),
        frame_done=np.full((len(actors), frames), -1, dtype=np.int64),
        held_peaks=_unknown(len(links), intervals),
        held_last=_unknown(len(links), intervals),
    )
    ends = tuple((link.writer, link.reader) for link in links)
    return Machine(tables, tuple(draft.layers), fifos, engines, windows, outlets, ends)


def _unknown(fifos: int, intervals: int) -> Ints:
    """Nothing is known of any interval yet; where none is wanted, by the number of dimensions, as
    the kernel is compiled for that."""
    shape = (fifos, intervals) if intervals else (0,)
    return np.full(shape, c.UNKNOWN, dtype=np.int64)


def _joined(
    parts: Sequence[npt.NDArray[np.integer]], kind: type[np.integer]
) -> npt.NDArray[np.int64]:
    return np.concatenate([*parts, np.zeros(1, dtype=kind)]).astype(kind)


def _table(rows: Sequence[Row], columns: int) -> Ints:
    result = np.zeros((len(rows), columns), dtype=np.int64)
    for row, values in zip(result, rows, strict=True):
        row[list(values)] = list(values.values())
    return result


@dataclass(frozen=True, slots=True)
class _Link:
    """A FIFO: writing and reading actor, words of a beat on either side, and its entries."""

    writer: int
    reader: int
    write_words: int
    read_words: int
    entries: int


_INSIDE_ENTRIES = 2  # an engine writes straight into the memory of its outputs


def _links(
    fifos: Sequence[FifoEstimate],
    foldings: Mapping[str, Folding],
    engines: Mapping[str, int],
    windows: Mapping[str, int],
    outlets: Mapping[str, int],
) -> list[_Link]:
    result = []
    for fifo in fifos:
        source = foldings[fifo.src]
        reader = windows.get(fifo.dst, engines[fifo.dst])
        wide = source.coarse_out * source.coarse_group
        result.append(_Link(outlets[fifo.src], reader, wide, fifo.streams, fifo.depth_words))
    return result


def _fifo_table(links: Sequence[_Link], actors: Ints) -> tuple[Ints, int]:
    """The FIFOs' rows, and the length of their rings together.

    A FIFO holds its entries, and a beat in each register of the writer's pipeline and in the skid
    register of its port (``hass.cost.primitives.port`` charges both).
    """
    rows, offset = [], 0
    for link in links:
        wide = link.write_words
        capacity = link.entries * link.read_words + int(actors[link.writer][c.LATENCY]) * wide
        ring = power_of_two(ceil_div(capacity, min(wide, link.read_words)) + 4)
        rows.append(
            {
                c.WRITE_WORDS: wide,
                c.READ_WORDS: link.read_words,
                c.CAPACITY_WORDS: capacity,
                c.OFFSET: offset,
                c.MASK: ring - 1,
            }
        )
        offset += ring
    return _table(rows, c.FIFO_COLUMNS), offset


def _ports(
    graph: Graph, fifos: Sequence[FifoEstimate], links: Sequence[_Link], actors: int
) -> tuple[Ints, Ints]:
    """(A, P) FIFO of each input and of each output port, or -1."""
    most_in = max(len(graph.in_edges(layer.name)) for layer in graph)
    most_out = max(len(graph.out_edges(layer.name)) for layer in graph)
    into = np.full((actors, most_in), -1, dtype=np.int64)
    out_of = np.full((actors, most_out), -1, dtype=np.int64)
    used = [0] * actors
    for index, link in enumerate(links):
        port = fifos[index].port if index < len(fifos) else 0
        into[link.reader, port] = index
        out_of[link.writer, used[link.writer]] = index
        used[link.writer] += 1
    return into, out_of
