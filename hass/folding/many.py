"""Whole networks, many foldings at once: frame II and resources of each.

Every legal folding of every layer is costed once; a whole-network folding is then one number per
layer, its place among them. What is asked of it is a lookup and a sum (DECISIONS.md 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from ..cost import layer_shapes, off_chip_bound_cycles
from ..cost.foldings import FACTOR_NAMES, KIND_NAMES, EngineKind, Folding, FoldingArrays, IntArray
from ..cost.shape import LayerShape
from ..device import RESOURCE_NAMES, Device, Resources
from ..errors import SpecError
from ..graph import Graph
from ..sparsity import LayerSparsity, SparsityProfile
from ..values import Arithmetic, WordLengths, precision_of
from ..word_lengths import arithmetic_by_layer
from .legal import ALL_ENGINES, legal_sets
from .tables import all_costs, memories_of

_AT_ONCE = 4096  # foldings looked up together, so that what is added up stays in the cache


@dataclass(frozen=True, slots=True, eq=False)
class ManyEstimates:
    """n foldings of a whole network.

    Attributes:
        frame_ii_cycles: (n,) cycles between frames, but for what layers wait for each other.
        resources: (n, 5) in the order of ``RESOURCE_NAMES``.
    """

    frame_ii_cycles: IntArray
    resources: IntArray

    def __len__(self) -> int:
        return len(self.frame_ii_cycles)

    def fits(self, budget: Resources) -> npt.NDArray[np.bool_]:
        """(n,) whether no resource exceeds the budget."""
        return np.asarray((self.resources <= np.array(tuple(budget))).all(axis=1))


@dataclass(frozen=True, eq=False)
class FoldingSpace:
    """All legal foldings of a network on a part.

    Attributes:
        names: layers, in the graph's order.
        groups: per layer, its legal foldings as ``legal_foldings`` gives them; a layer's places
            count through them.
        costs: per layer, (places, 6) frame II and resources; equal layers share one table.
        least_cycles: frame II that off-chip memory does not undercut.
    """

    names: tuple[str, ...]
    groups: tuple[tuple[FoldingArrays, ...], ...]
    costs: tuple[IntArray, ...]
    least_cycles: int

    @cached_property
    def sizes(self) -> IntArray:
        """(layers,) legal foldings of each layer."""
        return np.array([len(table) for table in self.costs], dtype=np.int64)

    def place(self, layer: str, folding: Folding) -> int:
        """Place of a folding among those of its layer.

        Raises:
            ValueError: if the layer has no such legal folding.
        """
        passed = 0
        for group in self.groups[self.names.index(layer)]:
            if all(getattr(group, kind) is getattr(folding, kind) for kind in KIND_NAMES):
                same = np.ones(len(group), dtype=np.bool_)
                for name in FACTOR_NAMES:
                    same &= getattr(group, name) == getattr(folding, name)
                if same.any():
                    return passed + int(same.argmax())
            passed += len(group)
        raise ValueError(f"{layer}: {folding} is not legal")

    def places(self, foldings: Mapping[str, Folding]) -> IntArray:
        """(layers,) places of one folding per layer.

        Raises:
            ValueError: if a layer has none, or one that is not legal.
        """
        missing = [name for name in self.names if name not in foldings]
        if missing:
            raise ValueError(f"no folding for {', '.join(missing)}")
        return np.array([self.place(name, foldings[name]) for name in self.names], dtype=np.int64)

    def foldings(self, places: IntArray) -> dict[str, Folding]:
        """Layer -> folding of (layers,) places."""
        chosen = {}
        for name, groups, place in zip(self.names, self.groups, places.tolist(), strict=True):
            for group in groups:
                if place < len(group):
                    chosen[name] = group.row(place)
                    break
                place -= len(group)
        return chosen

    def draw(self, count: int, rng: np.random.Generator) -> IntArray:
        """(count, layers) places, each layer's uniform."""
        return rng.integers(0, self.sizes, size=(count, len(self.names)), dtype=np.int64)


def folding_space(
    graph: Graph,
    device: Device,
    *,
    profile: SparsityProfile | None = None,
    engines: frozenset[EngineKind] = ALL_ENGINES,
    arithmetic: WordLengths = Arithmetic(),  # noqa: B008 - a frozen value
    clock_mhz: float | None = None,
) -> FoldingSpace:
    """Cost every legal folding of every layer with its weights on chip, whether it fits the part
    or not.

    Args: as of ``solve``.

    Raises:
        ProfileError: if the profile does not belong to the graph.
        SpecError: if ``engines`` leaves a layer without any.
    """
    memories = memories_of(device)
    lengths = arithmetic_by_layer(graph, arithmetic)
    known: dict[tuple[LayerShape, LayerSparsity | None, Arithmetic], IntArray] = {}
    names, all_groups, costs = [], [], []
    for name, shape in layer_shapes(graph, profile).items():
        sparsity = None if profile is None else profile.layers.get(name)
        words = lengths[name]
        sets = legal_sets(shape, engines, memories, sparsity, words)
        if not sets:
            raise SpecError.at("engines", ", ".join(sorted(engines)), f"an engine for {name}")
        if (shape, sparsity, words) not in known:
            cycles, use = all_costs(shape, sets, sparsity, device.family, words)
            known[shape, sparsity, words] = np.column_stack([cycles, use[:, :5]])
        names.append(name)
        all_groups.append(tuple(group for one in sets for group in one.groups()))
        costs.append(known[shape, sparsity, words])
    clock = device.clock_mhz if clock_mhz is None else clock_mhz
    ends = precision_of(arithmetic).default
    least = off_chip_bound_cycles(graph, device, clock, ends)
    return FoldingSpace(tuple(names), tuple(all_groups), tuple(costs), least)


def estimate_many(space: FoldingSpace, places: IntArray) -> ManyEstimates:
    """Frame II and resources of many foldings of a whole network; the same as ``estimate``'s.

    Args:
        space: the network on its part.
        places: (n, layers) a place for each layer.

    Raises:
        ValueError: if ``places`` is not of that shape, or names a place that is not there.
    """
    if places.ndim != 2 or places.shape[1] != len(space.names):
        raise ValueError(f"places must be (n, {len(space.names)}), got {places.shape}")
    if len(places) and not ((places >= 0) & (places < space.sizes)).all():
        raise ValueError("a place is not below the number of its layer's legal foldings")
    count = len(places)
    cycles = np.full(count, space.least_cycles, dtype=np.int64)
    resources = np.zeros((count, len(RESOURCE_NAMES)), dtype=np.int64)
    for start in range(0, count, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        by_layer = np.ascontiguousarray(places[part].T)
        for table, chosen in zip(space.costs, by_layer, strict=True):
            rows = table.take(chosen, axis=0)
            np.maximum(cycles[part], rows[:, 0], out=cycles[part])
            resources[part] += rows[:, 1:]
    return ManyEstimates(cycles, resources)
