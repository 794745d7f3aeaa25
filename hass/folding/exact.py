"""The smallest frame II that fits, proved; and a choice that reaches it without waste.

1. On a sketch of the tables (a few hundred rows a layer) a good choice and good prices are found.
2. The prices bound frame II from below over all rows, and strike out every row that no choice
   better than the one at hand can contain; what is left is pruned to its Pareto front.
3. On this core the frame II is searched upwards from the bound of the linear relaxation: prices
   disprove, repaired mixes prove, and an integer program decides where both leave doubt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..cost.foldings import IntArray
from ..errors import SolverError
from .bound import PROOF_MARGIN, relax
from .choice import NO_LIMIT, Budget, FloatArray, IndexArray, Options, join_options
from .effort import Effort, Remaining
from .milp import Undecided, find
from .outline import (
    first_choice,
    least_open,
    outlined,
    quick_choice,
    relaxed_floor,
    ticks_of,
)
from .pareto import pareto_front
from .repair import cheapest, repaired, trimmed
from .rows import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One table row per layer and what is proved.

    Attributes:
        rows: (layers,) rows of the tables.
        bound_cycles: no choice has a smaller frame II.
    """

    rows: IndexArray
    bound_cycles: int


def _core(
    tables: Sequence[Rows],
    budget: Budget,
    least_cycles: int,
    window: tuple[int, int],
    prices: FloatArray,
) -> Options | None:
    """Rows that a choice with a frame II in ``window`` can need, as far as prices and dominance
    tell, when no frame II below the window is in reach; None if there is no such choice."""
    low, high = window
    rates = prices / np.maximum(budget.at(high), 1)
    counts = [int(np.searchsorted(t.cycles, high, "right")) for t in tables]
    if min(counts) == 0:
        return None
    priced = [t.use[:n] @ rates for t, n in zip(tables, counts, strict=True)]
    least = [float(cost.min()) for cost in priced]
    slack = 1.0 + PROOF_MARGIN - sum(least)
    if slack < 0:
        return None
    parts = []
    for table, cost, cheap in zip(tables, priced, least, strict=True):
        rows = np.flatnonzero(cost <= cheap + slack)
        raised = np.maximum(table.cycles[rows], low)
        front = pareto_front(np.concatenate([raised[:, None], table.use[rows]], axis=1))
        rows = rows[front]
        parts.append((table.cycles[rows], table.use[rows], rows))
    return join_options(parts, budget, least_cycles)


def _frugal(tables: Sequence[Rows], budget: Budget, cycles: int) -> IndexArray | None:
    """Of each table the row with at most ``cycles`` and the smallest summed share of the budget,
    if these fit together."""
    allowed = budget.at(cycles)
    rates = 1.0 / np.maximum(allowed, 1)
    ends = [int(np.searchsorted(t.cycles, cycles, "right")) for t in tables]
    rows = [int((t.use[:end] @ rates).argmin()) for t, end in zip(tables, ends, strict=True)]
    used = sum(t.use[row].astype(np.int64) for t, row in zip(tables, rows, strict=True))
    return np.array(rows, dtype=np.intp) if bool((used <= allowed).all()) else None


@dataclass(frozen=True, slots=True, eq=False)
class _Doubt:
    """Neither a choice nor a proof was found quickly at a frame II.

    Attributes:
        options: the rows that matter.
        prices: the best prices, which leave the doubt.
    """

    options: Options
    prices: FloatArray


def _quick(core: Options, cycles: int) -> IndexArray | _Doubt | None:
    """A choice of core rows that fits with at most ``cycles``; None if there is none."""
    within = core.up_to(cycles)
    answer = relax(within)
    if answer.infeasible:
        return None
    small = within.keep(affordable(within, answer.prices)).pruned(cycles)
    found = quick_choice(small, relax(small))
    return _Doubt(small, answer.prices) if found is None else _same_rows(core, small, found)


def _decide(core: Options, doubt: _Doubt, left: Remaining) -> IndexArray | Undecided | None:
    """The integer program's word where there is doubt."""
    limits = left.limits()
    if limits.nodes == 0:
        return Undecided()
    found = find(doubt.options, doubt.prices, limits)
    if found is None or isinstance(found, Undecided):
        return found
    return _same_rows(core, doubt.options, found)


def affordable(options: Options, prices: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
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


def _search(
    core: Options, ticks: IntArray, reachable: bool, left: Remaining
) -> tuple[IndexArray | None, int]:
    """Best choice of core rows found, and the number of leading ticks proved to be out of reach.

    First without integer programs, by halving; then with them between the bound and what was
    found, until the gap is small enough. ``reachable`` says that the last tick is in reach.
    """
    proved = relaxed_floor(core, ticks).index
    high = len(ticks) - 1 if reachable else len(ticks)  # the first tick known to be in reach
    best: IndexArray | None = None
    doubts: dict[int, _Doubt] = {}

    def settle(probe: int, found: IndexArray | None) -> None:
        nonlocal best, high, proved
        if found is None:
            proved = max(proved, probe + 1)
        else:
            best = found
            high = int(np.searchsorted(ticks, core.frame_ii(found)))

    low, probe = proved, proved
    while low < high and not left.over:
        found = _quick(core, int(ticks[probe]))
        if isinstance(found, _Doubt):
            doubts[probe] = found
        else:
            settle(probe, found)
        low = probe + 1 if probe < high else low
        probe = (low + high) // 2
    low = proved
    while low < high and not left.over:
        if high < len(ticks):
            open_from = least_open(ticks, proved, core.budget)
            if ticks[high] <= open_from * (1.0 + left.gap):
                break
        probe = (low + high) // 2
        doubt = doubts.get(probe) or _quick(core, int(ticks[probe]))
        answer = _decide(core, doubt, left) if isinstance(doubt, _Doubt) else doubt
        if not isinstance(answer, Undecided):
            settle(probe, answer)
        low = probe + 1 if probe < high else low
    if best is None and high < len(ticks) and not left.over:
        doubt = _quick(core, int(ticks[high]))
        answer = _decide(core, doubt, left) if isinstance(doubt, _Doubt) else doubt
        best = None if isinstance(answer, Undecided) else answer
    return best, proved


def _economical(core: Options, best: IndexArray) -> IndexArray:
    """A choice with at most the frame II of ``best`` that wastes nothing: each layer's cheapest
    option by summed shares of the budget where that fits, otherwise ``best`` and the cheapest both
    brought down by swaps, the cheaper of the two."""
    cycles = core.frame_ii(best)
    inside = np.flatnonzero(core.cycles <= cycles)
    within = core.up_to(cycles)
    least = cheapest(within)
    if within.fits(least):
        return np.asarray(inside[least])
    starts = [np.searchsorted(inside, best)]
    other = repaired(within, least)
    if other is not None:
        starts.append(other)
    ends = [trimmed(within, start) for start in starts]
    totals = [float(within.shares()[end].sum()) for end in ends]
    return np.asarray(inside[ends[int(np.argmin(totals))]])


def solve_exact(
    tables: Sequence[Rows], budget: Budget, least_cycles: int, effort: Effort
) -> Answer | None:
    """The smallest frame II over all legal foldings, or None where none fits the budget.

    Args:
        tables: one per layer, none empty.
        budget: what all layers together may use.
        least_cycles: what frame II cannot undercut whatever the layers do.
        effort: how far to go; past it the best choice so far is returned.

    Raises:
        SolverError: if an integer program fails, or time runs out before any choice is found.
    """
    left = Remaining(effort)
    outline = outlined(tables, budget, least_cycles)
    low, sketch, prices = outline.low, outline.sketch, outline.floor.prices
    if low is None:
        return None
    start = first_choice(sketch, ticks_of(sketch), outline.floor.index)
    high = NO_LIMIT if start is None else sketch.frame_ii(start)
    if high == low:  # the quick choice is the optimum; often so where resources are plenty
        frugal = _frugal(tables, budget, high)
        if frugal is not None:
            return Answer(frugal, low)
    core = _core(tables, budget, least_cycles, (low, high), prices[0])
    if core is None:
        return None
    ticks = ticks_of(core)
    best, proved = _search(core, ticks, start is not None, left)
    if best is not None and budget.bits_per_cycle and not effort.gap and proved < len(ticks):
        # off-chip memory sets frame IIs between the ticks
        first, last = least_open(ticks, proved, budget), core.frame_ii(best)
        ticks = np.arange(first, last + 1, dtype=np.int64)
        closer, proved = _search(core, ticks, True, left)
        best = best if closer is None else closer
    if best is not None:
        bound = least_open(ticks, proved, budget) if proved < len(ticks) else core.frame_ii(best)
        rows = core.source[_economical(core, best)]
        return Answer(rows, min(bound, core.frame_ii(best)))
    if start is not None:
        open_from = least_open(ticks, min(proved, len(ticks) - 1), budget)
        return Answer(sketch.source[start], min(open_from, high))
    if proved == len(ticks):
        return None
    raise SolverError("time ran out before any choice that fits was found")
