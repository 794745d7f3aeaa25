"""Lanes that may be a window ahead, step by step.

With FIFOs of two windows a lane starts a window when all have finished the one before the last.
What that saves is counted on positions of the profile's sample, window by window: it has in it what
the lengths of lanes have in common and how they are distributed. Positions follow each other as if
they had nothing in common; what neighbours do have is up to ``waiting``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import gcd, sqrt

import numpy as np
import numpy.typing as npt

from ..intmath import divisors
from .foldings import IntArray

FloatArray = npt.NDArray[np.float64]
Lanes = npt.NDArray[np.float32]

# blocks, groups and positions, one of each run
_Step = tuple[slice, slice, slice | IntArray]

AHEAD = 2  # windows: depth of the FIFOs
# Steps of a run: the windows of a position, evenly spaced, or those of several positions. A run is
# a ring: its last steps come before its first, so that lanes are as far apart as they will be.
_STEPS = 16
_LEAD_STEPS = 4
_LEAST_RUNS = 4
_GOLDEN = (sqrt(5.0) - 1.0) / 2.0  # multiples of it are spread evenly over 0..1 (Weyl)
_WORDS = 1 << 14  # lanes x fine x runs of a step
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
        starts: (outs,) where the lanes of each begin.
        owner: (lanes of all,) which of ``outs`` each belongs to.
    """

    lanes: Lanes
    slowest: Lanes
    alone: Lanes
    outs: IntArray
    starts: npt.NDArray[np.intp]
    owner: npt.NDArray[np.intp]

    def up_to(self, most: int) -> _Stack:
        """Those with at most so many lanes; the fewest in any case."""
        count = max(1, int(np.searchsorted(self.outs, most, side="right")))
        end = int(self.starts[count - 1] + self.outs[count - 1])
        return _Stack(
            self.lanes[:end],
            self.slowest[:count],
            self.alone,
            self.outs[:count],
            self.starts[:count],
            self.owner[:end],
        )


def _stacked(by_out: Sequence[Lanes]) -> _Stack:
    outs = np.array([len(lanes) for lanes in by_out], dtype=np.int64)
    starts = np.asarray(np.cumsum(outs) - outs, dtype=np.intp)
    slowest = np.stack([lanes.max(axis=0) for lanes in by_out])
    owner = np.repeat(np.arange(len(outs)), outs)
    return _Stack(np.concatenate(by_out), slowest, by_out[0][0], outs, starts, owner)


def _in_snake(turn: int, count: int) -> slice:
    """Items of a turn, in the order of lanes."""
    first = turn * count
    if turn % 2 == 0:
        return slice(first, first + count)
    return slice(first + count - 1, first - 1 if first else None, -1)


def _in_ring(first: int, count: int, size: int) -> slice | IntArray:
    """So many positions from one on."""
    if first + count <= size:
        return slice(first, first + count)
    return np.arange(first, first + count, dtype=np.int64) % size


def _steps(lanes: Lanes, lanes_in: int, together: int) -> Iterator[_Step]:
    """The steps, the last ones before the first."""
    blocks, groups, positions, fines = lanes.shape[1:]
    turns = blocks // lanes_in
    windows = turns * (groups // together)
    taken = min(windows, _STEPS)
    steps = -(-_STEPS // taken) * taken
    apart = max(1, positions * taken // steps)
    wide = lanes.shape[0] * lanes_in * together * fines
    runs = min(positions, max(_LEAST_RUNS, _WORDS // wide))
    for step in range(-_LEAD_STEPS, steps):
        position, window = divmod(step % steps, taken)
        at = window * windows // taken
        at += (window - at) % 2  # odd ones are dealt the other way round
        round_, turn = divmod(at, turns)
        yield (
            _in_snake(turn, lanes_in),
            _in_snake(round_, together),
            _in_ring(position * apart % positions, runs, positions),
        )


def _largest(lanes: Lanes) -> Lanes:
    """Along the second axis, of three: by halves, which is faster than ``max`` where the last is
    short."""
    while lanes.shape[1] > 1:
        half = lanes.shape[1] // 2
        larger = np.maximum(lanes[:, :half], lanes[:, half : 2 * half])
        if lanes.shape[1] % 2:
            np.maximum(larger[:, 0], lanes[:, -1], out=larger[:, 0])
        lanes = larger
    return lanes[:, 0]


def _saved(stack: _Stack, lanes_in: int, together: int) -> FloatArray:
    """(outs, fine) of ``saved_shares``."""
    steps = list(_steps(stack.lanes, lanes_in, together))
    ends: list[Lanes] = []
    lockstep = alone = np.zeros(1, dtype=np.float32)
    at = np.zeros(1, dtype=np.float32)
    wide = 1
    for step, (blocks, groups, places) in enumerate(steps):
        work = stack.lanes[:, blocks, groups, places]
        if step < AHEAD:
            at = at + work
            wide = int(np.prod(work.shape[3:]))
        else:
            np.maximum(at, ends[step - AHEAD][stack.owner][:, None, None], out=at)
            at += work
        of_window = _largest(at.reshape(len(at), -1, wide))
        last = np.maximum.reduceat(of_window, stack.starts, axis=0)
        ends.append(last.reshape(-1, *work.shape[3:]))
        if step >= _LEAD_STEPS:
            lockstep = lockstep + stack.slowest[:, blocks, groups, places].max(axis=(1, 2))
            alone = alone + stack.alone[blocks, groups, places].sum(axis=(0, 1))
    joined, ahead, mean = (
        cycles.sum(axis=-2, dtype=np.float64)
        for cycles in (lockstep, ends[-1] - ends[_LEAD_STEPS - 1], alone)
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
