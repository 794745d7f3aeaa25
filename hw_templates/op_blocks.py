"""Layers without weights as chains of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hass import ops
from hass.curve_table import OCTAVE_BITS, PIECE_BITS, PIECES, direct_table, is_direct, pieces
from hass.fixed_point import (
    SIGMOID_FRAC_BITS,
    SIGMOID_WORDS,
    quantise,
    reciprocal,
    sigmoid_table,
)
from hass.reference_ops import (
    CONSTANT_BITS,
    align_frac_bits,
    leaky_slopes,
    linear_constants,
    unit_format,
)
from hass.values import FeatureMap, FixedPoint

from .blocks import ACT, Block, Call, Stage, Table, Wire, chain
from .window import MEMORY_KINDS, WindowBuffers, window_constants, window_stages


@dataclass(frozen=True, slots=True)
class OpPlan:
    """One layer without weights.

    Attributes:
        op: any op but Input, Output and Conv2d.
        sources, out: feature maps.
        formats: of the inputs, in port order.
        out_format: of the output.
        streams: words side by side at every port; divides the channels of every map.
        readers: streams that a Fork hands out.
        buffers: of a pooling's window, or of what puts out words in another order; None of others.
    """

    op: ops.Op
    sources: tuple[FeatureMap, ...]
    out: FeatureMap
    formats: tuple[FixedPoint, ...]
    out_format: FixedPoint
    streams: int
    readers: int
    buffers: WindowBuffers | None


def streams_mistake(plan: OpPlan) -> str | None:
    """Why a number of streams cannot be emitted, or None."""
    for source in (*plan.sources, plan.out):
        if source.channels % plan.streams:
            return f"{plan.streams} streams do not divide {source.channels} channels"
    return None


def _words(name: str, plan: OpPlan, *more: str | int) -> Stage:
    return Stage(name, name, ("ACT_BITS", "WORDS", "STREAMS_IN", *more), plan.streams)


def _activation(plan: OpPlan) -> tuple[list[Stage], list[Table]]:
    op, fmt, out = plan.op, plan.formats[0], plan.out_format
    match op:
        case ops.Clip():
            low, high = (int(quantise(end, fmt)) for end in (op.low, op.high))
            return [_words("clip", plan, low, high)], []
        case ops.HardSigmoid() | ops.HardSwish():
            constants = linear_constants(op, fmt)
            gate = out if isinstance(op, ops.HardSigmoid) else unit_format(out.width_bits)
            shift = constants.alpha_frac_bits + fmt.frac_bits - gate.frac_bits
            beta = f"{constants.beta}LL"
            values: list[str | int] = [constants.alpha, beta, shift, int(quantise(1.0, gate))]
            if isinstance(op, ops.HardSigmoid):
                return [_words("hard_sigmoid", plan, *values)], []
            product_shift = fmt.frac_bits + gate.frac_bits - out.frac_bits
            return [_words("hard_swish", plan, *values, product_shift)], []
        case ops.Sigmoid():
            bits = SIGMOID_WORDS.bit_length() - 1
            words = _words("sigmoid", plan, bits, fmt.frac_bits - SIGMOID_FRAC_BITS)
            stage = replace(words, tables=("table",))
            return [stage], [Table("table", ACT, sigmoid_table(out))]
        case ops.LeakyRelu():
            multipliers, frac_bits = leaky_slopes(op)
            shift = fmt.frac_bits + frac_bits - out.frac_bits
            slope = int(multipliers[0])
            return [_words("leaky_relu", plan, slope, frac_bits, shift)], []
        case ops.PRelu():
            multipliers, frac_bits = leaky_slopes(op)
            shift = fmt.frac_bits + frac_bits - out.frac_bits
            rows = multipliers.reshape(-1, plan.streams)
            template = ("ACT_BITS", plan.out.pixels, len(rows), "STREAMS_IN", frac_bits, shift)
            stage = Stage("leaky_relu", "prelu", template, plan.streams, tables=("slopes",))
            return [stage], [Table("slopes", f"ap_int<{CONSTANT_BITS}>", rows)]
        case ops.Curve():
            return _curve(op, plan)
        case _:
            return [_words("relu", plan)], []


def _curve(op: ops.Curve, plan: OpPlan) -> tuple[list[Stage], list[Table]]:
    fmt, out = plan.formats[0], plan.out_format
    if is_direct(fmt.width_bits):
        stage = replace(_words("curve_table", plan), tables=("table",))
        return [stage], [Table("table", ACT, direct_table(op, fmt, out))]
    table = pieces(op, fmt, out)
    # a value in the low bits of a word, its slope in the high ones
    words = (table.slopes << PIECE_BITS) + (table.values & ((1 << PIECE_BITS) - 1))
    shift = table.sum_frac_bits - out.frac_bits
    if table.length_bits is None:
        stage = _words("curve_octaves", plan, len(words), OCTAVE_BITS, table.align_bits, shift)
    else:
        bits = PIECES.bit_length() - 1
        stage = _words("curve_pieces", plan, bits, table.length_bits, table.align_bits, shift)
    element = f"hass::rom_word<{2 * PIECE_BITS}>::type"
    return [replace(stage, tables=("pieces",))], [Table("pieces", element, words)]


def _pool(op: ops.MaxPool2d | ops.AvgPool2d, plan: OpPlan) -> tuple[list[Stage], list[Table]]:
    assert plan.buffers is not None
    taps = op.kernel[0] * op.kernel[1]
    fmt = plan.formats[0]
    if isinstance(op, ops.MaxPool2d):
        beats = plan.out.words // plan.streams
        template: tuple[str | int, ...] = (ACT, beats, "STREAMS_IN", "TAPS")
        pool = Stage("max_pool", "max_pool", template, plan.streams)
        return [*window_stages(op, plan.sources[0], plan.streams, fmt.low, plan.buffers), pool], []
    shift = fmt.frac_bits + reciprocal(taps)[1] - plan.out_format.frac_bits
    inside = "true" if op.divisor is ops.Divisor.INSIDE else "false"
    template = (
        *("ACT_BITS", "HEIGHT", "WIDTH", "CHANNELS", "STREAMS_IN", "KERNEL_H", "KERNEL_W"),
        *("STRIDE_H", "STRIDE_W", "PAD_TOP", "PAD_LEFT", "OUT_H", "OUT_W", inside, shift),
    )
    table = np.array([0, *(reciprocal(n, taps)[0] for n in range(1, taps + 1))])
    pool = Stage("avg_pool", "avg_pool", template, plan.streams, ACT, ("reciprocals",))
    window = window_stages(op, plan.sources[0], plan.streams, 0, plan.buffers)
    return [*window, pool], [Table("reciprocals", "int", table)]


def _moving(op: ops.Slice | ops.Pad, plan: OpPlan) -> Stage:
    template: tuple[str | int, ...] = (ACT, "HEIGHT", "WIDTH", "CHANNELS", "STREAMS_IN")
    if isinstance(op, ops.Pad):
        name = "pad"
        template = (*template, *op.pads, op.channels_front, op.channels_back)
    else:
        name = "slice"
        spans = (op.rows, op.columns, op.channels)
        template = (*template, *(x for s in spans for x in (s.start, s.stop, s.step)))
    return Stage(name, name, template, plan.streams)


def _reordering(op: ops.Reordering, plan: OpPlan) -> Stage:
    assert plan.buffers is not None
    kind = MEMORY_KINDS[plan.buffers.lines]
    if isinstance(op, ops.Shuffle):
        template: tuple[str | int, ...] = (ACT, plan.out.pixels, "CHANNELS", "STREAMS_IN")
        return Stage("shuffle", "shuffle", (*template, op.groups, kind), plan.streams)
    dealt = "true" if isinstance(op, ops.DepthToSpace) else "false"
    template = (ACT, "HEIGHT", "WIDTH", "CHANNELS", "STREAMS_IN", *op.factor, dealt)
    return Stage("spread", "spread", (*template, plan.buffers.kept, kind), plan.streams)


def _concat(plan: OpPlan) -> tuple[list[Wire], list[Call]]:
    wires: list[Wire] = []
    calls: list[Call] = []
    parts: list[str] = []
    for index, fmt in enumerate(plan.formats):
        shift = fmt.frac_bits - plan.out_format.frac_bits
        if shift == 0:
            parts.append(f"in{index}")
            continue
        parts.append(f"rescaled{index}")
        wires.append(Wire(parts[-1], plan.streams))
        words = plan.sources[index].words
        template: tuple[str | int, ...] = ("ACT_BITS", words, "STREAMS_IN", shift)
        calls.append(Call("rescale", "rescale", template, (f"in{index}", parts[-1])))
    if len(parts) == 1:  # nothing to join; a shift of 0 passes words on
        template = ("ACT_BITS", "WORDS", "STREAMS_IN", 0)
        calls.append(Call("rescale", "rescale", template, (parts[0], "out")))
        return wires, calls
    joined, channels = parts[0], plan.sources[0].channels
    for index in range(1, len(parts)):
        target = "out" if index == len(parts) - 1 else f"joined{index}"
        if target != "out":
            wires.append(Wire(target, plan.streams))
        more = plan.sources[index].channels
        calls.append(
            Call(
                "concat",
                "concat",
                (ACT, plan.out.pixels, channels, more, "STREAMS_IN"),
                (joined, parts[index], target),
            )
        )
        joined, channels = target, channels + more
    return wires, calls


def _binary(op: ops.Add | ops.Mul, plan: OpPlan) -> tuple[list[Wire], list[Call]]:
    wires: list[Wire] = []
    calls: list[Call] = []
    operands: list[str] = []
    for index, source in enumerate(plan.sources):
        operands.append(f"in{index}")
        if source.pixels != plan.out.pixels:
            operands[index] = f"held{index}"
            wires.append(Wire(operands[index], plan.streams))
            template: tuple[str | int, ...] = (ACT, plan.out.pixels, source.channels, "STREAMS_IN")
            calls.append(Call("broadcast", "broadcast", template, (f"in{index}", operands[index])))
    first, second = plan.formats
    if isinstance(op, ops.Add):
        common = align_frac_bits(first, second)
        shifts: tuple[int, ...] = (
            first.frac_bits - common,
            second.frac_bits - common,
            common - plan.out_format.frac_bits,
        )
    else:
        shifts = (first.frac_bits + second.frac_bits - plan.out_format.frac_bits,)
    name = "add" if isinstance(op, ops.Add) else "mul"
    template = ("ACT_BITS", "WORDS", "STREAMS_IN", *shifts)
    calls.append(Call(name, name, template, (*operands, "out")))
    return wires, calls


def _global_average(plan: OpPlan) -> Stage:
    pixels = plan.sources[0].pixels
    multiplier, extra = reciprocal(pixels)
    shift = plan.formats[0].frac_bits + extra - plan.out_format.frac_bits
    template = ("ACT_BITS", pixels, plan.out.channels, "STREAMS_IN", multiplier, shift)
    return Stage("global_avg_pool", "global_avg_pool", template, plan.streams)


def op_block(plan: OpPlan) -> Block:
    """The hardware of one layer without weights."""
    op = plan.op
    wires: Sequence[Wire] = ()
    calls: Sequence[Call] = ()
    stages: list[Stage] = []
    tables: list[Table] = []
    constants = [("STREAMS_IN", plan.streams), ("WORDS", plan.out.words)]
    source = plan.sources[0]
    match op:
        case (
            ops.Relu()
            | ops.Clip()
            | ops.HardSigmoid()
            | ops.HardSwish()
            | ops.Sigmoid()
            | ops.LeakyRelu()
            | ops.PRelu()
            | ops.Curve()
        ):
            stages, tables = _activation(plan)
        case ops.MaxPool2d() | ops.AvgPool2d():
            assert plan.buffers is not None
            stages, tables = _pool(op, plan)
            constants = [
                ("STREAMS_IN", plan.streams),
                *window_constants(op, source, plan.out, plan.buffers),
            ]
        case ops.Slice() | ops.Pad() | ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            if isinstance(op, ops.Slice | ops.Pad):
                stages = [_moving(op, plan)]
            else:
                stages = [_reordering(op, plan)]
            constants = [
                ("STREAMS_IN", plan.streams),
                ("HEIGHT", source.height),
                ("WIDTH", source.width),
                ("CHANNELS", source.channels),
            ]
        case ops.GlobalAvgPool():
            stages = [_global_average(plan)]
            constants = [("STREAMS_IN", plan.streams)]
        case ops.Add() | ops.Mul():
            wires, calls = _binary(op, plan)
        case ops.Concat():
            wires, calls = _concat(plan)
        case ops.Fork():
            outs = tuple(f"out{index}" for index in range(plan.readers))
            calls = [Call("fork", "fork", (ACT, "WORDS", "STREAMS_IN"), ("in0", *outs))]
        case ops.Input() | ops.Output() | ops.Conv2d():
            raise ValueError(f"{ops.op_name(op)} has a block of its own")
    if stages:
        wires, calls = chain(tuple(stages))
    inputs = ", ".join(str(source) for source in plan.sources)
    return Block(
        title=f"{ops.op_name(op)}: {inputs} to {plan.out}",
        constants=tuple(constants),
        inputs=(plan.streams,) * len(plan.sources),
        output=plan.streams,
        wires=tuple(wires),
        calls=tuple(calls),
        tables=tuple(tables),
    )
