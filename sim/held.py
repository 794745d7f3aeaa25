"""What FIFOs hold over time: their peaks, and, where asked for, their most per interval.

Part of the kernel: plain Python over NumPy arrays that numba compiles.
"""

from __future__ import annotations

from numba.extending import register_jitable

from . import columns as c
from .tables import Tables


@register_jitable
def settle(t: Tables, fifo: int) -> None:
    """Replay known writes and reads of a FIFO in order of time, for what it holds."""
    offset, mask = t.fifos[fifo, c.OFFSET], t.fifos[fifo, c.MASK]
    writes, reads = t.fifo_state[fifo, c.SEEN_WRITES], t.fifo_state[fifo, c.SEEN_READS]
    while writes < t.fifo_state[fifo, c.WRITTEN] and reads < t.fifo_state[fifo, c.READ]:
        written, read = (
            t.write_times[offset + (writes & mask)],
            t.read_times[offset + (reads & mask)],
        )
        if written < read:
            writes += 1
            _change(t, fifo, written, t.fifos[fifo, c.WRITE_WORDS])
        else:
            reads += 1
            _change(t, fifo, read, -t.fifos[fifo, c.READ_WORDS])
    t.fifo_state[fifo, c.SEEN_WRITES] = writes
    t.fifo_state[fifo, c.SEEN_READS] = reads


@register_jitable
def _change(t: Tables, fifo: int, time: int, words: int) -> None:
    held = t.fifo_state[fifo, c.HELD_WORDS] + words
    t.fifo_state[fifo, c.HELD_WORDS] = held
    t.fifo_state[fifo, c.PEAK_WORDS] = max(t.fifo_state[fifo, c.PEAK_WORDS], held)
    intervals = t.held_peaks.shape[1]
    if intervals == 0:
        return
    place = time // t.fifo_state[fifo, c.INTERVAL_CYCLES]
    while place >= intervals:
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
        for writes in range(t.fifo_state[fifo, c.SEEN_WRITES], t.fifo_state[fifo, c.WRITTEN]):
            _change(t, fifo, t.write_times[offset + (writes & mask)], t.fifos[fifo, c.WRITE_WORDS])
        for reads in range(t.fifo_state[fifo, c.SEEN_READS], t.fifo_state[fifo, c.READ]):
            _change(t, fifo, t.read_times[offset + (reads & mask)], -t.fifos[fifo, c.READ_WORDS])
        t.fifo_state[fifo, c.SEEN_WRITES] = t.fifo_state[fifo, c.WRITTEN]
        t.fifo_state[fifo, c.SEEN_READS] = t.fifo_state[fifo, c.READ]
