"""The choice that spends least at a frame II that is asked for, with its proof.

As for the smallest frame II (``exact``): on sketches of the tables, prices and a good choice; the
prices strike out every row that no better choice can contain; on the core that is left the least
spent is searched between bound and choice: prices disprove, repaired mixes prove, and an integer
program decides where both leave doubt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..cost.foldings import IntArray
from ..errors import SolverError
from .bound import PROOF, PROOF_MARGIN, relax
from .choice import Budget, FloatArray, IndexArray, Options, join_options
from .effort import Effort, Remaining
from .exact import affordable
from .milp import Undecided, find
from .outline import quick_choice
from .pareto import pareto_front
from .repair import repaired, trimmed
from .rows import Rows
from .spend import Spend, priced_least

_AGREED = 1e-4  # refining sketches further than this costs more than it saves
_MAX_ROUNDS = 40
_MOST_WEIGHT = 1e6
_WEIGHINGS = 10
# how far above the bound a choice is sought, as a share of it
_REACHES = tuple(map(Fraction, ("0", "0.0005", "0.002", "0.008", "0.03", "0.1", "0.3", "1", "3")))


@dataclass(frozen=True, slots=True, eq=False)
class Least:
    """One table row per layer and what is proved.

    Attributes:
        rows: (layers,) rows of the tables.
        bound: no choice at the frame II asked for spends less.
    """

    rows: IndexArray
    bound: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """What prices tell before any row is struck out.

    Attributes:
        sketch: rows that are cheap at the prices that matter.
        found: a choice of sketch rows, or None.
        bound: no choice of all rows spends less.
        rates: (r,) prices of one unit of each resource that prove it.
        least: per table, cost of its cheapest row at these.
    """

    sketch: Options
    found: IndexArray | None
    bound: Fraction
    rates: FloatArray
    least: tuple[float, ...]


class _FastEnough:
    """The rows of all tables that are fast enough."""

    def __init__(
        self, tables: Sequence[Rows], budget: IntArray, least_cycles: int, limit: int
    ) -> None:
        self.tables = tables
        self.budget = budget
        self.least_cycles = least_cycles
        self.ends = [int(np.searchsorted(t.cycles, limit, "right")) for t in tables]

    @property
    def empty(self) -> bool:
        return min(self.ends) == 0

    def sketches(self) -> list[IndexArray]:
        return [t.sketch[t.sketch < end] for t, end in zip(self.tables, self.ends, strict=True)]

    def priced(self, rates: FloatArray) -> list[FloatArray]:
        return [t.use[:end] @ rates for t, end in zip(self.tables, self.ends, strict=True)]

    def usage(self, chosen: IndexArray) -> IntArray:
        pairs = zip(self.tables, chosen.tolist(), strict=True)
        return np.asarray(sum(table.use[row].astype(np.int64) for table, row in pairs))

    def options(self, rows: Sequence[IndexArray]) -> Options:
        parts = [(t.cycles[r], t.use[r], r) for t, r in zip(self.tables, rows, strict=True)]
        return join_options(parts, Budget(self.budget), self.least_cycles)


def _started(rows: _FastEnough, spend: Spend) -> _Start | None:
    """Sketches, refined at the prices that they lead to; None if prices prove that nothing fits."""
    chosen = rows.sketches()
    bound = 0.0
    for _ in range(_MAX_ROUNDS):
        sketch = rows.options(chosen)
        priced = priced_least(sketch, spend, bound)
        rates = priced.answer.prices / np.maximum(priced.budget, 1)
        costs = rows.priced(rates)
        least = tuple(float(cost.min()) for cost in costs)
        bound = max(bound, spend.proved(priced.budget, priced.answer.prices, sum(least)))
        if math.isinf(bound):
            return None
        refined = [
            np.union1d(c, [int(cost.argmin())]) for c, cost in zip(chosen, costs, strict=True)
        ]
        if bound >= priced.value * (1.0 - _AGREED) or sum(map(len, refined)) == len(sketch.cycles):
            break
        chosen = refined
    whole = spend.rounded(bound)
    return _Start(sketch, _first(sketch, spend, whole), whole, rates, least)


def _first(options: Options, spend: Spend, bound: Fraction) -> IndexArray | None:
    """A choice sought from the bound upwards, then within the whole budget."""
    unit = 1 / Fraction(int(spend.scales.max()))
    for reach in _REACHES:
        found = _quick(options, spend.up_to(bound + max(reach * bound, unit if reach else 0)))
        if found is not None:
            return found
    return _quick(options, spend.budget)


def _quick(options: Options, budget: IntArray) -> IndexArray | None:
    within = replace(options, budget=Budget(budget))
    return quick_choice(within, relax(within))


def _core(rows: _FastEnough, spend: Spend, start: _Start, budget: IntArray) -> Options | None:
    """Rows that a choice within ``budget`` can need, as far as prices and dominance tell; None if
    there is no such choice."""
    slack = float(start.rates @ np.maximum(budget, 0)) + PROOF_MARGIN - sum(start.least)
    if slack < 0 or (budget < 0).any():
        return None
    kept = []
    for table, cost, cheap in zip(rows.tables, rows.priced(start.rates), start.least, strict=True):
        near = np.flatnonzero(cost <= cheap + slack)
        kept.append(near[pareto_front(table.use[near])])
    return rows.options(kept)


class _Search:
    """Bound and best choice, brought together."""

    def __init__(self, core: Options, spend: Spend, bound: Fraction, best: Fraction | None) -> None:
        self.core = core
        self.spend = spend
        self.bound = bound
        self.best = best
        self.rows: IndexArray | None = None
        self.none_fits = False

    def done(self, gap: float) -> bool:
        return self.best is not None and self.best <= self.bound * Fraction(1.0 + gap)

    def _keep(self, options: Options, chosen: IndexArray) -> None:
        self.rows = options.source[chosen]
        self.best = self.spend.value(options.usage(chosen))

    def _ruled_out(self, budget: IntArray) -> None:
        self.bound = max(self.bound, self.spend.beyond(budget))
        if self.best is not None:
            self.bound = min(self.bound, self.best)

    def probe(self, budget: IntArray, left: Remaining) -> bool:
        """Look for a choice within a budget; False if it remains open."""
        within = replace(self.core, budget=Budget(budget))
        answer = relax(within)
        if answer.bound > PROOF:
            self._ruled_out(budget)
            return True
        small = within.keep(affordable(within, answer.prices))
        found: IndexArray | Undecided | None = quick_choice(small, relax(small))
        if found is None:
            found = find(small, answer.prices, left.limits())
        if isinstance(found, Undecided):
            return False
        if found is None:
            self._ruled_out(budget)
        else:
            self._keep(small, found)
        return True

    def run(self, left: Remaining) -> None:
        """Halve what is between bound and best until they are near enough."""
        low = self.bound
        while not left.over and not self.done(left.gap):
            if self.best is None:
                self.none_fits = self.probe(self.spend.budget, left) and self.rows is None
                if self.rows is None:
                    return
                continue
            strict = self.spend.below(self.best)
            if (strict < 0).any():
                self._ruled_out(strict)
                return
            # a choice at the first of these is good enough, however far below it others may be
            target = max(self.bound * Fraction(1.0 + left.gap), (low + self.best) / 2)
            budget = np.minimum(self.spend.up_to(target), strict)
            known = self.probe(budget, left)
            low = max(self.bound, low if known else self.spend.beyond(budget))
            if not known and self.best <= low * Fraction(1.0 + left.gap):
                return


def quick_least(
    tables: Sequence[Rows], spend: Spend, least_cycles: int, limit: int
) -> Least | None:
    """A choice that spends little, and the bound that prices prove; without integer programs.

    Args: as of ``solve_least``. Returns None where no choice was found.
    """
    rows = _FastEnough(tables, spend.budget, least_cycles, limit)
    start = None if rows.empty or least_cycles > limit else _started(rows, spend)
    if start is None or start.found is None:
        return None
    return Least(start.sketch.source[start.found], start.bound)


def solve_least(
    tables: Sequence[Rows], spend: Spend, least_cycles: int, limit: int, effort: Effort
) -> Least | None:
    """The choice within the budget that spends least at a frame II of at most ``limit``; of equal
    ones one from which no layer can be brought down in the other resources.

    Args:
        tables: one per layer, none empty.
        spend: what is made small, and the budget.
        least_cycles: what frame II cannot undercut whatever the layers do.
        limit: largest frame II.
        effort: how far to go; past it the best choice so far is returned.

    Raises:
        SolverError: if an integer program fails, or a limit is met before any choice is found.
    """
    left = Remaining(effort)
    rows = _FastEnough(tables, spend.budget, least_cycles, limit)
    if rows.empty or least_cycles > limit:
        return None
    start = _started(rows, spend)
    if start is None:
        return None
    best, kept = None, None
    if start.found is not None:
        best = spend.value(start.sketch.usage(start.found))
        kept = start.sketch.source[start.found]
    bound = start.bound if best is None else min(start.bound, best)
    if best is None or best > bound * Fraction(1.0 + left.gap):
        core = _core(rows, spend, start, spend.budget if best is None else spend.below(best))
        if core is None:
            if best is None:
                return None
            bound = best
        else:
            search = _Search(core, spend, bound, best)
            search.run(left)
            if search.none_fits:
                return None
            bound = search.bound
            kept = kept if search.rows is None else search.rows
    if kept is None:
        raise SolverError("a limit was met before any choice that fits was found")
    return Least(_economical(rows, spend, start.sketch, kept), bound)


def _economical(rows: _FastEnough, spend: Spend, sketch: Options, kept: IndexArray) -> IndexArray:
    """A choice that spends no more than ``kept`` and wastes nothing of the other resources: brought
    down from it, and from the cheapest that spends as little."""
    lean = _lean(rows, spend, kept)
    columns = zip(kept.tolist(), lean.tolist(), strict=True)
    merged = [
        np.union1d(sketch.source[sketch.rows_of(layer)], pair) for layer, pair in enumerate(columns)
    ]
    options = rows.options(merged)
    chosen = _places(options, kept)
    within = replace(options, budget=Budget(spend.up_to(spend.value(options.usage(chosen)))))
    starts = [chosen, repaired(within, _places(options, lean))]
    ends = [trimmed(within, start) for start in starts if start is not None]
    totals = [float(options.shares()[end].sum()) for end in ends]
    return np.asarray(options.source[ends[int(np.argmin(totals))]])


def _lean(rows: _FastEnough, spend: Spend, kept: IndexArray) -> IndexArray:
    """Each layer's row with the smallest summed share of the budget, what is to be small weighed
    just so much that they together spend little more of it than ``kept``."""
    value = spend.value(rows.usage(kept))
    plain = 1.0 / np.maximum(rows.budget, 1)
    weighed = np.zeros(len(plain))
    weighed[spend.columns] = plain[spend.columns]

    def cheapest_at(weight: float) -> IndexArray:
        costs = rows.priced(plain + weight * weighed)
        return np.array([int(cost.argmin()) for cost in costs], dtype=np.intp)

    low, high = 0.0, 0.0
    chosen = cheapest_at(high)
    while spend.value(rows.usage(chosen)) > value and high < _MOST_WEIGHT:
        low, high = high, max(1.0, high * 4.0)
        chosen = cheapest_at(high)
    for _ in range(_WEIGHINGS if high else 0):
        middle = (low + high) / 2
        tried = cheapest_at(middle)
        if spend.value(rows.usage(tried)) > value:
            low = middle
        else:
            high, chosen = middle, tried
    return chosen


def _places(options: Options, chosen: IndexArray) -> IndexArray:
    """Rows of the options that have the given table rows, ascending within a layer."""
    found = []
    for layer, row in enumerate(chosen.tolist()):
        rows = options.rows_of(layer)
        found.append(rows.start + int(np.searchsorted(options.source[rows], row)))
    return np.array(found, dtype=np.intp)
