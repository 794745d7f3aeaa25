"""A design as a network of blocks: every layer's hardware, and the streams between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hass import ops
from hass.cost import EngineKind, Folding, LayerShape, as_arrays, layer_shapes
from hass.cost.even_flow import WindowOp, burst_words
from hass.cost.lane_filters import dealt_filters
from hass.cost.ops.conv import engine_pairs
from hass.cost.static_schedule import static_filters
from hass.design import Design, formats_of
from hass.errors import Mistake, SpecError
from hass.fixed_point import IntArray, NumberFormats
from hass.graph import Edge, FloatArray, Graph, Weights
from hass.identifiers import identifiers
from hass.intmath import ceil_div
from hass.measure.occupancy import weight_counts
from hass.reference import clip_limits, integer_weights
from hass.sparsity import act_thresholds_of
from hass.values import Arithmetic, FeatureMap
from hass.word_lengths import arithmetic_by_layer

from .blocks import Block, Call, Wire, converted, word_type
from .conv_block import ConvPlan, conv_block, folding_mistake
from .op_blocks import OpPlan, op_block, streams_mistake
from .window import WindowBuffers, reorder_buffers, window_buffers


@dataclass(frozen=True, slots=True)
class Port:
    """An end of the pipeline.

    Attributes:
        layer: its Input or Output.
        suffix: of its names: "" of the first, "_2", "_3", ... of further outputs.
        wire: the stream behind or in front of it.
        words: of a beat.
        shape: of its map.
        frac_bits: of its words.
    """

    layer: str
    suffix: str
    wire: str
    words: int
    shape: FeatureMap
    frac_bits: int

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return self.shape.words // self.words


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of the top function: a layer's ``run`` (``layer`` set) or a converter."""

    layer: str | None
    arguments: tuple[str, ...]
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """All that the emitted source says.

    Attributes:
        graph: the network.
        formats: number formats of all layers.
        names: layer -> C++ identifier.
        blocks: layer -> hardware, all layers but Input and Output.
        wires: streams of the top function, FIFOs included.
        steps: statements of the top function in order.
        source, sinks: the pipeline's ends.
        convs: convolution -> what its hardware computes.
    """

    graph: Graph
    formats: NumberFormats
    names: Mapping[str, str]
    blocks: Mapping[str, Block]
    wires: tuple[Wire, ...]
    steps: tuple[Step, ...]
    source: Port
    sinks: tuple[Port, ...]
    convs: Mapping[str, ConvPlan]


def _op_plan(
    graph: Graph, name: str, formats: NumberFormats, foldings: Mapping[str, Folding]
) -> OpPlan:
    folding = foldings[name]
    edges = graph.in_edges(name)
    return OpPlan(
        op=graph[name].op,
        sources=graph.in_maps(name),
        out=graph[name].out,
        formats=tuple(formats.outputs[edge.src] for edge in edges),
        out_format=formats.outputs[name],
        streams=folding.coarse_in * folding.coarse_group,
        readers=len(graph.out_edges(name)),
        buffers=None,
    )


def _check(graph: Graph, formats: NumberFormats, foldings: Mapping[str, Folding]) -> None:
    mistakes = []
    for layer in graph:
        if layer.name not in foldings:
            mistakes.append(Mistake(f"foldings.{layer.name}", "nothing", "a folding"))
            continue
        folding = foldings[layer.name]
        if isinstance(layer.op, ops.Conv2d):
            reason = folding_mistake(layer.op, graph.in_maps(layer.name)[0], folding)
        else:
            reason = streams_mistake(_op_plan(graph, layer.name, formats, foldings))
            if folding.coarse_in != folding.coarse_out:
                reason = "a layer without weights has as many streams out as in"
        if reason is not None:
            value = f"{ops.op_name(layer.op)} with {folding}"
            mistakes.append(Mistake(f"foldings.{layer.name}", value, f"no such: {reason}"))
    if mistakes:
        raise SpecError(mistakes)


def _lane_filters(op: ops.Conv2d, folding: Folding, weight: FloatArray) -> IntArray:
    """(steps, coarse_out) filters of the lanes: by the weights as measured, so that quantised ones,
    of which more may be zero, never take more cycles than the model's."""
    if folding.engine is EngineKind.STATIC:
        return static_filters(op, weight_counts(weight), folding)
    return dealt_filters(op.out_channels // op.groups, folding.coarse_out)


def _window_buffers(
    op: WindowOp | ops.Reordering,
    shape: LayerShape,
    folding: Folding,
    arithmetic: Arithmetic,
) -> WindowBuffers:
    """Of a layer's sliding window, or of what puts out words in another order."""
    streams = folding.coarse_in * folding.coarse_group
    if isinstance(op, ops.Upsample | ops.DepthToSpace | ops.Shuffle):
        bits, memory = arithmetic.act_bits, folding.line_memory
        return reorder_buffers(op, shape.inputs[0], shape.out, streams, bits, memory)
    return window_buffers(
        *(op, shape.inputs[0], shape.out, streams),
        act_bits=arithmetic.act_bits,
        memory=folding.line_memory,
        haste=shape.haste,
    )


def _conv_plans(
    design: Design, graph: Graph, weights: Weights, formats: NumberFormats
) -> dict[str, ConvPlan]:
    foldings = design.plan.foldings
    integers = integer_weights(graph, weights, formats)
    limits = clip_limits(act_thresholds_of(design.settings), formats, graph)
    plans = {}
    shapes, lengths = layer_shapes(graph), arithmetic_by_layer(graph, design.precision)
    for layer in graph:
        name, op = layer.name, layer.op
        if not isinstance(op, ops.Conv2d):
            continue
        accumulator = formats.accumulator(graph, name)
        family, one = design.device.family, as_arrays([foldings[name]])
        pairs = engine_pairs(op, one, family, lengths[name])
        plans[name] = ConvPlan(
            op=op,
            source=graph.in_maps(name)[0],
            out=layer.out,
            folding=foldings[name],
            arithmetic=lengths[name],
            filters=_lane_filters(op, foldings[name], weights[f"{name}.weight"]),
            weight=integers[f"{name}.weight"],
            bias=integers[f"{name}.bias"],
            shift_bits=accumulator.frac_bits - formats.outputs[name].frac_bits,
            clip_limit=limits.get(name, 0),
            paired=bool(pairs[0]),
            buffers=_window_buffers(op, shapes[name], foldings[name], lengths[name]),
        )
    return plans


def _blocks(
    design: Design, graph: Graph, formats: NumberFormats, convs: Mapping[str, ConvPlan]
) -> dict[str, Block]:
    blocks: dict[str, Block] = {}
    foldings, shapes = design.plan.foldings, layer_shapes(graph)
    lengths = arithmetic_by_layer(graph, design.precision)
    for layer in graph:
        name, op = layer.name, layer.op
        if name in convs:
            blocks[name] = conv_block(convs[name])
        elif not isinstance(op, ops.Input | ops.Output):
            one_op = _op_plan(graph, name, formats, foldings)
            if isinstance(op, ops.MaxPool2d | ops.AvgPool2d | ops.Reordering):
                buffers = _window_buffers(op, shapes[name], foldings[name], lengths[name])
                one_op = replace(one_op, buffers=buffers)
            blocks[name] = op_block(one_op)
        if name in blocks and _differs(lengths[name], design.arithmetic):
            blocks[name] = replace(blocks[name], own=lengths[name])
    return blocks


def _differs(one: Arithmetic, other: Arithmetic) -> bool:
    """Whether operands or accumulators have other word lengths."""
    return any(
        getattr(one, bits) != getattr(other, bits)
        for bits in ("act_bits", "weight_bits", "acc_bits")
    )


def _fifo_name(names: Mapping[str, str], edge: Edge) -> str:
    return f"to_{names[edge.dst]}_{edge.port}"


def build_project(design: Design, graph: Graph, weights: Weights) -> Project:
    """The blocks and streams of a design.

    Args:
        design: with measured ranges.
        graph: its network.
        weights: pruned as the design says.

    Raises:
        ProfileError: if the design carries no measured ranges.
        SpecError: listing every layer whose folding cannot be emitted.
    """
    foldings = design.plan.foldings
    formats = formats_of(design, graph, weights)
    _check(graph, formats, foldings)
    names = identifiers([layer.name for layer in graph])
    convs = _conv_plans(design, graph, weights, formats)
    blocks = _blocks(design, graph, formats, convs)
    fifos = {fifo.edge: fifo for fifo in design.plan.estimate.fifos}
    bursts = {x.name: burst_words(x.op, graph.in_maps(x.name), x.out) for x in graph}
    first = graph.of_type(ops.Input)[0]
    source_words = foldings[first.name].coarse_out * foldings[first.name].coarse_group
    sink_words = {
        sink.name: foldings[sink.name].coarse_in * foldings[sink.name].coarse_group
        for sink in graph.outputs
    }
    act_bits = design.arithmetic.act_bits
    wires: list[Wire] = []
    steps: list[Step] = []
    ends: dict[str, str] = {}
    for layer in graph:
        name = layer.name
        outs: list[str] = []
        after: list[Call] = []
        from_words = source_words if name == first.name else 0
        from_words = blocks[name].output if name in blocks else from_words
        for index, edge in enumerate(graph.out_edges(name)):
            fifo = entry = _fifo_name(names, edge)
            inputs = blocks[edge.dst].inputs if edge.dst in blocks else (sink_words[edge.dst],)
            to_words = inputs[edge.port]
            known = fifos.get((name, edge.dst, edge.port))
            element = word_type(formats.outputs[name].width_bits, act_bits)
            narrower = formats.inputs.get(edge.dst)
            wire = Wire(fifo, to_words, element)
            if narrower is not None:
                entry = f"wide_{fifo}"
                wires.append(Wire(entry, to_words, element))
                wire = Wire(fifo, to_words, word_type(narrower.width_bits, act_bits))
            if known is not None:
                wire = replace(wire, depth=known.depth_words, memory=known.memory)
            outs.append(entry)
            if from_words == to_words:
                wires.append(wire)
            else:
                outs[-1] = f"from_{names[name]}_{index}"
                source = Wire(outs[-1], from_words, element)
                wires.extend(_around_converter(wire, source, bursts[name]))
                more, calls = converted(
                    fifo, outs[-1], entry, layer.out.words, from_words, to_words, element
                )
                wires.extend(more)
                after.extend(calls)
            if narrower is not None:
                shift = formats.outputs[name].frac_bits - narrower.frac_bits
                template = (narrower.width_bits, layer.out.words, to_words, shift)
                after.append(Call("rescale", "rescale", template, (entry, fifo)))
        if name in blocks:
            ins = [_fifo_name(names, edge) for edge in graph.in_edges(name)]
            steps.append(Step(names[name], (*ins, *outs)))
        ends[name] = outs[0] if outs else _fifo_name(names, graph.in_edges(name)[0])
        steps.extend(Step(None, call.arguments, call) for call in after)
    return Project(
        graph=graph,
        formats=formats,
        names=names,
        blocks=blocks,
        wires=tuple(wires),
        steps=tuple(steps),
        source=_port(ends, first.name, "", source_words, formats, graph),
        sinks=tuple(
            _port(ends, name, f"_{number}" if number > 1 else "", words, formats, graph)
            for number, (name, words) in enumerate(sink_words.items(), 1)
        ),
        convs=convs,
    )


def _around_converter(fifo: Wire, source: Wire, burst: int) -> tuple[Wire, Wire]:
    """The FIFO behind a converter and the stream in front of it. Words that come in a burst wait in
    front of a narrowing one, which lets them pass more slowly than they come: the FIFO holds fewer.
    """
    moved = max(0, min(burst // fifo.words, fifo.depth - source.depth))
    if source.words <= fifo.words or moved == 0:
        return fifo, source
    entries = source.depth + ceil_div(moved * fifo.words, source.words)
    return replace(fifo, depth=fifo.depth - moved), replace(source, depth=entries)


def _port(
    ends: Mapping[str, str],
    name: str,
    suffix: str,
    words: int,
    formats: NumberFormats,
    graph: Graph,
) -> Port:
    frac_bits = formats.outputs[name].frac_bits
    return Port(name, suffix, ends[name], words, graph[name].out, frac_bits)
