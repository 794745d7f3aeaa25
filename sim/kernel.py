"""The completion-time recurrence of a pipeline of actors and FIFOs.

Nothing here knows layers: ``machine`` turns a folded graph into tables. Every function is plain
Python over NumPy arrays; ``compiled_advance`` is ``advance`` compiled by numba, which keeps what it
compiled beside the source.

A *beat* is what one stream port moves in a cycle. An actor fires its n-th step at the largest of:
one cycle after the step before, the time its input beats can be read, the time its output slots
are free. A time is computed once those it depends on are known, so the order of visits does not
matter. FIFO f takes beats of one width and gives beats of another: a beat can be read ``LATENCY``
cycles after the last of its words was written (the writer's pipeline registers, the FIFO's own the
last of them), a slot can be written one cycle after it was read.

Kinds of actor:
    STEPS   a cyclic program of one-cycle steps: which input ports to read, whether to write.
    WINDOW  takes beats into the line buffer: beat n waits until the engine has done the last
            window that needs beat n - capacity.
    ENGINE  for every output position, round and block a window, of which each lane computes its
            filters; starts once the beat that completes the window is there. The windows of a
            round's last block put out a beat per filter. No lane starts a window before all have
            finished the window ``ahead`` before it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, cast

from numba import njit
from numba.extending import register_jitable

from . import columns as c
from .draws import Work, begin_window, segment_cycles
from .held import settle
from .tables import Tables


@register_jitable
def _readable_at(t: Tables, fifo: int) -> int:
    """When the next beat can be read; UNKNOWN if its words were not written yet."""
    beat = t.fifo_state[fifo, c.READ]
    wide, narrow = t.fifos[fifo, c.WRITE_WORDS], t.fifos[fifo, c.READ_WORDS]
    if wide != narrow:
        beat = ((beat + 1) * narrow + wide - 1) // wide - 1
    if beat >= t.fifo_state[fifo, c.WRITTEN]:
        return c.UNKNOWN
    return int(t.write_times[t.fifos[fifo, c.OFFSET] + (beat & t.fifos[fifo, c.MASK])]) + 1


@register_jitable
def _writable_at(t: Tables, fifo: int) -> int:
    """When the next beat can be written; UNKNOWN if its slot was not read yet."""
    wide, narrow = t.fifos[fifo, c.WRITE_WORDS], t.fifos[fifo, c.READ_WORDS]
    over = (t.fifo_state[fifo, c.WRITTEN] + 1) * wide - t.fifos[fifo, c.CAPACITY_WORDS]
    if over <= 0:
        return 0
    beat = (over + narrow - 1) // narrow - 1
    if beat >= t.fifo_state[fifo, c.READ]:
        return c.UNKNOWN
    return int(t.read_times[t.fifos[fifo, c.OFFSET] + (beat & t.fifos[fifo, c.MASK])]) + 1


@register_jitable
def _wait(t: Tables, actor: int, side: int, fifo: int) -> int:
    """Note what an actor waits for; returns UNKNOWN."""
    t.state[actor, c.WAITS_SIDE] = side
    t.state[actor, c.WAITS_FIFO] = fifo
    return c.UNKNOWN


@register_jitable
def _inputs_at(t: Tables, actor: int, reads: int) -> int:
    """When all the wanted input beats can be read, or UNKNOWN."""
    at = 0
    for port in range(t.in_ports.shape[1]):
        fifo = t.in_ports[actor, port]
        if fifo >= 0 and (reads >> port) & 1:
            ready = _readable_at(t, fifo)
            if ready == c.UNKNOWN:
                return _wait(t, actor, c.WAITS_INPUT, fifo)
            at = max(at, ready)
    return at


@register_jitable
def _outputs_at(t: Tables, actor: int) -> int:
    """When a beat can be written to all readers, or UNKNOWN."""
    at = 0
    for port in range(t.out_ports.shape[1]):
        fifo = t.out_ports[actor, port]
        if fifo >= 0:
            free = _writable_at(t, fifo)
            if free == c.UNKNOWN:
                return _wait(t, actor, c.WAITS_OUTPUT, fifo)
            at = max(at, free)
    return at


@register_jitable
def _read(t: Tables, actor: int, reads: int, time: int) -> None:
    for port in range(t.in_ports.shape[1]):
        fifo = t.in_ports[actor, port]
        if fifo >= 0 and (reads >> port) & 1:
            count = t.fifo_state[fifo, c.READ]
            t.read_times[t.fifos[fifo, c.OFFSET] + (count & t.fifos[fifo, c.MASK])] = time
            t.fifo_state[fifo, c.READ] = count + 1
            settle(t, fifo)


@register_jitable
def _write(t: Tables, actor: int, time: int) -> None:
    leaves = time + t.actors[actor, c.LATENCY] - 1
    for port in range(t.out_ports.shape[1]):
        fifo = t.out_ports[actor, port]
        if fifo >= 0:
            count = t.fifo_state[fifo, c.WRITTEN]
            t.write_times[t.fifos[fifo, c.OFFSET] + (count & t.fifos[fifo, c.MASK])] = leaves
            t.fifo_state[fifo, c.WRITTEN] = count + 1
            settle(t, fifo)
    if t.state[actor, c.FIRST_OUT] == c.UNKNOWN:
        t.state[actor, c.FIRST_OUT] = leaves


@register_jitable
def _finish_step(t: Tables, actor: int, time: int) -> None:
    """Count a step that ended at ``time``."""
    t.state[actor, c.LAST_TIME] = time
    t.state[actor, c.STEP] += 1
    t.state[actor, c.PHASE] += 1
    t.state[actor, c.WAITS_SIDE] = c.NOT_WAITING
    if t.state[actor, c.PHASE] == t.actors[actor, c.FRAME_STEPS]:
        t.state[actor, c.PHASE] = 0
        t.frame_done[actor, t.state[actor, c.STEP] // t.actors[actor, c.FRAME_STEPS] - 1] = time


@register_jitable
def _fire_steps(t: Tables, actor: int) -> bool:
    place = t.state[actor, c.PHASE] % t.actors[actor, c.PROGRAM_LENGTH]
    code = t.programs[t.actors[actor, c.PROGRAM] + place]
    inputs = _inputs_at(t, actor, code)
    if inputs == c.UNKNOWN:
        return False
    writes = code >= c.WRITE_BIT
    outputs = _outputs_at(t, actor) if writes else 0
    if outputs == c.UNKNOWN:
        return False
    after = t.state[actor, c.LAST_TIME] + 1
    if t.actors[actor, c.PACE_CYCLES] > 0:
        pace = (
            t.state[actor, c.STEP] * t.actors[actor, c.PACE_CYCLES] // t.actors[actor, c.PACE_BEATS]
        )
        inputs = max(inputs, pace)
    ready = max(after, inputs)
    time = max(ready, outputs)
    t.state[actor, c.INPUT_STALL] += ready - after
    t.state[actor, c.OUTPUT_STALL] += time - ready
    t.state[actor, c.BUSY] += 1
    _read(t, actor, code, time)
    if writes:
        _write(t, actor, time)
    _finish_step(t, actor, time)
    return True


@register_jitable
def _slot_before(t: Tables, actor: int) -> int:
    """Slot of the window whose end makes room for the next beat in the line buffer; ALWAYS where
    there is room, UNKNOWN if the engine is not so far."""
    engine = t.actors[actor, c.PARTNER]
    frame_beats = t.actors[actor, c.BEATS_PER_FRAME]
    old = t.state[actor, c.STEP] - t.actors[actor, c.CAPACITY_BEATS]
    if old < 0:
        return c.ALWAYS
    frame = old // frame_beats
    beat = old - frame * frame_beats
    pixel = beat // t.actors[actor, c.BEATS_PER_PIXEL]
    last = t.positions[t.actors[actor, c.TABLE] + pixel]
    if last < 0:
        return c.ALWAYS
    block = (beat - pixel * t.actors[actor, c.BEATS_PER_PIXEL]) // t.actors[engine, c.PACKED]
    per_position = t.actors[engine, c.ROUNDS] * t.actors[engine, c.BLOCKS]
    if t.actors[engine, c.WHOLE]:
        block = per_position - 1
    window = (frame * t.actors[engine, c.POSITIONS] + last) * per_position + block
    if window >= t.state[engine, c.STEP]:
        return _wait(t, actor, c.WAITS_PARTNER, -1)
    return int(t.actors[engine, c.RING_OFFSET] + (window & t.actors[engine, c.RING_MASK]))


@register_jitable
def _fire_window(t: Tables, actor: int) -> bool:
    before = _slot_before(t, actor)
    if before == c.UNKNOWN:
        return False
    space = t.done_times[before] if before != c.ALWAYS else 0
    inputs = _inputs_at(t, actor, 1)
    if inputs == c.UNKNOWN:
        return False
    after = t.state[actor, c.LAST_TIME] + 1
    ready = max(after, inputs)
    time = max(ready, space)
    t.state[actor, c.INPUT_STALL] += ready - after
    t.state[actor, c.OUTPUT_STALL] += time - ready
    t.state[actor, c.BUSY] += 1
    alone = t.state[actor, c.ALONE] + 1
    if before != c.ALWAYS:
        alone = max(alone, t.alone_times[before])
    t.state[actor, c.ALONE] = alone
    slot = t.actors[actor, c.RING_OFFSET] + (t.state[actor, c.STEP] & t.actors[actor, c.RING_MASK])
    t.done_times[slot] = time
    t.alone_times[slot] = alone
    _read(t, actor, 1, time)
    _finish_step(t, actor, time)
    return True


@register_jitable
def _slot_of_window(t: Tables, actor: int) -> int:
    """Slot of the last beat of the next window; ALWAYS where none is needed, UNKNOWN if it has not
    come yet."""
    buffer = t.actors[actor, c.PARTNER]
    per_position = t.actors[actor, c.ROUNDS] * t.actors[actor, c.BLOCKS]
    position = t.state[actor, c.STEP] // per_position
    block = t.state[actor, c.STEP] - position * per_position
    frame = position // t.actors[actor, c.POSITIONS]
    pixel = t.positions[t.actors[actor, c.TABLE] + position - frame * t.actors[actor, c.POSITIONS]]
    beat = frame * t.actors[buffer, c.BEATS_PER_FRAME] - 1
    if pixel >= 0 and t.actors[actor, c.WHOLE]:
        beat += (pixel + 1) * t.actors[buffer, c.BEATS_PER_PIXEL]
    elif pixel >= 0:
        beat += (
            pixel * t.actors[buffer, c.BEATS_PER_PIXEL] + (block + 1) * t.actors[actor, c.PACKED]
        )
    if beat < t.state[buffer, c.STEP] - t.actors[buffer, c.CAPACITY_BEATS]:
        return c.ALWAYS  # overwritten since: a window of nothing but padding
    if beat >= t.state[buffer, c.STEP]:
        return _wait(t, actor, c.WAITS_PARTNER, -1)
    return int(t.actors[buffer, c.RING_OFFSET] + (beat & t.actors[buffer, c.RING_MASK]))


@register_jitable
def _begin(t: Tables, work: Work, actor: int, last_beat: int) -> None:
    """Hand the next window to the lanes; it is complete with its last beat, ``_slot_of_window``."""
    inputs = t.done_times[last_beat] + 1 if last_beat != c.ALWAYS else 0
    alone = t.alone_times[last_beat] if last_beat != c.ALWAYS else 0
    step = t.state[actor, c.STEP]
    if step == 0:  # what comes before the first window is no work
        t.state[actor, c.FILL] = alone
    after = t.state[actor, c.LAST_TIME] + 1
    ring, mask = t.actors[actor, c.RING_OFFSET], t.actors[actor, c.RING_MASK]
    ahead = t.actors[actor, c.AHEAD]
    slot = ring + ((step - ahead) & mask)
    gate = t.done_times[slot] + 1 if step >= ahead else 0
    gate_alone = max(alone, t.alone_times[slot] if step >= ahead else 0)
    t.state[actor, c.INPUT_STALL] += max(0, inputs - after)
    lanes = t.actors[actor, c.LANE_OFFSET]
    for lane in range(lanes, lanes + t.actors[actor, c.LANES]):
        t.lane_times[lane] = max(t.lane_times[lane], max(gate, inputs) - 1)
        t.lane_work[lane] = max(t.lane_work[lane], gate_alone)
    if t.actors[actor, c.DRAWN] >= 0:
        begin_window(work, t.actors[actor, c.DRAWN], step)


@register_jitable
def _scheduled(t: Tables, work: Work, actor: int, schedule: int) -> int:
    """Cycles of the next segment of a static engine: its window's, spread over the filters."""
    windows = t.actors[actor, c.ROUNDS] * t.actors[actor, c.BLOCKS]
    cycles = work.numbers[schedule + t.state[actor, c.STEP] % windows]
    filters, sub = t.actors[actor, c.FILTERS], t.state[actor, c.SUB]
    return int(cycles * (sub + 1) // filters - cycles * sub // filters)


@register_jitable
def _segments(t: Tables, work: Work, actor: int) -> int:
    """Let every lane compute its next filter; returns when the slowest has it."""
    finish = 0
    lanes = t.actors[actor, c.LANE_OFFSET]
    drawn = t.actors[actor, c.DRAWN]
    schedule = t.actors[actor, c.SCHEDULE]
    for lane in range(t.actors[actor, c.LANES]):
        taken = t.actors[actor, c.CYCLES]
        if schedule >= 0:
            taken = _scheduled(t, work, actor, schedule)
        if drawn >= 0:
            taken = segment_cycles(work, drawn, lane, t.state[actor, c.SUB])
        t.lane_times[lanes + lane] += taken
        t.lane_work[lanes + lane] += taken
        finish = max(finish, t.lane_times[lanes + lane])
        t.state[actor, c.BUSY] = max(t.state[actor, c.BUSY], t.lane_work[lanes + lane])
    t.state[actor, c.SUB] += 1
    return finish


@register_jitable
def _put_out(t: Tables, actor: int, finish: int, outputs: int) -> int:
    """Write a result that is ready at ``finish``; returns when it was written."""
    time = max(max(finish, outputs), t.state[actor, c.LAST_TIME] + 1)
    t.state[actor, c.OUTPUT_STALL] += time - finish
    if t.actors[actor, c.AHEAD] == 1:  # nowhere to keep results: all lanes stop
        lanes = t.actors[actor, c.LANE_OFFSET]
        for lane in range(lanes, lanes + t.actors[actor, c.LANES]):
            t.lane_times[lane] += time - finish
    _write(t, actor, time)
    t.state[actor, c.LAST_TIME] = time
    return int(time)


@register_jitable
def _fire_engine(t: Tables, work: Work, actor: int) -> bool:
    blocks = t.actors[actor, c.BLOCKS]
    last = t.state[actor, c.STEP] % blocks == blocks - 1
    outputs = _outputs_at(t, actor) if last else 0
    if outputs == c.UNKNOWN:
        return False
    if t.state[actor, c.SUB] == 0:
        last_beat = _slot_of_window(t, actor)
        if last_beat == c.UNKNOWN:
            return False
        _begin(t, work, actor, last_beat)
    if last:
        time = _put_out(t, actor, _segments(t, work, actor), outputs)
    else:
        time = t.state[actor, c.LAST_TIME] + 1
        while t.state[actor, c.SUB] < t.actors[actor, c.FILTERS]:
            time = max(time, _segments(t, work, actor))
    if t.state[actor, c.SUB] == t.actors[actor, c.FILTERS]:
        t.state[actor, c.SUB] = 0
        slot = t.state[actor, c.STEP] & t.actors[actor, c.RING_MASK]
        t.done_times[t.actors[actor, c.RING_OFFSET] + slot] = time
        t.alone_times[t.actors[actor, c.RING_OFFSET] + slot] = t.state[actor, c.BUSY]
        _finish_step(t, actor, time)
    return True


def advance(t: Tables, work: Work, budget: int) -> int:
    """Fire every actor as far as it goes, until nothing moves or ``budget`` firings are spent.

    Returns:
        Firings made; fewer than ``budget`` where all is done or stuck.
    """
    fired = 0
    moved = True
    while moved and fired < budget:
        moved = False
        for actor in range(t.actors.shape[0]):
            kind = t.actors[actor, c.KIND]
            total = t.actors[actor, c.TOTAL_STEPS]
            going = True
            while going and t.state[actor, c.STEP] < total:
                if kind == c.STEPS:
                    going = _fire_steps(t, actor)
                elif kind == c.WINDOW:
                    going = _fire_window(t, actor)
                elif kind == c.ENGINE:
                    going = _fire_engine(t, work, actor)
                if going:
                    fired += 1
                    moved = True
    return fired


def _compile(sources: int) -> Advance:
    """``advance`` compiled; numba keeps the result for as long as ``sources`` is the same."""

    def compiled(t: Tables, work: Work, budget: int) -> int:
        return _jitable_advance(t, work, budget) if sources else 0

    return cast(Advance, njit(cache=True)(compiled))


def _sources_digest() -> int:
    """Of the files that are compiled: numba itself looks at this one only."""
    texts = (Path(__file__).with_name(name).read_bytes() for name in COMPILED_FILES)
    return 1 + zlib.crc32(b"".join(texts))


Advance: TypeAlias = Callable[[Tables, Work, int], int]
COMPILED_FILES = ("columns.py", "draws.py", "held.py", "kernel.py")
_jitable_advance = register_jitable(advance)
compiled_advance = _compile(_sources_digest())
