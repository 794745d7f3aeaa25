"""Cycles of the segments of dynamic engines: drawn from a distribution, or of real masks.

Drawn: a window has a shared quantile per input stream, which it keeps from the position before
with the profile's lag-1 correlation; a filter's active products are those of the block's
distribution at the shared quantile, or at one of its own. All filters so have the measured
distribution, and two filters of a window the correlation that their shared zero activations cause.

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
QUANTILES = 1024
RATE_ONE = 1 << 16


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
def begin_window(work: Work, engine: int, step: int) -> None:
    """Draw the shared quantiles of an engine's next window, or find its masks."""
    windows, lanes = work.engines[engine, c.WINDOWS], work.engines[engine, c.LANES_IN]
    window = step % windows
    work.engines[engine, c.PRESENT_WINDOW] = window
    if work.engines[engine, c.FROM_MASKS] == 1:
        place = step % work.engines[engine, c.MASK_WINDOWS]
        work.engines[engine, c.PRESENT] = work.engines[engine, c.ACT_MASKS] + place * lanes
        return
    present = work.engines[engine, c.SHARED] + window * lanes
    work.engines[engine, c.PRESENT] = present
    for lane in range(lanes):
        if step < windows or _draw(work, engine) >= work.engines[engine, c.KEEP]:
            work.numbers[present + lane] = _draw(work, engine) * QUANTILES // DRAWS


@register_jitable
def _drawn_products(work: Work, engine: int, lane: int, own: int) -> int:
    """Active products of a segment at the shared quantile or another."""
    lane_in = lane // work.engines[engine, c.LANES_OUT]
    window = work.engines[engine, c.PRESENT_WINDOW]
    level = work.numbers[work.engines[engine, c.PRESENT] + lane_in]
    if _draw(work, engine) >= work.engines[engine, c.SHARE]:
        level = _draw(work, engine) * QUANTILES // DRAWS
    deal = work.engines[engine, c.DEAL] + window * work.engines[engine, c.LANES_IN] + lane_in
    row = work.engines[engine, c.LEVELS] + work.numbers[deal] * QUANTILES
    rate = work.numbers[work.engines[engine, c.RATES] + own]
    active = work.numbers[row + level]
    if rate != RATE_ONE:  # rounded at random, so that the mean is kept
        active = (active * rate + _draw(work, engine) % RATE_ONE) // RATE_ONE
    return int(min(active, work.engines[engine, c.PRODUCTS]))


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
    if work.engines[engine, c.FROM_MASKS] == 1:
        lane_in = lane // work.engines[engine, c.LANES_OUT]
        both = work.act_masks[work.engines[engine, c.PRESENT] + lane_in]
        both &= work.weight_masks[work.engines[engine, c.WEIGHT_MASKS] + own]
        active = work.bits[both & 0xFFFF]
        if work.engines[engine, c.PRODUCTS] > 16:
            active += work.bits[(both >> 16) & 0xFFFF]
            active += work.bits[(both >> 32) & 0xFFFF]
            active += work.bits[(both >> 48) & 0xFFFF]
    else:
        active = _drawn_products(work, engine, lane, own)
    return int(work.numbers[work.engines[engine, c.CYCLE_TABLE] + active])
