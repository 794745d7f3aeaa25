"""The folding problem of a network on a part: its layers' tables, the budget, the memory's pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..cost import (
    frame_bits,
    layer_shapes,
    off_chip_bits_per_cycle,
    off_chip_bound_cycles,
)
from ..cost.flow import NO_PASSES
from ..cost.foldings import EngineKind, Folding, MemoryKind
from ..cost.shape import LayerShape
from ..device import Device
from ..errors import ProfileError, SpecError
from ..graph import Graph
from ..sparsity import SparsityProfile
from ..values import WordLengths, precision_of
from ..word_lengths import arithmetic_by_layer
from .choice import Budget, IndexArray
from .streaming import Streaming
from .tables import OffChip, OptionTable, TableCache, TableKey, memories_of


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What all solvers start from.

    Attributes:
        names: layers, in the graph's order.
        shapes: layer -> what its cost depends on.
        tables: one per layer.
        budget: what all layers together may use.
        least_cycles: what frame II cannot undercut whatever the layers do.
    """

    names: tuple[str, ...]
    shapes: Mapping[str, LayerShape]
    tables: tuple[OptionTable, ...]
    budget: Budget
    least_cycles: int

    @property
    def floor_cycles(self) -> int:
        """Frame II that no choice undercuts: of the off-chip memory and of each layer alone."""
        return max(self.least_cycles, *(int(table.cycles[0]) for table in self.tables))

    def foldings(self, rows: IndexArray) -> dict[str, Folding]:
        """Layer -> folding of (layers,) table rows."""
        known: dict[tuple[int, int], Folding] = {}
        chosen = {}
        for name, table, row in zip(self.names, self.tables, rows.tolist(), strict=True):
            same = id(table), row
            if same not in known:
                known[same] = table.folding(row)
            chosen[name] = known[same]
        return chosen


def problem_of(
    graph: Graph,
    device: Device,
    profile: SparsityProfile | None,
    engines: frozenset[EngineKind],
    arithmetic: WordLengths,
    clock_mhz: float,
    cache: TableCache,
    streaming: Streaming | None = None,
) -> Problem:
    """The problem; tables come from the cache or are built.

    ``streaming`` says which layers' weights may be off chip; without it all are on chip.

    Raises:
        ProfileError: if the profile does not belong to the graph.
        SpecError: if ``engines`` leaves a layer without any.
    """
    if profile is not None:
        absent = [layer.name for layer in graph.convs if layer.name not in profile.layers]
        if absent:
            raise ProfileError(f"the profile lacks layers {', '.join(absent)}")
    memories = memories_of(device)
    waited = NO_PASSES if streaming is None else streaming.waited
    shapes = layer_shapes(graph, profile, waited)
    lengths = arithmetic_by_layer(graph, arithmetic)
    bits_per_cycle = 0.0 if streaming is None else off_chip_bits_per_cycle(device, clock_mhz)
    names, tables = [], []
    for name, shape in shapes.items():
        sparsity = None if profile is None else profile.layers.get(name)
        off_chip, places = None, memories
        if streaming is not None:
            waits = streaming.wait_bits.get(name, (0, 0))
            off_chip = OffChip(bits_per_cycle, streaming.rows.get(name, 0), waits)
            places = memories | ({MemoryKind.OFF_CHIP} if name in streaming.rows else set())
        words = lengths[name]
        key = TableKey(
            shape, sparsity, device.family, words, engines, places, device.budget, off_chip
        )
        names.append(name)
        tables.append(cache.table(key))
    without = [name for name, table in zip(names, tables, strict=True) if not table.legal]
    if without:
        raise SpecError.at(
            "engines",
            ", ".join(sorted(engines)) or "none",
            "an engine for every layer (dynamic, static: a profile, and 2 to 64 products per "
            "segment; static: zero weights); "
            f"there is none for {', '.join(without)}",
        )
    ends = precision_of(arithmetic).default
    amounts = list(device.budget)
    if streaming is not None:
        amounts.append(-frame_bits(graph, ends))
    budget = Budget(np.array(amounts, dtype=np.int64), bits_per_cycle)
    least = off_chip_bound_cycles(graph, device, clock_mhz, ends)
    return Problem(tuple(names), shapes, tuple(tables), budget, least)
