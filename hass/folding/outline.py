"""What prices alone tell of a whole problem, and a first good choice.

The tables of all layers together have up to millions of rows. Which of them matter depends on what
a share of each resource is worth; so a sketch of the tables is refined at the prices it leads to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cost.foldings import IntArray
from .bound import PricedBound, Relaxed, priced_bound, relax
from .choice import Budget, FloatArray, IndexArray, Options, join_options
from .repair import cheapest, repaired
from .rows import Rows

_GRID = 5e-4  # of frame IIs that off-chip memory sets, below the gap that a solve asks for
_AGREED = 2e-3  # refining a sketch further than this costs more than it saves


def sketched(tables: Sequence[Rows], budget: Budget, least_cycles: int) -> Options:
    """The sketches of all tables."""
    parts = [(t.cycles[t.sketch], t.use[t.sketch], t.sketch) for t in tables]
    return join_options(parts, budget, least_cycles)


def quick_choice(options: Options, relaxed: Relaxed) -> IndexArray | None:
    """A choice that fits, from the mix of the relaxation or from the cheapest options."""
    starts = [*relaxed.choices, cheapest(options)]
    worst = [float(options.shares()[chosen].sum(axis=0).max()) for chosen in starts]
    for index in np.argsort(worst, kind="stable"):
        found = repaired(options, starts[int(index)])
        if found is not None:
            return found
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """Where the linear relaxation stops ruling frame IIs out.

    Attributes:
        index: of the first frame II that is not ruled out; their number if all are.
        answer: the relaxation there, or at the last one.
        prices: what ruled out the one before, and the best there: either may bound the more.
    """

    index: int
    answer: Relaxed
    prices: tuple[FloatArray, ...]


def relaxed_floor(options: Options, ticks: IntArray) -> Floor:
    """Search of the ascending frame IIs upwards: prices that rule out one rule out many."""
    index = 0
    refuting: tuple[FloatArray, ...] = ()
    while True:
        answer = relax(options.up_to(int(ticks[index])))
        if not answer.infeasible:
            return Floor(index, answer, (answer.prices, *refuting))
        refuting = (answer.prices,)
        index = max(index + 1, priced_bound(options, answer.prices).first_open(ticks))
        if index >= len(ticks):
            return Floor(len(ticks), answer, refuting)


def ticks_of(options: Options) -> IntArray:
    """The frame IIs that choices can have, ascending; where off-chip memory may set it, it may lie
    between two of them."""
    return with_traffic(
        options.cycles[options.cycles >= options.floor_cycles()],
        options.budget,
        [int(options.use[options.rows_of(layer), -1].max()) for layer in range(options.layers)],
    )


def with_traffic(cycles: IntArray, budget: Budget, most_bits: Sequence[int]) -> IntArray:
    """Frame IIs that layers can have, and a grid of those that off-chip memory can set.

    Args:
        cycles: of layers.
        budget: of all of them.
        most_bits: the most that each layer can read per frame.
    """
    if not budget.bits_per_cycle:
        return np.unique(cycles)
    low, high = int(cycles.min()), int(cycles.max())
    high = max(high, budget.traffic_cycles(np.array([sum(most_bits)], dtype=np.int64)))
    count = math.ceil(math.log(high / low) / math.log1p(_GRID)) + 2
    grid = np.ceil(np.geomspace(low, high, count)).astype(np.int64)
    return np.unique(np.concatenate([cycles, np.minimum(grid, high)]))


def first_choice(options: Options, ticks: IntArray, index: int) -> IndexArray | None:
    """A good choice of the options' rows, sought from ``ticks[index]`` upwards, or None."""
    last, step = len(ticks) - 1, 1
    while index <= last:
        inside = np.flatnonzero(options.cycles <= ticks[index])
        within = options.up_to(int(ticks[index]))
        found = quick_choice(within, relax(within))
        if found is not None:
            return np.asarray(inside[found])
        if index == last:
            break
        index, step = min(index + step, last), step * 2
    return None


def _first_open(
    tables: Sequence[Rows],
    budget: Budget,
    least_cycles: int,
    prices: Sequence[FloatArray],
) -> int | None:
    """Smallest frame II over all rows that no prices rule out; None: they rule out all."""
    # below the slowest of the fastest options there is no choice at all
    fastest = max(least_cycles, *(int(t.cycles[0]) for t in tables))
    slower = [t.cycles[np.searchsorted(t.cycles, fastest) :] for t in tables]
    ticks = with_traffic(
        np.concatenate([[fastest], *slower]), budget, [int(t.use[:, -1].max()) for t in tables]
    )
    layers = [(t.cycles, t.use) for t in tables]
    first = max(PricedBound(layers, some, budget).first_open(ticks) for some in prices)
    return None if first == len(ticks) else least_open(ticks, first, budget)


def least_open(ticks: IntArray, refuted: int, budget: Budget) -> int:
    """Smallest frame II that is left where the first ``refuted`` ticks are out of reach."""
    if refuted and budget.bits_per_cycle:
        return int(ticks[refuted - 1]) + 1
    return int(ticks[refuted])


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """What is known before any choice is sought.

    Attributes:
        sketch: rows that are cheap at the prices that matter.
        floor: the relaxation's answer on the sketch.
        low: no choice of all rows has a smaller frame II; None: no choice fits.
    """

    sketch: Options
    floor: Floor
    low: int | None


def outlined(tables: Sequence[Rows], budget: Budget, least_cycles: int) -> Outline:
    """A sketch, refined at the prices that it leads to until all rows agree with its bound."""
    chosen = [table.sketch for table in tables]
    while True:
        parts = [(t.cycles[r], t.use[r], r) for t, r in zip(tables, chosen, strict=True)]
        sketch = join_options(parts, budget, least_cycles)
        ticks = ticks_of(sketch)
        floor = relaxed_floor(sketch, ticks)
        low = _first_open(tables, budget, least_cycles, floor.prices)
        agreed = int(ticks[min(floor.index, len(ticks) - 1)])
        rates = [p / np.maximum(budget.at(agreed), 1) for p in floor.prices]
        refined = [
            np.unique(np.concatenate([rows, *(table.cheapest_at(rate) for rate in rates)]))
            for table, rows in zip(tables, chosen, strict=True)
        ]
        grown = sum(map(len, refined)) > sum(map(len, chosen))
        if low is None or low >= agreed * (1.0 - _AGREED) or not grown:
            return Outline(sketch, floor, low)
        chosen = refined


def priced_floor(tables: Sequence[Rows], budget: Budget, least_cycles: int) -> int:
    """A frame II that no choice undercuts, from prices alone: quick, and usually within a few
    percent of the proved optimum. For tables of which some choice fits."""
    low = outlined(tables, budget, least_cycles).low
    return least_cycles if low is None else low
