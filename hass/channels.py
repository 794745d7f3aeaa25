"""Which channels of a network can only be removed together, and which never.

A channel of one layer's output is tied to those of others: an activation or a pool makes one of
one, an Add or a Mul one of two, a depthwise filter belongs to its input channel. Where a layer is
dealt into groups of several channels, each group must stay as large as the others, so that the
same places of all groups go together. What the network is given and what it answers with stays,
and so does what a Slice with gaps picks from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from . import ops
from .errors import GraphError
from .graph import Graph, Layer, Weights
from .moves import shuffled_channels

IndexArray = npt.NDArray[np.int64]
Channel = tuple[str, int]  # (layer, channel of its output)
Removed = Mapping[str, tuple[int, ...]]  # Conv2d layer -> output channels, ascending
ROUNDING = 1e-9  # a share of k / n, as floating point has it, is k of n


@dataclass(frozen=True, slots=True)
class ChannelClass:
    """Channels that can only be removed together.

    Attributes:
        channels: all of them, layer by layer in topological order.
        filters: of these, the outputs of Conv2d layers; at least one.
    """

    channels: tuple[Channel, ...]
    filters: tuple[Channel, ...]


def is_depthwise(op: ops.Conv2d, channels: int) -> bool:
    """Whether each filter has an input channel of its own.

    Args:
        op: the layer.
        channels: of its input.
    """
    return op.groups > 1 and op.groups == channels


class _Ties:
    """Sets of channels that grow together; the last index stands for what is never removed."""

    def __init__(self, graph: Graph) -> None:
        counts = [layer.out.channels for layer in graph]
        starts = np.concatenate([[0], np.cumsum(counts)])
        self._first = {
            layer.name: int(start) for layer, start in zip(graph, starts[:-1], strict=True)
        }
        self._above = list(range(int(starts[-1]) + 1))
        self.fixed = int(starts[-1])

    def index(self, layer: str, channel: int) -> int:
        """The index of a channel."""
        return self._first[layer] + channel

    def root(self, index: int) -> int:
        """What stands for the set that an index is in."""
        while self._above[index] != index:
            self._above[index] = index = self._above[self._above[index]]
        return index

    def tie(self, one: int, other: int) -> None:
        """Put two sets together."""
        self._above[self.root(one)] = self.root(other)


def _tie_conv(ties: _Ties, layer: Layer, op: ops.Conv2d, source: Layer) -> None:
    channels, name = source.out.channels, layer.name
    filters = op.out_channels // op.groups
    if op.groups == 1:
        return
    if is_depthwise(op, channels):
        for number in range(op.out_channels):
            ties.tie(ties.index(name, number), ties.index(source.name, number // filters))
        return
    for end, width in ((name, filters), (source.name, channels // op.groups)):
        for number in range(width, op.groups * width):
            ties.tie(ties.index(end, number), ties.index(end, number % width))


def _tie_reordered(
    ties: _Ties, layer: Layer, op: ops.DepthToSpace | ops.Shuffle, source: Layer
) -> None:
    """Blocks of a pixel stay alike, and the rows of a shuffle."""
    channels = source.out.channels
    places = range(channels)
    width = layer.out.channels
    if isinstance(op, ops.Shuffle):
        width = channels // op.groups
        places = shuffled_channels(op, channels).tolist()
    for number in range(width, channels):
        ties.tie(ties.index(source.name, number), ties.index(source.name, number % width))
    for number, place in enumerate(places[: layer.out.channels]):
        ties.tie(ties.index(layer.name, number), ties.index(source.name, place))


def _tied(graph: Graph) -> _Ties:
    ties = _Ties(graph)
    for layer in graph:
        name, count = layer.name, layer.out.channels
        sources = [graph[edge.src] for edge in graph.in_edges(name)]
        match layer.op:
            case ops.Input():
                for channel in range(count):
                    ties.tie(ties.index(name, channel), ties.fixed)
            case ops.Conv2d() as op:
                _tie_conv(ties, layer, op, sources[0])
            case ops.Concat():
                first = 0
                for source in sources:
                    for channel in range(source.out.channels):
                        here = ties.index(name, first + channel)
                        ties.tie(here, ties.index(source.name, channel))
                    first += source.out.channels
            case ops.Slice() as op:
                span = op.channels
                for place, channel in enumerate(range(span.start, span.stop, span.step)):
                    ties.tie(ties.index(name, place), ties.index(sources[0].name, channel))
                if span.step > 1:
                    for channel in range(span.start, span.stop):
                        ties.tie(ties.index(sources[0].name, channel), ties.fixed)
            case ops.Pad() as op:
                for channel in range(sources[0].out.channels):
                    here = ties.index(name, op.channels_front + channel)
                    ties.tie(here, ties.index(sources[0].name, channel))
            case ops.DepthToSpace() | ops.Shuffle() as op:
                _tie_reordered(ties, layer, op, sources[0])
            case _:
                for source in sources:
                    for channel in range(count):
                        ties.tie(ties.index(name, channel), ties.index(source.name, channel))
        if isinstance(layer.op, ops.Output):
            for channel in range(count):
                ties.tie(ties.index(name, channel), ties.fixed)
    return ties


def channel_classes(graph: Graph) -> tuple[ChannelClass, ...]:
    """The channels that can be removed, by the first filter of each class."""
    ties = _tied(graph)
    members: dict[int, list[Channel]] = {}
    for layer in graph:
        for channel in range(layer.out.channels):
            root = ties.root(ties.index(layer.name, channel))
            members.setdefault(root, []).append((layer.name, channel))
    members.pop(ties.root(ties.fixed), None)
    convs = {layer.name for layer in graph.convs}
    place = {layer.name: number for number, layer in enumerate(graph)}
    classes = []
    for channels in members.values():
        filters = tuple(channel for channel in channels if channel[0] in convs)
        if filters:
            classes.append(ChannelClass(tuple(channels), filters))
    return tuple(sorted(classes, key=lambda c: (place[c.filters[0][0]], c.filters[0][1])))


def classes_by_layer(graph: Graph) -> dict[str, tuple[ChannelClass, ...]]:
    """Conv2d layer -> the classes whose first filter is one of its own; layers without one absent.

    So each class is found under one layer: the first of those that must give up a channel together.
    """
    found: dict[str, list[ChannelClass]] = {}
    for channels in channel_classes(graph):
        found.setdefault(channels.filters[0][0], []).append(channels)
    return {name: tuple(classes) for name, classes in found.items()}


def ranked_classes(graph: Graph, weights: Weights) -> dict[str, tuple[ChannelClass, ...]]:
    """``classes_by_layer``, of each layer those first that matter least.

    What a class weighs is the sum over its filters of their mean magnitude relative to that of all
    filters of their layer; the first of equal ones comes first.
    """
    means = {}
    for layer in graph.convs:
        sizes = np.abs(weights[f"{layer.name}.weight"]).mean(axis=(1, 2, 3), dtype=np.float64)
        means[layer.name] = sizes / (sizes.mean() or 1.0)

    def weight(found: ChannelClass) -> float:
        return float(sum(means[name][channel] for name, channel in found.filters))

    by_layer = classes_by_layer(graph)
    return {name: tuple(sorted(classes, key=weight)) for name, classes in by_layer.items()}


def smallest_channels(
    ranked: Mapping[str, tuple[ChannelClass, ...]], shares: Mapping[str, float]
) -> Removed:
    """The channels to remove for shares of what can be removed, rounded down.

    Args:
        ranked: of ``ranked_classes``.
        shares: layer -> share of its classes, 0..1; layers without a class do not matter.
    """
    chosen: list[ChannelClass] = []
    for name, classes in ranked.items():
        chosen += classes[: int(shares.get(name, 0.0) * len(classes) + ROUNDING)]
    return as_removed(chosen)


def removed_classes(graph: Graph, removed: Removed) -> tuple[ChannelClass, ...]:
    """The classes that some filters belong to.

    Raises:
        GraphError: if there is no such filter, or it is one that is never removed.
    """
    of = {channel: found for found in channel_classes(graph) for channel in found.filters}
    chosen: dict[ChannelClass, None] = {}
    for name, channels in removed.items():
        for channel in channels:
            if (name, channel) not in of:
                raise GraphError(
                    f"{graph.name}: channel {channel} of {name!r} cannot be removed: it is tied to "
                    "the network's input or output, or does not exist"
                )
            chosen[of[name, channel]] = None
    return tuple(chosen)


def removed_filters(graph: Graph, removed: Removed) -> Removed:
    """All filters that go with those of ``as_removed``, by layer.

    Raises:
        GraphError: as ``removed_classes``.
    """
    gone: dict[str, list[int]] = {}
    for found in removed_classes(graph, removed):
        for name, channel in found.filters:
            gone.setdefault(name, []).append(channel)
    return {name: tuple(sorted(channels)) for name, channels in gone.items()}


def as_removed(classes: Sequence[ChannelClass]) -> Removed:
    """The first filter of each class, by layer; ``removed_classes`` finds the classes again."""
    removed: dict[str, list[int]] = {}
    for found in classes:
        name, channel = found.filters[0]
        removed.setdefault(name, []).append(channel)
    return {name: tuple(sorted(channels)) for name, channels in removed.items()}


def sparing(graph: Graph, classes: Sequence[ChannelClass]) -> Iterator[ChannelClass]:
    """Those of some classes, in their order, after which each layer still has a channel."""
    left = {layer.name: layer.out.channels for layer in graph}
    for found in classes:
        taken: dict[str, int] = {}
        for name, _ in found.channels:
            taken[name] = taken.get(name, 0) + 1
        if all(left[name] > count for name, count in taken.items()):
            for name, count in taken.items():
                left[name] -= count
            yield found
