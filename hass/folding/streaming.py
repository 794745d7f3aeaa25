"""Which layers' weights may be off chip, and in passes over how many rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from ..cost import Folding, pass_waits, passes_of
from ..graph import Graph
from ..ops import Conv2d
from ..values import WordLengths, precision_of
from ..word_lengths import arithmetic_by_layer

# Weights of fewer bits, 8 BRAM18, are not offered a place off chip: reading them costs more.
LEAST_BITS = 8 * 18 * 1024


class WeightsAt(StrEnum):
    """Where weights may be."""

    ON_CHIP = "on-chip"
    ANYWHERE = "anywhere"  # large layers' also off chip, wherever that is faster
    AUTO = "auto"  # on chip if that fits, otherwise anywhere


@dataclass(frozen=True, slots=True)
class Streaming:
    """A choice of layers.

    Attributes:
        rows: layer whose weights may be off chip -> rows of a pass; 0: any.
        waited: layer -> rows of the passes that FIFOs in front of joins are made for.
        wait_bits: layer -> what is counted for these FIFOs instead; see ``OffChip``.
    """

    rows: Mapping[str, int]
    waited: Mapping[str, int]
    wait_bits: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def none_waits(self) -> bool:
        """Whether no join waits longer for any layer's passes."""
        return not any(last for _, last in self.wait_bits.values())

    def __post_init__(self) -> None:
        object.__setattr__(self, "wait_bits", MappingProxyType(dict(self.wait_bits)))
        object.__setattr__(self, "rows", MappingProxyType(dict(self.rows)))
        object.__setattr__(self, "waited", MappingProxyType(dict(self.waited)))


def large_layers(graph: Graph, arithmetic: WordLengths) -> tuple[str, ...]:
    """Layers with weights that are worth a place off chip; the law may still forbid it."""
    precision = precision_of(arithmetic)
    found = []
    for layer in graph.convs:
        op = layer.op
        assert isinstance(op, Conv2d)
        weights = op.out_channels * graph.in_maps(layer.name)[0].channels // op.groups
        bits = precision.of(layer.name).weight_bits
        if weights * op.kernel[0] * op.kernel[1] * bits >= LEAST_BITS:
            found.append(layer.name)
    return tuple(found)


def every_layer(graph: Graph, arithmetic: WordLengths) -> Streaming:
    """All large layers, in passes of any number of rows, for which no FIFO is made: whatever is
    possible costs at least as much."""
    return Streaming(dict.fromkeys(large_layers(graph, arithmetic), 0), {})


def counted(graph: Graph, arithmetic: WordLengths) -> Streaming:
    """As ``every_layer``, but each layer pays for what FIFOs in front of joins would hold more if
    its weights alone were off chip; a guide to good choices, not a bound."""
    names = large_layers(graph, arithmetic)
    cases = [(name, rows) for name in names for rows in (1, graph[name].out.height)]
    more = iter(pass_waits(graph, arithmetic_by_layer(graph, arithmetic), cases))
    waits = {name: (next(more), next(more)) for name in names}
    return Streaming(dict.fromkeys(names, 0), {}, waits)


def narrowed(
    graph: Graph, arithmetic: WordLengths, foldings: Mapping[str, Folding]
) -> tuple[Streaming, ...]:
    """What to try after ``foldings``: the layers whose weights are off chip in them, in the same
    passes and in passes of a row; and all large layers, in passes of a row."""
    same = passes_of(foldings)
    single = dict.fromkeys(same, 1)
    every = dict.fromkeys(large_layers(graph, arithmetic), 1)
    choices = []
    for rows in (same, single, every):
        if rows not in choices:
            choices.append(rows)
    return tuple(Streaming(rows, rows) for rows in choices)
