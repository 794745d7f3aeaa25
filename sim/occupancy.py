"""What FIFOs held over time, from what the kernel kept."""

from __future__ import annotations

import numpy as np

from hass.intmath import ceil_div

from . import columns as c
from .held import KEPT
from .machine import Machine
from .result import Occupancy, SimResult
from .tables import Ints


def even_intervals(intervals: int) -> int:
    """The next even number: intervals are joined in pairs where time outgrows them."""
    return intervals + intervals % 2


def occupancy_of(machine: Machine) -> Occupancy | None:
    """The occupancy of a machine's FIFOs; None where nothing was kept."""
    tables = machine.tables
    if tables.held_peaks.ndim != KEPT:
        return None
    count = len(machine.fifos)
    lengths = tables.fifo_state[:count, c.INTERVAL_CYCLES]
    interval = int(lengths.max(initial=1))
    last = int(tables.state[:, c.LAST_TIME].max(initial=0))
    while last // interval >= tables.held_peaks.shape[1]:  # after the last change of any FIFO
        interval *= 2
    wanted = last // interval + 1
    rows = []
    for index, fifo in enumerate(machine.fifos):
        joined = interval // int(lengths[index])
        most = _most_held(tables.held_peaks[index], tables.held_last[index])
        held = tables.fifo_state[index, c.HELD_WORDS]  # from its last change on
        padded = np.append(most, np.full(max(wanted * joined - len(most), 0), held))
        words = padded[: wanted * joined].reshape(wanted, joined).max(axis=1)
        rows.append(tuple(min(fifo.depth_words, ceil_div(int(w), fifo.streams)) for w in words))
    return Occupancy(interval, tuple(rows))


def occupancy_columns(result: SimResult) -> dict[str, tuple[int, ...]]:
    """What a simulation's FIFOs held, by name, and ``cycle``, at which each interval begins.

    Raises:
        ValueError: if the simulation was not asked for intervals.
    """
    kept = recorded(result)
    intervals = len(kept.entries[0]) if kept.entries else 0
    begins = tuple(kept.interval_cycles * index for index in range(intervals))
    named = zip(result.fifos, kept.entries, strict=True)
    return {"cycle": begins, **{str(fifo): entries for fifo, entries in named}}


def recorded(result: SimResult) -> Occupancy:
    """The occupancy of a simulation that was asked for it.

    Raises:
        ValueError: if it was not.
    """
    if result.occupancy is None:
        raise ValueError("what FIFOs hold was not kept: simulate with intervals=200, say")
    return result.occupancy


def _most_held(peaks: Ints, last: Ints) -> Ints:
    """The most in each interval; at its beginning it is what was held at the end of the one
    before, which is that of the latest interval in which something changed."""
    places = np.where(last != c.UNKNOWN, np.arange(len(last)), -1)
    latest = np.maximum.accumulate(np.append(-1, places[:-1]))
    begin = np.where(latest >= 0, last[latest], 0)
    return np.maximum(peaks, begin)
