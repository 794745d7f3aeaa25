"""Of more lanes never more cycles than of fewer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .compiling import compiled

Ints = npt.NDArray[np.int64]
Cycles = npt.NDArray[np.float64]


@compiled
def never_more(cycles: Cycles, lanes: Ints) -> None:
    """In place: more lanes can always do as fewer of them, so that a layer takes no more cycles.

    Args:
        cycles: per segment, (before, lanes, behind).
        lanes: ascending.
    """
    before, count, behind = cycles.shape
    for place in range(before):
        for index in range(count):
            for fewer in range(index):
                if lanes[index] % lanes[fewer] != 0:
                    continue
                times = lanes[index] / lanes[fewer]
                for word in range(behind):
                    most = cycles[place, fewer, word] * times
                    if most < cycles[place, index, word]:
                        cycles[place, index, word] = most
