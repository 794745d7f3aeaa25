"""Emitted layers without weights against the integer reference, word for word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from block_bench import Case, run_cases

from hass import ops
from hass.cost import Folding, LayerShape, as_arrays
from hass.cost.layer import stream_cycles
from hass.hw_templates.op_blocks import OpPlan, op_block, streams_mistake
from hass.hw_templates.window import reorder_buffers, window_buffers
from hass.reference_ops import apply
from hass.shapes import output_map
from hass.values import Arithmetic, FeatureMap, FixedPoint

FRAMES = 4
INSIDE = ops.Divisor.INSIDE
Size = tuple[int, int, int]

# op, input maps, fractional bits of the inputs and of the output, streams
CASES: list[tuple[ops.Op, list[Size], list[int], int, int]] = [
    (ops.Relu(), [(3, 5, 4)], [4], 4, 2),
    (ops.Clip(-1.0, 6.0), [(3, 5, 4)], [4], 4, 4),
    (ops.Clip(0.0, 6.0), [(2, 2, 3)], [0], 0, 3),
    (ops.HardSigmoid(0.2, 0.5), [(3, 5, 4)], [5], 6, 2),
    (ops.HardSwish(), [(3, 5, 4)], [5], 5, 2),
    (ops.HardSwish(), [(3, 5, 4)], [3], 1, 1),
    (ops.Sigmoid(), [(3, 5, 4)], [4], 6, 2),
    (ops.Sigmoid(), [(3, 5, 4)], [7], 6, 1),
    (ops.LeakyRelu(0.1), [(3, 5, 4)], [4], 4, 2),
    (ops.LeakyRelu(0.25), [(3, 5, 4)], [4], 5, 2),
    (ops.PRelu((0.1, -0.5, 1.5, 0.0)), [(3, 5, 4)], [4], 4, 2),
    (ops.PRelu((0.5, 0.25, 0.125)), [(3, 5, 3)], [4], 3, 1),
    (ops.LeakyRelu(-3.0), [(3, 5, 4)], [6], 2, 1),
    *((ops.Curve(f), [(3, 5, 4)], [bits], 5, 2) for f in ops.Function for bits in (3, 5)),
    *((ops.Curve(f), [(3, 5, 4)], [bits], 6, 2) for f in ops.Function for bits in (9, 14)),
    (ops.Curve(ops.Function.ELU, 8.0), [(3, 5, 4)], [5], 4, 1),
    (ops.Curve(ops.Function.SILU, 0.25), [(3, 5, 4)], [7], 6, 1),
    (ops.MaxPool2d((3, 3), (2, 2), (1, 1, 1, 1)), [(6, 5, 4)], [4], 4, 2),
    (ops.MaxPool2d((2, 3), (2, 1), (0, 0, 1, 1)), [(5, 7, 3)], [4], 4, 3),
    (ops.MaxPool2d((3, 2), (1, 1), (2, 1, 2, 0), (2, 3)), [(6, 5, 4)], [4], 4, 2),
    (ops.AvgPool2d((2, 2), (2, 2)), [(6, 4, 4)], [4], 5, 2),
    (ops.AvgPool2d((3, 3), (1, 2), (1, 1, 1, 1)), [(5, 6, 2)], [4], 4, 1),
    (ops.AvgPool2d((3, 3), (2, 1), (1, 1, 0, 1), INSIDE), [(5, 6, 2)], [4], 4, 2),
    (ops.GlobalAvgPool(), [(4, 4, 6)], [4], 6, 3),
    (ops.GlobalAvgPool(), [(3, 5, 6)], [4], 4, 2),
    (ops.Add(), [(3, 4, 6), (3, 4, 6)], [4, 4], 3, 3),
    (ops.Add(), [(3, 4, 6), (3, 4, 6)], [2, 7], 4, 2),
    (ops.Add(), [(3, 4, 6), (3, 4, 6)], [22, 1], 2, 2),
    (ops.Add(), [(3, 4, 6), (1, 1, 6)], [3, 5], 3, 2),
    (ops.Mul(), [(3, 4, 6), (3, 4, 6)], [4, 6], 5, 3),
    (ops.Mul(), [(1, 1, 6), (3, 4, 6)], [6, 3], 4, 2),
    (ops.Concat(), [(3, 2, 4), (3, 2, 6), (3, 2, 2)], [4, 5, 3], 3, 2),
    (ops.Concat(), [(3, 2, 4), (3, 2, 8)], [4, 4], 4, 4),
    (ops.Concat(), [(3, 2, 4)], [4], 4, 4),
    (ops.Slice(ops.Span(0, 6, 2), ops.Span(1, 5), ops.Span(2, 6)), [(6, 5, 8)], [4], 4, 4),
    (ops.Slice(ops.Span(0, 6), ops.Span(0, 5, 2), ops.Span(1, 8, 2)), [(6, 5, 8)], [4], 4, 4),
    (ops.Slice(ops.Span(2, 3), ops.Span(0, 5), ops.Span(0, 8)), [(6, 5, 8)], [4], 4, 4),
    (ops.Pad((1, 0, 2, 3)), [(3, 2, 4)], [4], 4, 4),
    (ops.Pad((0, 0, 0, 0), 2, 6), [(3, 2, 4)], [4], 4, 4),
    (ops.Fork(), [(3, 2, 4)], [4], 4, 2),
    (ops.Upsample((2, 3)), [(3, 2, 4)], [4], 4, 2),
    (ops.Upsample((1, 2)), [(3, 5, 3)], [4], 4, 1),
    (ops.Upsample((3, 4)), [(1, 1, 4)], [4], 4, 4),
    (ops.DepthToSpace((2, 2)), [(3, 2, 8)], [4], 4, 2),
    (ops.DepthToSpace((1, 3)), [(3, 5, 6)], [4], 4, 1),
    (ops.DepthToSpace((3, 1)), [(2, 5, 12)], [4], 4, 4),
    (ops.Shuffle(2), [(3, 2, 6)], [4], 4, 1),
    (ops.Shuffle(4), [(3, 2, 12)], [4], 4, 6),
    (ops.Shuffle(3), [(1, 1, 6)], [4], 4, 6),
]


def _case(index: int, arithmetic: Arithmetic) -> Case:
    op, sizes, in_bits, out_bits, streams = CASES[index]
    maps = [FeatureMap(*size) for size in sizes]
    formats = [FixedPoint(arithmetic.act_bits, bits) for bits in in_bits]
    out_format = FixedPoint(arithmetic.act_bits, out_bits)
    out = output_map(op, maps)
    buffers = None
    if isinstance(op, ops.MaxPool2d | ops.AvgPool2d):
        buffers = window_buffers(op, maps[0], out, streams, arithmetic.act_bits)
    elif isinstance(op, ops.Reordering):
        buffers = reorder_buffers(op, maps[0], out, streams, arithmetic.act_bits)
    plan = OpPlan(
        op=op,
        sources=tuple(maps),
        out=out,
        formats=tuple(formats),
        out_format=out_format,
        streams=streams,
        readers=3 if isinstance(op, ops.Fork) else 1,
        buffers=buffers,
    )
    assert streams_mistake(plan) is None
    rng = np.random.default_rng(index)
    inputs = [
        rng.integers(f.low, f.high + 1, (FRAMES, m.channels, m.height, m.width))
        >> rng.integers(0, arithmetic.act_bits - 2, (FRAMES, m.channels, m.height, m.width))
        for m, f in zip(maps, formats, strict=True)
    ]
    expected = apply(op, inputs, formats, out_format)
    return Case(f"{index} {op}", op_block(plan), tuple(inputs), expected, plan.readers)


@pytest.mark.parametrize("act_bits", [8, 16, 18])
def test_layers_without_weights_match_the_reference(act_bits: int, tmp_path: Path) -> None:
    arithmetic = Arithmetic(act_bits, 8, 32)
    cases = [_case(index, arithmetic) for index in range(len(CASES))]
    wrong, counts = run_cases(cases, arithmetic, tmp_path)
    for index, case in enumerate(cases):
        (short, long), (op, sizes, _, _, streams) = counts[case.name], CASES[index]
        busiest = max(more - less for (_, less), (_, more) in zip(short, long, strict=True))
        maps = tuple(FeatureMap(*size) for size in sizes)
        shape = LayerShape(op, maps, output_map(op, list(maps)), ())
        foldings = as_arrays([Folding(coarse_in=streams, coarse_out=streams)])
        # what is over is the filling, which is the same for one frame and for three
        assert busiest == 2 * stream_cycles(shape, foldings)[0], case.name
    assert wrong == {case.name: 0 for case in cases}


def test_streams_that_divide_no_map_are_named() -> None:
    shape = FeatureMap(2, 2, 6)
    fmt = FixedPoint(16, 4)
    plan = OpPlan(ops.Relu(), (shape,), shape, (fmt,), fmt, 4, 1, None)
    assert streams_mistake(plan) == "4 streams do not divide 6 channels"
