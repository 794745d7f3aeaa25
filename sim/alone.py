"""The lanes of a dynamic engine on their own: windows always there, results always taken.

What a layer needs by itself is not to be read off a pipeline: while an engine waits for its
neighbours, lanes that were ahead wait too, and catch up with each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

import numpy as np
from numba import njit
from numba.extending import register_jitable

from . import columns as c
from .draws import Ints, Work, begin_window, segment_cycles
from .kernel import sources_digest

Alone: TypeAlias = Callable[[Work, int, int, Ints, Ints], int]


def _alone(work: Work, engine: int, windows: int, times: Ints, done: Ints) -> int:
    """Cycles of some windows, from the first.

    Args:
        work: tables; changed.
        engine: row of ``work.engines``.
        windows: to be computed.
        times: (lanes,) zeros.
        done: (windows that a lane may be ahead,) zeros.
    """
    latest = 0
    for step in range(windows):
        begin_window(work, engine, step)
        gate = done[step % len(done)]
        for lane in range(len(times)):
            time = max(times[lane], gate)
            for segment in range(work.engines[engine, c.WINDOW_FILTERS]):
                time += segment_cycles(work, engine, lane, segment)
            times[lane] = time
            latest = max(latest, time)
        done[step % len(done)] = latest
    return latest


def _compile(sources: int) -> Alone:
    """``_alone`` compiled; numba keeps the result for as long as ``sources`` is the same."""

    def compiled(work: Work, engine: int, windows: int, times: Ints, done: Ints) -> int:
        return _jitable_alone(work, engine, windows, times, done) if sources else 0

    return cast(Alone, njit(cache=True)(compiled))


_jitable_alone = register_jitable(_alone)
_compiled = _compile(sources_digest(("alone.py", "columns.py", "draws.py")))


def lanes_alone(work: Work, engine: int, windows: int, ahead: int) -> int:
    """Cycles of the first windows of an engine.

    Args:
        work: tables as a simulation begins; they are changed.
        engine: row of ``work.engines``.
        windows: to be computed.
        ahead: windows that a lane may be ahead of the slowest; 1: lockstep.
    """
    lanes = int(work.engines[engine, c.LANES_IN] * work.engines[engine, c.LANES_OUT])
    zeros = np.zeros(lanes, dtype=np.int64), np.zeros(ahead, dtype=np.int64)
    return int(_compiled(work, engine, windows, *zeros))
