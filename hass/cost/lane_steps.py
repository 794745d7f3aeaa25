"""Lanes that may be a window ahead, step by step.

With FIFOs of two windows a lane starts a window when all have finished the one before the last.
What that saves is counted on positions of the profile's sample, window by window: it has in it what
the lengths of lanes have in common and how they are distributed. Positions follow each other as if
they had nothing in common; what neighbours do have is up to ``waiting``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, sqrt

import numpy as np
import numpy.typing as npt

from ..intmath import divisors
from .foldings import IntArray

FloatArray = npt.NDArray[np.float64]
Lanes = npt.NDArray[np.float32]

# Steps of a run: the windows of a position, evenly spaced, or those of several positions. A run is
# a ring: its last steps come before its first, so that lanes are as far apart as they will be.
_STEPS = 16
_LEAD_STEPS = 4
_LEAST_RUNS = 4
_GOLDEN = (sqrt(5.0) - 1.0) / 2.0  # multiples of it are spread evenly over 0..1 (Weyl)
# Lanes x runs of a step; not by how many values of ``fine`` come together: what is counted of one
# is its own.
_LANE_RUNS = 1 << 12
_MOST_LANES = 512  # more of them save the share that so many do
_LEAST = 1e-6  # share of the mean: less waiting is none


def stepped_fines(most: int) -> IntArray:
    """Values of ``fine`` up to ``most`` for which steps are counted: beyond a few multipliers the
    share that is saved changes little."""
    return np.array([f for f in range(1, most + 1) if f <= 4 or f % 4 == 0 or f == most])


def between_fines(counted: FloatArray, most: int) -> FloatArray:
    """(..., most) of shares at ``stepped_fines``."""
    wanted, known = np.arange(1, most + 1), stepped_fines(most)
    weights = [np.interp(wanted, known, unit) for unit in np.eye(len(known))]
    return np.asarray(counted @ np.stack(weights))


def stepped_positions(positions: int) -> IntArray:
    """Which of the sample's positions, so that any first few are spread over its images."""
    stride = max(1, round(positions * _GOLDEN))
    while gcd(stride, positions) > 1:
        stride += 1
    return np.arange(positions, dtype=np.int64) * stride % positions


@dataclass(frozen=True, slots=True, eq=False)
class _Stack:
    """Lanes of each coarse_out, one after the other.

    Attributes:
        lanes: (lanes of all, blocks, groups, positions, fine) cycles.
        slowest: (outs, blocks, groups, positions, fine) of the lanes of each.
        alone: (blocks, groups, positions, fine) of a single lane.
        outs: coarse_out, ascending from 1.
    """

    lanes: Lanes
    slowest: Lanes
    alone: Lanes
    outs: IntArray

    def up_to(self, most: int) -> _Stack:
        """Those with at most so many lanes; the fewest in any case."""
        count = max(1, int(np.searchsorted(self.outs, most, side="right")))
        outs = self.outs[:count]
        return _Stack(self.lanes[: int(outs.sum())], self.slowest[:count], self.alone, outs)


def _stacked(by_out: Sequence[Lanes]) -> _Stack:
    outs = np.array([len(lanes) for lanes in by_out], dtype=np.int64)
    slowest = np.stack([lanes.max(axis=0) for lanes in by_out])
    return _Stack(np.concatenate(by_out), slowest, by_out[0][0], outs)


def _in_snake(turn: int, count: int) -> tuple[int, int]:
    """First item of a turn in the order of lanes, and the way to the next one."""
    return (turn * count, 1) if turn % 2 == 0 else (turn * count + count - 1, -1)


def _steps(lanes: Lanes, lanes_in: int, together: int) -> tuple[IntArray, int]:
    """First block, the way to the next, first group, the way to the next, and first position of the
    first run, (steps, 5), of the steps, the last ones before the first; and the number of runs."""
    blocks, groups, positions = lanes.shape[1:4]
    turns = blocks // lanes_in
    windows = turns * (groups // together)
    taken = min(windows, _STEPS)
    steps = -(-_STEPS // taken) * taken
    apart = max(1, positions * taken // steps)
    wide = lanes.shape[0] * lanes_in * together
    runs = min(positions, max(_LEAST_RUNS, _LANE_RUNS // wide))
    found = []
    for step in range(-_LEAD_STEPS, steps):
        position, window = divmod(step % steps, taken)
        at = window * windows // taken
        at += (window - at) % 2  # odd ones are dealt the other way round
        round_, turn = divmod(at, turns)
        dealt = _in_snake(turn, lanes_in) + _in_snake(round_, together)
        found.append((*dealt, position * apart % positions))
    return np.array(found, dtype=np.int64), runs


def _saved(stack: _Stack, lanes_in: int, together: int) -> FloatArray:
    """(outs, fine) of ``saved_shares``."""
    from .kernels.lanes import alone, walk  # here, as it loads numba

    fines = stack.lanes.shape[-1]
    steps, runs = _steps(stack.lanes, lanes_in, together)
    ahead, lockstep = np.empty((2, len(stack.outs), runs * fines), dtype=np.float32)
    single = np.empty(runs * fines, dtype=np.float32)
    lanes, slowest = (
        cycles.reshape(*cycles.shape[:3], -1) for cycles in (stack.lanes, stack.slowest)
    )
    words = steps * np.array([1, 1, 1, 1, fines])
    shape = lanes_in, together, runs * fines
    walk(lanes, slowest, stack.outs, words, shape, _LEAD_STEPS, ahead, lockstep)
    one = stack.alone.reshape(*stack.alone.shape[:2], -1)
    alone(one, words[_LEAD_STEPS:], shape, single)
    joined, ahead, mean = (
        cycles.reshape(*cycles.shape[:-1], -1, fines).sum(axis=-2, dtype=np.float64)
        for cycles in (lockstep, ahead, single)
    )
    # all lanes of a window together do what one does alone
    mean = mean / (stack.outs[:, None] * lanes_in * together)
    lost = joined - mean
    least = _LEAST * mean
    return np.where(lost > least, (joined - ahead) / np.maximum(lost, least), np.nan)


def saved_shares(by_out: Sequence[Lanes]) -> FloatArray:
    """Of the cycles that lanes joined after every window wait, the share that they do not wait with
    FIFOs of two windows, for positions that have nothing in common.

    Args:
        by_out: (lanes, blocks, groups, positions, fine) cycles of the lanes of each coarse_out,
            ascending from 1, dealt by falling rate.

    Returns:
        (outs, ins, groups, fine) for all divisors of blocks and groups; 1 where no lane waits.
    """
    stack = _stacked(by_out)
    blocks, groups = (divisors(count) for count in by_out[0].shape[1:3])
    counted = np.empty((len(by_out), len(blocks), len(groups), by_out[0].shape[-1]))
    for column, lanes_in in enumerate(blocks):
        for plane, together in enumerate(groups):
            some = stack.up_to(_MOST_LANES // (lanes_in * together))
            found = _saved(some, lanes_in, together)
            counted[: len(found), column, plane] = found
            counted[len(found) :, column, plane] = found[-1]
    return np.where(np.isnan(counted), 1.0, counted.clip(0.0, 1.0))
