"""A layer's line buffers and input FIFOs: their sizes, where they may lie, what they cost there.

They depend on the streams into the layer only (where weights are read in passes, on more), and what
they cost is added to the rest; so all ways to place them are costed once for each number of streams
(DECISIONS.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from .. import ops
from ..values import Arithmetic
from .even_flow import window_flow
from .flow import SPARSE_SLACK_PIXELS
from .foldings import (
    SPARSE_ENGINES,
    EngineKind,
    Folding,
    FoldingArrays,
    IntArray,
    MemoryKind,
    as_arrays,
    streams_in,
)
from .ops.reordering import reorder_stores
from .primitives import (
    Amount,
    BoolArray,
    amount,
    buffer,
    by_distinct,
    ceil_div,
    fifo_control,
    fifo_words,
)
from .room import filled_entries
from .shape import LayerShape
from .stores import Store, homes, stored
from .weight_passes import in_passes, pass_stores
from .window import window_stores

Home = tuple[MemoryKind, MemoryKind]  # of line buffers, of FIFOs
# Costs of a layer's numbers of streams: those of 100 layers with a few engines and homes each.
_REMEMBERED = 4096


def needed_entries(
    shape: LayerShape, port_index: int, engine: EngineKind, streams: IntArray
) -> IntArray:
    """Least depth of an input port's FIFO in entries of ``streams`` words, (n,).

    In front of a sparse engine it holds some pixels more (``flow.SPARSE_SLACK_PIXELS``).
    """
    need = shape.fifos[port_index]
    words = need.words
    if engine in SPARSE_ENGINES:
        words += SPARSE_SLACK_PIXELS * shape.inputs[port_index].channels
    return ceil_div(words, streams) + need.entries


def _lines(shape: LayerShape, streams: IntArray, arithmetic: Arithmetic) -> tuple[Store, ...]:
    """What a layer keeps of its input: a window's rows and columns, pixels whose words leave in
    another order, the sums of a global average, an operand that is held for the frame."""
    op, out = shape.op, shape.out
    match op:
        case ops.Conv2d():
            held = window_flow(op, shape.inputs[0], out, shape.haste).held_pixels
            return window_stores(op, shape.inputs[0], streams, arithmetic.act_bits, held)
        case ops.MaxPool2d() | ops.AvgPool2d():
            held = window_flow(op, shape.inputs[0], out).held_pixels
            return window_stores(op, shape.inputs[0], streams, arithmetic.act_bits, held)
        case ops.GlobalAvgPool():
            words = ceil_div(shape.inputs[0].channels, streams)
            return (Store(words, arithmetic.acc_bits, streams, buffer),)
        case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            return reorder_stores(op, shape, streams, arithmetic.act_bits)
        case ops.Add() | ops.Mul() if len({source.pixels for source in shape.inputs}) > 1:
            words = ceil_div(out.channels, streams)
            return (Store(words, arithmetic.act_bits, streams, buffer),)
        case _:
            return ()


def _fifos(
    shape: LayerShape, engine: EngineKind, streams: IntArray, arithmetic: Arithmetic
) -> tuple[Store, ...]:
    """What must be there; the memories that hold it have room for ``filled_entries``."""
    bits = streams * arithmetic.act_bits
    return tuple(
        Store(fifo_words(needed_entries(shape, port, engine, streams)), bits, 1, buffer)
        for port in range(len(shape.inputs))
    )


def _fifo_cost(
    shape: LayerShape,
    engine: EngineKind,
    streams: IntArray,
    arithmetic: Arithmetic,
    memory: MemoryKind,
) -> Amount:
    """Of all ports at once, as a Concat may have many."""
    if not shape.inputs:
        return amount()
    ports = range(len(shape.inputs))
    needed = np.stack([needed_entries(shape, port, engine, streams) for port in ports])
    bits = streams * arithmetic.act_bits
    memories = buffer(fifo_words(needed), bits, memory)
    return (memories + fifo_control(filled_entries(needed, bits, memory))).summed()


def buffer_cost(
    shape: LayerShape, foldings: FoldingArrays, home: Home, arithmetic: Arithmetic
) -> Amount:
    """What line buffers and FIFOs cost where their deep ones lie in ``home``, (n,): all of a FIFO,
    all of a window but its registers and control."""
    passes = _passes(shape, foldings, arithmetic)
    where = home if passes is None else (None, home[1])

    def cost(distinct: IntArray) -> Amount:
        return _cost_of(shape, foldings.engine, tuple(distinct.tolist()), where, arithmetic)

    rest = by_distinct(streams_in(foldings), cost)
    return rest if passes is None else rest + stored(passes, home[0])


@lru_cache(maxsize=_REMEMBERED)
def _cost_of(
    shape: LayerShape,
    engine: EngineKind,
    streams: tuple[int, ...],
    home: tuple[MemoryKind | None, MemoryKind],
    arithmetic: Arithmetic,
) -> Amount:
    """Of FIFOs and of line buffers, None: without these, (n,). The same in every trial of a
    search, whatever is clipped."""
    lines, fifos = home
    every = np.array(streams, dtype=np.int64)
    kept = amount() if lines is None else stored(_lines(shape, every, arithmetic), lines)
    return kept + _fifo_cost(shape, engine, every, arithmetic, fifos)


def _passes(
    shape: LayerShape, foldings: FoldingArrays, arithmetic: Arithmetic
) -> tuple[Store, ...] | None:
    """What is kept instead of ``_lines`` where weights are read in passes, or None."""
    if not isinstance(shape.op, ops.Conv2d) or not in_passes(shape.out, foldings):
        return None
    return pass_stores(shape.op, shape, foldings, arithmetic.act_bits)


def buffer_homes(
    shape: LayerShape,
    foldings: FoldingArrays,
    arithmetic: Arithmetic,
    memories: Iterable[MemoryKind],
) -> dict[Home, BoolArray]:
    """Homes that are legal for some of the foldings, and for which, (n,) each.

    Args:
        shape, foldings, arithmetic: as of ``buffer_cost``.
        memories: those of the part; it is asked for URAM only.
    """
    has_uram = MemoryKind.URAM in memories
    distinct, place = np.unique(streams_in(foldings), return_inverse=True)
    count = len(distinct)
    fifos = homes(_fifos(shape, foldings.engine, distinct, arithmetic), count, has_uram)
    passes = _passes(shape, foldings, arithmetic)
    if passes is None:
        lines = homes(_lines(shape, distinct, arithmetic), count, has_uram)
        lines = {kind: legal[place] for kind, legal in lines.items()}
    else:
        lines = homes(passes, len(foldings), has_uram)
    found = {
        (line, fifo): line_legal & fifo_legal[place]
        for line, line_legal in lines.items()
        for fifo, fifo_legal in fifos.items()
    }
    return {home: legal for home, legal in found.items() if legal.any()}


def homes_of(
    shape: LayerShape, folding: Folding, arithmetic: Arithmetic, memories: Iterable[MemoryKind]
) -> tuple[frozenset[MemoryKind], frozenset[MemoryKind]]:
    """Memories that are legal for the line buffers of one folding, and for its FIFOs."""
    legal = buffer_homes(shape, as_arrays([folding]), arithmetic, memories)
    return frozenset(lines for lines, _ in legal), frozenset(fifos for _, fifos in legal)


def settled(shape: LayerShape, folding: Folding, arithmetic: Arithmetic) -> Folding:
    """The folding with its deep buffers in BRAM where it names no memory for them, or one that is
    not legal on any part, and with none named where none is deep."""
    lines, fifos = homes_of(shape, folding, arithmetic, frozenset(MemoryKind))
    return replace(
        folding,
        line_memory=_kept(folding.line_memory, lines),
        fifo_memory=_kept(folding.fifo_memory, fifos),
    )


def _kept(memory: MemoryKind, legal: frozenset[MemoryKind]) -> MemoryKind:
    if memory in legal:
        return memory
    return MemoryKind.NONE if MemoryKind.NONE in legal else MemoryKind.BRAM
