"""Bounds on the first frame's time as sums of a term per layer, gathered where they are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..cost.first_frame_floor import first_frame_floor
from ..cost.foldings import IntArray
from ..cost.paces import COLUMNS, paces
from ..cost.shape import LayerShape
from ..graph import Graph
from .choice import Budget, FloatArray, IndexArray, Options, join_options
from .milp import Mix, best_mix
from .tables import OptionTable

_UNITS = 64  # of a cycle, in which terms are whole numbers where they stand beside resources
_NEAR = 0.8  # of a target: tangents that a few swaps may lift above it
_RECENT = 40  # tangents that are kept although no mix needs them


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of all tables that are fast enough, and what a first frame's time depends on.

    Attributes:
        tables: one per layer.
        ends: rows of each that are fast enough.
        numbers: per table, (end, 6) of ``paces``.
        budget: (r,) resources.
    """

    tables: tuple[OptionTable, ...]
    ends: tuple[int, ...]
    numbers: tuple[FloatArray, ...]
    budget: IntArray

    def numbers_of(self, chosen: IndexArray) -> FloatArray:
        """(layers, 6) of one row per table."""
        pairs = zip(self.numbers, chosen.tolist(), strict=True)
        return np.array([numbers[row] for numbers, row in pairs])

    def options(self, rows: Sequence[IndexArray]) -> Options:
        """Some rows of each table."""
        parts = [(t.cycles[r], t.use[r], r) for t, r in zip(self.tables, rows, strict=True)]
        return join_options(parts, Budget(self.budget), 1)


def rows_of(tables: Sequence[OptionTable], budget: IntArray, limit: int | None) -> Rows:
    """The rows with a frame II of at most ``limit``."""
    known: dict[tuple[int, int], FloatArray] = {}
    ends, numbers = [], []
    for table in tables:
        end = len(table)
        if limit is not None:
            end = int(np.searchsorted(table.cycles, limit, "right"))
        if (id(table), end) not in known:
            found = np.empty((end, COLUMNS))
            for places, foldings in table.by_group(np.arange(end, dtype=np.intp)):
                found[places] = paces(table.key.shape, foldings, table.cycles[places])
            known[id(table), end] = found
        ends.append(end)
        numbers.append(known[id(table), end])
    return Rows(tuple(tables), tuple(ends), tuple(numbers), budget)


class Tangents:
    """Tangents to the bound of ``first_frame_floor``: each lies below every choice's time."""

    def __init__(self, graph: Graph, shapes: Mapping[str, LayerShape], rows: Rows) -> None:
        self._graph, self._shapes, self._rows = graph, shapes, rows
        self._slopes: list[FloatArray] = []
        self._constants: list[float] = []

    def touch(self, numbers: FloatArray) -> float:
        """The bound at (layers, 6) numbers; its tangent there is kept."""
        found = first_frame_floor(self._graph, self._shapes, numbers)
        self._slopes.append(found.slope)
        self._constants.append(found.cycles - float((found.slope * numbers).sum()))
        return found.cycles

    def mix(self, options: Options) -> Mix | None:
        """The mix of options with the smallest largest tangent; tangents that it does not need are
        forgotten, except for the latest."""
        found = best_mix(options, self._terms(options), np.array(self._constants))
        if found is not None:
            recent = len(self._slopes) - _RECENT
            kept = [i for i, rate in enumerate(found.rates.tolist()) if rate > 0 or i >= recent]
            self._slopes = [self._slopes[i] for i in kept]
            self._constants = [self._constants[i] for i in kept]
            found = Mix(found.value, found.weights, found.rates[kept], found.prices)
        return found

    def costs(self, mix: Mix) -> tuple[list[FloatArray], float]:
        """Per table what each row costs at the mix's prices, in cycles, and a bound that follows:
        no choice's first frame takes less."""
        slope = np.tensordot(mix.rates, np.array(self._slopes), 1)
        rows = self._rows
        costs = [
            table.use[:end] @ mix.prices + numbers @ some
            for table, end, numbers, some in zip(
                rows.tables, rows.ends, rows.numbers, slope, strict=True
            )
        ]
        least = sum(float(cost.min()) for cost in costs)
        constant = float(mix.rates @ np.array(self._constants))
        return costs, least + constant - float(mix.prices @ rows.budget)

    def below(self, options: Options, cycles: float, start: IndexArray) -> Options:
        """The options with tangents as further resources, of which choices below ``cycles`` have
        enough: those tangents that are near it at the choice ``start``."""
        terms, constants = self._terms(options), np.array(self._constants)
        near = terms[:, start].sum(axis=1) + constants >= cycles * _NEAR
        terms, room = terms[near], cycles - constants[near]
        caps = np.floor(room * _UNITS).astype(np.int64)
        units = np.floor(terms.T * _UNITS).astype(np.int64)
        return Options(
            options.starts,
            options.cycles,
            np.concatenate([options.use, units], axis=1),
            options.source,
            Budget(np.concatenate([options.allowed, caps])),
        )

    def _terms(self, options: Options) -> FloatArray:
        """(m, n) what each row adds to each tangent."""
        slopes = np.array(self._slopes)
        parts = []
        for layer, numbers in enumerate(self._rows.numbers):
            chosen = numbers[options.source[options.rows_of(layer)]]
            parts.append(slopes[:, layer] @ chosen.T)
        return np.concatenate(parts, axis=1)
