"""Option tables: what each legal folding of a layer costs, computed once per layer value."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..cost import layer_costs
from ..cost.foldings import EngineKind, Folding, FoldingArrays, IntArray, MemoryKind
from ..cost.shape import LayerShape
from ..device import Device, Family, Resources
from ..sparsity import LayerSparsity
from ..values import Arithmetic
from .legal import LANE_FIFO_DEPTHS, WEIGHT_MEMORIES, legal_foldings

Int32Array = npt.NDArray[np.int32]
Use = tuple[int, int, int, int, int]

# Prices per share of the budget (lut, ff, dsp, bram18, uram) at which a sketch's rows are cheapest.
# Any set gives a valid sketch; these are the corners that designs were seen to sit in.
_SKETCH_PRICES = np.array(
    [
        [1.0, 0.01, 0.01, 0.01, 0.01],
        [0.01, 0.01, 1.0, 0.01, 0.01],
        [0.05, 0.01, 0.05, 1.0, 0.3],
        [0.5, 0.01, 0.5, 0.02, 0.02],
        [0.3, 0.05, 0.3, 0.3, 0.1],
        [0.6, 0.01, 0.1, 0.3, 0.1],
    ]
)


@dataclass(frozen=True, slots=True)
class TableKey:
    """All that a table depends on."""

    shape: LayerShape
    sparsity: LayerSparsity | None
    family: Family
    arithmetic: Arithmetic
    engines: frozenset[EngineKind]
    memories: frozenset[MemoryKind]
    budget: Resources


@dataclass(frozen=True, slots=True, eq=False)
class OptionTable:
    """The legal foldings of one layer that alone fit the budget, fastest first.

    Attributes:
        key: what it was computed from.
        cycles: (n,) frame_ii_cycles, ascending; ties in the order of ``legal_foldings``.
        use: (n, 5) resources.
        option: (n,) position in ``legal_foldings``, all groups counted through.
        sketch: (m,) rows that are cheapest at some frame II and one of a few fixed prices.
        least: smallest demand of each resource over all legal foldings, whether they fit or not.
        legal: number of legal foldings, whether they fit or not.
    """

    key: TableKey
    cycles: IntArray
    use: Int32Array
    option: Int32Array
    sketch: npt.NDArray[np.intp]
    least: Use
    legal: int

    def __len__(self) -> int:
        return int(self.cycles.shape[0])

    def cheapest_at(self, prices: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
        """Rows that are the cheapest at some frame II, at (5,) prices of shares of the budget."""
        rates = prices / np.maximum(np.array(tuple(self.key.budget)), 1)
        return _falls(self.cycles, self.use @ rates)

    def folding(self, row: int) -> Folding:
        """The folding of a row."""
        index = int(self.option[row])
        for group in _legal(self.key):
            if index < len(group):
                return group.row(index)
            index -= len(group)
        raise IndexError(f"no option {row} in a table of {len(self)}")


def _legal(key: TableKey) -> tuple[FoldingArrays, ...]:
    return legal_foldings(key.shape, key.engines, key.memories, key.sparsity)


def option_costs(
    table: OptionTable,
) -> tuple[IntArray, npt.NDArray[np.integer], npt.NDArray[np.intp]]:
    """(cycles, use, row) of a table; of all legal foldings, unsorted, where none fits alone."""
    if len(table):
        return table.cycles, table.use, np.arange(len(table), dtype=np.intp)
    key = table.key
    cycles, use = all_costs(key.shape, _legal(key), key.sparsity, key.family, key.arithmetic)
    return cycles, use, np.arange(len(cycles), dtype=np.intp)


def all_costs(
    shape: LayerShape,
    groups: tuple[FoldingArrays, ...],
    sparsity: LayerSparsity | None,
    family: Family,
    arithmetic: Arithmetic,
) -> tuple[IntArray, IntArray]:
    """Frame II, (n,), and resources, (n, 5), of all foldings of the groups."""
    costs = [layer_costs(shape, group, sparsity, family, arithmetic) for group in groups]
    cycles = np.concatenate([cost.frame_ii_cycles for cost in costs])
    return cycles, np.concatenate([cost.resources() for cost in costs])


def costs_by_memory(table: OptionTable) -> dict[MemoryKind, IntArray]:
    """Weight memory -> (n, 5) resources of all legal foldings with it, whether they fit or not."""
    key = table.key
    found: dict[MemoryKind, list[IntArray]] = {}
    for group in _legal(key):
        _, use = all_costs(key.shape, (group,), key.sparsity, key.family, key.arithmetic)
        found.setdefault(group.weight_memory, []).append(use)
    return {memory: np.concatenate(uses) for memory, uses in found.items()}


def _promising(key: TableKey, group: FoldingArrays) -> npt.NDArray[np.intp]:
    """Rows of a group that may fit: those whose lockstep form with weights in block memory fits in
    LUT, FF and DSP. Deeper lane FIFOs and other memories only add to these three."""
    every = np.arange(len(group), dtype=np.intp)
    if group.engine is not EngineKind.DYNAMIC:
        return every
    step = len(LANE_FIFO_DEPTHS)  # lane_fifo_depth varies fastest
    lockstep = group.take(every[::step])
    light = FoldingArrays(
        group.engine,
        MemoryKind.BRAM,
        lockstep.coarse_in,
        lockstep.coarse_out,
        lockstep.coarse_group,
        lockstep.fine,
        lockstep.packed,
        lockstep.lane_fifo_depth,
    )
    costs = layer_costs(key.shape, light, key.sparsity, key.family, key.arithmetic)
    budget = key.budget
    fits = (costs.lut <= budget.lut) & (costs.ff <= budget.ff) & (costs.dsp <= budget.dsp)
    return every[np.repeat(fits, step)]


def _falls(cycles: IntArray, priced: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Rows at which the priced cost of the cheapest folding within a frame II falls."""
    falls = np.ones(len(cycles), dtype=np.bool_)
    falls[1:] = priced[1:] < np.minimum.accumulate(priced)[:-1]
    return np.flatnonzero(falls)


def _sketch(cycles: IntArray, use: Int32Array, budget: Resources) -> npt.NDArray[np.intp]:
    rates = _SKETCH_PRICES / np.maximum(np.array(tuple(budget)), 1)
    return np.unique(np.concatenate([_falls(cycles, use @ rate) for rate in rates]))


def build_table(key: TableKey) -> OptionTable:
    """The table of one layer.

    Raises:
        ProfileError: if the sparsity is not that of the layer.
    """
    cycles: list[IntArray] = []
    use: list[IntArray] = []
    option: list[npt.NDArray[np.intp]] = []
    least = np.full(5, np.iinfo(np.int64).max, dtype=np.int64)
    limits = np.array(tuple(key.budget), dtype=np.int64)
    offset = 0
    groups = _legal(key)
    if not groups:
        none = np.zeros(0, dtype=np.int32)
        rows_none = np.zeros(0, dtype=np.intp)
        no_use = np.zeros((0, 5), dtype=np.int32)
        return OptionTable(key, np.zeros(0, np.int64), no_use, none, rows_none, (0,) * 5, 0)
    promising: dict[EngineKind, npt.NDArray[np.intp]] = {}  # the same for every memory
    for group in groups:
        if group.engine not in promising:
            promising[group.engine] = _promising(key, group)
        rows = promising[group.engine]
        if len(rows) == 0:
            # none fits; the smallest of each resource is that of the group itself
            rows = np.arange(len(group), dtype=np.intp)
        costs = layer_costs(key.shape, group.take(rows), key.sparsity, key.family, key.arithmetic)
        amounts = costs.resources()
        least = np.minimum(least, amounts.min(axis=0))
        fits = (amounts <= limits).all(axis=1)
        cycles.append(costs.frame_ii_cycles[fits])
        use.append(amounts[fits])
        option.append(rows[fits] + offset)
        offset += len(group)
    all_cycles, all_use = np.concatenate(cycles), np.concatenate(use)
    order = np.argsort(all_cycles, kind="stable")
    sorted_use = all_use[order].astype(np.int32)
    sketch = np.zeros(0, dtype=np.intp)
    if len(order):
        sketch = _sketch(all_cycles[order], sorted_use, key.budget)
    lut, ff, dsp, bram18, uram = (int(x) for x in least)
    return OptionTable(
        key,
        all_cycles[order],
        sorted_use,
        np.concatenate(option)[order].astype(np.int32),
        sketch,
        (lut, ff, dsp, bram18, uram),
        offset,
    )


class TableCache:
    """Tables by value, the least recently used dropped beyond ``max_rows`` rows in total."""

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._tables: OrderedDict[TableKey, OptionTable] = OrderedDict()
        self._rows = 0
        self.builds = 0

    def table(self, key: TableKey) -> OptionTable:
        """The table of ``key``, from the cache or built.

        Raises:
            ProfileError: see ``build_table``.
        """
        found = self._tables.get(key)
        if found is not None:
            self._tables.move_to_end(key)
            return found
        table = build_table(key)
        self.builds += 1
        self._tables[key] = table
        self._rows += len(table)
        while self._rows > self._max_rows and len(self._tables) > 1:
            _, dropped = self._tables.popitem(last=False)
            self._rows -= len(dropped)
        return table

    def clear(self) -> None:
        """Forget all tables."""
        self._tables.clear()
        self._rows = 0

    def __len__(self) -> int:
        return len(self._tables)


# 6 million rows of 32 bytes: 192 MB, about 200 layers of ImageNet size
TABLES = TableCache(max_rows=6_000_000)


def memories_of(device: Device) -> frozenset[MemoryKind]:
    """Weight memories that the part has."""
    has_uram = device.available.uram > 0
    return frozenset(m for m in WEIGHT_MEMORIES if m is not MemoryKind.URAM or has_uram)
