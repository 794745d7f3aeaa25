"""The smallest frame II that fits, proved; and the cheapest choice that reaches it.

1. On a sketch of the tables (a few hundred rows a layer) a good choice and good prices are found.
2. The prices bound frame II from below over all rows, and strike out every row that no choice
   better than the one at hand can contain; what is left is pruned to its Pareto front.
3. On this core the frame II is searched upwards from the bound of the linear relaxation: prices
   disprove, repaired mixes prove, and an integer program decides where both leave doubt.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cost.foldings import IntArray
from ..errors import SolverError
from .bound import PROOF_MARGIN, PricedBound, Relaxed, priced_bound, relax
from .choice import FloatArray, IndexArray, Options, join_options
from .milp import Undecided, choose
from .repair import cheapest, repaired
from .tables import OptionTable

NO_LIMIT = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One table row per layer and what is proved.

    Attributes:
        rows: (layers,) rows of the tables.
        bound_cycles: no choice has a smaller frame II.
    """

    rows: IndexArray
    bound_cycles: int


class Deadline:
    """Seconds left, or none to count."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    def left(self) -> float | None:
        """Seconds left, at least a hundredth; None without a limit."""
        return None if self._end is None else max(0.01, self._end - time.monotonic())


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


def relaxed_floor(options: Options, ticks: IntArray) -> tuple[int, Relaxed]:
    """First of the ascending frame IIs that the relaxation does not rule out (their number if it
    rules out all), and its answer there."""
    index = 0
    while True:
        cycles = int(ticks[index])
        answer = relax(options.up_to(cycles))
        if not answer.infeasible:
            return index, answer
        index = max(index + 1, priced_bound(options, answer.prices).first_open(ticks))
        if index >= len(ticks):
            return len(ticks), answer


def _ticks(options: Options) -> IntArray:
    """The frame IIs that choices can have, ascending."""
    return np.unique(options.cycles[options.cycles >= options.floor_cycles()])


def _upper(options: Options) -> tuple[IndexArray | None, FloatArray]:
    """A good choice of the options' rows, or None, and good prices."""
    ticks = _ticks(options)
    index, answer = relaxed_floor(options, ticks)
    prices, last, step = answer.prices, len(ticks) - 1, 1
    while index <= last:
        inside = np.flatnonzero(options.cycles <= ticks[index])
        within = options.up_to(int(ticks[index]))
        found = quick_choice(within, relax(within))
        if found is not None:
            return inside[found], prices
        if index == last:
            break
        index, step = min(index + step, last), step * 2
    return None, prices


def priced_floor(tables: Sequence[OptionTable], budget: IntArray, least_cycles: int) -> int:
    """A frame II that no choice undercuts, from the best prices of the sketches: quick, and
    usually within a percent of the proved optimum."""
    sketch = sketched(tables, budget, least_cycles)
    _, answer = relaxed_floor(sketch, _ticks(sketch))
    rates = answer.prices / np.maximum(budget, 1)
    curves = [(t.cycles, np.minimum.accumulate(t.use @ rates)) for t in tables]
    ticks = np.unique(np.concatenate([np.maximum(t.cycles, least_cycles) for t in tables]))
    return int(ticks[min(PricedBound(curves).first_open(ticks), len(ticks) - 1)])


def _core(
    tables: Sequence[OptionTable],
    budget: IntArray,
    least_cycles: int,
    upper_cycles: int,
    prices: FloatArray,
) -> Options | None:
    """Rows that a choice with frame II of at most ``upper_cycles`` can need; None if prices prove
    that there is no such choice."""
    rates = prices / np.maximum(budget, 1)
    priced = [table.use @ rates for table in tables]
    counts = [
        int(np.searchsorted(t.cycles, max(upper_cycles, least_cycles), "right")) for t in tables
    ]
    if min(counts) == 0:
        return None
    least = [float(p[:n].min()) for p, n in zip(priced, counts, strict=True)]
    slack = 1.0 + PROOF_MARGIN - sum(least)
    if slack < 0:
        return None
    parts = []
    for table, cost, count, low in zip(tables, priced, counts, least, strict=True):
        rows = np.flatnonzero(cost[:count] <= low + slack)
        parts.append((table.cycles[rows], table.use[rows], rows))
    core = join_options(parts, budget, least_cycles)
    ticks = _ticks(core)
    first = priced_bound(core, prices).first_open(ticks)
    return None if first == len(ticks) else core.pruned(int(ticks[first]))


def _decide(core: Options, cycles: int, deadline: Deadline) -> IndexArray | Undecided | None:
    """A choice of core rows that fits with at most ``cycles``; None if there is none."""
    inside = np.flatnonzero(core.cycles <= cycles)
    within = core.up_to(cycles)
    answer = relax(within)
    if answer.infeasible:
        return None
    found = quick_choice(within, answer)
    if found is not None:
        return np.asarray(inside[found])
    kept = _affordable(within, answer.prices)
    small = within.keep(kept)
    final = small.pruned(cycles)
    picked = choose(final, seconds=deadline.left())
    if picked is None or isinstance(picked, Undecided):
        return picked
    return _same_rows(core, final, picked)


def _affordable(options: Options, prices: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Rows that some choice that fits can contain, as far as the prices tell."""
    priced = options.shares() @ prices
    least = np.minimum.reduceat(priced, options.starts[:-1])
    slack = 1.0 + PROOF_MARGIN - float(least.sum())
    return np.asarray(priced <= np.repeat(least, np.diff(options.starts)) + slack)


def _same_rows(core: Options, part: Options, chosen: IndexArray) -> IndexArray:
    """Rows of ``core`` with the table rows that ``part``'s rows have."""
    found = []
    for layer in range(core.layers):
        rows = core.rows_of(layer)
        source = part.source[chosen[layer]]
        found.append(rows.start + int(np.flatnonzero(core.source[rows] == source)[0]))
    return np.array(found, dtype=np.intp)


def _search(core: Options, reachable: bool, deadline: Deadline) -> tuple[IndexArray | None, int]:
    """Best choice of core rows found, and the number of leading ticks proved to be out of reach.

    ``reachable`` says that the last tick is known to be within reach.
    """
    ticks = _ticks(core)
    low, _ = relaxed_floor(core, ticks)
    high = len(ticks) - 1 if reachable else len(ticks)  # the first tick known to be in reach
    best: IndexArray | None = None
    proved, step, probe = low, 1, low
    while low < high:
        found = _decide(core, int(ticks[probe]), deadline)
        if found is None or isinstance(found, Undecided):
            low, step = probe + 1, step * 2
            proved = low if found is None else proved
            probe = min(low + step - 1, (low + high) // 2)
        else:
            best = found
            high = int(np.searchsorted(ticks, core.frame_ii(found)))
            probe = (low + high) // 2
    if best is None and high < len(ticks):
        found = _decide(core, int(ticks[high]), deadline)
        best = None if isinstance(found, Undecided) else found
    return best, proved


def economical(core: Options, best: IndexArray, deadline: Deadline) -> IndexArray:
    """Of the choices that fit with at most the frame II of ``best``, one with the smallest sum of
    the budget's shares (to a thousandth): nothing is wasted on layers that do not matter."""
    cycles = core.frame_ii(best)
    within = core.up_to(cycles)
    answer = relax(within)
    final = within.keep(_affordable(within, answer.prices)).pruned(cycles)
    chosen = cheapest(final)
    if not final.fits(chosen):
        picked = choose(final, weights=np.ones(len(core.budget)), seconds=deadline.left())
        if picked is None or isinstance(picked, Undecided):
            return best
        chosen = picked
    return _same_rows(core, final, chosen)


def solve_exact(
    tables: Sequence[OptionTable], budget: IntArray, least_cycles: int, deadline: Deadline
) -> Answer | None:
    """The smallest frame II over all legal foldings, or None where none fits the budget.

    Args:
        tables: one per layer, none empty.
        budget: (5,) resources.
        least_cycles: what frame II cannot undercut whatever the layers do.
        deadline: for the integer programs; past it the best choice so far is returned.

    Raises:
        SolverError: if an integer program fails, or time runs out before any choice is found.
    """
    sketch = sketched(tables, budget, least_cycles)
    start, prices = _upper(sketch)
    upper = NO_LIMIT if start is None else sketch.frame_ii(start)
    core = _core(tables, budget, least_cycles, upper, prices)
    if core is None:
        return None
    ticks = _ticks(core)
    best, proved = _search(core, start is not None, deadline)
    if best is not None:
        bound = int(ticks[proved]) if proved < len(ticks) else core.frame_ii(best)
        rows = core.source[economical(core, best, deadline)]
        return Answer(rows, min(bound, core.frame_ii(best)))
    if start is not None:
        return Answer(sketch.source[start], int(ticks[min(proved, len(ticks) - 1)]))
    if proved == len(ticks):
        return None
    raise SolverError("time ran out before any choice that fits was found")
