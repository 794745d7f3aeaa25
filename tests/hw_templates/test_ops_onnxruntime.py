"""Emitted layers without weights, and width converters, against the ONNX ops in onnxruntime.

Where the op only picks, adds or multiplies words, and the operands are small enough for float32 to
hold the result exactly, the hardware's word is that result rounded half up and held within the
ends of its format: no bit may differ. Averages, hard gates and the sigmoid's table hold constants
of finite precision; what they may be off by follows from the steps of those constants.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ops
import pytest
from block_bench import Case, run_cases
from test_convs_onnxruntime import SHAPES

from hass import ops
from hass.curve_table import DIRECT_BITS, LINE_ERROR
from hass.fixed_point import (
    MAX_ALIGN_BITS,
    RECIPROCAL_BITS,
    SIGMOID_FRAC_BITS,
    SIGMOID_WORDS,
    IntArray,
)
from hass.hw_templates.blocks import Block, converted
from hass.hw_templates.op_blocks import OpPlan, op_block, streams_mistake
from hass.hw_templates.window import reorder_buffers, window_buffers
from hass.reference_ops import apply, leaky_slopes, linear_constants, unit_format
from hass.shapes import output_map
from hass.values import Arithmetic, FeatureMap, FixedPoint

FRAMES = 4
INSIDE = ops.Divisor.INSIDE
FLOAT_ERROR = 2.0**-24  # largest relative one of an operation in float32
Size = tuple[int, int, int]


@dataclass(frozen=True)
class One:
    """An op, its input maps (height, width, channels), fractional bits, and streams.

    ``operand_bits`` narrows the operands of ops whose exact result float32 could not hold.
    """

    op: ops.Op
    sizes: tuple[Size, ...]
    in_frac_bits: tuple[int, ...]
    out_frac_bits: int
    streams: int = 1
    operand_bits: int = 64


EVERY: list[One] = [
    One(ops.Relu(), ((7, 5, 6),), (4,), 4, 3),
    One(ops.Clip(0.0, 6.0), ((5, 3, 4),), (4,), 4, 4),
    One(ops.Clip(-1.5, 3.25), ((5, 3, 4),), (3,), 3, 2),
    One(ops.HardSigmoid(0.2, 0.5), ((7, 5, 4),), (4,), 6, 2),
    One(ops.HardSigmoid(1 / 6, 0.5), ((7, 5, 4),), (3,), 5, 1),
    One(ops.HardSwish(), ((7, 5, 4),), (4,), 4, 2),
    One(ops.HardSwish(), ((7, 5, 3),), (3,), 2, 3),
    One(ops.Sigmoid(), ((7, 5, 4),), (3,), 6, 2),
    One(ops.Sigmoid(), ((7, 5, 4),), (9,), 6, 1),
    One(ops.MaxPool2d((3, 3), (2, 2), (1, 1, 1, 1)), ((7, 5, 4),), (4,), 4, 2),
    One(ops.MaxPool2d((2, 5), (1, 3), (0, 2, 1, 4)), ((5, 11, 3),), (4,), 4, 3),
    One(ops.MaxPool2d((3, 1), (3, 1), (2, 0, 0, 0)), ((7, 3, 2),), (4,), 4),
    One(ops.AvgPool2d((2, 2), (2, 2)), ((6, 10, 4),), (4,), 5, 2),  # 4 taps: exact
    One(ops.AvgPool2d((1, 4), (1, 2), (0, 1, 0, 2)), ((3, 11, 2),), (4,), 6, 1),  # exact
    One(ops.AvgPool2d((3, 3), (1, 2), (1, 1, 1, 1)), ((5, 7, 2),), (4,), 4, 1),
    One(ops.AvgPool2d((3, 2), (2, 1), (2, 0, 1, 1), INSIDE), ((7, 5, 4),), (4,), 5, 2),
    One(ops.AvgPool2d((5, 3), (3, 2), (0, 1, 4, 2), INSIDE), ((11, 7, 3),), (2,), 3, 3),
    One(ops.GlobalAvgPool(), ((4, 8, 6),), (4,), 5, 3),  # 32 pixels: exact
    One(ops.GlobalAvgPool(), ((7, 5, 6),), (4,), 6, 2),
    One(ops.Add(), ((5, 3, 6), (5, 3, 6)), (4, 4), 3, 3),
    One(ops.Add(), ((5, 3, 6), (5, 3, 6)), (7, 2), 4, 2),
    One(ops.Add(), ((5, 3, 6), (5, 3, 6)), (22, 1), 2, 1),  # the finer one is rounded first
    One(ops.Add(), ((5, 3, 6), (1, 1, 6)), (3, 5), 4, 6),
    One(ops.Mul(), ((5, 3, 6), (5, 3, 6)), (4, 6), 5, 3, operand_bits=12),
    One(ops.Mul(), ((1, 1, 4), (7, 3, 4)), (6, 3), 7, 2, operand_bits=12),
    One(ops.Concat(), ((3, 5, 4), (3, 5, 6), (3, 5, 2)), (4, 5, 3), 3, 2),
    One(ops.Concat(), ((3, 5, 3), (3, 5, 5)), (4, 4), 4, 1),
    One(ops.Slice(ops.Span(0, 7, 2), ops.Span(1, 5), ops.Span(2, 6)), ((7, 5, 8),), (4,), 4, 4),
    One(
        ops.Slice(ops.Span(2, 3), ops.Span(0, 11, 3), ops.Span(1, 8, 2)),
        ((5, 11, 8),),
        (4,),
        4,
        2,
    ),
    One(ops.Pad((1, 0, 2, 3), 2, 6), ((3, 5, 4),), (4,), 4, 4),
    One(ops.Pad((0, 2, 1, 0)), ((5, 3, 3),), (4,), 4, 3),
    One(ops.Fork(), ((3, 5, 4),), (4,), 4, 2),
    One(ops.LeakyRelu(0.1), ((7, 5, 4),), (4,), 6, 2),
    One(ops.PRelu((0.3, -0.5, 1.5, 0.0)), ((7, 5, 4),), (4,), 2, 2),
    One(ops.LeakyRelu(0.25), ((7, 5, 4),), (4,), 5, 4),  # a shift: exact
    *(One(ops.Curve(f), ((7, 5, 4),), (5,), 5, 2) for f in ops.Function),
    *(One(ops.Curve(f), ((7, 5, 4),), (7,), 6, 1) for f in ops.Function),
    One(ops.Curve(ops.Function.SILU, 1.75), ((7, 5, 4),), (4,), 6, 4),
    One(ops.Curve(ops.Function.ELU, 0.5), ((7, 5, 4),), (9,), 7, 2),
    One(ops.Upsample((2, 3)), ((3, 5, 4),), (4,), 4, 2),
    One(ops.DepthToSpace((2, 2)), ((3, 5, 8),), (4,), 4, 2),
    One(ops.Shuffle(2), ((3, 5, 12),), (4,), 4, 3),
    One(ops.MaxPool2d((2, 3), (1, 2), (0, 2, 1, 1), (3, 2)), ((5, 11, 3),), (4,), 4, 3),
]
# words of a beat before and behind a converter, and the map
WIDTHS = [(1, 6, (3, 5, 6)), (6, 2, (3, 5, 6)), (4, 6, (5, 7, 12)), (6, 4, (2, 3, 12))]


def _plan(one: One, act_bits: int) -> OpPlan:
    maps = [FeatureMap(*size) for size in one.sizes]
    out = output_map(one.op, maps)
    buffers = None
    if isinstance(one.op, ops.MaxPool2d | ops.AvgPool2d):
        buffers = window_buffers(one.op, maps[0], out, one.streams, act_bits)
    elif isinstance(one.op, ops.Reordering):
        buffers = reorder_buffers(one.op, maps[0], out, one.streams, act_bits)
    return OpPlan(
        op=one.op,
        sources=tuple(maps),
        out=out,
        formats=tuple(FixedPoint(act_bits, bits) for bits in one.in_frac_bits),
        out_format=FixedPoint(act_bits, one.out_frac_bits),
        streams=one.streams,
        readers=3 if isinstance(one.op, ops.Fork) else 1,
        buffers=buffers,
    )


def _operands(one: One, plan: OpPlan, seed: int) -> tuple[IntArray, ...]:
    """Integers of every size, ends included."""
    rng = np.random.default_rng(seed)
    operands = []
    for source, fmt in zip(plan.sources, plan.formats, strict=True):
        shape = (FRAMES, source.channels, source.height, source.width)
        spare = max(0, fmt.width_bits - one.operand_bits)
        values = rng.integers(fmt.low, fmt.high + 1, shape) >> spare
        values >>= rng.integers(0, fmt.width_bits - spare - 2, shape)
        values.flat[:2] = fmt.low >> spare, fmt.high >> spare
        operands.append(values)
    return tuple(operands)


def _real(integers: IntArray, frac_bits: int) -> onnx_ops.Maps:
    return np.ldexp(integers.astype(np.float64), -frac_bits)


def _error(
    one: One, plan: OpPlan, operands: tuple[IntArray, ...], wanted: onnx_ops.Maps
) -> onnx_ops.Maps | float:
    """What a word may be off by before it is rounded to its format, in real values; 0: nothing.

    It is what the hardware's constants leave out, half of the last bit that each of them keeps
    times what it is multiplied by, and what onnxruntime rounds.
    """
    sizes = np.abs(wanted)
    match one.op:
        case ops.AvgPool2d(kernel=kernel, divisor=ops.Divisor.WINDOW):
            return sizes * _mean_error(math.prod(kernel))
        case ops.AvgPool2d(kernel=kernel):
            return sizes * max(_mean_error(n + 1) for n in range(math.prod(kernel)))
        case ops.GlobalAvgPool():
            return sizes * _mean_error(plan.sources[0].pixels)
        case ops.HardSigmoid() | ops.HardSwish():
            fmt = plan.formats[0]
            # beyond 0 and 1, where the line is cut off, neither side errs
            alpha, beta = _line(one.op)
            largest = 1.01 * max(beta, 1 - beta) / alpha
            alpha_frac_bits = linear_constants(one.op, fmt).alpha_frac_bits
            line = largest * 2.0 ** -(alpha_frac_bits + 1)
            line += 2.0 ** -(alpha_frac_bits + fmt.frac_bits + 1)  # beta
            line += 4 * FLOAT_ERROR  # alpha, the product and the sum, all below 2 where not cut off
            if isinstance(one.op, ops.HardSigmoid):
                return line
            gate_step = 2.0 ** -unit_format(plan.out_format.width_bits).frac_bits
            return largest * (line + gate_step / 2 + FLOAT_ERROR)
        case ops.LeakyRelu(alpha=0.25):
            return 0.0
        case ops.LeakyRelu() | ops.PRelu():
            # of a slope half of its last bit, times the word; what is not negative is exact
            multipliers, frac_bits = leaky_slopes(one.op)
            slopes = one.op.slopes if isinstance(one.op, ops.PRelu) else (one.op.alpha,)
            off = np.abs(np.ldexp(multipliers.astype(np.float64), -frac_bits) - slopes)
            assert off.max() <= 2.0 ** -(frac_bits + 1)
            words = _real(operands[0], one.in_frac_bits[0])
            rounding = 2 * FLOAT_ERROR * sizes
            return np.where(words < 0, -words * off[:, None, None] + rounding, 0.0)
        case ops.Curve():
            # that of the pieces, where words have none of their own; float32 functions are good to
            # some last places
            table = 0.0 if plan.formats[0].width_bits <= DIRECT_BITS else LINE_ERROR
            return table + 8 * FLOAT_ERROR * np.maximum(sizes, 1.0)
        case ops.Sigmoid():
            # x is rounded to the table's step, where the slope is 1/4 at most; beyond the table's
            # end, its last value stands for the rest
            step = 2.0**-SIGMOID_FRAC_BITS
            end = step * (SIGMOID_WORDS // 2 - 1)
            return max(step / 2 / 4, 1 / (1 + math.exp(end)))
        case ops.Add() if abs(one.in_frac_bits[0] - one.in_frac_bits[1]) > MAX_ALIGN_BITS:
            # the finer operand is rounded first; float32 does not hold such sums either
            met = min(one.in_frac_bits) + MAX_ALIGN_BITS
            return 2.0 ** -(met + 1) + sizes * FLOAT_ERROR
        case _:
            return 0.0


def _line(op: ops.HardSigmoid | ops.HardSwish) -> tuple[float, float]:
    """Slope and offset."""
    return (op.alpha, op.beta) if isinstance(op, ops.HardSigmoid) else (1 / 6, 0.5)


def _mean_error(count: int) -> float:
    """Of a mean by 1 / count in RECIPROCAL_BITS significant bits, relative to it: half of their
    last; and what onnxruntime rounds."""
    return 0.0 if count & (count - 1) == 0 else 2.0**-RECIPROCAL_BITS + 2 * FLOAT_ERROR


def _case(index: int, act_bits: int) -> Case:
    """A block with the words that onnxruntime asks for; where it allows several, the integer
    reference's, which must be among them."""
    one = EVERY[index]
    plan = _plan(one, act_bits)
    assert streams_mistake(plan) is None
    operands = _operands(one, plan, index)
    reals = [_real(x, bits) for x, bits in zip(operands, one.in_frac_bits, strict=True)]
    wanted = onnx_ops.one_op(one.op, reals)
    error, out = np.asarray(_error(one, plan, operands, wanted)), plan.out_format
    ends = [np.ldexp(wanted + side * error, one.out_frac_bits) for side in (-1, 1)]
    low, high = (np.clip(np.floor(x + 0.5), out.low, out.high).astype(np.int64) for x in ends)
    expected = low
    if np.any(error > 0.0):
        expected = apply(one.op, operands, plan.formats, out)
        assert (low <= expected).all(), one
        assert (expected <= high).all(), one
        assert int((high - low).max()) <= 1, "the bound allows more than two neighbouring words"
    assert len(np.unique(expected)) >= 5, one
    return Case(f"{index} {one}", op_block(plan), operands, expected, plan.readers)


@pytest.mark.parametrize("act_bits", [8, 16])
def test_layers_without_weights_equal_onnxruntime(act_bits: int, tmp_path: Path) -> None:
    cases = [_case(index, act_bits) for index in range(len(EVERY))]
    wrong, _ = run_cases(cases, Arithmetic(act_bits, 8, 32), tmp_path)
    assert wrong == {case.name: 0 for case in cases}


def test_converters_between_unequal_streams_keep_every_word(tmp_path: Path) -> None:
    cases = []
    for index, (before, behind, size) in enumerate(WIDTHS):
        source = FeatureMap(*size)
        wires, calls = converted("between", "in0", "out", source.words, before, behind)
        block = Block(f"{before} to {behind}", (), (before,), behind, wires, calls)
        shape = (FRAMES, source.channels, source.height, source.width)
        words = np.random.default_rng(index).integers(-(1 << 15), 1 << 15, shape)
        same = onnx_ops.one_op(ops.Fork(), [words.astype(np.float64)]).astype(np.int64)
        cases.append(Case(block.title, block, (words,), same))
    assert any(case.block.wires for case in cases)  # 4 to 6 words go by way of 12
    wrong, _ = run_cases(cases, Arithmetic(16, 8, 32), tmp_path)
    assert wrong == {case.name: 0 for case in cases}


def test_every_op_with_hardware_has_a_case() -> None:
    with_hardware = set(ops.OP_TYPES) - {ops.Input, ops.Output}
    assert {type(one.op) for one in EVERY} | {ops.Conv2d} == with_hardware
    assert all(isinstance(op, ops.Conv2d) for _, op in SHAPES)
