"""Option tables: what each legal folding of a layer costs, computed once per layer value."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from ..cost.buffers import Home, buffer_cost
from ..cost.foldings import (
    SPARSE_ENGINES,
    EngineKind,
    Folding,
    FoldingArrays,
    IntArray,
    MemoryKind,
)
from ..cost.layer import core_costs, stored_weights
from ..cost.primitives import BRAM18_BITS, URAM_BITS, Amount
from ..cost.result import LayerCosts
from ..cost.shape import LayerShape
from ..device import Device, Family, Resources
from ..sparsity import LayerSparsity
from ..values import Arithmetic
from .legal import ON_CHIP_MEMORIES, FoldingSet, legal_sets
from .promising import Engines, engines_of, undominated
from .rows import Rows, UseArray, falls

Buffers = dict[tuple[EngineKind, bool, Home], Amount]  # of a layer; by whether weights are off chip
Int32Array = npt.NDArray[np.int32]
Use = tuple[int, ...]

_MOST = int(np.iinfo(np.int64).max)
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

_TRAFFIC_PRICES = (0.1, 1.0, 10.0)


@dataclass(frozen=True, slots=True)
class OffChip:
    """What tables say of off-chip memory, where weights may be there.

    Attributes:
        bits_per_cycle: that it moves.
        rows_per_pass: of this layer; 0: any.
        wait_bits: what FIFOs in front of joins hold more because of the layer's passes, if they are
            of one row and if they are of all rows.
    """

    bits_per_cycle: float
    rows_per_pass: int = 0
    wait_bits: tuple[int, int] = (0, 0)


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
    off_chip: OffChip | None = None


@dataclass(frozen=True, slots=True, eq=False)
class OptionTable(Rows):
    """The legal foldings of one layer that alone fit the budget, fastest first. Of sparse engines
    those are left out that another of the same streams and memories equals or beats in speed and
    every resource. Equally fast ones are in the order of ``legal_foldings``; of resources there
    are 5, and where weights may be off chip bits that are read per frame.

    Attributes:
        key: what it was computed from.
        option: (n,) position in ``legal_foldings``, all groups counted through.
        least: smallest demand of each resource over all legal foldings, whether they fit or not.
        legal: number of legal foldings, whether they fit or not.
    """

    key: TableKey
    option: Int32Array
    least: Use
    legal: int

    def by_group(
        self, rows: npt.NDArray[np.intp]
    ) -> tuple[tuple[npt.NDArray[np.intp], FoldingArrays], ...]:
        """Foldings of (m,) rows as arrays: (places among the rows, foldings) of each engine kind
        and memories that are there."""
        found, offset = [], 0
        option = self.option[rows].astype(np.intp)
        for one in _legal(self.key):
            for (lines, fifos), having in one.homes.items():
                count = int(np.count_nonzero(having))
                places = np.flatnonzero((option >= offset) & (option < offset + count))
                if len(places):
                    chosen = one.foldings.take(np.flatnonzero(having)[option[places] - offset])
                    group = replace(chosen, line_memory=lines, fifo_memory=fifos)
                    found.append((places, group))
                offset += count
        return tuple(found)

    def folding(self, row: int) -> Folding:
        """The folding of a row."""
        index = int(self.option[row])
        for one in _legal(self.key):
            for (lines, fifos), having in one.homes.items():
                count = int(np.count_nonzero(having))
                if index < count:
                    found = one.foldings.row(int(np.flatnonzero(having)[index]))
                    return replace(found, line_memory=lines, fifo_memory=fifos)
                index -= count
        raise IndexError(f"no option {row} in a table of {len(self)}")


def up_to(table: OptionTable, cycles: int) -> OptionTable:
    """The rows of a table with at most ``cycles``, of which there must be one; ``least`` is of
    these."""
    end = int(np.searchsorted(table.cycles, cycles, "right"))
    least = tuple(int(amount) for amount in table.use[:end, :5].min(axis=0))
    return replace(
        table,
        cycles=table.cycles[:end],
        use=table.use[:end],
        option=table.option[:end],
        sketch=table.sketch[table.sketch < end],
        least=least,
    )


@lru_cache(maxsize=32)  # asked for again and again by those who look at a few rows
def _legal(key: TableKey) -> tuple[FoldingSet, ...]:
    rows = 0 if key.off_chip is None else key.off_chip.rows_per_pass
    return legal_sets(key.shape, key.engines, key.memories, key.sparsity, key.arithmetic, rows)


def option_costs(
    table: OptionTable,
) -> tuple[IntArray, npt.NDArray[np.integer], npt.NDArray[np.intp]]:
    """(cycles, use, row) of a table; of all legal foldings, unsorted, where none fits alone."""
    if len(table):
        return table.cycles, table.use, np.arange(len(table), dtype=np.intp)
    key = table.key
    cycles, use = all_costs(key.shape, _legal(key), key.sparsity, key.family, key.arithmetic)
    return cycles, use[:, : _columns(key)], np.arange(len(cycles), dtype=np.intp)


def fastest_legal(table: OptionTable) -> int:
    """Smallest frame II over all legal foldings of a table's layer, whether they fit or not."""
    key = table.key
    cycles, _ = all_costs(key.shape, _legal(key), key.sparsity, key.family, key.arithmetic)
    return int(cycles.min())


def all_costs(
    shape: LayerShape,
    sets: tuple[FoldingSet, ...],
    sparsity: LayerSparsity | None,
    family: Family,
    arithmetic: Arithmetic,
) -> tuple[IntArray, IntArray]:
    """Frame II, (n,), and resources and bits read per frame, (n, 6), of all foldings."""
    costs = []
    buffers: Buffers = {}
    for one in sets:
        core = core_costs(shape, one.foldings, sparsity, family, arithmetic)
        weights = stored_weights(shape, one.foldings, sparsity, arithmetic)
        core = core.plus(weights.stored(one.foldings.weight_memory))
        every = np.arange(len(core), dtype=np.intp)
        costs += [cost for _, cost in _in_homes(shape, one, every, core, arithmetic, buffers)]
    cycles = np.concatenate([cost.frame_ii_cycles for cost in costs])
    return cycles, np.concatenate([cost.with_traffic() for cost in costs])


def costs_by_memory(table: OptionTable) -> dict[MemoryKind, IntArray]:
    """Weight memory -> (n, 5) resources of all legal foldings with it, whether they fit or not."""
    key = table.key
    found: dict[MemoryKind, list[IntArray]] = {}
    for one in _legal(key):
        _, use = all_costs(key.shape, (one,), key.sparsity, key.family, key.arithmetic)
        found.setdefault(one.foldings.weight_memory, []).append(use[:, :5])
    return {memory: np.concatenate(uses) for memory, uses in found.items()}


def _columns(key: TableKey) -> int:
    return 5 if key.off_chip is None else 6


def _in_homes(
    shape: LayerShape,
    one: FoldingSet,
    rows: npt.NDArray[np.intp],
    core: LayerCosts,
    arithmetic: Arithmetic,
    buffers: Buffers,
) -> Iterator[tuple[npt.NDArray[np.intp], LayerCosts]]:
    """For each home of a set: which of ``rows``, whose costs but for buffers are ``core``, may have
    it, as positions in the group of that home, and what they cost there. ``buffers`` are known from
    sets of the same layer, of which those of one engine with weights on chip have the same streams.
    """
    engine, weights = one.foldings.engine, one.foldings.weight_memory
    for home, having in one.homes.items():
        kinds = engine, weights is MemoryKind.OFF_CHIP, home
        if kinds not in buffers:
            buffers[kinds] = buffer_cost(shape, one.foldings, home, arithmetic)
        here = np.flatnonzero(having[rows])
        chosen = rows[here]
        positions = (np.cumsum(having) - 1)[chosen]
        yield positions, core.take(here).plus(buffers[kinds].take(chosen))


def _sketch(cycles: IntArray, use: UseArray, key: TableKey) -> npt.NDArray[np.intp]:
    rates = _SKETCH_PRICES / np.maximum(np.array(tuple(key.budget)), 1)
    costs = [use[:, :5] @ rate for rate in rates]
    if key.off_chip is not None:  # what is read, as a share of what this layer's time allows
        share = use[:, 5] / (cycles * key.off_chip.bits_per_cycle)
        costs += [cost + price * share for cost in costs[:6] for price in _TRAFFIC_PRICES]
    return np.unique(np.concatenate([falls(cycles, cost) for cost in costs]))


def _waiting(key: TableKey, off_chip: OffChip, rows: IntArray) -> IntArray:
    """(n, 6) blocks of the part's larger memory that hold ``wait_bits``, in proportion."""
    first, last = off_chip.wait_bits
    share = (rows - 1) / max(1, key.shape.out.height - 1)
    bits = first + share * (last - first)
    ultra = key.budget.uram * URAM_BITS > key.budget.bram18 * BRAM18_BITS
    extra = np.zeros((len(rows), 6), dtype=np.int64)
    extra[:, 4 if ultra else 3] = np.ceil(bits / (URAM_BITS if ultra else BRAM18_BITS))
    return extra


def build_table(key: TableKey) -> OptionTable:
    """The table of one layer.

    Raises:
        ProfileError: if the sparsity is not that of the layer.
    """
    cycles: list[IntArray] = []
    use: list[IntArray] = []
    option: list[npt.NDArray[np.intp]] = []
    least = np.full(5, _MOST, dtype=np.int64)
    limits = np.array(tuple(key.budget), dtype=np.int64)
    offset = 0
    sets = _legal(key)
    if not sets:
        none = np.zeros(0, dtype=np.int32)
        rows_none = np.zeros(0, dtype=np.intp)
        no_use = np.zeros((0, _columns(key)), dtype=np.int32)
        return OptionTable(np.zeros(0, np.int64), no_use, rows_none, key, none, (0,) * 5, 0)
    engines: dict[tuple[EngineKind, bool], Engines] = {}  # by whether weights are off chip
    buffers: Buffers = {}
    for one in sets:
        engine, memory = one.foldings.engine, one.foldings.weight_memory
        kinds = engine, memory is MemoryKind.OFF_CHIP
        if kinds not in engines:
            engines[kinds] = engines_of(
                key.shape, one.foldings, key.sparsity, key.family, key.arithmetic, key.budget
            )
        found = engines[kinds]
        rows, core = found.rows, found.costs.plus(found.weights.stored(memory))
        if engine in SPARSE_ENGINES:  # of others there are few
            kept = undominated(core, found.streams)
            rows, core = rows[kept], core.take(kept)
        in_homes = _in_homes(key.shape, one, rows, core, key.arithmetic, buffers)
        for having, (positions, costs) in zip(one.homes.values(), in_homes, strict=True):
            amounts = costs.with_traffic()[:, : _columns(key)]
            if key.off_chip is not None and one.foldings.weight_memory is MemoryKind.OFF_CHIP:
                passes = one.foldings.rows_per_pass[np.flatnonzero(having)[positions]]
                amounts = amounts + _waiting(key, key.off_chip, passes)
            least = np.minimum(least, amounts[:, :5].min(axis=0, initial=_MOST))
            fits = (amounts[:, :5] <= limits).all(axis=1)
            cycles.append(costs.frame_ii_cycles[fits])
            use.append(amounts[fits])
            option.append(positions[fits] + offset)
            offset += int(np.count_nonzero(having))
    all_cycles, all_use = np.concatenate(cycles), np.concatenate(use)
    order = np.argsort(all_cycles, kind="stable")
    sorted_use = all_use[order]
    if key.off_chip is None:  # half the memory; bits of weights do not fit
        sorted_use = sorted_use.astype(np.int32)
    sketch = np.zeros(0, dtype=np.intp)
    if len(order):
        sketch = _sketch(all_cycles[order], sorted_use, key)
    lut, ff, dsp, bram18, uram = (int(x) for x in least)
    return OptionTable(
        all_cycles[order],
        sorted_use,
        sketch,
        key,
        np.concatenate(option)[order].astype(np.int32),
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
    """On-chip weight memories that the part has."""
    has_uram = device.available.uram > 0
    return frozenset(m for m in ON_CHIP_MEMORIES if m is not MemoryKind.URAM or has_uram)
