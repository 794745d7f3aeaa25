"""An estimate with other FIFO depths: what the FIFOs cost, and nothing else, changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..device import Resources
from ..values import Arithmetic
from .primitives import fifo
from .result import Edge, Estimate


def fifo_resources(depth_words: int, streams: int, arithmetic: Arithmetic) -> Resources:
    """What one FIFO of so many entries, each ``streams`` words wide, costs."""
    cost = fifo(depth_words, streams * arithmetic.act_bits)
    amounts = (cost.lut, cost.ff, cost.dsp, cost.bram18, cost.uram)
    return Resources(*(int(amount) for amount in amounts))


def _moved(amounts: Resources, old: Resources, new: Resources) -> Resources:
    return Resources(*(a - o + n for a, o, n in zip(amounts, old, new, strict=True)))


def with_depths(estimate: Estimate, depths: Mapping[Edge, int], arithmetic: Arithmetic) -> Estimate:
    """The estimate with FIFOs of the given depths, each paid for by the layer that reads it.

    Args:
        estimate: of a folded graph.
        depths: edge -> entries; FIFOs that are not named stay.
        arithmetic: word lengths.

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
        cost = fifo_resources(depth, item.streams, arithmetic)
        reader = layers[item.dst]
        layers[item.dst] = replace(reader, resources=_moved(reader.resources, item.resources, cost))
        total = _moved(total, item.resources, cost)
        fifos.append(replace(item, depth_words=depth, resources=cost))
    return replace(estimate, layers=layers, fifos=tuple(fifos), resources=total)
