"""What prices alone tell of a whole problem, and a first good choice.

The tables of all layers together have up to millions of rows. Which of them matter depends on what
a share of each resource is worth; so a sketch of the tables is refined at the prices it leads to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cost.foldings import IntArray
from .bound import PricedBound, Relaxed, priced_bound, relax
from .choice import FloatArray, IndexArray, Options, join_options
from .repair import cheapest, repaired
from .tables import OptionTable

_AGREED = 2e-3  # refining a sketch further than this costs more than it saves


def sketched(tables: Sequence[OptionTable], budget: IntArray, least_cycles: int) -> Options:
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
    """The frame IIs that choices can have, ascending."""
    return np.unique(options.cycles[options.cycles >= options.floor_cycles()])


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
    tables: Sequence[OptionTable],
    budget: IntArray,
    least_cycles: int,
    prices: Sequence[FloatArray],
) -> int | None:
    """Smallest frame II over all rows that no prices rule out; None: they rule out all."""
    # below the slowest of the fastest options there is no choice at all
    fastest = max(least_cycles, *(int(t.cycles[0]) for t in tables))
    slower = [t.cycles[np.searchsorted(t.cycles, fastest) :] for t in tables]
    ticks = np.unique(np.concatenate([[fastest], *slower]))
    first = 0
    for some in prices:
        rates = some / np.maximum(budget, 1)
        curves = [(t.cycles, np.minimum.accumulate(t.use @ rates)) for t in tables]
        first = max(first, PricedBound(curves).first_open(ticks))
    return None if first == len(ticks) else int(ticks[first])


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


def outlined(tables: Sequence[OptionTable], budget: IntArray, least_cycles: int) -> Outline:
    """A sketch, refined at the prices that it leads to until all rows agree with its bound."""
    chosen = [table.sketch for table in tables]
    while True:
        parts = [(t.cycles[r], t.use[r], r) for t, r in zip(tables, chosen, strict=True)]
        sketch = join_options(parts, budget, least_cycles)
        ticks = ticks_of(sketch)
        floor = relaxed_floor(sketch, ticks)
        low = _first_open(tables, budget, least_cycles, floor.prices)
        agreed = int(ticks[min(floor.index, len(ticks) - 1)])
        refined = [
            np.unique(np.concatenate([rows, *(table.cheapest_at(p) for p in floor.prices)]))
            for table, rows in zip(tables, chosen, strict=True)
        ]
        grown = sum(map(len, refined)) > sum(map(len, chosen))
        if low is None or low >= agreed * (1.0 - _AGREED) or not grown:
            return Outline(sketch, floor, low)
        chosen = refined


def priced_floor(tables: Sequence[OptionTable], budget: IntArray, least_cycles: int) -> int:
    """A frame II that no choice undercuts, from prices alone: quick, and usually within a few
    percent of the proved optimum. For tables of which some choice fits."""
    low = outlined(tables, budget, least_cycles).low
    return least_cycles if low is None else low
