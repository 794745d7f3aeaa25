"""Emitted convolutions against onnxruntime's Conv and Gemm, equal word for word.

Operands are small enough for every sum to be an integer below 2**24 times a power of two, which
float32 holds exactly: what differs is wrong.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ops
import pytest
from block_bench import Case, run_cases

from hass.cost import EngineKind, Folding, MemoryKind, as_arrays
from hass.cost.lane_filters import dealt_filters
from hass.cost.ops.conv import engine_pairs
from hass.cost.static_schedule import static_filters
from hass.device import Family
from hass.fixed_point import IntArray
from hass.hw_templates.blocks import Block
from hass.hw_templates.conv_block import ConvPlan, conv_block, folding_mistake
from hass.hw_templates.window import window_buffers
from hass.measure.occupancy import weight_counts
from hass.ops import Conv2d
from hass.shapes import output_map
from hass.values import Arithmetic, FeatureMap

FRAMES = 4
ENGINES = (EngineKind.DENSE, EngineKind.DYNAMIC, EngineKind.STATIC)
EXACT = 1 << 24  # float32 holds every integer up to here
FRAC_BITS, WEIGHT_FRAC_BITS = 3, 5

# (height, width, channels), op: prime, non-square, strided, padded on some sides only, grouped
SHAPES: list[tuple[tuple[int, int, int], Conv2d]] = [
    ((7, 5, 3), Conv2d(4, (3, 3), pads=(1, 1, 1, 1))),
    ((5, 11, 2), Conv2d(6, (3, 5), (2, 3), (1, 0, 2, 3))),
    ((11, 3, 4), Conv2d(2, (5, 1), (3, 1), (0, 0, 2, 0))),
    ((3, 13, 4), Conv2d(6, (1, 4), (1, 2), (0, 3, 0, 0))),
    ((5, 7, 12), Conv2d(10, (1, 1))),
    ((5, 7, 8), Conv2d(9, (1, 1), (2, 3))),
    ((7, 5, 1), Conv2d(8, (2, 2), (2, 2), (1, 1, 0, 0))),
    # grouped, depthwise, depthwise of several filters a channel
    ((5, 7, 8), Conv2d(12, (3, 3), (1, 2), (1, 1, 1, 1), 4)),
    ((3, 5, 12), Conv2d(6, (1, 1), groups=3)),
    ((7, 11, 6), Conv2d(6, (3, 3), (2, 2), (1, 1, 1, 1), 6)),
    ((5, 3, 5), Conv2d(5, (2, 3), (1, 1), (1, 2, 0, 0), 5)),
    ((5, 4, 4), Conv2d(12, (3, 2), (1, 1), (1, 0, 1, 1), 4)),
    # dilated: that keeps pace, that does not, depthwise
    ((7, 5, 4), Conv2d(6, (3, 3), pads=(2, 3, 2, 3), dilation=(2, 3))),
    ((11, 7, 4), Conv2d(6, (3, 2), (2, 3), (1, 0, 3, 2), dilation=(3, 2))),
    ((7, 9, 6), Conv2d(6, (2, 3), (1, 2), (0, 4, 1, 0), 6, (1, 4))),
    # fully connected
    ((1, 1, 30), Conv2d(14, (1, 1))),
    ((3, 5, 4), Conv2d(10, (3, 5))),
]


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, number + 1) if number % n == 0]


def _folding(engine: EngineKind, op: Conv2d, channels: int, rng: np.random.Generator) -> Folding:
    """A folding drawn from the legal ones, streams and lanes side by side more often than not."""
    inner, filters = channels // op.groups, op.out_channels // op.groups
    packed = int(rng.choice(_divisors(inner)))
    products = packed * op.kernel[0] * op.kernel[1]
    return Folding(
        engine=engine,
        weight_memory=MemoryKind.BRAM,
        coarse_in=int(rng.choice(_divisors(inner // packed))),
        coarse_out=int(rng.choice(_divisors(filters))),
        coarse_group=int(rng.choice(_divisors(op.groups))),
        packed=packed,
        fine=int(rng.integers(1, products + 1)),
        lane_fifo_depth=int(rng.choice([1, 4])) if engine is EngineKind.DYNAMIC else 1,
    )


@dataclass(frozen=True)
class Drawn:
    """A convolution and its operands as integers."""

    plan: ConvPlan
    frames: IntArray

    @property
    def whole_map(self) -> bool:
        op = self.plan.op
        return op.groups == 1 and op.kernel == (self.plan.source.height, self.plan.source.width)


def _drawn(index: int, engine: EngineKind, arithmetic: Arithmetic) -> Drawn:
    sizes, op = SHAPES[index]
    source = FeatureMap(*sizes)
    rng = np.random.default_rng((index, ENGINES.index(engine), arithmetic.act_bits))
    folding = _folding(engine, op, source.channels, rng)
    assert folding_mistake(op, source, folding) is None
    products = source.channels // op.groups * op.kernel[0] * op.kernel[1]
    weight_end = 1 << (min(arithmetic.weight_bits, 8) - 1)
    act_end = min(1 << (arithmetic.act_bits - 1), EXACT // (4 * products * weight_end))
    shape = (op.out_channels, source.channels // op.groups, *op.kernel)
    weight = rng.integers(-weight_end, weight_end, shape)
    weight[rng.random(shape) < 0.4] = 0
    frames = rng.integers(-act_end, act_end, (FRAMES, source.channels, *sizes[:2]))
    frames[rng.random(frames.shape) < 0.3] = 0
    lanes = dealt_filters(op.out_channels // op.groups, folding.coarse_out)
    if engine is EngineKind.STATIC:
        lanes = static_filters(op, weight_counts(weight.astype(np.float32)), folding)
    # the largest sums of some cases saturate, those of others do not
    sums = int(np.sqrt(products) * act_end * weight_end)
    out = output_map(op, [source])
    streams = folding.coarse_in * folding.coarse_group
    plan = ConvPlan(
        op=op,
        source=source,
        out=out,
        folding=folding,
        arithmetic=arithmetic,
        filters=lanes,
        weight=weight,
        bias=rng.integers(-sums, sums + 1, op.out_channels),
        shift_bits=max(0, sums.bit_length() - arithmetic.act_bits + index % 3),
        clip_limit=act_end // 4 if index % 2 else 0,
        paired=bool(engine_pairs(op, as_arrays([folding]), Family.ULTRASCALE_PLUS, arithmetic)),
        buffers=window_buffers(op, source, out, streams, arithmetic.act_bits),
    )
    return Drawn(plan, frames)


def _expected(drawn: Drawn, arithmetic: Arithmetic) -> IntArray:
    """onnxruntime's result, rounded half up and held within the ends of the output's format."""
    plan = drawn.plan
    acc_frac_bits = FRAC_BITS + WEIGHT_FRAC_BITS
    values = onnx_ops.conv(
        plan.op,
        np.ldexp(drawn.frames.astype(np.float64), -FRAC_BITS),
        np.ldexp(plan.weight.astype(np.float64), -WEIGHT_FRAC_BITS),
        np.ldexp(plan.bias.astype(np.float64), -acc_frac_bits),
        threshold=float(np.ldexp(plan.clip_limit, -FRAC_BITS)),
        whole_map=drawn.whole_map,
    )
    steps = np.ldexp(values, acc_frac_bits - plan.shift_bits)
    end = 1 << (arithmetic.act_bits - 1)
    return np.clip(np.floor(steps + 0.5), -end, end - 1).astype(np.int64)


def _grid(arithmetic: Arithmetic) -> Iterator[Drawn]:
    for index, engine in itertools.product(range(len(SHAPES)), ENGINES):
        yield _drawn(index, engine, arithmetic)


def _block(drawn: Drawn) -> Block:
    return conv_block(drawn.plan)


@pytest.mark.parametrize(
    "arithmetic", [Arithmetic(16, 16, 32), Arithmetic(8, 8, 26)], ids=["16-bit", "8-bit"]
)
def test_convolutions_of_every_engine_equal_onnxruntime(
    arithmetic: Arithmetic, tmp_path: Path
) -> None:
    cases = []
    for drawn in _grid(arithmetic):
        plan = drawn.plan
        name = f"{plan.op} on {plan.source}, {plan.folding}"
        expected = _expected(drawn, arithmetic)
        assert len(np.unique(expected)) >= 5, name
        cases.append(Case(name, _block(drawn), (drawn.frames,), expected))
    wrong, _ = run_cases(cases, arithmetic, tmp_path)
    assert wrong == {case.name: 0 for case in cases}


def test_the_grid_is_as_wide_as_it_says() -> None:
    drawn = [d for a in (Arithmetic(16, 16, 32), Arithmetic(8, 8, 26)) for d in _grid(a)]
    plans = [d.plan for d in drawn]
    for engine in ENGINES:
        own = [plan for plan in plans if plan.folding.engine is engine]
        foldings = [plan.folding for plan in own]
        assert any(plan.op.groups == plan.source.channels > 1 for plan in own)
        assert any(1 < plan.op.groups < plan.source.channels for plan in own)
        assert any(len(set(plan.op.pads)) > 2 for plan in own)
        assert any(plan.op.stride[0] != plan.op.stride[1] for plan in own)
        assert any(plan.clip_limit for plan in own)
        assert any(plan.channel_steps > 1 for plan in own)
        assert any(d.whole_map for d in drawn if d.plan.folding.engine is engine)
        for factor in ("fine", "packed", "coarse_in", "coarse_out", "coarse_group"):
            assert any(getattr(folding, factor) > 1 for folding in foldings), (engine, factor)
    used = {call.header for d in drawn for call in _block(d).calls}
    assert used >= {"engine_pair", "exchange", "group_order", "adder_tree"}
