"""What FIFOs hold over time: their peaks, and, where asked for, their most per interval.

Part of the kernel: plain Python over NumPy arrays that numba compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from numba.core.types import NamedTuple
from numba.extending import overload, register_jitable

from . import columns as c
from .tables import Tables

KEPT = 2  # dimensions of ``held_peaks`` where something is kept


@register_jitable
def _settle_peaks(t: Tables, fifo: int) -> None:
    """Replay known writes and reads of a FIFO in order of time, for its peak."""
    offset, mask = t.fifos[fifo, c.OFFSET], t.fifos[fifo, c.MASK]
    writes, reads = t.fifo_state[fifo, c.SEEN_WRITES], t.fifo_state[fifo, c.SEEN_READS]
    held, peak = t.fifo_state[fifo, c.HELD_WORDS], t.fifo_state[fifo, c.PEAK_WORDS]
    while writes < t.fifo_state[fifo, c.WRITTEN] and reads < t.fifo_state[fifo, c.READ]:
        if t.write_times[offset + (writes & mask)] < t.read_times[offset + (reads & mask)]:
            writes += 1
            held += t.fifos[fifo, c.WRITE_WORDS]
            peak = max(peak, held)
        else:
            reads += 1
            held -= t.fifos[fifo, c.READ_WORDS]
    t.fifo_state[fifo, c.SEEN_WRITES] = writes
    t.fifo_state[fifo, c.SEEN_READS] = reads
    t.fifo_state[fifo, c.HELD_WORDS] = held
    t.fifo_state[fifo, c.PEAK_WORDS] = peak


@register_jitable
def _settle_kept(t: Tables, fifo: int) -> None:
    """The same, and note what is held in every interval."""
    offset, mask = t.fifos[fifo, c.OFFSET], t.fifos[fifo, c.MASK]
    writes, reads = t.fifo_state[fifo, c.SEEN_WRITES], t.fifo_state[fifo, c.SEEN_READS]
    held, peak = t.fifo_state[fifo, c.HELD_WORDS], t.fifo_state[fifo, c.PEAK_WORDS]
    while writes < t.fifo_state[fifo, c.WRITTEN] and reads < t.fifo_state[fifo, c.READ]:
        time = t.write_times[offset + (writes & mask)]
        if time < t.read_times[offset + (reads & mask)]:
            writes += 1
            held += t.fifos[fifo, c.WRITE_WORDS]
            peak = max(peak, held)
        else:
            time = t.read_times[offset + (reads & mask)]
            reads += 1
            held -= t.fifos[fifo, c.READ_WORDS]
        _keep(t, fifo, time, held)
    t.fifo_state[fifo, c.SEEN_WRITES] = writes
    t.fifo_state[fifo, c.SEEN_READS] = reads
    t.fifo_state[fifo, c.HELD_WORDS] = held
    t.fifo_state[fifo, c.PEAK_WORDS] = peak


def settle(t: Tables, fifo: int) -> None:
    """Replay known writes and reads of a FIFO in order of time, for what it holds."""
    if t.held_peaks.ndim == KEPT:
        _settle_kept(t, fifo)
    else:
        _settle_peaks(t, fifo)


@overload(settle)
def _settle_as_compiled(t: Tables, fifo: int) -> Callable[[Tables, int], None]:
    """Chosen when the kernel is compiled: a choice at run time made it 1.8 times as slow, as
    ``_settle_kept`` is too much to be compiled into its callers."""
    tables = cast(NamedTuple, t)  # its type, here
    kept = tables.types[tables.fields.index("held_peaks")].ndim == KEPT

    def with_peaks(t: Tables, fifo: int) -> None:
        _settle_peaks(t, fifo)

    def with_intervals(t: Tables, fifo: int) -> None:
        _settle_kept(t, fifo)

    return with_intervals if kept else with_peaks


@register_jitable
def _keep(t: Tables, fifo: int, time: int, held: int) -> None:
    """Note what is held after a change, in the interval of its time."""
    intervals = t.held_peaks.shape[1]
    while time // t.fifo_state[fifo, c.INTERVAL_CYCLES] >= intervals:
        _halve(t, fifo)
    place = time // t.fifo_state[fifo, c.INTERVAL_CYCLES]
    t.held_peaks[fifo, place] = max(t.held_peaks[fifo, place], held)
    t.held_last[fifo, place] = held


@register_jitable
def _halve(t: Tables, fifo: int) -> None:
    """Join intervals in pairs: time has come that the last one does not reach."""
    t.fifo_state[fifo, c.INTERVAL_CYCLES] *= 2
    half = t.held_peaks.shape[1] // 2
    for place in range(half):
        first, second = 2 * place, 2 * place + 1
        t.held_peaks[fifo, place] = max(t.held_peaks[fifo, first], t.held_peaks[fifo, second])
        last = t.held_last[fifo, second]
        t.held_last[fifo, place] = last if last != c.UNKNOWN else t.held_last[fifo, first]
    t.held_peaks[fifo, half:] = c.UNKNOWN
    t.held_last[fifo, half:] = c.UNKNOWN


def settle_rest(t: Tables) -> None:
    """Replay what is left when nothing moves any more: the last reads, or, in a deadlock, writes
    that nobody reads."""
    for fifo in range(t.fifos.shape[0]):
        offset, mask = t.fifos[fifo, c.OFFSET], t.fifos[fifo, c.MASK]
        state = t.fifo_state[fifo]
        left = [
            (t.write_times[offset + (writes & mask)], t.fifos[fifo, c.WRITE_WORDS])
            for writes in range(state[c.SEEN_WRITES], state[c.WRITTEN])
        ]
        left += [
            (t.read_times[offset + (reads & mask)], -t.fifos[fifo, c.READ_WORDS])
            for reads in range(state[c.SEEN_READS], state[c.READ])
        ]  # of the two, one is empty
        for time, words in left:
            state[c.HELD_WORDS] += words
            state[c.PEAK_WORDS] = max(state[c.PEAK_WORDS], state[c.HELD_WORDS])
            if t.held_peaks.ndim == KEPT:
                _keep(t, fifo, time, state[c.HELD_WORDS])
        state[c.SEEN_WRITES], state[c.SEEN_READS] = state[c.WRITTEN], state[c.READ]
