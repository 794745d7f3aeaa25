"""Dynamic lanes that may be a window ahead, step by step.

Every number is a sum over steps, in their order, or a maximum, so that it is what NumPy makes of
the same steps, to the bit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .compiling import compiled

Ints = npt.NDArray[np.int64]
Lanes = npt.NDArray[np.float32]


@compiled
def _raise(most: Lanes, values: Lanes) -> None:
    """``most`` to at least ``values``, (words,)."""
    for word in range(len(most)):
        most[word] = most[word] if most[word] >= values[word] else values[word]


@compiled
def _add(total: Lanes, values: Lanes) -> None:
    """``values`` to ``total``, (words,)."""
    for word in range(len(total)):
        total[word] += values[word]


@compiled
def _work(at: Lanes, free: Lanes, cycles: Lanes, last: Lanes) -> None:
    """One lane's step, (words,): it starts where it is, ``at``, but when it is free to."""
    for word in range(len(at)):
        now = at[word] if at[word] >= free[word] else free[word]
        now += cycles[word]
        at[word] = now
        last[word] = last[word] if last[word] >= now else now


@compiled
def walk(
    lanes: Lanes,
    slowest: Lanes,
    outs: Ints,
    steps: Ints,
    shape: tuple[int, int, int],
    lead: int,
    ahead: Lanes,
    lockstep: Lanes,
) -> None:
    """Steps of the lanes of each coarse_out, which start a step when all have finished the one
    before the last.

    Args:
        lanes: cycles, (lanes of all, blocks, groups, words), those of each coarse_out one after the
            other; words are a ring.
        slowest: (outs, blocks, groups, words) of the lanes of each.
        outs: coarse_out.
        steps: of each step the first block, the way to the next (1 or -1), the first group, the way
            to the next, the first word, (steps, 5).
        shape: blocks, groups and words of a step.
        lead: steps in front of those that count.
        ahead: cycles in which all lanes do the steps that count, (outs, words), filled.
        lockstep: cycles of lanes that are joined after every step that counts, (outs, words),
            filled.
    """
    width, together, words = shape
    size = lanes.shape[3]
    finished = np.empty((3, words), dtype=np.float32)
    longest = np.empty(words, dtype=np.float32)
    at = np.empty((outs.max() * width * together, words), dtype=np.float32)
    start = 0
    for out in range(len(outs)):
        count = outs[out]
        at[: count * width * together] = 0.0
        lockstep[out] = 0.0
        finished[1:] = -np.inf  # of the last two steps before the first: free at once
        for step in range(len(steps)):
            free, last = finished[(step + 1) % 3], finished[step % 3]
            last[:] = -np.inf
            longest[:] = -np.inf
            first = steps[step, 4]
            cut = min(words, size - first)  # here the ring starts again
            for slot in range(width * together):
                block = steps[step, 0] + slot // together * steps[step, 1]
                group = steps[step, 2] + slot % together * steps[step, 3]
                for lane in range(start, start + count):
                    cycles = lanes[lane, block, group]
                    mine = at[(lane - start) * width * together + slot]
                    _work(mine[:cut], free[:cut], cycles[first : first + cut], last[:cut])
                    if cut < words:
                        _work(mine[cut:], free[cut:], cycles[: words - cut], last[cut:])
                if step >= lead:
                    cycles = slowest[out, block, group]
                    _raise(longest[:cut], cycles[first : first + cut])
                    _raise(longest[cut:], cycles[: words - cut])
            if step >= lead:
                lockstep[out] += longest
            elif step == lead - 1:
                ahead[out] = last
        ahead[out] = finished[(len(steps) - 1) % 3] - ahead[out]
        start += count


@compiled
def alone(lane: Lanes, steps: Ints, shape: tuple[int, int, int], total: Lanes) -> None:
    """What a single lane takes for all that is dealt to lanes in some steps, (words,), filled.

    Args:
        lane: cycles, (blocks, groups, words); words are a ring.
        steps, shape: as of ``walk``.
    """
    width, together, words = shape
    size = lane.shape[2]
    of_step = np.empty(words, dtype=np.float32)
    total[:] = 0.0
    for step in range(len(steps)):
        # in the order in which they lie, whichever way they are dealt
        block = min(steps[step, 0], steps[step, 0] + (width - 1) * steps[step, 1])
        group = min(steps[step, 2], steps[step, 2] + (together - 1) * steps[step, 3])
        first = steps[step, 4]
        cut = min(words, size - first)
        of_step[:] = 0.0
        for slot in range(width * together):
            cycles = lane[block + slot // together, group + slot % together]
            _add(of_step[:cut], cycles[first : first + cut])
            if cut < words:
                _add(of_step[cut:], cycles[: words - cut])
        _add(total, of_step)
