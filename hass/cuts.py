"""Where a network can be cut, and the part of it between two cuts as a network of its own.

The layers are taken in one order, ``cutting_order``; a cut is a place in it. What crosses a cut is
one feature map with the channels of all the streams that cross it, as high and as wide as the
largest of them: the part before the cut ends with a Concat, behind Pads of what is smaller, the
part behind it begins with Slices. So a part has one Input and one Output like every graph, and
whatever handles graphs handles it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from . import ops
from .errors import GraphError
from .graph import Edge, Graph, Layer, Weights
from .ops import Span
from .values import FeatureMap
from .verify import verify


@dataclass(frozen=True, slots=True)
class Part:
    """Layers between two cuts, in the order of ``cutting_order``.

    Attributes:
        after: the last layer before the part; None: it begins with the network's Input.
        until: its last layer; None: it ends with the network's Output.
    """

    after: str | None = None
    until: str | None = None

    def __str__(self) -> str:
        begin = "from the input" if self.after is None else f"after {self.after}"
        return f"{begin} up to {'the output' if self.until is None else self.until}"


WHOLE = Part()


@dataclass(frozen=True, slots=True, eq=False)
class PartGraph:
    """A part as a network.

    Attributes:
        graph: its layers, under their own names, and those that the cuts add.
        carries: layer that a cut adds -> layers of the whole network whose words it holds.
    """

    graph: Graph
    carries: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "carries", MappingProxyType(dict(self.carries)))


def _depths(graph: Graph) -> dict[str, int]:
    """Layer -> layers on the longest way to it."""
    depths: dict[str, int] = {}
    for layer in graph:
        sources = [depths[edge.src] for edge in graph.in_edges(layer.name)]
        depths[layer.name] = 1 + max(sources, default=0)
    return depths


def cutting_order(graph: Graph) -> tuple[str, ...]:
    """The layers in a topological order that finishes one branch before it begins the next, the
    shorter first: a shortcut, with its projection, stands before what it goes around."""
    depths = _depths(graph)
    order: dict[str, None] = {}
    todo = [sink.name for sink in reversed(graph.outputs)]
    while todo:
        name = todo[-1]
        sources = dict.fromkeys(edge.src for edge in graph.in_edges(name))
        missing = sorted((s for s in sources if s not in order), key=lambda s: -depths[s])
        if missing:
            todo.extend(missing)  # the last one, the shortest, comes first
        else:
            order[todo.pop()] = None
    return tuple(order)


@dataclass(frozen=True, slots=True)
class Cut:
    """A place where a network can be cut.

    Attributes:
        last: the last layer before it, which names it.
        streams: the layers before it whose output is read behind it, in order.
        crossing: the map that crosses it: the channels of all streams.
        weighted: layers with weights before it.
    """

    last: str
    streams: tuple[str, ...]
    crossing: FeatureMap
    weighted: int


def _joined_map(maps: Sequence[FeatureMap]) -> FeatureMap:
    """The map that holds all, channel after channel."""
    return FeatureMap(
        max(m.height for m in maps), max(m.width for m in maps), sum(m.channels for m in maps)
    )


def all_cuts(graph: Graph) -> Iterator[Cut]:
    """All cuts, in order, each with a layer with weights on both sides; none where the network has
    several outputs, which one map that crosses cannot carry past the later parts."""
    if len(graph.outputs) > 1:
        return
    total = len(graph.convs)
    weighted = 0
    behind: dict[str, int] = {}  # layer before the cut -> readers behind it
    for name in cutting_order(graph):
        for edge in graph.in_edges(name):
            behind[edge.src] -= 1
            if not behind[edge.src]:
                del behind[edge.src]
        behind[name] = len(graph.out_edges(name))
        weighted += isinstance(graph[name].op, ops.Conv2d)
        if not 0 < weighted < total:
            continue
        # a cut behind a Fork none of whose readers stands before it is the one in front of it
        forked = (s for s in behind if isinstance(graph[s].op, ops.Fork))
        if all(behind[s] < len(graph.out_edges(s)) for s in forked):
            crossing = _joined_map([graph[stream].out for stream in behind])
            yield Cut(name, tuple(behind), crossing, weighted)


def useful_cuts(graph: Graph) -> tuple[Cut, ...]:
    """Of the cuts between the same two layers with weights the one that the fewest words cross, of
    several the last: where else in between the others' layers go makes no difference worth it."""
    best: dict[int, Cut] = {}
    for cut in all_cuts(graph):
        other = best.get(cut.weighted)
        if other is None or cut.crossing.words <= other.crossing.words:
            best[cut.weighted] = cut
    return tuple(best.values())


def _fresh(name: str, graph: Graph) -> str:
    while name in graph:
        name += "_"
    return name


def _cut_behind(graph: Graph, last: str) -> Cut:
    for cut in all_cuts(graph):
        if cut.last == last:
            return cut
    raise GraphError(f"{graph.name}: cannot be cut behind {last!r}")


@dataclass(frozen=True, slots=True)
class _Joint:
    """What stands at one side of a part: layers in order, edges, and what the layers carry."""

    layers: tuple[Layer, ...]
    edges: tuple[Edge, ...]
    carries: Mapping[str, tuple[str, ...]]


def _entry(graph: Graph, cut: Cut, readers: Mapping[str, int]) -> _Joint:
    """Input, and a layer under the name of each stream that gives it to its readers."""
    layers: list[Layer] = []
    edges: list[Edge] = []
    carries: dict[str, tuple[str, ...]] = {}
    forked = [stream for stream in cut.streams if readers[stream] > 1]
    if len(cut.streams) == 1 and not forked:
        (stream,) = cut.streams
        return _Joint((Layer(stream, ops.Input(), cut.crossing),), (), {})
    source = _fresh(f"{cut.last}.in", graph)
    layers.append(Layer(source, ops.Input(), cut.crossing))
    carries[source] = cut.streams
    if len(cut.streams) > 1:
        fork = _fresh(f"{cut.last}.in.fork", graph)
        layers.append(Layer(fork, ops.Fork(), cut.crossing))
        edges.append(Edge(source, fork))
        carries[fork] = cut.streams
        source = fork
    first = 0
    for stream in cut.streams:
        out, reads = graph[stream].out, source
        if len(cut.streams) > 1:
            name = _fresh(f"{stream}.in.slice", graph) if stream in forked else stream
            channels = Span(first, first + out.channels)
            op = ops.Slice(Span(0, out.height), Span(0, out.width), channels)
            layers.append(Layer(name, op, out))
            edges.append(Edge(source, name))
            if name != stream:
                carries[name] = (stream,)
            first, reads = first + out.channels, name
        if stream in forked:
            layers.append(Layer(stream, ops.Fork(), out))
            edges.append(Edge(reads, stream))
    return _Joint(tuple(layers), tuple(edges), carries)


def _exit(graph: Graph, cut: Cut) -> _Joint:
    """Output, and in front of it a Concat where several streams leave."""
    layers: list[Layer] = []
    edges: list[Edge] = []
    carries: dict[str, tuple[str, ...]] = {}
    source = cut.streams[0]
    if len(cut.streams) > 1:
        source = _fresh(f"{cut.last}.out.concat", graph)
        for port, stream in enumerate(cut.streams):
            out, name = graph[stream].out, stream
            below, right = cut.crossing.height - out.height, cut.crossing.width - out.width
            if below or right:
                name = _fresh(f"{stream}.out.pad", graph)
                padded = FeatureMap(cut.crossing.height, cut.crossing.width, out.channels)
                layers.append(Layer(name, ops.Pad((0, 0, below, right)), padded))
                edges.append(Edge(stream, name))
                carries[name] = (stream,)
            edges.append(Edge(name, source, port))
        layers.append(Layer(source, ops.Concat(), cut.crossing))
        carries[source] = cut.streams
    name = _fresh(f"{cut.last}.out", graph)
    layers.append(Layer(name, ops.Output(), cut.crossing))
    edges.append(Edge(source, name))
    carries[name] = cut.streams
    return _Joint(tuple(layers), tuple(edges), carries)


def part_graph(graph: Graph, part: Part) -> PartGraph:
    """A part as a network.

    Raises:
        GraphError: if the network has no such cut, or the part would have no layers with weights.
    """
    begin = None if part.after is None else _cut_behind(graph, part.after)
    end = None if part.until is None else _cut_behind(graph, part.until)
    return graph_between(graph, cutting_order(graph), begin, end)


def graph_between(
    graph: Graph, order: Sequence[str], begin: Cut | None, end: Cut | None
) -> PartGraph:
    """``part_graph`` of two cuts that are at hand; None: where the network begins or ends.

    Args:
        graph: the network.
        order: its ``cutting_order``.
        begin, end: of its cuts.

    Raises:
        GraphError: if the part would have no layers with weights.
    """
    part = Part(None if begin is None else begin.last, None if end is None else end.last)
    if part == WHOLE:
        return PartGraph(graph, {})
    if begin is not None and end is not None and begin.weighted >= end.weighted:
        raise GraphError(f"{graph.name}: no layer with weights lies {part}")
    first = 0 if begin is None else order.index(begin.last) + 1
    inside = set(order[first : None if end is None else order.index(end.last) + 1])
    inner = [edge for edge in graph.edges if edge.dst in inside]
    readers: dict[str, int] = {}
    for edge in inner:
        readers[edge.src] = readers.get(edge.src, 0) + 1
    for stream in () if end is None else end.streams:
        readers[stream] = readers.get(stream, 0) + 1
    entry = _Joint((), (), {}) if begin is None else _entry(graph, begin, readers)
    leave = _Joint((), (), {}) if end is None else _exit(graph, end)
    own = tuple(layer for layer in graph if layer.name in inside)
    name = f"{graph.name}:{part.after or ''}..{part.until or ''}"
    edges = (*entry.edges, *inner, *leave.edges)
    made = Graph(name, (*entry.layers, *own, *leave.layers), edges)
    return PartGraph(made, {**entry.carries, **leave.carries})


def part_weights(weights: Weights, graph: Graph) -> Weights:
    """The weights of a part's layers.

    Raises:
        GraphError: if they do not belong to the part's graph.
    """
    names = [f"{conv.name}.{kind}" for conv in graph.convs for kind in ("weight", "bias")]
    missing = [name for name in names if name not in weights]
    if missing:
        raise GraphError(f"{graph.name}: no weights {', '.join(missing)}")
    found = Weights({name: weights[name] for name in names})
    verify(graph, found)
    return found
