"""Simulating a folded pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from hass.cost import Estimate
from hass.cost.result import Edge
from hass.graph import Graph

from . import columns as c
from .held import settle_rest
from .kernel import Advance, compiled_advance
from .machine import Machine, build_machine
from .occupancy import even_intervals, occupancy_of
from .result import Blocked, Deadlock, FifoRun, LayerRun, SimResult, Waits
from .work import Numbers, Source, make_source

ProgressCallback = Callable[[int, int], None]  # (done, total)
FIRINGS_AT_ONCE = 1 << 20  # under a second; between two such stretches Ctrl-C is heard


@dataclass(frozen=True, slots=True)
class Setup:
    """What is simulated besides the network and its foldings.

    Attributes:
        frames: at least 2, so that there is an interval; the first enters an empty pipeline.
        source: where dynamic engines get the cycles of their segments from (``work``,
            ``trace``); without one every product is active.
        pace_cycles: frames come no faster than one in so many cycles: off-chip bandwidth, see
            ``hass.cost.off_chip_bound_cycles``.
        depths: entries of FIFOs, instead of the estimate's.
        intervals: of time, at most, for which is kept what FIFOs hold; 0 keeps nothing.
    """

    frames: int = 3
    source: Source | None = None
    pace_cycles: int = 0
    depths: Mapping[Edge, int] = field(default_factory=dict)
    intervals: int = 0

    def __post_init__(self) -> None:
        if self.frames < 2:
            raise ValueError(f"frames must be at least 2, got {self.frames}")
        if self.intervals < 0:
            raise ValueError(f"intervals must be at least 0, got {self.intervals}")
        object.__setattr__(self, "depths", MappingProxyType(dict(self.depths)))


def simulate(
    graph: Graph,
    estimate: Estimate,
    setup: Setup = Setup(),
    *,
    progress: ProgressCallback | None = None,
    advance: Advance = compiled_advance,
) -> SimResult:
    """Simulate frames through a folded pipeline.

    Args:
        graph: the network.
        estimate: gives foldings and FIFO depths, and what the simulation is compared with.
        setup: what else is simulated.
        progress: called about once a second; where it raises, the simulation ends.
        advance: the kernel; the uncompiled one is the reference.

    Raises:
        ValueError: if ``setup.depths`` name no FIFO.
    """
    unknown = set(setup.depths) - {fifo.edge for fifo in estimate.fifos}
    if unknown:
        raise ValueError(f"no FIFO on {sorted(unknown)}")
    source = setup.source if setup.source is not None else make_source([], Numbers(), {})
    machine = build_machine(
        graph,
        estimate,
        frames=setup.frames,
        pace_cycles=setup.pace_cycles,
        depths=setup.depths,
        drawn=source.rows,
        intervals=even_intervals(setup.intervals),
    )
    firings = _run(machine, source, progress, advance)
    settle_rest(machine.tables)
    return _result(graph, estimate, machine, setup.frames, firings)


def _run(
    machine: Machine, source: Source, progress: ProgressCallback | None, advance: Advance
) -> int:
    work = source.fresh()
    total = int(machine.tables.actors[:, c.TOTAL_STEPS].sum())
    firings = 0
    while True:
        made = advance(machine.tables, work, FIRINGS_AT_ONCE)
        firings += made
        if progress is not None:
            progress(int(machine.tables.state[:, c.STEP].sum()), total)
        if made < FIRINGS_AT_ONCE:
            return firings


def _result(
    graph: Graph, estimate: Estimate, machine: Machine, frames: int, firings: int
) -> SimResult:
    tables = machine.tables
    sinks = [machine.engines[layer.name] for layer in graph.outputs]
    sink = max(sinks, key=lambda actor: int(tables.frame_done[actor, 0]))  # of the latest output
    leaves = int(tables.actors[sink, c.LATENCY])
    done = tables.frame_done[sinks].max(axis=0)
    stuck = bool((tables.state[:, c.STEP] < tables.actors[:, c.TOTAL_STEPS]).any())
    from_frame = (frames - 1) // 2
    interval = float(done[-1] - done[from_frame]) / (frames - 1 - from_frame)
    first_out = int(tables.state[sink, c.FIRST_OUT])
    fifos = _fifo_runs(machine)
    return SimResult(
        frames=frames,
        modelled_frame_ii_cycles=estimate.frame_ii_cycles,
        simulated_frame_ii_cycles=None if stuck else interval,
        modelled_latency_cycles=estimate.latency_cycles,
        modelled_depth_cycles=estimate.depth_cycles,
        first_frame_cycles=None if stuck else int(done[0]) + leaves,
        depth_cycles=first_out + 1 if first_out >= 0 else None,
        deadlock=_deadlock(machine, fifos) if stuck else None,
        layers=tuple(_layer_run(machine, estimate, layer.name, frames, stuck) for layer in graph),
        fifos=fifos,
        firings=firings,
        occupancy=occupancy_of(machine),
    )


def _fifo_runs(machine: Machine) -> tuple[FifoRun, ...]:
    peaks = machine.tables.fifo_state[:, c.PEAK_WORDS]
    return tuple(
        FifoRun(
            fifo.src,
            fifo.dst,
            fifo.port,
            fifo.streams,
            fifo.depth_words,
            min(fifo.depth_words, -(-int(peak) // fifo.streams)),
        )
        for fifo, peak in zip(machine.fifos, peaks[: len(machine.fifos)], strict=True)
    )


def _layer_run(
    machine: Machine, estimate: Estimate, name: str, frames: int, stuck: bool
) -> LayerRun:
    state = machine.tables.state
    engine = machine.engines[name]
    first_out = int(state[machine.outlets[name], c.FIRST_OUT])
    work = int(state[engine, c.BUSY] - state[engine, c.FILL])
    if name in machine.windows:
        work = max(work, int(state[machine.windows[name], c.BUSY]))
    return LayerRun(
        name=name,
        modelled_frame_ii_cycles=estimate.layers[name].frame_ii_cycles,
        simulated_cycles=None if stuck else work / frames,
        input_stall_cycles=int(state[engine, c.INPUT_STALL]) / frames,
        output_stall_cycles=int(state[engine, c.OUTPUT_STALL]) / frames,
        modelled_start_cycles=estimate.layers[name].start_cycles,
        simulated_start_cycles=first_out + 1 if first_out >= 0 else None,
    )


def _deadlock(machine: Machine, fifos: tuple[FifoRun, ...]) -> Deadlock:
    """Follow who waits for whom until a block comes up again."""
    tables = machine.tables
    actor = int(np.argmax(tables.state[:, c.STEP] < tables.actors[:, c.TOTAL_STEPS]))
    path: list[int] = []
    while actor not in path:
        path.append(actor)
        actor = _waited_for(machine, actor)
    ring = []
    for member in path[path.index(actor) :]:
        side, fifo = tables.state[member, [c.WAITS_SIDE, c.WAITS_FIFO]]
        if side != c.WAITS_PARTNER and fifo < len(fifos):
            waits = Waits.INPUT if side == c.WAITS_INPUT else Waits.OUTPUT
            ring.append(Blocked(machine.actor_layers[member], waits, fifos[fifo]))
    return Deadlock(int(tables.state[:, c.LAST_TIME].max()), tuple(ring))


def _waited_for(machine: Machine, actor: int) -> int:
    side, index = machine.tables.state[actor, [c.WAITS_SIDE, c.WAITS_FIFO]]
    if side == c.WAITS_PARTNER:
        return int(machine.tables.actors[actor, c.PARTNER])
    writer, reader = machine.links[index]
    return int(writer) if side == c.WAITS_INPUT else int(reader)
