"""A machine and its state, as the kernel sees them."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]


class Tables(NamedTuple):
    """A machine and its state. Columns are named in ``columns``.

    Attributes:
        actors, state: (A, columns).
        in_ports, out_ports: (A, P) FIFO of each port, or -1.
        fifos, fifo_state: (F, columns).
        write_times: rings of all FIFOs: when a beat has left the writer's registers.
        read_times: rings of all FIFOs: when a beat was read.
        programs: steps: bit p = read port p, WRITE_BIT = write.
        positions: for WINDOW, the last position that needs a pixel (-1: none), per pixel; for
            ENGINE, the pixel that completes a position's window (-1: none), per position.
        done_times: rings: for WINDOW, when a beat was taken; for ENGINE, when all lanes had done
            a window and its results had left.
        alone_times: the same rings, had no neighbour ever kept the two waiting: cycles until a beat
            was taken, and until a window was done.
        lane_times: when each lane finished its latest segment.
        lane_work: the same, had no neighbour ever kept the engine waiting.
        frame_done: (A, frames) time of an actor's last step of each frame.
        held_peaks, held_last: (F, intervals) most words that a FIFO came to hold in an interval
            of time, and what it held after the interval's last change; UNKNOWN where nothing
            changed. One-dimensional and empty: nothing is kept.
    """

    actors: Ints
    state: Ints
    in_ports: Ints
    out_ports: Ints
    fifos: Ints
    fifo_state: Ints
    write_times: Ints
    read_times: Ints
    programs: Ints
    positions: Ints
    done_times: Ints
    alone_times: Ints
    lane_times: Ints
    lane_work: Ints
    frame_done: Ints
    held_peaks: Ints
    held_last: Ints
