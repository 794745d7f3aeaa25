"""Cycles of the segments of dynamic engines: drawn from a profile's sample, or of real masks.

Drawn: the sample's positions come in an order that is drawn anew each time all have come, and stay
for some positions, so that neighbours have the profile's lag-1 correlation. So all lanes have what
real ones have in common, and the channels their measured means: parts of a cycle are rounded at
random, for all lanes of a window alike.

From masks: the active products of a segment are the ones that the window's mask and the weights'
mask share.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from numba.extending import register_jitable

from . import columns as c

Ints: TypeAlias = npt.NDArray[np.int64]

# L'Ecuyer's combined generator (Communications of the ACM 31, 1988); products fit into 64 bits
_M1, _A1, _M2, _A2 = 2147483563, 40014, 2147483399, 40692
DRAWS = _M1 - 1  # numbers drawn are in 0 .. DRAWS - 1
SEEDS = _M2  # seeds are in 1 .. SEEDS - 1
CYCLE = 1 << 16  # parts of a cycle


class Work(NamedTuple):
    """What dynamic engines draw from; columns of ``engines`` are named in ``columns``.

    Attributes:
        engines: (E, columns).
        numbers: all tables of the engines, one after the other.
        act_masks, weight_masks: masks of windows and of weights, bit = product.
        bits: (65536,) ones in a 16-bit number.
    """

    engines: Ints
    numbers: Ints
    act_masks: Ints
    weight_masks: Ints
    bits: Ints


@register_jitable
def _draw(work: Work, engine: int) -> int:
    """The next random number of an engine."""
    first = work.engines[engine, c.SEED_A] * _A1 % _M1
    second = work.engines[engine, c.SEED_B] * _A2 % _M2
    work.engines[engine, c.SEED_A] = first
    work.engines[engine, c.SEED_B] = second
    return int((first - second) % DRAWS)


@register_jitable
def _next_position(work: Work, engine: int) -> None:
    """Let the position stay, or draw the next of the sample's."""
    if work.engines[engine, c.STAYS] > 0:
        work.engines[engine, c.STAYS] -= 1
        return
    count, order = work.engines[engine, c.SAMPLE_POSITIONS], work.engines[engine, c.ORDER]
    turn = work.engines[engine, c.TURN] % count
    work.engines[engine, c.TURN] = turn + 1
    other = order + turn + _draw(work, engine) * (count - turn) // DRAWS
    position = work.numbers[other]
    work.numbers[other] = work.numbers[order + turn]
    work.numbers[order + turn] = position
    work.engines[engine, c.PRESENT_POSITION] = position
    stay = work.engines[engine, c.STAY] + _draw(work, engine) % CYCLE
    work.engines[engine, c.STAYS] = stay // CYCLE - 1


@register_jitable
def begin_window(work: Work, engine: int, step: int) -> None:
    """Draw the position that an engine's next window is of, or find its masks."""
    windows, lanes = work.engines[engine, c.WINDOWS], work.engines[engine, c.LANES_IN]
    window = step % windows
    work.engines[engine, c.PRESENT_WINDOW] = window
    if work.engines[engine, c.FROM_MASKS] == 1:
        place = step % work.engines[engine, c.MASK_WINDOWS]
        work.engines[engine, c.PRESENT] = work.engines[engine, c.ACT_MASKS] + place * lanes
        return
    if window == 0:
        _next_position(work, engine)
    work.engines[engine, c.ROUNDING] = _draw(work, engine) % CYCLE
    place = (work.engines[engine, c.PRESENT_POSITION] * windows + window) * lanes
    place *= work.engines[engine, c.SAMPLE_FILTERS]
    work.engines[engine, c.PRESENT] = work.engines[engine, c.SAMPLE] + place


@register_jitable
def segment_cycles(work: Work, engine: int, lane: int, segment: int) -> int:
    """Cycles of a lane's segment of the present window.

    Args:
        work: tables.
        engine: row of ``work.engines``.
        lane: lane in * lanes out + lane out.
        segment: which of the lane's filters.
    """
    lanes = work.engines[engine, c.LANES_IN] * work.engines[engine, c.LANES_OUT]
    window = work.engines[engine, c.PRESENT_WINDOW]
    own = (window * lanes + lane) * work.engines[engine, c.WINDOW_FILTERS] + segment
    lane_in = lane // work.engines[engine, c.LANES_OUT]
    if work.engines[engine, c.FROM_MASKS] == 0:
        place = work.engines[engine, c.PRESENT] + lane_in * work.engines[engine, c.SAMPLE_FILTERS]
        place += work.numbers[work.engines[engine, c.OWN_FILTERS] + own]
        return int((work.numbers[place] + work.engines[engine, c.ROUNDING]) // CYCLE)
    both = work.act_masks[work.engines[engine, c.PRESENT] + lane_in]
    both &= work.weight_masks[work.engines[engine, c.WEIGHT_MASKS] + own]
    active = work.bits[both & 0xFFFF]
    if work.engines[engine, c.PRODUCTS] > 16:
        active += work.bits[(both >> 16) & 0xFFFF]
        active += work.bits[(both >> 32) & 0xFFFF]
        active += work.bits[(both >> 48) & 0xFFFF]
    return int(work.numbers[work.engines[engine, c.CYCLE_TABLE] + active])
