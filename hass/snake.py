"""Items dealt to lanes by falling rate, in snake order: the way back after every turn.

Lanes of fewer streams are then sums of lanes of more: a snake folded is a snake.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Float = TypeVar("Float", np.float32, np.float64)


def snake_deal(rates: npt.NDArray[np.float64], lanes: int) -> npt.NDArray[np.int64]:
    """(items / lanes, lanes) items by falling rate in snake order."""
    order = np.argsort(-rates, kind="stable").reshape(-1, lanes).copy()
    order[1::2] = order[1::2, ::-1]
    return order


def folded(lanes: npt.NDArray[Float], count: int, axis: int) -> npt.NDArray[Float]:
    """Lanes along an axis, joined to ``count``, fewer: what the same snake deals to so many."""
    turns = lanes.shape[axis] // count
    parts = lanes.reshape(*lanes.shape[:axis], turns, count, *lanes.shape[axis + 1 :])
    before: tuple[slice, ...] = (slice(None),) * axis
    ahead: list[tuple[int | slice, ...]] = [
        (*before, turn, slice(None, None, -1 if turn % 2 else 1)) for turn in range(turns)
    ]
    total = parts[ahead[0]].copy()
    for place in ahead[1:]:
        total += parts[place]
    return total
