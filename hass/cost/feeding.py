"""Cycles of lanes whose windows come in one after the other.

A stream brings a word a cycle, so that a window of p channels takes p cycles to be gathered, more
where several pixels come in per output position. One window is gathered while the lanes work on the
one before, so that each takes what it takes to be worked on or what the next one takes to come in,
whichever is more, but for a cycle: the mean of the larger, not the larger mean. For lanes in
lockstep it is counted on the profile's sample (``lanes``). What else is kept, lanes' FIFOs or the
pixels that a stride skips, is a buffer of some windows between the two. With it

- noise from window to window costs what a Brownian motion with drift spends at the empty end of a
  buffer (Harrison, "Brownian Motion and Stochastic Flow Systems", 1985, chapter 5);
- what lasts longer is followed as a fluid: positions that are busier than others, and in each the
  busy channels, that come first as they are dealt by falling rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..segment_cycles import block_rates, falling, mean_cycles
from ..sparsity import SegmentHistogram
from ..work_shares import in_parts
from .alike import Correlation, mean_of_frame_share
from .foldings import IntArray

FloatArray = npt.NDArray[np.float64]
# Of a distribution: so many equal shares, each by its mean.
SHARES = 8
# Windows that take so many times less or more than they take to come in: nothing waits, or all
# windows do. None was seen to be so far from the mean of its layer.
_FAR = 3.0
_LEAST = 1e-12  # instead of zero in a denominator
_MOST_EXPONENT = 700.0  # of what float64 holds


@dataclass(frozen=True, slots=True)
class Feed:
    """What comes in while the lanes work.

    Attributes:
        pixels: that come in per output position.
        turns: how often the lanes may work through a window, ascending: once for each filter of a
            lane where these are not counted as segments of their own.
    """

    pixels: float
    turns: tuple[int, ...] = (1,)


@dataclass(frozen=True, slots=True)
class Feeds:
    """How long segments take to come in.

    Attributes:
        segments: for each number of lanes cycles per segment, some; 0 where there are fewer.
        window_cycles: that their windows take.
    """

    segments: tuple[tuple[float, ...], ...]
    window_cycles: float


NO_FEEDS = Feeds((), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class FedLanes:
    """Windows of lanes in lockstep that take time to come in. ``outs``, ``ins`` and ``groups`` as
    in ``lanes.LaneCycles``.

    Attributes:
        starved: (outs, ins, groups, feeds, fine) cycles per segment beyond the larger of what a
            segment takes and what it takes to come in.
        noise: (outs, ins, groups, fine) variance of a window's time within its position, but for
            the trend, by the square of the mean.
        places: (outs, ins, groups, fine, shares) positions by the mean.
        trend: (ins, groups, fine, shares) windows of a position by the mean.
    """

    starved: FloatArray
    noise: FloatArray
    places: FloatArray
    trend: FloatArray

    def of(self, row: npt.NDArray[np.intp]) -> FedLanes:
        """Those that stand for others: ``row`` for each of these."""
        return FedLanes(self.starved[row], self.noise[row], self.places[row], self.trend)


def near(segment: FloatArray, feed: FloatArray) -> npt.NDArray[np.bool_]:
    """Where what a segment takes and what it takes to come in are near each other."""
    return np.asarray((feed > 1.0) & (feed < _FAR * segment) & (segment < _FAR * feed))


def by_share(values: FloatArray) -> FloatArray:
    """(n, shares) of (n, values) by their mean, ascending."""
    count = values.shape[1]
    parts = in_parts(np.sort(values, axis=1), SHARES)
    mean = np.maximum(values.mean(axis=1, keepdims=True), _LEAST)
    return np.asarray(parts * (SHARES / count) / mean)


def window_trend(
    histogram: SegmentHistogram, ins: IntArray, together: IntArray, max_fine: int
) -> tuple[FloatArray, FloatArray]:
    """What windows of a position take by their mean: (ins, groups, fine, shares), and the variance,
    (ins, groups, fine).

    Args:
        histogram: of all segments.
        ins, together: coarse_in and coarse_group: all divisors, ascending.
        max_fine: largest number of multipliers of an engine.
    """
    groups, blocks = int(together[-1]), int(ins[-1])
    fines = np.arange(1, max_fine + 1, dtype=np.int64)
    means = mean_cycles(histogram, fines, groups)[falling(block_rates(histogram, groups))]
    shares = np.empty((len(ins), len(together), max_fine, SHARES))
    variance = np.empty(shares.shape[:3])
    for column, lanes_in in enumerate(ins.tolist()):
        for plane, side in enumerate(together.tolist()):
            shape = (groups // side, side, blocks // lanes_in, lanes_in, max_fine)
            windows = means.reshape(shape).mean(axis=(1, 3)).reshape(-1, max_fine)
            windows = windows / windows.mean(axis=0)
            shares[column, plane] = by_share(windows.T)
            variance[column, plane] = windows.var(axis=0)
    return shares, variance


def _idle(lead: FloatArray, variance: FloatArray, room: FloatArray) -> FloatArray:
    """Cycles per window that a buffer of ``room`` cycles is empty, or full, on the side that is
    ahead by ``lead`` cycles per window, with so much ``variance``."""
    exponent = 2.0 * lead * room / np.maximum(variance, _LEAST)
    small = exponent < 1e-6
    beyond = lead / np.expm1(np.clip(exponent, 1e-6, _MOST_EXPONENT))
    return np.asarray(np.where(small, variance / np.maximum(2.0 * room, _LEAST), beyond))


def fed_ahead(
    joined: FloatArray,
    feed: FloatArray,
    room_windows: FloatArray,
    windows: FloatArray,
    alike: FloatArray,
    lanes: tuple[FloatArray, FloatArray, FloatArray],
) -> FloatArray:
    """Cycles per segment of n lanes that have windows in store, (n,).

    Args:
        joined: of lanes for which windows are always there.
        feed: that a segment takes to come in.
        room_windows: in store, beside the one that is worked on and the one that comes in.
        windows: of a position.
        alike: variance of the mean of so many windows as are in store, as a share of that of a
            position.
        lanes: noise, places and trend of ``FedLanes``, (n,), (n, shares), (n, shares).
    """
    noise, places, trend = lanes
    place = 1.0 + (places - 1.0) * np.sqrt(alike)[:, None]
    by_place = joined[:, None] * place
    least = feed[:, None]
    slow = np.maximum(by_place, least)
    each = by_place[:, :, None] * trend[:, None]
    uneven = np.maximum(each, feed[:, None, None])
    # busy windows come first, and what is in store when the others come has not to be waited for
    kept = (feed * room_windows / windows)[:, None]
    of_trend = np.maximum(uneven.mean(axis=2) - slow - kept, 0.0)
    lead = np.abs(each - feed[:, None, None])
    room = ((room_windows + 1.0) * feed)[:, None, None]
    of_noise = _idle(lead, (noise * joined**2)[:, None, None], room).mean(axis=2)
    return np.asarray((slow + of_trend + of_noise).mean(axis=1))


def kept_windows(pixels: float, windows: FloatArray) -> FloatArray:
    """Windows that wait in a line buffer beside the two that are worked on and gathered, of so many
    a position: pixels that a stride skips are kept while a position is worked on, and where there
    are fewer pixels than positions a whole one (``even_flow.window_flow``)."""
    return np.floor(windows * (1.0 - 1.0 / pixels if pixels >= 1.0 else 1.0))


def feeds_of(
    feed: Feed, window: float, outs: IntArray, row: npt.NDArray[np.intp], filters: int
) -> tuple[Feeds, npt.NDArray[np.intp], FloatArray]:
    """How long segments of each counted number of lanes take to come in; which of these is that of
    ``outs``, (turns, outs); and how many cycles, (turns, outs).

    Args:
        feed: what comes in.
        window: cycles that a window takes.
        outs: coarse_out.
        row: which counted number of lanes stands for each.
        filters: of a group.
    """
    every = [[window * out / (turns * filters) for out in outs.tolist()] for turns in feed.turns]
    cycles = np.array(every, dtype=np.float64).reshape(len(feed.turns), len(outs))
    column = np.empty(cycles.shape, dtype=np.intp)
    lists: list[list[float]] = [[] for _ in range(int(row.max()) + 1)]
    for turn, out in np.ndindex(*cycles.shape):
        of_row = lists[row[out]]
        column[turn, out] = len(of_row)
        of_row.append(float(cycles[turn, out]))
    most = max(len(of_row) for of_row in lists)
    padded = tuple((*of_row, *[0.0] * (most - len(of_row))) for of_row in lists)
    return Feeds(padded, window), column, cycles


def fed_cycles(
    joined: FloatArray,
    lockstep: FloatArray,
    least: FloatArray,
    room: FloatArray,
    windows: FloatArray,
    correlation: Correlation,
    lanes: FedLanes,
    feed: npt.NDArray[np.intp],
) -> FloatArray:
    """Cycles per segment of lanes whose windows come in, as ``joined``.

    Args:
        joined: (depths, coarse_out, coarse_in, coarse_group, fine) of lanes for which they are
            always there.
        lockstep: (coarse_out, coarse_in, coarse_group, fine) of those that are joined after every
            window.
        least: (coarse_out,) cycles that a segment takes to come in.
        room: (depths, coarse_in, coarse_group, 1) windows in store.
        windows: (coarse_in, coarse_group, 1) of a position.
        correlation: of positions.
        lanes: by coarse_out.
        feed: (coarse_out,) which of the lanes' feeds ``least`` is.
    """
    every = np.broadcast_to(least[:, None, None, None], joined.shape)
    starved = lanes.starved[np.arange(len(feed)), :, :, feed]
    most = np.maximum(lockstep, every[0]) + starved
    result = np.maximum(joined, every)
    room = np.broadcast_to(room[:, None], joined.shape)
    close = near(joined, every) & (room > 0.0)
    if close.any():
        several = np.broadcast_to(windows, joined.shape)[close]
        alike = mean_of_frame_share(correlation, np.maximum((room[close] + 1.0) / several, 1.0))
        of_lanes = (
            np.broadcast_to(lanes.noise, joined.shape)[close],
            np.broadcast_to(lanes.places, (*joined.shape, SHARES))[close],
            np.broadcast_to(lanes.trend, (*joined.shape, SHARES))[close],
        )
        result[close] = fed_ahead(
            joined[close], every[close], room[close], several, alike, of_lanes
        )
    # in lockstep it is counted, and with more in store it takes no longer
    return np.asarray(np.where(room > 0.0, np.minimum(result, most), most))
