"""Emitted convolutions against the integer reference, word for word, and their loop counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from block_bench import Case, run_cases

from hass.cost import EngineKind, Folding, MemoryKind, as_arrays
from hass.cost.lane_filters import dealt_filters
from hass.cost.ops.conv import engine_pairs
from hass.cost.static_schedule import static_cycles, static_filters, static_window_cycles
from hass.device import Family
from hass.fixed_point import IntArray, requantise, wrap
from hass.hw_templates.conv_block import ConvPlan, conv_block, folding_mistake
from hass.intmath import ceil_div
from hass.measure.occupancy import weight_counts
from hass.ops import Conv2d
from hass.reference import clip, convolve, windows
from hass.shapes import output_map
from hass.values import Arithmetic, FeatureMap, FixedPoint

FRAMES = 2
ARITHMETIC = Arithmetic(16, 16, 32)
BYTES = Arithmetic(8, 8, 20)
NARROW = Arithmetic(8, 6, 18)  # accumulators that wrap


def _folding(engine: EngineKind, **factors: int) -> Folding:
    return Folding(engine=engine, weight_memory=MemoryKind.BRAM, **factors)


D, Y, S = EngineKind.DENSE, EngineKind.DYNAMIC, EngineKind.STATIC
# (height, width, channels), op, folding, clip limit
SHAPES: list[tuple[tuple[int, int, int], Conv2d, Folding, int]] = [
    ((5, 4, 1), Conv2d(6, (3, 3), pads=(1, 1, 1, 1)), _folding(D, fine=9, coarse_out=2), 0),
    ((6, 5, 4), Conv2d(6, (3, 3), pads=(1, 1, 1, 1)), _folding(D, fine=3, coarse_in=2), 0),
    (
        (6, 5, 4),
        Conv2d(6, (3, 3), (2, 2), (1, 1, 1, 1)),
        _folding(D, fine=1, coarse_in=4, coarse_out=3),
        500,
    ),
    ((7, 4, 3), Conv2d(4, (2, 3), (2, 1), (0, 1, 1, 2)), _folding(D, fine=2, coarse_in=3), 0),
    ((4, 7, 6), Conv2d(6, (1, 1)), _folding(D, fine=3, packed=3, coarse_in=2, coarse_out=2), 0),
    ((4, 6, 8), Conv2d(4, (1, 1), (2, 2)), _folding(D, fine=2, packed=4), 0),
    ((1, 1, 12), Conv2d(10, (1, 1)), _folding(D, fine=4, packed=4, coarse_in=3, coarse_out=5), 0),
    ((3, 2, 4), Conv2d(5, (3, 2)), _folding(D, fine=6, coarse_in=2), 0),
    # grouped and depthwise
    ((5, 4, 6), Conv2d(6, (3, 3), pads=(1, 1, 1, 1), groups=6), _folding(D, fine=9), 0),
    (
        (5, 4, 6),
        Conv2d(6, (3, 3), (2, 1), (1, 1, 1, 1), 6),
        _folding(D, fine=3, coarse_group=3),
        0,
    ),
    (
        (4, 3, 6),
        Conv2d(12, (3, 3), pads=(1, 1, 1, 1), groups=6),
        _folding(D, fine=1, coarse_group=2),
        0,
    ),
    (
        (4, 3, 8),
        Conv2d(12, (1, 1), groups=2),
        _folding(D, fine=2, packed=2, coarse_group=2, coarse_out=3),
        300,
    ),
    (
        (4, 3, 16),
        Conv2d(8, (3, 3), pads=(1, 0, 0, 1), groups=4),
        _folding(D, fine=9, coarse_in=2, coarse_group=2),
        0,
    ),
    # dynamic engines
    (
        (6, 5, 4),
        Conv2d(6, (3, 3), pads=(1, 1, 1, 1)),
        _folding(Y, fine=2, coarse_in=2, coarse_out=3, lane_fifo_depth=4),
        2000,
    ),
    ((6, 5, 4), Conv2d(6, (3, 3), (2, 2), (1, 1, 1, 1)), _folding(Y, fine=4), 9000),
    ((4, 5, 8), Conv2d(6, (1, 1)), _folding(Y, fine=3, packed=4, coarse_in=2), 9000),
    (
        (5, 4, 6),
        Conv2d(6, (3, 3), pads=(1, 1, 1, 1), groups=6),
        _folding(Y, fine=2, coarse_group=3, lane_fifo_depth=2),
        4000,
    ),
    (
        (4, 3, 16),
        Conv2d(8, (2, 2), groups=2),
        _folding(Y, fine=5, packed=2, coarse_in=2, coarse_out=2, coarse_group=2),
        7000,
    ),
    # static engines
    ((5, 4, 1), Conv2d(6, (3, 3), pads=(1, 1, 1, 1)), _folding(S, fine=8), 0),
    (
        (6, 5, 4),
        Conv2d(6, (3, 3), pads=(1, 1, 1, 1)),
        _folding(S, fine=2, coarse_in=2, coarse_out=3),
        2000,
    ),
    ((6, 5, 4), Conv2d(6, (3, 3), (2, 2), (1, 1, 1, 1)), _folding(S, fine=4, coarse_in=4), 9000),
    # filters exchanged among the lanes
    (
        (5, 4, 4),
        Conv2d(12, (3, 3), pads=(1, 1, 1, 1)),
        _folding(S, fine=1, coarse_in=2, coarse_out=4),
        2000,
    ),
    ((4, 3, 12), Conv2d(15, (1, 1)), _folding(S, fine=1, packed=4, coarse_out=3), 0),
    (
        (3, 4, 16),
        Conv2d(32, (1, 1)),
        _folding(S, fine=2, packed=4, coarse_in=4, coarse_out=8),
        0,
    ),
    ((4, 5, 12), Conv2d(6, (1, 1)), _folding(S, fine=3, packed=4, coarse_out=2), 0),
    ((1, 1, 12), Conv2d(10, (1, 1)), _folding(S, fine=1, packed=2, coarse_in=3, coarse_out=10), 0),
    (
        (5, 4, 6),
        Conv2d(12, (3, 3), pads=(1, 1, 1, 1), groups=6),
        _folding(S, fine=2, coarse_group=3),
        4000,
    ),
    (
        (4, 3, 16),
        Conv2d(12, (2, 2), groups=2),
        _folding(S, fine=5, packed=2, coarse_in=2, coarse_out=2, coarse_group=2),
        0,
    ),
    # dense engines of an even number of filters, which share multipliers at few bits
    (
        (5, 4, 8),
        Conv2d(8, (3, 3), pads=(1, 1, 1, 1), groups=2),
        _folding(D, fine=3, coarse_in=2, coarse_out=4, coarse_group=2),
        0,
    ),
    ((4, 3, 12), Conv2d(4, (1, 1)), _folding(D, fine=6, packed=6, coarse_in=2, coarse_out=4), 0),
]


def _lane_filters(op: Conv2d, folding: Folding, weight: IntArray) -> IntArray:
    if folding.engine is EngineKind.STATIC:
        return static_filters(op, weight_counts(weight.astype(np.float32)), folding)
    return dealt_filters(op.out_channels // op.groups, folding.coarse_out)


def _plan(index: int, arithmetic: Arithmetic) -> tuple[ConvPlan, IntArray]:
    sizes, op, folding, limit = SHAPES[index]
    source = FeatureMap(*sizes)
    rng = np.random.default_rng(index)
    act = FixedPoint(arithmetic.act_bits, 0)
    weight_high = 1 << (arithmetic.weight_bits - 1)
    weight = rng.integers(
        -weight_high, weight_high, (op.out_channels, source.channels // op.groups, *op.kernel)
    )
    weight[rng.random(weight.shape) < 0.5] = 0
    bias_high = 1 << (arithmetic.acc_bits - 2)
    frames = rng.integers(act.low, act.high + 1, (FRAMES, source.channels, *sizes[:2]))
    frames[rng.random(frames.shape) < 0.3] = 0
    plan = ConvPlan(
        op=op,
        source=source,
        out=output_map(op, [source]),
        folding=folding,
        filters=_lane_filters(op, folding, weight),
        weight=weight,
        bias=rng.integers(-bias_high, bias_high, op.out_channels),
        shift_bits=arithmetic.acc_bits - arithmetic.act_bits - index % 3,
        clip_limit=min(limit, act.high // 2),
        index=index,
        paired=bool(engine_pairs(op, as_arrays([folding]), Family.ULTRASCALE_PLUS, arithmetic)),
    )
    return plan, frames


def _expected(plan: ConvPlan, frames: IntArray, arithmetic: Arithmetic) -> IntArray:
    clipped = clip(frames, plan.clip_limit) if plan.clip_limit else frames
    sums = convolve(plan.op, clipped, plan.weight) + plan.bias.reshape(1, -1, 1, 1)
    out = FixedPoint(arithmetic.act_bits, 0)
    return requantise(wrap(sums, arithmetic.acc_bits), plan.shift_bits, out)


def _lane_iterations(plan: ConvPlan, frames: IntArray) -> list[int]:
    """Iterations of each lane's loop, from the equations of the model, on the very data."""
    fold, op = plan.folding, plan.op
    segments = plan.out.pixels * plan.rows * FRAMES
    if fold.engine is EngineKind.DENSE:
        return [segments * ceil_div(plan.products, fold.fine)] * fold.lanes
    if fold.engine is EngineKind.STATIC:
        counted = weight_counts(plan.weight.astype(np.float32))
        cycles = static_cycles(op, counted, as_arrays([fold])).cycles
        return [int(cycles[0]) * plan.out.pixels * FRAMES] * fold.lanes
    clipped = clip(frames, plan.clip_limit) if plan.clip_limit else frames
    taken = windows(clipped, op.kernel, op.stride, op.pads) != 0
    channels, filters = plan.source.channels // op.groups, op.out_channels // op.groups
    counts = np.zeros((fold.coarse_group, fold.coarse_out, fold.coarse_in), dtype=np.int64)
    for group in range(op.groups):
        for block in range(channels // fold.packed):
            inside = slice(block * fold.packed, (block + 1) * fold.packed)
            window = taken[:, group * channels : (group + 1) * channels][:, inside]
            for number in range(filters):
                pair = (
                    window
                    & (plan.weight[group * filters + number, inside] != 0)[None, :, None, None]
                )
                active = pair.sum(axis=(1, 4, 5))
                cycles = np.maximum(1, -(-active // fold.fine)).sum()
                counts[
                    group % fold.coarse_group, number % fold.coarse_out, block % fold.coarse_in
                ] += cycles
    return [int(count) for count in counts.ravel()]


def test_pairs_of_engines_are_among_the_shapes() -> None:
    for arithmetic, pairs in ((ARITHMETIC, 0), (BYTES, 3), (NARROW, 4)):
        plans = [_plan(index, arithmetic)[0] for index in range(len(SHAPES))]
        assert sum(plan.paired for plan in plans) == pairs
        assert all("engine_pair" in str(conv_block(plan)) for plan in plans if plan.paired)


@pytest.mark.parametrize(
    "arithmetic", [ARITHMETIC, BYTES, NARROW], ids=["16-bit", "8-bit", "narrow"]
)
def test_convolutions_match_the_reference_and_the_model(
    arithmetic: Arithmetic, tmp_path: Path
) -> None:
    plans = [_plan(index, arithmetic) for index in range(len(SHAPES))]
    cases = [
        Case(str(plan.index), conv_block(plan), (frames,), _expected(plan, frames, arithmetic))
        for plan, frames in plans
    ]
    assert all(len(np.unique(case.expected)) >= 5 for case in cases)
    wrong, counts = run_cases(cases, arithmetic, tmp_path)
    assert wrong == {case.name: 0 for case in cases}
    assert counts == {str(plan.index): _lane_iterations(plan, frames) for plan, frames in plans}


def test_static_lanes_exchange_filters_in_some_of_these_blocks() -> None:
    blocks = [conv_block(_plan(index, ARITHMETIC)[0]) for index in range(len(SHAPES))]
    exchanging = [block for block in blocks if "exchange" in block.headers]
    assert len(exchanging) >= 3
    assert all("static" in block.title for block in exchanging)


def test_emitted_rows_are_the_cycles_of_the_model() -> None:
    for index, (_, op, folding, _) in enumerate(SHAPES):
        if folding.engine is EngineKind.STATIC:
            plan, _ = _plan(index, ARITHMETIC)
            counted = weight_counts(plan.weight.astype(np.float32))
            windows = static_window_cycles(op, counted, folding)
            assert dict(conv_block(plan).constants)["WEIGHT_ROWS"] == windows.sum()
            # weights that quantisation clears as well never take more, in the lanes as chosen
            fewer = replace(plan, weight=np.where(plan.weight % 3, plan.weight, 0))
            assert dict(conv_block(fewer).constants)["WEIGHT_ROWS"] <= windows.sum()


@pytest.mark.parametrize(
    ("factors", "reason"),
    [
        ({"coarse_group": 4}, "coarse_group 4 does not divide 6 groups"),
        ({"coarse_in": 2}, "coarse_in 2 .packed 1 does not divide 1 channels"),
        ({"coarse_out": 3}, "coarse_out 3 does not divide 2 filters"),
    ],
)
def test_foldings_that_no_hardware_has_are_named(factors: dict[str, int], reason: str) -> None:
    op = Conv2d(12, (3, 3), groups=6)
    mistake = folding_mistake(op, FeatureMap(4, 4, 6), _folding(D, **factors))
    assert mistake is not None
    assert reason.split(" .")[0] in mistake
    assert folding_mistake(op, FeatureMap(4, 4, 6), _folding(D)) is None
