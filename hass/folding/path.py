"""The best way from one end of a network to the other over intervals, each of which costs what only
a solver can tell: it is asked of as few of them as the proof needs.

What an interval costs is first bounded from below. The best way over what is known is sharpened
where it is not yet solved, until it is solved all along: no other way can then be better.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from .choice import FloatArray


@dataclass(frozen=True, slots=True)
class Cost:
    """What is known of an interval.

    Attributes:
        proved: it costs no less; infinite where nothing fits.
        reached: what the plan found for it costs; infinite while there is none.
        rank: how sharp ``proved`` is; what has a plan, or is known to have none, ranks highest.
        final: whether nothing is left to learn.
    """

    proved: float
    reached: float
    rank: int
    final: bool


@dataclass(frozen=True, slots=True)
class Way:
    """Nodes from the first to the last, and what the intervals between them cost together."""

    nodes: tuple[int, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Found:
    """The best way, and what none can undercut."""

    way: Way
    bound: float


def best_way(
    costs: FloatArray, stages: Sequence[int], join: np.ufunc, counts: Collection[int]
) -> Way | None:
    """The best way from the first node to the last.

    Args:
        costs: (kinds, nodes, nodes) of the interval from one node to another; infinite: none.
        stages: the kind of the first interval of a way, of the second, ...
        join: ``np.add`` or ``np.maximum``: what intervals cost together.
        counts: how many intervals a way may have; of equally good ways the one with the fewest
            is taken.

    Returns:
        None if all ways are infinite.
    """
    nodes = costs.shape[1]
    value = np.full(nodes, np.inf)
    value[0] = 0.0
    before: list[np.ndarray[tuple[int], np.dtype[np.intp]]] = []
    best: Way | None = None
    for count, kind in enumerate(stages[: max(counts)], start=1):
        joined = join(value[:, None], costs[kind])
        before.append(joined.argmin(axis=0))
        value = joined.min(axis=0)
        end = float(value[-1])
        if count in counts and np.isfinite(end) and (best is None or end < best.cost):
            way = [nodes - 1]
            for sources in reversed(before):
                way.append(int(sources[way[-1]]))
            best = Way(tuple(reversed(way)), end)
    return best


def search(
    nodes: int,
    stages: Sequence[int],
    first: Callable[[int, int, int], Cost],
    sharpen: Callable[[int, int, int], Cost],
    join: np.ufunc,
    counts: Collection[int],
    gap: float,
    most_final: int,
) -> Found | None:
    """The best way, proved as far as it goes.

    Args:
        nodes: on the way; an interval leads from one to a later one.
        stages, join, counts: see ``best_way``.
        first: what is known of (kind, from, to) at the outset.
        sharpen: the same, better known; called until it is final.
        gap: an answer at most this far above what is proved is good enough.
        most_final: intervals that are sharpened to the end; after as many the best way so far is
            taken, once there is one.

    Returns:
        None if all ways are infinite.
    """
    shape = (max(stages) + 1, nodes, nodes)
    known: dict[tuple[int, int, int], Cost] = {}
    proved, reached = np.full(shape, np.inf), np.full(shape, np.inf)
    hoped = np.full(shape, np.inf)  # reached where that is final, otherwise proved

    def note(step: tuple[int, int, int], cost: Cost) -> None:
        known[step] = cost
        proved[step], reached[step] = cost.proved, cost.reached
        hoped[step] = cost.reached if cost.final else cost.proved

    for kind, start, end in np.ndindex(shape):
        if start < end:
            note((kind, start, end), first(kind, start, end))
    settled = 0
    while True:
        way = best_way(hoped, stages, join, counts)
        if way is None:
            return None
        found = best_way(reached, stages, join, counts)
        if found is not None and (found.cost <= way.cost * (1.0 + gap) or settled >= most_final):
            break
        steps = zip(stages, way.nodes, way.nodes[1:], strict=False)
        unclear = [step for step in steps if not known[step].final]
        lowest = min(known[step].rank for step in unclear)
        step = max((s for s in unclear if known[s].rank == lowest), key=lambda s: hoped[s])
        note(step, sharpen(*step))
        settled += known[step].final and np.isfinite(known[step].reached)
    bound = best_way(proved, stages, join, counts)
    assert bound is not None  # no interval costs less than is proved
    return Found(found, bound.cost)
