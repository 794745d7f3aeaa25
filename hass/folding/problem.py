"""The folding problem of a network on a part: its layers' tables, the budget, the memory's pace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..cost import layer_shapes, off_chip_bound_cycles
from ..cost.foldings import EngineKind, Folding, IntArray
from ..cost.shape import LayerShape
from ..device import Device
from ..errors import ProfileError, SpecError
from ..graph import Graph
from ..sparsity import SparsityProfile
from ..values import Arithmetic
from .choice import IndexArray
from .tables import OptionTable, TableCache, TableKey, memories_of


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What all solvers start from.

    Attributes:
        names: layers, in the graph's order.
        shapes: layer -> what its cost depends on.
        tables: one per layer.
        budget: (r,) what all layers together may use.
        least_cycles: what frame II cannot undercut whatever the layers do.
    """

    names: tuple[str, ...]
    shapes: Mapping[str, LayerShape]
    tables: tuple[OptionTable, ...]
    budget: IntArray
    least_cycles: int

    @property
    def floor_cycles(self) -> int:
        """Frame II that no choice undercuts: of the off-chip memory and of each layer alone."""
        return max(self.least_cycles, *(int(table.cycles[0]) for table in self.tables))

    def foldings(self, rows: IndexArray) -> dict[str, Folding]:
        """Layer -> folding of (layers,) table rows."""
        triples = zip(self.names, self.tables, rows, strict=True)
        return {name: table.folding(int(row)) for name, table, row in triples}


def problem_of(
    graph: Graph,
    device: Device,
    profile: SparsityProfile | None,
    engines: frozenset[EngineKind],
    arithmetic: Arithmetic,
    clock_mhz: float,
    cache: TableCache,
) -> Problem:
    """The problem; tables come from the cache or are built.

    Raises:
        ProfileError: if the profile does not belong to the graph.
        SpecError: if ``engines`` leaves a layer without any.
    """
    if profile is not None:
        absent = [layer.name for layer in graph.convs if layer.name not in profile.layers]
        if absent:
            raise ProfileError(f"the profile lacks layers {', '.join(absent)}")
    memories = memories_of(device)
    shapes = layer_shapes(graph, profile)
    names, tables = [], []
    for name, shape in shapes.items():
        sparsity = None if profile is None else profile.layers.get(name)
        key = TableKey(shape, sparsity, device.family, arithmetic, engines, memories, device.budget)
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
    budget = np.array(tuple(device.budget), dtype=np.int64)
    least = off_chip_bound_cycles(graph, device, clock_mhz, arithmetic)
    return Problem(tuple(names), shapes, tuple(tables), budget, least)
