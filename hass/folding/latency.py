"""A choice whose first frame is through early, and what no choice undercuts.

The first frame's time is no sum over layers: work, fill and joins hang together row by row. But it
is bounded from below by a convex function of what the foldings give (``first_frame_floor``), and so
by each of its tangents, which are sums. Mixes of options that are best for all tangents so far
prove a bound (Kelley, "The cutting-plane method for solving convex programs", 1960) and say where
the next tangent is needed; tangents half-way to the best choice settle faster. Choices are found by
swaps: the best one so far is asked to get below all tangents at a few percent less, and each answer
is judged by the whole model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..cost.foldings import IntArray
from ..cost.shape import LayerShape
from ..graph import Graph
from .bound import relax
from .choice import FloatArray, IndexArray
from .effort import Effort, Remaining
from .outline import quick_choice
from .repair import repaired
from .tables import OptionTable
from .tangents import Rows, Tangents, rows_of

_FIRST_ROWS = 10  # of each sketch, in the first mixes
_ROUNDS = 16  # mixes between two searches, at most
_SEARCHES = 2
_SWEEP = 0.6
_SETTLED = 2e-3  # growth of the bound, over three mixes, that is not worth another
_NEAR = 0.2  # a mix may be above the bound while the tangents settle
_NEAR_ROWS = 700
_STEPS = (0.03, 0.01, 0.003)
_MISSES = 5  # answers that are no better, before a smaller step


@dataclass(frozen=True, slots=True, eq=False)
class Early:
    """One table row per layer and what is proved.

    Attributes:
        rows: (layers,) rows of the tables.
        cycles: until the first frame is through.
        bound_cycles: no choice's first frame takes less.
    """

    rows: IndexArray
    cycles: int
    bound_cycles: int


class _Search:
    def __init__(
        self, rows: Rows, tangents: Tangents, cycles_of: Callable[[IndexArray], int]
    ) -> None:
        self.rows, self.tangents, self.cycles_of = rows, tangents, cycles_of
        self.bound = 0.0
        self.best: IndexArray = np.zeros(0, dtype=np.intp)
        self.cycles = 0
        self.costs: list[FloatArray] = []
        pairs = zip(rows.tables, rows.ends, strict=True)
        sketches = [table.sketch[table.sketch < end] for table, end in pairs]
        self.chosen = [s[:: max(1, len(s) // _FIRST_ROWS)] for s in sketches]

    def meet(self, chosen: IndexArray) -> None:
        """Judge a choice that fits, and learn its tangent."""
        floor = self.tangents.touch(self.rows.numbers_of(chosen))
        if self.cycles and floor >= self.cycles:
            return
        cycles = self.cycles_of(chosen)
        if not self.cycles or cycles < self.cycles:
            self.best, self.cycles = chosen, cycles

    def raise_bound(self) -> float:
        """One mix: its time, by the bound that the tangents are of; the more tangents, the nearer
        it comes to the tangents' bound, from above. Infinite if no mix is within the budget."""
        chosen = [np.union1d(c, [row]) for c, row in zip(self.chosen, self.best, strict=True)]
        options = self.rows.options(chosen)
        mix = self.tangents.mix(options)
        if mix is None:
            return math.inf
        self.costs, bound = self.tangents.costs(mix)
        self.bound = max(self.bound, bound)
        numbers = np.array(
            [
                mix.weights[options.rows_of(layer)] @ some[options.source[options.rows_of(layer)]]
                for layer, some in enumerate(self.rows.numbers)
            ]
        )
        reached = self.tangents.touch(numbers)
        self.tangents.touch((numbers + self.rows.numbers_of(self.best)) / 2)
        pairs = zip(chosen, self.costs, strict=True)
        self.chosen = [np.union1d(c, [int(cost.argmin())]) for c, cost in pairs]
        return reached

    def _near(self) -> list[IndexArray]:
        """Rows that a better choice may have, the cheapest if they are many."""
        over = [cost - cost.min() for cost in self.costs]
        slack = max(self.cycles - self.bound, 0.0)
        per_layer = [np.sort(some[some <= slack]) for some in over]
        every = np.sort(np.concatenate(per_layer))
        if len(every) > _NEAR_ROWS:
            slack = float(every[_NEAR_ROWS])
        return [np.flatnonzero(some <= slack) for some in over]

    def descend(self, left: Remaining) -> None:
        """Swap options for fewer cycles, step by step."""
        near = self._near()
        for step in _STEPS:
            misses = 0
            while misses < _MISSES and not left.over:
                rows = [np.union1d(n, [row]) for n, row in zip(near, self.best, strict=True)]
                options = self.rows.options(rows)
                start = [
                    int(options.starts[layer]) + int(np.searchsorted(some, self.best[layer]))
                    for layer, some in enumerate(rows)
                ]
                begin = np.array(start, dtype=np.intp)
                target = self.tangents.below(options, self.cycles * (1.0 - step), begin)
                found = repaired(target, begin)
                if found is None:
                    break
                before = self.cycles
                self.meet(options.source[found])
                misses = 0 if self.cycles < before else misses + 1

    def answer(self) -> Early:
        bound = min(math.ceil(self.bound - 1e-6), self.cycles)
        return Early(self.best, self.cycles, max(bound, 1))

    def done(self, gap: float) -> bool:
        return self.cycles <= math.ceil(self.bound - 1e-6) * (1.0 + gap)


def _swept(rows: Rows) -> Iterator[IndexArray]:
    """Choices of layers that are all as fast as some frame II, or as fast as they can be: from the
    slowest layer's on downwards, while they fit."""
    fastest = [int(table.cycles[0]) for table in rows.tables]
    cycles = float(max(fastest))
    while cycles >= 1.0:
        chosen = []
        for table, end, least in zip(rows.tables, rows.ends, fastest, strict=True):
            last = int(np.searchsorted(table.cycles, max(cycles, least), "right"))
            chosen.append(table.sketch[table.sketch < min(end, last)])
        options = rows.options(chosen)
        found = quick_choice(options, relax(options))
        if found is None:
            return
        yield options.source[found]
        cycles *= _SWEEP


def _swept_search(
    graph: Graph,
    shapes: Mapping[str, LayerShape],
    tables: Sequence[OptionTable],
    budget: IntArray,
    limit: int | None,
    starts: Sequence[IndexArray],
    cycles_of: Callable[[IndexArray], int],
) -> _Search:
    rows = rows_of(tables, budget, limit)
    search = _Search(rows, Tangents(graph, shapes, rows), cycles_of)
    for start in (*starts, *_swept(rows)):
        search.meet(start)
    return search


def swept_latency(
    graph: Graph,
    shapes: Mapping[str, LayerShape],
    tables: Sequence[OptionTable],
    budget: IntArray,
    limit: int | None,
    starts: Sequence[IndexArray],
    cycles_of: Callable[[IndexArray], int],
    effort: Effort,
) -> Early:
    """The best of the starts and of a sweep of frame IIs, and the bound of one mix.

    Args and errors: as of ``solve_latency``.
    """
    search = _swept_search(graph, shapes, tables, budget, limit, starts, cycles_of)
    if not Remaining(effort).over:
        search.raise_bound()
    return search.answer()


def solve_latency(
    graph: Graph,
    shapes: Mapping[str, LayerShape],
    tables: Sequence[OptionTable],
    budget: IntArray,
    limit: int | None,
    starts: Sequence[IndexArray],
    cycles_of: Callable[[IndexArray], int],
    effort: Effort,
) -> Early:
    """A choice with an early first frame.

    Args:
        graph: the network.
        shapes: of its layers.
        tables: one per layer.
        budget: (r,) resources.
        limit: largest frame II; None: any.
        starts: choices that fit and are fast enough, (layers,) rows each; at least one.
        cycles_of: the first frame's cycles of (layers,) rows, by the whole model.
        effort: how far to go; the number of steps is limited in any case.

    Raises:
        SolverError: if a linear program fails.
    """
    left = Remaining(effort)
    search = _swept_search(graph, shapes, tables, budget, limit, starts, cycles_of)
    for _ in range(_SEARCHES):
        bounds: list[float] = []
        before = search.cycles
        for _ in range(_ROUNDS):
            if left.over or search.done(left.gap):
                break
            reached = search.raise_bound()
            bounds.append(search.bound)
            settled = len(bounds) > 3 and bounds[-1] <= bounds[-4] * (1.0 + _SETTLED)
            if reached <= search.bound * (1.0 + (_NEAR if settled else _SETTLED)):
                break
        if not search.costs or left.over or search.done(left.gap):
            break
        search.descend(left)
        if search.cycles == before:
            break
    return search.answer()
