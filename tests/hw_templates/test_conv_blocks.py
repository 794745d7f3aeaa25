"""Emitted convolutions against the integer reference, word for word, and their loop counts."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from block_bench import Case, run_cases

from hass.cost import EngineKind, Folding, LayerShape, MemoryKind, as_arrays
from hass.cost.foldings import DATA_DEPENDENT
from hass.cost.lane_filters import dealt_filters
from hass.cost.layer import stream_cycles
from hass.cost.ops.conv import compute_cycles, engine_pairs
from hass.cost.static_schedule import static_cycles, static_filters, static_window_cycles
from hass.device import Family
from hass.fixed_point import IntArray, requantise, wrap
from hass.hw_templates.conv_block import ConvPlan, conv_block, folding_mistake
from hass.hw_templates.window import window_buffers
from hass.measure.occupancy import weight_counts
from hass.ops import Conv2d
from hass.reference import clip, convolve
from hass.shapes import output_map
from hass.sim.draws import begin_window, segment_cycles
from hass.sim.trace import mask_row, weight_masks, window_masks
from hass.sim.work import Numbers, engine_columns, make_source
from hass.values import Arithmetic, FeatureMap, FixedPoint

FRAMES = 4
ARITHMETIC = Arithmetic(16, 16, 32)
BYTES = Arithmetic(8, 8, 20)
NARROW = Arithmetic(8, 6, 18)  # accumulators that wrap


def _folding(engine: EngineKind, **factors: int) -> Folding:
    return Folding(engine=engine, weight_memory=MemoryKind.BRAM, **factors)


D, Y, S = EngineKind.DENSE, EngineKind.DYNAMIC, EngineKind.STATIC
B = EngineKind.BROADCAST
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
    # broadcast engines
    (
        (6, 5, 4),
        Conv2d(6, (3, 3), pads=(1, 1, 1, 1)),
        _folding(B, coarse_in=2, coarse_out=3, lane_fifo_depth=4),
        2000,
    ),
    ((4, 5, 8), Conv2d(6, (1, 1)), _folding(B, packed=4, coarse_in=2), 9000),
    (
        (4, 3, 16),
        Conv2d(8, (2, 2), (2, 1), groups=2),
        _folding(B, packed=2, coarse_in=2, coarse_out=2, coarse_group=2),
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
    # streams set the pace: padded, strided, not padded, as high as the map, wider than it
    ((6, 5, 4), Conv2d(4, (3, 3), pads=(1, 1, 1, 1)), _folding(D, fine=9, coarse_out=4), 0),
    ((7, 6, 4), Conv2d(4, (3, 3), (2, 2), (1, 1, 1, 1)), _folding(D, fine=9, coarse_out=4), 0),
    ((8, 7, 3), Conv2d(3, (5, 5), (2, 2), (2, 2, 2, 2)), _folding(D, fine=25, coarse_out=3), 0),
    ((7, 6, 2), Conv2d(4, (3, 3)), _folding(D, fine=9, coarse_out=4), 0),
    ((5, 7, 3), Conv2d(3, (3, 3), (2, 2)), _folding(D, fine=9, coarse_out=3), 0),
    ((4, 3, 6), Conv2d(8, (4, 3)), _folding(D, fine=12, coarse_out=8), 0),
    ((4, 6, 2), Conv2d(4, (1, 3), (1, 2), (0, 1, 0, 1)), _folding(D, fine=3, coarse_out=4), 0),
    ((6, 3, 2), Conv2d(4, (3, 1), pads=(1, 0, 1, 0)), _folding(D, fine=3, coarse_out=4), 0),
    ((4, 3, 2), Conv2d(2, (2, 2), pads=(1, 1, 1, 1)), _folding(D, fine=4, coarse_out=2), 0),
    ((3, 4, 2), Conv2d(4, (1, 1), pads=(1, 1, 1, 1)), _folding(D, fine=2, packed=2), 0),
]

LANES = ("dynamic_lane", "broadcast_lane")
FIRST_PACED = 33  # of those in which streams set the pace


def _lane_filters(op: Conv2d, folding: Folding, weight: IntArray) -> IntArray:
    if folding.engine is EngineKind.STATIC:
        return static_filters(op, weight_counts(weight.astype(np.float32)), folding)
    return dealt_filters(op.out_channels // op.groups, folding.coarse_out)


def conv_plan(index: int, arithmetic: Arithmetic) -> tuple[ConvPlan, IntArray]:
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
    out = output_map(op, [source])
    streams = folding.coarse_in * folding.coarse_group
    plan = ConvPlan(
        op=op,
        source=source,
        out=out,
        folding=folding,
        arithmetic=arithmetic,
        filters=_lane_filters(op, folding, weight),
        weight=weight,
        bias=rng.integers(-bias_high, bias_high, op.out_channels),
        shift_bits=arithmetic.acc_bits - arithmetic.act_bits - index % 3,
        clip_limit=min(limit, act.high // 2),
        paired=bool(engine_pairs(op, as_arrays([folding]), Family.ULTRASCALE_PLUS, arithmetic)),
        buffers=window_buffers(op, source, out, streams, arithmetic.act_bits),
    )
    return plan, frames


def _expected(plan: ConvPlan, frames: IntArray, arithmetic: Arithmetic) -> IntArray:
    clipped = clip(frames, plan.clip_limit) if plan.clip_limit else frames
    sums = convolve(plan.op, clipped, plan.weight) + plan.bias.reshape(1, -1, 1, 1)
    out = FixedPoint(arithmetic.act_bits, 0)
    return requantise(wrap(sums, arithmetic.acc_bits), plan.shift_bits, out)


def conv_case(index: int, plan: ConvPlan, frames: IntArray, arithmetic: Arithmetic) -> Case:
    """One of ``SHAPES`` and what comes of it."""
    expected = _expected(plan, frames, arithmetic)
    return Case(str(index), conv_block(plan), (frames,), expected)


def modelled_frame_ii(plan: ConvPlan) -> int:
    """The model's cycles per frame, of dense and static engines."""
    shape = LayerShape(plan.op, (plan.source,), plan.out, ())
    foldings = as_arrays([plan.folding])
    if plan.folding.engine is EngineKind.DENSE:
        compute = compute_cycles(shape, foldings, None)
    else:
        counted = weight_counts(plan.weight.astype(np.float32))
        compute = plan.out.pixels * static_cycles(plan.op, counted, foldings).cycles
    return int(max(compute[0], stream_cycles(shape, foldings)[0]))


def _simulated_lanes(plan: ConvPlan, frames: IntArray) -> list[int]:
    """Cycles of each dynamic lane for these frames, by the simulator's tables of work."""
    fold, op = plan.folding, plan.op
    clipped = clip(frames, plan.clip_limit) if plan.clip_limit else frames
    masks = window_masks(clipped != 0, op, fold.packed, plan.out)
    filters = plan.filters.size
    # (windows, lanes in) block of channels, and the filters of each of its lanes
    per_group = masks.shape[2] // op.groups
    places = np.arange(masks.shape[2]).reshape(
        plan.group_steps, fold.coarse_group, plan.channel_steps, fold.coarse_in
    )
    blocks = places.transpose(0, 2, 1, 3).reshape(-1, fold.coarse_group * fold.coarse_in)
    group = (blocks // per_group)[:, :, None, None]
    live = weight_masks(plan.weight.astype(np.float32), fold.packed)
    live = live[plan.filters.T + group * filters, (blocks % per_group)[:, :, None, None]]
    row, _ = engine_columns(plan.source.channels, fold, op, plan.filter_steps)
    tables = (Numbers(), Numbers(), Numbers())
    row = mask_row(row, fold.fine, masks[:, :, blocks], live, tables)
    work = make_source([row], tables[0], {}, tables[1].joined(), tables[2].joined()).fresh()
    lanes = np.zeros(fold.lanes, dtype=np.int64)
    for window in range(len(frames) * plan.out.pixels * len(blocks)):
        begin_window(work, 0, window)
        for lane, number in itertools.product(range(fold.lanes), range(plan.filter_steps)):
            lanes[lane] += segment_cycles(work, 0, lane, number)
    # the simulator's lanes are (group, input, output), the emitted (group, output, input)
    ordered = lanes.reshape(fold.coarse_group, fold.coarse_in, fold.coarse_out).swapaxes(1, 2)
    return [int(cycles) for cycles in ordered.ravel()]


def _engine_cycles(plan: ConvPlan, frames: IntArray) -> list[int]:
    """Cycles of each broadcast engine for these frames: the activations that are not zero."""
    fold = plan.folding
    clipped = clip(frames, plan.clip_limit) if plan.clip_limit else frames
    masks = window_masks(clipped != 0, plan.op, fold.packed, plan.out)
    steps = (plan.group_steps, fold.coarse_group, plan.channel_steps, fold.coarse_in)
    cycles = np.maximum(1, np.bitwise_count(masks).astype(np.int64)).sum(axis=(0, 1))
    by_engine = cycles.reshape(steps).sum(axis=(0, 2)) * plan.filter_steps
    return [int(number) for number in by_engine.ravel()]


def test_pairs_of_engines_are_among_the_shapes() -> None:
    for arithmetic, pairs in ((ARITHMETIC, 0), (BYTES, 6), (NARROW, 11)):
        plans = [conv_plan(index, arithmetic)[0] for index in range(len(SHAPES))]
        assert sum(plan.paired for plan in plans) == pairs
        assert all("engine_pair" in str(conv_block(plan)) for plan in plans if plan.paired)


@pytest.mark.parametrize(
    "arithmetic", [ARITHMETIC, BYTES, NARROW], ids=["16-bit", "8-bit", "narrow"]
)
def test_convolutions_match_the_reference_and_the_model(
    arithmetic: Arithmetic, tmp_path: Path
) -> None:
    # what sets the pace has nothing to do with how many bits there are
    count = len(SHAPES) if arithmetic is ARITHMETIC else FIRST_PACED
    plans = [conv_plan(index, arithmetic) for index in range(count)]
    cases = [
        conv_case(index, plan, frames, arithmetic) for index, (plan, frames) in enumerate(plans)
    ]
    assert all(len(np.unique(case.expected)) >= 5 for case in cases)
    wrong, counts = run_cases(cases, arithmetic, tmp_path)
    assert wrong == {case.name: 0 for case in cases}
    for index, (plan, frames) in enumerate(plans):
        short, long = counts[str(index)]
        per_call = [
            (name, more - less) for (name, less), (_, more) in zip(short, long, strict=True)
        ]
        if plan.folding.engine not in DATA_DEPENDENT:
            # what is over is the filling, which is the same for one frame and for three
            assert max(more for _, more in per_call) == 2 * modelled_frame_ii(plan)
            continue
        shape = LayerShape(plan.op, (plan.source,), plan.out, ())
        streams = int(stream_cycles(shape, as_arrays([plan.folding]))[0])
        assert max(more for name, more in per_call if name not in LANES) <= 2 * streams
        lanes = [
            first + then
            for (name, first), (_, then) in zip(short, long, strict=True)
            if name in LANES
        ]
        broadcast = plan.folding.engine is EngineKind.BROADCAST
        assert lanes == (_engine_cycles if broadcast else _simulated_lanes)(plan, frames)


def test_static_lanes_exchange_filters_in_some_of_these_blocks() -> None:
    blocks = [conv_block(conv_plan(index, ARITHMETIC)[0]) for index in range(len(SHAPES))]
    exchanging = [block for block in blocks if "exchange" in block.headers]
    assert len(exchanging) >= 3
    assert all("static" in block.title for block in exchanging)


def test_emitted_rows_are_the_cycles_of_the_model() -> None:
    for index, (_, op, folding, _) in enumerate(SHAPES):
        if folding.engine is EngineKind.STATIC:
            plan, _ = conv_plan(index, ARITHMETIC)
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
