"""The same pipelines simulated another way: cycle by cycle, with queues of words.

It shares with the simulator the tables that say what a layer needs (programs, windows, latencies,
capacities), and nothing of how times are found.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from hass import ops
from hass.cost import Estimate
from hass.graph import Graph
from hass.sim import columns as c
from hass.sim.machine import Machine, build_machine


class _Fifo:
    """Words in flight or held, by the cycle from which they can be read."""

    def __init__(self, row: np.ndarray, latency: int) -> None:
        self.wide, self.narrow, self.capacity = (int(x) for x in row[:3])
        self.latency = latency
        self.ready: deque[int] = deque()
        self.freed = 0  # words read in this cycle: their room is there in the next

    def has_beat(self, cycle: int) -> bool:
        return len(self.ready) >= self.narrow and self.ready[self.narrow - 1] <= cycle

    def has_room(self) -> bool:
        return len(self.ready) + self.freed + self.wide <= self.capacity

    def held(self, cycle: int) -> int:
        """Words that have left the writer's registers at the end of a cycle."""
        return sum(ready <= cycle + 1 for ready in self.ready)

    def read(self) -> None:
        for _ in range(self.narrow):
            self.ready.popleft()
        self.freed += self.narrow

    def write(self, cycle: int) -> None:
        self.ready.extend([cycle + self.latency] * self.wide)


class _Actor:
    """Any kind of actor, dense engines only."""

    def __init__(self, machine: Machine, index: int, fifos: list[_Fifo]) -> None:
        tables = machine.tables
        self.row = tables.actors[index]
        self.tables = tables
        self.into = [fifos[f] if f >= 0 else None for f in tables.in_ports[index]]
        self.out_of = [fifos[f] for f in tables.out_ports[index] if f >= 0]
        self.step = 0
        self.taken_at: dict[int, int] = {}  # WINDOW: beat -> cycle
        self.segment = 0  # ENGINE: of the window
        self.left = 0  # ENGINE: cycles left of the segment
        self.partner: _Actor | None = None
        self.frames: list[int] = []

    @property
    def done(self) -> bool:
        return self.step == self.row[c.TOTAL_STEPS]

    def _finish(self, cycle: int) -> None:
        self.step += 1
        if self.step % self.row[c.FRAME_STEPS] == 0:
            self.frames.append(cycle)

    def fire(self, cycle: int) -> None:
        if self.done:
            return
        match int(self.row[c.KIND]):
            case c.STEPS:
                self._fire_steps(cycle)
            case c.WINDOW:
                self._fire_window(cycle)
            case _:
                self._fire_engine(cycle)

    def _fire_steps(self, cycle: int) -> None:
        place = self.step % self.row[c.FRAME_STEPS] % self.row[c.PROGRAM_LENGTH]
        code = int(self.tables.programs[self.row[c.PROGRAM] + place])
        wanted = [f for port, f in enumerate(self.into) if f is not None and code >> port & 1]
        if self.row[c.PACE_CYCLES] and (
            cycle < self.step * self.row[c.PACE_CYCLES] // self.row[c.PACE_BEATS]
        ):
            return
        writes = code >= c.WRITE_BIT
        if all(f.has_beat(cycle) for f in wanted) and not (
            writes and not all(f.has_room() for f in self.out_of)
        ):
            for f in wanted:
                f.read()
            if writes:
                for f in self.out_of:
                    f.write(cycle)
            self._finish(cycle)

    def _windows_per_position(self) -> int:
        return int(self.row[c.ROUNDS] * self.row[c.BLOCKS])

    def _fire_window(self, cycle: int) -> None:
        (fifo, *_) = self.into
        assert fifo is not None and self.partner is not None
        old = self.step - int(self.row[c.CAPACITY_BEATS])
        if old >= 0:
            frame, beat = divmod(old, int(self.row[c.BEATS_PER_FRAME]))
            pixel, word = divmod(beat, int(self.row[c.BEATS_PER_PIXEL]))
            last = int(self.tables.positions[self.row[c.TABLE] + pixel])
            engine = self.partner
            positions = frame * int(engine.row[c.POSITIONS]) + last
            window = positions * engine._windows_per_position() + word // engine.row[c.PACKED]
            if engine.row[c.WHOLE]:
                window = (positions + 1) * engine._windows_per_position() - 1
            if last >= 0 and engine.step <= window:
                return
        if fifo.has_beat(cycle):
            fifo.read()
            self.taken_at[self.step] = cycle
            self._finish(cycle)

    def _window_is_there(self, cycle: int) -> bool:
        buffer = self.partner
        assert buffer is not None
        position, window = divmod(self.step, self._windows_per_position())
        frame, place = divmod(position, int(self.row[c.POSITIONS]))
        pixel = int(self.tables.positions[self.row[c.TABLE] + place])
        beat = frame * int(buffer.row[c.BEATS_PER_FRAME]) - 1
        if pixel >= 0 and self.row[c.WHOLE]:
            beat += (pixel + 1) * int(buffer.row[c.BEATS_PER_PIXEL])
        elif pixel >= 0:
            beat += pixel * int(buffer.row[c.BEATS_PER_PIXEL])
            beat += (window + 1) * int(self.row[c.PACKED])
        return beat < 0 or (beat in buffer.taken_at and buffer.taken_at[beat] < cycle)

    def _fire_engine(self, cycle: int) -> None:
        if self.segment == 0 and self.left == 0:
            if not self._window_is_there(cycle):
                return
            self.left = int(self.row[c.CYCLES])
        elif self.left == 0:
            self.left = int(self.row[c.CYCLES])
        last = self.step % self.row[c.BLOCKS] == self.row[c.BLOCKS] - 1
        if self.left == 1 and last and not all(f.has_room() for f in self.out_of):
            return
        self.left -= 1
        if self.left:
            return
        if last:
            for f in self.out_of:
                f.write(cycle)
        self.segment += 1
        if self.segment == self.row[c.FILTERS]:
            self.segment = 0
            self._finish(cycle)


def frame_times(graph: Graph, modelled: Estimate, frames: int, pace_cycles: int) -> list[int]:
    """Cycles in which the sink took the last word of each frame; fewer than ``frames`` where the
    pipeline ends in a deadlock."""
    return _run(graph, modelled, frames, pace_cycles)[0]


def held_entries(
    graph: Graph, modelled: Estimate, frames: int, pace_cycles: int
) -> list[list[int]]:
    """What each FIFO holds at the end of each cycle, in entries, at most its depth."""
    return _run(graph, modelled, frames, pace_cycles)[1]


def _run(
    graph: Graph, modelled: Estimate, frames: int, pace_cycles: int
) -> tuple[list[int], list[list[int]]]:
    machine = build_machine(
        graph,
        modelled,
        frames=frames,
        pace_cycles=pace_cycles,
        depths={},
        drawn={},
    )
    fifos = []
    for index, fifo in enumerate(machine.fifos):
        latency = int(machine.tables.actors[machine.engines[fifo.src], c.LATENCY])
        fifos.append(_Fifo(machine.tables.fifos[index], latency))
    actors = [_Actor(machine, index, fifos) for index in range(len(machine.actor_layers))]
    for actor in actors:
        if actor.row[c.KIND] != c.STEPS:
            actor.partner = actors[int(actor.row[c.PARTNER])]
    # within a cycle an engine comes before its line buffer: a beat may take the place of one whose
    # last window ends in this very cycle
    order = sorted(actors, key=lambda actor: actor.row[c.KIND] == c.WINDOW)
    sink = actors[machine.engines[graph.of_type(ops.Output)[0].name]]
    held: list[list[int]] = [[] for _ in fifos]
    cycle = idle = 0
    while not all(actor.done for actor in actors) and idle < 10_000:
        before = sum(actor.step for actor in actors)
        for actor in order:
            actor.fire(cycle)
        for item, fifo, seen in zip(fifos, machine.fifos, held, strict=True):
            item.freed = 0
            seen.append(min(fifo.depth_words, -(-item.held(cycle) // fifo.streams)))
        idle = idle + 1 if sum(actor.step for actor in actors) == before else 0
        cycle += 1
    return sink.frames, held
