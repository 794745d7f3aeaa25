"""Foldings: one as a value, many as arrays. The cost of a layer is computed for many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


class EngineKind(StrEnum):
    """How the products of a segment are computed."""

    NONE = "none"  # the layer has no multiplier engine (pooling, elementwise, ...)
    DENSE = "dense"  # every product, M / fine cycles
    DYNAMIC = "dynamic"  # active products only, max(1, ceil(k / fine)) cycles
    STATIC = "static"  # non-zero weights only, in an order fixed offline; static_schedule.py
    BROADCAST = "broadcast"  # non-zero activations only, a cycle each, for all filters at once


# Engines whose cycles depend on the image: their lanes may run ahead of each other.
DATA_DEPENDENT = frozenset({EngineKind.DYNAMIC, EngineKind.BROADCAST})
# Engines that skip zeros.
SPARSE_ENGINES = DATA_DEPENDENT | {EngineKind.STATIC}


class MemoryKind(StrEnum):
    """Where a layer's weights, or those of its buffers that are deep, are kept."""

    NONE = "none"  # it has none
    LUTRAM = "lutram"
    BRAM = "bram"
    URAM = "uram"
    OFF_CHIP = "off-chip"  # streamed in passes; weight_passes.py


@dataclass(frozen=True, slots=True)
class Folding:
    """How one layer is time-multiplexed.

    Attributes:
        engine: kind of the dot-product engines; NONE for layers without weights.
        coarse_in: parallel streams over input channels (of one group). For a layer without
            weights: words per cycle at its input and at its output.
        coarse_out: parallel streams over output channels (of one group).
        coarse_group: groups worked on in parallel.
        fine: multipliers inside one engine.
        packed: input channels per segment; M = packed * kh * kw.
        lane_fifo_depth: windows that a lane may run ahead of the others; 1 = lockstep.
        weight_memory: where the weights are kept.
        rows_per_pass: output rows that are computed with one reading of weights that are off chip;
            1 where they are on chip.
        line_memory: where line buffers and the layer's other deep buffers lie (``buffers``).
        fifo_memory: where deep input FIFOs lie, all ports' together.
    """

    engine: EngineKind = EngineKind.NONE
    coarse_in: int = 1
    coarse_out: int = 1
    coarse_group: int = 1
    fine: int = 1
    packed: int = 1
    lane_fifo_depth: int = 1
    weight_memory: MemoryKind = MemoryKind.NONE
    line_memory: MemoryKind = MemoryKind.NONE
    fifo_memory: MemoryKind = MemoryKind.NONE
    rows_per_pass: int = 1

    def __post_init__(self) -> None:
        for name in FACTOR_NAMES:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if (self.engine is EngineKind.NONE) != (self.weight_memory is MemoryKind.NONE):
            raise ValueError(f"engine and weight_memory go together, got {self}")
        if self.rows_per_pass > 1 and self.weight_memory is not MemoryKind.OFF_CHIP:
            raise ValueError(f"only weights off chip are read in passes, got {self}")

    @property
    def lanes(self) -> int:
        """Engines: coarse_in * coarse_out * coarse_group."""
        return self.coarse_in * self.coarse_out * self.coarse_group

    @property
    def multipliers(self) -> int:
        """lanes * fine, or 0 without an engine."""
        return 0 if self.engine is EngineKind.NONE else self.lanes * self.fine


KIND_NAMES = ("engine", "weight_memory", "line_memory", "fifo_memory")
FACTOR_NAMES = (
    "coarse_in",
    "coarse_out",
    "coarse_group",
    "fine",
    "packed",
    "lane_fifo_depth",
    "rows_per_pass",
)


@dataclass(frozen=True, slots=True, eq=False)
class FoldingArrays:
    """n foldings of one layer that share engine kind and memories: (n,) int64 arrays."""

    engine: EngineKind
    weight_memory: MemoryKind
    coarse_in: IntArray
    coarse_out: IntArray
    coarse_group: IntArray
    fine: IntArray
    packed: IntArray
    lane_fifo_depth: IntArray
    rows_per_pass: IntArray
    line_memory: MemoryKind = MemoryKind.NONE
    fifo_memory: MemoryKind = MemoryKind.NONE

    def __post_init__(self) -> None:
        sizes = {getattr(self, name).shape for name in FACTOR_NAMES}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise ValueError(f"folding arrays must be 1-D and equally long, got {sizes}")

    def __len__(self) -> int:
        return int(self.coarse_in.shape[0])

    def row(self, index: int) -> Folding:
        """One of them as a value."""
        factors = {name: int(getattr(self, name)[index]) for name in FACTOR_NAMES}
        return Folding(
            engine=self.engine,
            weight_memory=self.weight_memory,
            line_memory=self.line_memory,
            fifo_memory=self.fifo_memory,
            **factors,
        )

    def take(self, indices: npt.NDArray[np.intp]) -> FoldingArrays:
        """Those at ``indices``."""
        factors = {name: getattr(self, name)[indices] for name in FACTOR_NAMES}
        return replace(self, **factors)


def streams_in(foldings: FoldingArrays) -> IntArray:
    """Words per cycle at each input port, (n,)."""
    return foldings.coarse_in * foldings.coarse_group


def streams_out(foldings: FoldingArrays) -> IntArray:
    """Words per cycle at the output, (n,)."""
    return foldings.coarse_out * foldings.coarse_group


def as_arrays(foldings: Sequence[Folding]) -> FoldingArrays:
    """Foldings that share engine kind and memories, as arrays.

    Raises:
        ValueError: if they differ in engine kind or a memory, or there is none.
    """
    kinds = {tuple(getattr(folding, name) for name in KIND_NAMES) for folding in foldings}
    if len(kinds) != 1:
        raise ValueError(f"expected foldings of one engine and memory kind, got {kinds}")
    engine, weights, lines, fifos = kinds.pop()
    factors = {
        name: np.array([getattr(folding, name) for folding in foldings], dtype=np.int64)
        for name in FACTOR_NAMES
    }
    return FoldingArrays(
        engine=engine, weight_memory=weights, line_memory=lines, fifo_memory=fifos, **factors
    )


def folding_fields() -> tuple[str, ...]:
    """Names of a folding's fields, for files and tables."""
    return tuple(field.name for field in fields(Folding))


def passes_of(foldings: Mapping[str, Folding]) -> dict[str, int]:
    """Layer -> output rows that one reading of its weights serves, of layers whose weights are off
    chip."""
    return {
        name: folding.rows_per_pass
        for name, folding in foldings.items()
        if folding.weight_memory is MemoryKind.OFF_CHIP
    }
