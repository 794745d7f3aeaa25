"""The choice of the smallest frame II times DSPs: of the most images per cycle and DSP.

The fewest DSPs at a frame II are those of ``least``. No frame II between two needs fewer DSPs than
the longer one, nor is it shorter than the first: that bounds the product. Intervals of frame IIs
are halved where this bound is lowest, until no interval can hold anything better.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from ..cost.foldings import IntArray
from ..device import RESOURCE_NAMES
from ..errors import SolverError
from .choice import IndexArray
from .effort import Effort, Remaining
from .least import Least, quick_least, solve_least
from .rows import Rows
from .spend import amount

DSP = RESOURCE_NAMES.index("dsp")
_MOST_POINTS = 48
_QUICK_POINTS = 20
_QUICK_GAP = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Efficient:
    """One table row per layer and what is proved.

    Attributes:
        rows: (layers,) rows of the tables.
        bound: no choice has a smaller product of frame II and DSPs.
    """

    rows: IndexArray
    bound: float


class _Search:
    def __init__(
        self, tables: Sequence[Rows], budget: IntArray, least_cycles: int, left: Remaining
    ) -> None:
        self.tables = tables
        self.spend = amount(DSP, budget)
        self.least_cycles = least_cycles
        self.left = left
        self.best: float | None = None
        self.rows: IndexArray | None = None
        self.cycles = 0

    def _keep(self, least: Least) -> float:
        picked = list(zip(self.tables, least.rows.tolist(), strict=True))
        cycles = max(self.least_cycles, *(int(table.cycles[row]) for table, row in picked))
        dsps = sum(int(table.use[row, DSP]) for table, row in picked)
        value = float(cycles * max(dsps, 1))
        if self.best is None or value <= self.best:
            self.best, self.rows, self.cycles = value, least.rows, cycles
        return float(least.bound)

    def look(self, limit: int) -> float | None:
        """Fewest DSPs at a frame II of at most ``limit``, as far as prices prove; None if nothing
        fits."""
        found = quick_least(self.tables, self.spend, self.least_cycles, limit)
        return self.look_closely(limit) if found is None else self._keep(found)

    def look_closely(self, limit: int) -> float | None:
        """The same by integer programs; of equal choices one without waste of other resources."""
        effort = self.left.effort()
        found = solve_least(self.tables, self.spend, self.least_cycles, limit, effort)
        return None if found is None else self._keep(found)

    def trim(self) -> None:
        """Look at the best choice's frame II for one that wastes less of other resources."""
        with suppress(SolverError):
            self.look_closely(self.cycles)


def solve_efficient(
    tables: Sequence[Rows],
    budget: IntArray,
    least_cycles: int,
    limit: int,
    effort: Effort,
) -> Efficient | None:
    """The choice within the budget with the smallest product of frame II and DSPs; where it needs
    no DSP, one is counted.

    Args: as of ``solve_least``. Where the effort leaves a gap, at most ``_MOST_POINTS`` frame IIs
        are looked at.

    Raises:
        SolverError: if an integer program fails, or a limit is met, before any choice is found.
    """
    left = Remaining(effort)
    search = _Search(tables, budget, least_cycles, left)
    most_points = _MOST_POINTS if effort.gap else math.inf
    lowest = _halved(search, limit, most_points)
    if lowest is None or search.best is None:
        return None
    search.trim()
    assert search.rows is not None
    return Efficient(search.rows, min(lowest, search.best))


def quick_efficient(
    tables: Sequence[Rows], budget: IntArray, least_cycles: int, limit: int, effort: Effort
) -> Efficient | None:
    """As ``solve_efficient``, on fewer frame IIs, without integer programs as long as there are
    choices without."""
    search = _Search(tables, budget, least_cycles, Remaining(replace(effort, gap=_QUICK_GAP)))
    lowest = _halved(search, limit, _QUICK_POINTS)
    if lowest is None or search.best is None or search.rows is None:
        return None
    return Efficient(search.rows, min(lowest, search.best))


def _halved(search: _Search, limit: int, most_points: float) -> float | None:
    """Look at frame IIs until none can hold a better product; what is proved of all. None where
    nothing fits."""
    tables, left = search.tables, search.left
    fastest = max(search.least_cycles, *(int(table.cycles[0]) for table in tables))
    inside = [t.cycles[(t.cycles > fastest) & (t.cycles <= limit)] for t in tables]
    ticks = np.unique(np.concatenate([[fastest], *inside]))
    fewest = None if fastest > limit else search.look(int(ticks[-1]))
    if fewest is None:
        return None

    def part(first: int, last: int, dsps: float) -> tuple[float, int, int, float]:
        """(bound, first tick, last tick, fewest DSPs at the last one)"""
        return float(ticks[first]) * max(dsps, 1.0), first, last, dsps

    open_parts = [part(0, len(ticks) - 1, fewest)]
    settled = math.inf  # the lowest bound of frame IIs that are not looked at again
    points = 1
    while open_parts:
        bound, first, last, dsps = open_parts[0]
        best = search.best
        if best is not None and min(bound, settled) * (1.0 + left.gap) >= best:
            break
        if left.over or points >= most_points:
            break
        heapq.heappop(open_parts)
        points += 1
        if first == last:
            try:
                exact = search.look_closely(int(ticks[last]))
            except SolverError:
                exact = dsps
            if exact is not None:
                settled = min(settled, part(first, last, exact)[0])
            continue
        middle = int(np.searchsorted(ticks, (float(ticks[first]) * float(ticks[last])) ** 0.5))
        middle = min(max(middle, first), last - 1)
        heapq.heappush(open_parts, part(middle + 1, last, dsps))
        try:
            nearer = search.look(int(ticks[middle]))
        except SolverError:  # undecided: what the longer frame II needs is all that is known
            settled = min(settled, part(first, middle, dsps)[0])
            continue
        if nearer is not None:
            heapq.heappush(open_parts, part(first, middle, nearer))
    return min([settled, *(bound for bound, *_ in open_parts)])
