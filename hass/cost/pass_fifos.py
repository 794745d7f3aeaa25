"""What FIFOs in front of joins would hold more if one layer's weights alone were read in passes:
all such cases in one walk over the graph, each a place of arrays.

The same sums as ``layer_shapes`` of each case, in the same order, so equal to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..graph import Graph
from ..values import Arithmetic
from .flow import ROUNDING, layer_shapes, passed

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Passages:
    """When the words of a frame leave a layer, (cases,) each; see ``flow``."""

    start_frames: _Floats
    spread_frames: _Floats


def pass_waits(
    graph: Graph, lengths: Mapping[str, Arithmetic], cases: Sequence[tuple[str, int]]
) -> tuple[int, ...]:
    """Bits that all FIFOs hold in each case beyond what they hold with all weights on chip.

    Args:
        graph: the network.
        lengths: layer -> word lengths.
        cases: a convolution, and the output rows that it computes together.
    """
    count = len(cases) + 1  # the last one: all weights on chip
    rows_of: dict[str, list[tuple[int, int]]] = {}
    for case, (name, rows) in enumerate(cases):
        rows_of.setdefault(name, []).append((case, rows))
    bits = np.zeros(count, np.int64)
    passages: dict[str, _Passages] = {}
    shapes = layer_shapes(graph)
    for layer in graph:
        sources = [passages[edge.src] for edge in graph.in_edges(layer.name)]
        maps = shapes[layer.name].inputs
        spreads = [source.spread_frames for source in sources]
        arriving = np.maximum.reduce(spreads) if spreads else np.ones(count)
        spread = np.ones(count) if layer.out.pixels > 1 else arriving
        gates = [m.pixels == 1 and layer.out.pixels > 1 for m in maps]
        begin = np.zeros(count)
        if len(sources) == 1:
            begin = np.maximum(begin, sources[0].start_frames)
        elif sources:
            ready = [
                source.start_frames + (source.spread_frames if gate else 0.0)
                for source, gate in zip(sources, gates, strict=True)
            ]
            begin = np.maximum.reduce(ready) + spread / layer.out.pixels
            width = lengths[layer.name].act_bits
            for source, gate, source_map in zip(sources, gates, maps, strict=True):
                held = _held_frames(source, begin, spread / layer.out.pixels if gate else spread)
                words = np.ceil(held * source_map.words - ROUNDING).astype(np.int64)
                bits += words * width
        shape = shapes[layer.name]
        start, leaving = passed(shape, begin, arriving, 0, np.maximum)
        start = np.array(start)
        leaving = np.array(np.broadcast_to(leaving, count))
        for case, rows in rows_of.get(layer.name, ()):
            one = passed(shape, float(begin[case]), float(arriving[case]), rows, max)
            start[case], leaving[case] = one
        passages[layer.name] = _Passages(start, leaving)
    return tuple(int(more) for more in bits[:-1] - bits[-1])


def _progress(frames: _Floats, spread_frames: _Floats) -> _Floats:
    whole = np.floor(frames + ROUNDING)
    share = np.maximum(0.0, frames - whole) / np.maximum(spread_frames, ROUNDING)
    return np.asarray(whole + np.minimum(1.0, share))


def _held_frames(passage: _Passages, start_frames: _Floats, spread_frames: _Floats) -> _Floats:
    """See ``flow``."""
    wait = start_frames - passage.start_frames
    later = np.maximum(0.0, np.ceil(wait - passage.spread_frames - ROUNDING))
    read = _progress(np.maximum(0.0, later + passage.spread_frames - wait), spread_frames)
    return np.maximum(_progress(wait, passage.spread_frames), later + 1 - read)
