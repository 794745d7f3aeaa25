"""Frames through a pipeline whose layers take different times for different parts of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .compiling import compiled

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@compiled
def finish_times(work: Floats, ends: Ints, room: Floats, done: Floats, blocked: Floats) -> None:
    """When each layer is done with each part.

    Args:
        work: (layers, parts) cycles, layers in topological order.
        ends: (edges, 2) layers that write and read.
        room: (edges,) parts that the writer may be ahead of the reader, beyond the even flow;
            below one part the two go on together.
        done: (layers, parts + 1), filled; zero before the first part.
        blocked: (edges,), filled: cycles by which a reader that has no room puts its writer off.
    """
    layers, parts = work.shape
    done[:, 0] = 0.0
    blocked[:] = 0.0
    for part in range(1, parts + 1):
        for layer in range(layers):
            done[layer, part] = done[layer, part - 1] + work[layer, part - 1]
        for edge in range(len(ends)):  # of what the reader has left, which was done before
            behind = part - max(room[edge], 1.0)
            if behind > 0.0:
                whole = int(behind)
                share = behind - whole
                reader = done[ends[edge, 1]]
                free = reader[whole] + share * (reader[whole + 1] - reader[whole])
                if free > done[ends[edge, 0], part]:
                    blocked[edge] += free - done[ends[edge, 0], part]
                    done[ends[edge, 0], part] = free
        for edge in range(len(ends)):  # in topological order of the readers
            writer, reader = ends[edge]
            if done[writer, part] > done[reader, part]:
                done[reader, part] = done[writer, part]
