"""A design as the layers of an fpgaConvNet partition: which there are, what each is called, and how
wide the streams between them are.

Its parser calls the nodes of an ONNX file by operator and place, ``Conv_3``; a layer there has the
name of its node. Splits (hass's Forks) and Squeezes (where streams of different width meet) have no
node and are named after their neighbours, as it names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from .. import ops
from ..cost.foldings import EngineKind, Folding
from ..graph import Graph
from ..handlers.clips import non_negative_layers, replaced_relus
from ..handlers.operators import OP_TYPES
from ..sparsity import act_thresholds_of
from ..values import FeatureMap
from .exporter import ExportSource
from .fpgaconvnet_folding import TheirFolding, their_folding
from .fpgaconvnet_ops import LoweredGraph, covers_map

SPLIT, SQUEEZE, THRESHOLDED = "Split", "Squeeze", "ThresholdedRelu"
DEFAULT_DEPTH_WORDS = 2  # of its FIFOs


@dataclass(frozen=True, slots=True)
class Port:
    """One input of a stage.

    Attributes:
        source: name of the stage it comes from; "" where it is the network's input.
        map: what comes.
        streams: words side by side.
        depth_words: of the FIFO in front.
        frac_bits: of its words.
    """

    source: str
    map: FeatureMap
    streams: int
    depth_words: int
    frac_bits: int


@dataclass(frozen=True, slots=True)
class Stage:
    """One layer of a partition.

    Attributes:
        name: its name there.
        node: the ONNX node it belongs to; its own name, or that of the layer before it.
        kind: the ONNX operator, ``SPLIT`` or ``SQUEEZE``.
        layer: hass's layer.
        op: what it does; None for Squeeze and ThresholdedRelu.
        ports: its inputs.
        out: what it puts out.
        streams_out: words side by side.
        frac_bits: of the words it puts out.
        folding: of a convolution.
        threshold: of a ThresholdedRelu: inputs up to it become zero.
    """

    name: str
    node: str
    kind: str
    layer: str
    op: ops.Op | None
    ports: tuple[Port, ...]
    out: FeatureMap
    streams_out: int
    frac_bits: int
    folding: TheirFolding | None = None
    threshold: float = 0.0

    @property
    def has_node(self) -> bool:
        """Whether an ONNX node stands for it."""
        return self.kind not in (SPLIT, SQUEEZE)


@dataclass(frozen=True, slots=True)
class Stages:
    """A whole partition.

    Attributes:
        stages: in topological order.
        names: hass's layer -> its stage, where it has one.
        clips_left_out: Conv2d layers whose clip fpgaConvNet cannot express.
    """

    stages: tuple[Stage, ...]
    names: Mapping[str, str]
    clips_left_out: frozenset[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))

    def readers(self, name: str) -> tuple[Stage, ...]:
        """The stages that read one, one for each of its ports that does."""
        return tuple(s for s in self.stages for port in s.ports if port.source == name)


def _streams(op: ops.Op, folding: Folding) -> tuple[int, int]:
    """Words per cycle of a hass layer, in and out."""
    if isinstance(op, ops.Conv2d):
        group = folding.coarse_group
        return folding.coarse_in * group, folding.coarse_out * group
    return folding.coarse_in, folding.coarse_out


def _rewritten_folding(op: ops.Conv2d, folding: Folding) -> TheirFolding:
    """Of a layer that hass does without multipliers: as many words a cycle."""
    streams = folding.coarse_in
    if op.groups > 1:
        return TheirFolding("dense", 1, 1, streams, 1, "")
    return TheirFolding("dense", streams, streams, 1, 1, "")


class _Builder:
    """One walk over the layers."""

    def __init__(self, source: ExportSource, lowered: LoweredGraph) -> None:
        self._source = source
        self._graph: Graph = lowered.graph
        self._rewritten = lowered.rewritten
        self._thresholds = act_thresholds_of(source.design.settings)
        self._in_relus = replaced_relus(source.graph, self._thresholds)
        self._non_negative = non_negative_layers(source.graph)
        estimate = source.design.plan.estimate
        self._depths = {fifo.edge: fifo.depth_words for fifo in estimate.fifos}
        self._stages: list[Stage] = []
        self._by_layer: dict[str, Stage | None] = {}  # None: the network's input
        self._nodes = 0
        self._left_out: set[str] = set()

    def build(self) -> Stages:
        for layer in self._graph:
            match layer.op:
                case ops.Input():
                    self._by_layer[layer.name] = None
                case ops.Output():
                    pass
                case ops.Fork():
                    self._by_layer[layer.name] = self._split(layer.name)
                case _:
                    self._by_layer[layer.name] = self._node(layer.name, layer.op)
        names = {layer: s.name for layer, s in self._by_layer.items() if s is not None}
        return Stages(tuple(self._stages), names, frozenset(self._left_out))

    def _add(self, stage: Stage) -> Stage:
        self._stages.append(stage)
        return stage

    def _next_name(self, kind: str) -> str:
        self._nodes += 1
        return f"{kind}_{self._nodes - 1}"

    def _depth(self, src: str, dst: str, port: int) -> int:
        return max(DEFAULT_DEPTH_WORDS, self._depths.get((src, dst, port), 0))

    def _port(self, source: Stage | None, layer: str, streams: int, depth_words: int) -> Port:
        """An input behind a stage, with what a hass layer puts out."""
        frac_bits = self._source.formats.outputs[layer].frac_bits
        name = "" if source is None else source.name
        return Port(name, self._graph[layer].out, streams, depth_words, frac_bits)

    def _squeezed(self, stage: Stage) -> Stage:
        """The stage with Squeezes added in front of its ports where widths differ."""
        by_name = {s.name: s for s in self._stages}
        ports = []
        for port in stage.ports:
            source = by_name.get(port.source)
            if source is None or source.streams_out == port.streams:
                ports.append(port)
                continue
            name = f"{source.name}_squeeze_{stage.name}"
            while name in by_name:  # two streams between the same stages
                name += "_again"
            before = replace(port, streams=source.streams_out, depth_words=DEFAULT_DEPTH_WORDS)
            squeeze = Stage(
                name=name,
                node=source.node,
                kind=SQUEEZE,
                layer=stage.layer,
                op=None,
                ports=(before,),
                out=port.map,
                streams_out=port.streams,
                frac_bits=port.frac_bits,
            )
            by_name[name] = self._add(squeeze)
            ports.append(replace(port, source=name))
        return replace(stage, ports=tuple(ports))

    def _split(self, name: str) -> Stage | None:
        (edge,) = self._graph.in_edges(name)
        source = self._by_layer[edge.src]
        if source is None:
            return None
        folding = self._source.design.plan.foldings[name]
        streams_in, streams_out = _streams(ops.Fork(), folding)
        depth = self._depth(edge.src, name, edge.port)
        layer = self._graph[name]
        stage = Stage(
            name=f"{source.name}_split",
            node=source.node,
            kind=SPLIT,
            layer=name,
            op=layer.op,
            ports=(self._port(source, edge.src, streams_in, depth),),
            out=layer.out,
            streams_out=streams_out,
            frac_bits=self._source.formats.outputs[name].frac_bits,
        )
        return self._add(self._squeezed(stage))

    def _clip(self, conv: str, source: Stage | None, streams: int) -> Stage | None:
        """The clip of a convolution's own stream as a stage, where there is one to be made."""
        threshold = self._thresholds.get(conv, 0.0)
        (edge,) = self._graph.in_edges(conv)
        origin = edge.src
        while isinstance(self._graph[origin].op, ops.Fork):
            origin = self._graph.in_edges(origin)[0].src
        if threshold == 0.0 or origin in self._in_relus:
            return source
        if edge.src not in self._non_negative:
            self._left_out.add(conv)
            return source
        name = self._next_name(THRESHOLDED)
        stage = Stage(
            name=name,
            node=name,
            kind=THRESHOLDED,
            layer=conv,
            op=None,
            ports=(self._port(source, edge.src, streams, DEFAULT_DEPTH_WORDS),),
            out=self._graph[edge.src].out,
            streams_out=streams,
            frac_bits=self._source.formats.outputs[edge.src].frac_bits,
            threshold=threshold,
        )
        return self._add(self._squeezed(stage))

    def _conv_folding(self, name: str, op: ops.Conv2d) -> TheirFolding:
        folding = self._source.design.plan.foldings[name]
        if folding.engine is EngineKind.NONE:
            return _rewritten_folding(op, folding)
        return their_folding(op, folding, self._source.design.densities.get(name))

    def _kind(self, name: str, op: ops.Op) -> str:
        if name in self._in_relus:
            return THRESHOLDED
        if isinstance(op, ops.MaxPool2d):
            (source,) = self._graph.in_maps(name)
            if covers_map(op, source) and not any(op.pads):
                return "GlobalMaxPool"
        return OP_TYPES[type(op)]

    def _node(self, name: str, op: ops.Op) -> Stage:
        layer, edges = self._graph[name], self._graph.in_edges(name)
        streams_in, streams_out = _streams(op, self._source.design.plan.foldings[name])
        folding = None
        sources = [self._by_layer[edge.src] for edge in edges]
        if isinstance(op, ops.Conv2d):
            folding = self._conv_folding(name, op)
            streams_in = folding.coarse_in * folding.coarse_group
            streams_out = folding.coarse_out * folding.coarse_group
            sources = [self._clip(name, sources[0], streams_in)]
        ports = tuple(
            self._port(source, edge.src, streams_in, self._depth(edge.src, name, edge.port))
            for source, edge in zip(sources, edges, strict=True)
        )
        if isinstance(op, ops.Mul) and sources[1] is not None and sources[1].kind == "Sigmoid":
            ports = ports[::-1]  # its parser takes x * Sigmoid(x), in this order, for a HardSwish
        kind = self._kind(name, op)
        own = self._next_name(kind)
        stage = Stage(
            name=own,
            node=own,
            kind=kind,
            layer=name,
            op=op,
            ports=ports,
            out=layer.out,
            streams_out=streams_out,
            frac_bits=self._source.formats.outputs[name].frac_bits,
            folding=folding,
            threshold=self._in_relus.get(name, 0.0),
        )
        return self._add(self._squeezed(stage))


def build_stages(source: ExportSource, lowered: LoweredGraph) -> Stages:
    """The stages of a design."""
    return _Builder(source, lowered).build()
