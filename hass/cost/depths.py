"""An estimate with other FIFO depths: what the FIFOs cost, and nothing else, changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from ..device import Resources
from ..values import Arithmetic
from .foldings import MemoryKind
from .primitives import fifo, fifo_words, home_of
from .result import Edge, Estimate, FifoEstimate


@lru_cache(maxsize=4096)
def _costed(depth_words: int, bits: int, memory: MemoryKind) -> tuple[Resources, MemoryKind]:
    cost = fifo(depth_words, bits, memory)
    amounts = (cost.lut, cost.ff, cost.dsp, cost.bram18, cost.uram)
    resources = Resources(*(int(amount) for amount in amounts))
    if fifo_words(depth_words) > 0:
        return resources, home_of(depth_words, bits, memory)
    return resources, MemoryKind.NONE


def sized_fifo(
    edge: Edge, depth_words: int, streams: int, memory: MemoryKind, arithmetic: Arithmetic
) -> FifoEstimate:
    """One FIFO of so many entries, each ``streams`` words wide.

    Args:
        edge: where it is.
        depth_words, streams: its size.
        arithmetic: of the layer that reads it.
        memory: where its reader's deep FIFOs lie; where this one does then follows from its size.
    """
    resources, home = _costed(depth_words, streams * arithmetic.act_bits, memory)
    return FifoEstimate(*edge, streams, depth_words, home, resources)


def _moved(amounts: Resources, old: Resources, new: Resources) -> Resources:
    return Resources(*(a - o + n for a, o, n in zip(amounts, old, new, strict=True)))


def with_depths(
    estimate: Estimate, depths: Mapping[Edge, int], lengths: Mapping[str, Arithmetic]
) -> Estimate:
    """The estimate with FIFOs of the given depths, each paid for by the layer that reads it.

    A FIFO that becomes deep, or is no longer, changes its memory by the rules of ``buffer``; one
    that becomes deep in a layer whose folding names no memory for FIFOs goes to BRAM.

    Args:
        estimate: of a folded graph.
        depths: edge -> entries; FIFOs that are not named stay.
        lengths: layer -> its word lengths (``arithmetic_by_layer``).

    Raises:
        ValueError: if an edge has no FIFO, or a depth is below 1.
    """
    unknown = set(depths) - {item.edge for item in estimate.fifos}
    if unknown:
        raise ValueError(f"no FIFO on {sorted(unknown)}")
    if any(depth < 1 for depth in depths.values()):
        raise ValueError(f"a FIFO needs at least one entry, got {dict(depths)}")
    layers, total, fifos = dict(estimate.layers), estimate.resources, []
    for item in estimate.fifos:
        depth = depths.get(item.edge, item.depth_words)
        if depth == item.depth_words:
            fifos.append(item)
            continue
        reader = layers[item.dst]
        memory = reader.folding.fifo_memory
        new = sized_fifo(item.edge, depth, item.streams, memory, lengths[item.dst])
        moved = _moved(reader.resources, item.resources, new.resources)
        layers[item.dst] = replace(reader, resources=moved)
        total = _moved(total, item.resources, new.resources)
        fifos.append(new)
    return replace(estimate, layers=layers, fifos=tuple(fifos), resources=total)
