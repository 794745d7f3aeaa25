"""Every legal folding of a layer, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from ..cost.buffers import Home, buffer_homes
from ..cost.foldings import (
    DATA_DEPENDENT,
    FACTOR_NAMES,
    EngineKind,
    FoldingArrays,
    IntArray,
    MemoryKind,
)
from ..cost.primitives import BoolArray
from ..cost.shape import LayerShape
from ..cost.weight_passes import columns_read
from ..intmath import divisors
from ..ops import Conv2d
from ..sparsity import LayerSparsity
from ..values import Arithmetic

ALL_ENGINES = frozenset(EngineKind) - {EngineKind.NONE}
ON_CHIP_MEMORIES = (MemoryKind.LUTRAM, MemoryKind.BRAM, MemoryKind.URAM)
WEIGHT_MEMORIES = (*ON_CHIP_MEMORIES, MemoryKind.OFF_CHIP)
LANE_FIFO_DEPTHS = (1, 2, 4, 8, 16, 32)

# Sparse engines. The dynamic one was synthesised for M 4..64 and N 1..8 (coefficients.toml). M = 2
# and 3 are let in because the fit is nearly linear in M; wider or with more multipliers is
# extrapolation. The static one's multiplexer is the dense one's, synthesised to the same width.
SPARSE_MIN_PRODUCTS = 2
SPARSE_MAX_PRODUCTS = 64
SPARSE_MAX_FINE = 8
# A dense engine's segment is as wide as the widest selector at most, unless one window is wider.
DENSE_MAX_PRODUCTS = 64


def _crossed(first: IntArray, second: IntArray) -> IntArray:
    """All pairs of rows of (n, a) and (m, b): (n * m, a + b), the second varying fastest."""
    left, right = np.meshgrid(np.arange(len(first)), np.arange(len(second)), indexing="ij")
    return np.concatenate([first[left.ravel()], second[right.ravel()]], axis=1)


def _column(values: tuple[int, ...]) -> IntArray:
    return np.array(values, dtype=np.int64).reshape(-1, 1)


def _packings(op: Conv2d, channels: int, engine: EngineKind, measured: frozenset[int]) -> IntArray:
    """(n, 1) channels per segment that the engine may have.

    A dense engine packs only where the window is a single product. With wider windows, packing
    gives no cycle count that coarse_in does not give as well.
    """
    taps = op.kernel[0] * op.kernel[1]
    if engine is EngineKind.DENSE:
        limit = DENSE_MAX_PRODUCTS if taps == 1 else 1
        return _column(tuple(p for p in divisors(channels) if p <= limit))
    fitting = [
        p
        for p in divisors(channels)
        if p in measured and SPARSE_MIN_PRODUCTS <= p * taps <= SPARSE_MAX_PRODUCTS
    ]
    return _column(tuple(fitting))


def _fines(op: Conv2d, packings: IntArray, engine: EngineKind) -> IntArray:
    """(n, 1) candidates for ``fine``; the caller drops those that a packing does not allow."""
    taps = op.kernel[0] * op.kernel[1]
    if engine is EngineKind.BROADCAST:  # a selector finds one activation a cycle
        return _column((1,))
    if engine is EngineKind.DENSE:
        found = {f for p in packings[:, 0] for f in divisors(int(p) * taps)}
        return _column(tuple(sorted(found)))
    return _column(tuple(range(1, SPARSE_MAX_FINE + 1)))


def _conv_foldings(
    op: Conv2d, shape: LayerShape, engine: EngineKind, measured: frozenset[int]
) -> IntArray:
    """(n, 7) factors in the order of ``FACTOR_NAMES``, for weights on chip."""
    channels = shape.inputs[0].channels // op.groups
    taps = op.kernel[0] * op.kernel[1]
    packings = _packings(op, channels, engine, measured)
    inner = _crossed(_crossed(_column(divisors(channels)), packings), _fines(op, packings, engine))
    coarse_in, packed, fine = inner.T
    legal = channels % (coarse_in * packed) == 0
    if engine is EngineKind.DENSE:
        legal &= (packed * taps) % fine == 0
    else:
        legal &= fine <= packed * taps
    outer = _crossed(_column(divisors(op.out_channels // op.groups)), _column(divisors(op.groups)))
    depths = LANE_FIFO_DEPTHS if engine in DATA_DEPENDENT else (1,)
    rows = _crossed(_crossed(inner[legal], outer), _column(depths))
    rows = np.concatenate([rows, np.ones_like(rows[:, :1])], axis=1)
    # (coarse_in, packed, fine, coarse_out, coarse_group, depth, rows_per_pass) -> FACTOR_NAMES
    return rows[:, [0, 3, 4, 2, 1, 5, 6]]


def _streamed(factors: IntArray, op: Conv2d, shape: LayerShape, rows_per_pass: int) -> IntArray:
    """(n, 7) factors of dense engines whose weights are off chip."""
    if shape.haste > 1:
        return factors[:0]
    choices = divisors(shape.out.height)
    if rows_per_pass:
        choices = tuple(rows for rows in choices if rows == rows_per_pass)
    taps = op.kernel[0] * op.kernel[1]
    turns = factors[:, 4] * taps // factors[:, 3]
    paced = factors[turns * shape.out.width >= columns_read(op, shape)]
    return _crossed(paced[:, :-1], _column(choices))


@dataclass(frozen=True, slots=True, eq=False)
class FoldingSet:
    """Legal foldings that share engine and weight memory, and where their buffers may lie.

    Attributes:
        foldings: all of them, with no memory named for line buffers and FIFOs.
        homes: memories of line buffers and of FIFOs, in a fixed order, and the foldings that may
            have them, (n,) each.
    """

    foldings: FoldingArrays
    homes: Mapping[Home, BoolArray]

    def groups(self) -> Iterator[FoldingArrays]:
        """Its legal foldings, a value for each home."""
        for (lines, fifos), rows in self.homes.items():
            some = self.foldings if rows.all() else self.foldings.take(np.flatnonzero(rows))
            yield replace(some, line_memory=lines, fifo_memory=fifos)


def _set(
    shape: LayerShape,
    factors: IntArray,
    kinds: tuple[EngineKind, MemoryKind],
    memories: frozenset[MemoryKind],
    arithmetic: Arithmetic,
) -> FoldingSet:
    """Of an engine kind, and of weights in a memory."""
    columns = {
        name: np.ascontiguousarray(column)
        for name, column in zip(FACTOR_NAMES, factors.T, strict=True)
    }
    engine, weights = kinds
    none = MemoryKind.NONE
    foldings = FoldingArrays(engine, weights, line_memory=none, fifo_memory=none, **columns)
    return FoldingSet(foldings, buffer_homes(shape, foldings, arithmetic, memories))


def legal_foldings(
    shape: LayerShape,
    engines: frozenset[EngineKind],
    memories: frozenset[MemoryKind],
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic = Arithmetic(),  # noqa: B008 - a frozen value
    rows_per_pass: int = 0,
) -> tuple[FoldingArrays, ...]:
    """All legal foldings of a layer, one value per engine kind and memories.

    Args: as of ``legal_sets``.

    Returns:
        Non-empty arrays in a fixed order; lane_fifo_depth varies fastest. Empty if no engine or
        memory is left for a layer with weights.
    """
    sets = legal_sets(shape, engines, memories, sparsity, arithmetic, rows_per_pass)
    return tuple(group for one in sets for group in one.groups())


def legal_sets(
    shape: LayerShape,
    engines: frozenset[EngineKind],
    memories: frozenset[MemoryKind],
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic,
    rows_per_pass: int = 0,
) -> tuple[FoldingSet, ...]:
    """All legal foldings of a layer, one value per engine kind and weight memory.

    A convolution's coarse_group divides its groups, coarse_in its channels per group, coarse_out
    its filters per group, and packed what coarse_in leaves. ``fine`` divides M = packed * kh * kw
    in a dense engine. Dynamic and static engines need M in 2..64, ``fine`` in 1..8 and a measured
    distribution for their ``packed``; a static one also weights that are zero. Broadcast engines
    are as dynamic ones, with ``fine`` 1 and a measured distribution of activations alone.
    Weights of a dense engine may be off chip, read once for each pass over some rows, which divide
    the output's: where no other branch waits at a join for the layer's single position, and where
    no row of positions needs more columns of its input than it takes cycles.
    A layer without weights has one number of streams, which divides the channels of all its inputs
    and of its output.
    Line buffers and FIFOs that are deep lie in BRAM, or else in LUTs or, where they are too large
    for these, in URAM (``stores.homes``).

    Args:
        shape: the layer.
        engines: kinds allowed to layers with weights; NONE is ignored.
        memories: weight memories allowed; NONE is ignored. Buffers may be in URAM if weights may.
        sparsity: what was measured in the layer; without it there are dense engines only.
        arithmetic: word lengths.
        rows_per_pass: of weights off chip; 0: any.

    Returns:
        Sets in a fixed order; lane_fifo_depth varies fastest. Empty if no engine or memory is
        left for a layer with weights.
    """
    if not isinstance(shape.op, Conv2d):
        common = gcd(shape.out.channels, *(source.channels for source in shape.inputs))
        streams = _column(divisors(common))
        ones = np.ones_like(streams)
        factors = np.concatenate([streams, streams, *[ones] * 5], axis=1)
        none = (EngineKind.NONE, MemoryKind.NONE)
        return (_set(shape, factors, none, memories, arithmetic),)
    measured = frozenset[int]()
    if sparsity is not None:
        measured = frozenset(histogram.packed for histogram in sparsity.histograms)
    result: list[FoldingSet] = []
    for engine in (*EngineKind,):
        if engine not in engines or engine is EngineKind.NONE:
            continue
        if engine is EngineKind.STATIC and (sparsity is None or sparsity.weight_density == 1.0):
            continue
        if engine is EngineKind.BROADCAST and (sparsity is None or sparsity.acts is None):
            continue
        factors = _conv_foldings(shape.op, shape, engine, measured)
        for memory in WEIGHT_MEMORIES:
            if memory not in memories:
                continue
            if memory is MemoryKind.OFF_CHIP:
                dense = engine is EngineKind.DENSE
                some = _streamed(factors, shape.op, shape, rows_per_pass) if dense else factors[:0]
            else:
                some = factors
            if len(some):
                result.append(_set(shape, some, (engine, memory), memories, arithmetic))
    return tuple(result)
