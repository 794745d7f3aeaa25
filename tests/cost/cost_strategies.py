"""Random convolution layers, foldings and measured sparsities for the tests of the cost model."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from hass import ops
from hass.cost import EngineKind, Folding, LayerShape, MemoryKind
from hass.cost.shape import FifoNeed
from hass.intmath import divisors
from hass.shapes import output_map
from hass.sparsity import LayerSparsity, SegmentHistogram, WeightCounts, WindowSample
from hass.values import FeatureMap


@st.composite
def conv_shapes(draw: st.DrawFn) -> LayerShape:
    """A Conv2d layer: non-square maps and kernels, prime sizes, groups, strides, uneven pads."""
    kernel = (draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = groups * draw(st.sampled_from([1, 2, 3, 4, 6, 7]))
    source = FeatureMap(draw(st.integers(5, 13)), draw(st.integers(5, 17)), channels)
    op = ops.Conv2d(
        out_channels=groups * draw(st.sampled_from([1, 2, 4, 5, 6])),
        kernel=kernel,
        stride=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        pads=tuple(draw(st.integers(0, 2)) for _ in range(4)),  # type: ignore[arg-type]
        groups=groups,
    )
    return LayerShape(op, (source,), output_map(op, [source]), (FifoNeed(),))


def conv_of(shape: LayerShape) -> ops.Conv2d:
    """The shape's op, known to be a Conv2d."""
    assert isinstance(shape.op, ops.Conv2d)
    return shape.op


@st.composite
def conv_foldings(draw: st.DrawFn, shape: LayerShape, engine: EngineKind) -> Folding:
    """A legal folding of a convolution."""
    op = conv_of(shape)
    per_group = shape.inputs[0].channels // op.groups
    coarse_in = draw(st.sampled_from(divisors(per_group)))
    packed = draw(st.sampled_from(divisors(per_group // coarse_in)))
    products = packed * op.kernel[0] * op.kernel[1]
    fine = draw(st.sampled_from(divisors(products)))
    if engine is not EngineKind.DENSE:
        fine = draw(st.integers(1, products))
    return Folding(
        engine=engine,
        coarse_in=coarse_in,
        coarse_out=draw(st.sampled_from(divisors(op.out_channels // op.groups))),
        coarse_group=draw(st.sampled_from(divisors(op.groups))),
        fine=fine,
        packed=packed,
        lane_fifo_depth=draw(st.sampled_from([1, 2, 4, 16])) if engine is EngineKind.DYNAMIC else 1,
        weight_memory=draw(st.sampled_from([MemoryKind.LUTRAM, MemoryKind.BRAM, MemoryKind.URAM])),
    )


def sparsity_of(shape: LayerShape, density: float, seed: int) -> LayerSparsity:
    """Independent products, active with probability ``density``; channels and filters unequal.

    The weights that static engines see are as dense.
    """
    op = conv_of(shape)
    rng = np.random.default_rng(seed)
    taps = op.kernel[0] * op.kernel[1]
    channels = shape.inputs[0].channels
    wobble = rng.uniform(0.5, 1.0, channels) if density < 1 else np.ones(channels)
    active = rng.random((200, channels, taps)) < density * wobble[None, :, None]
    histograms = []
    for packed in divisors(channels // op.groups):
        counts = active.reshape(200, channels // packed, packed * taps).sum(axis=2)
        table = np.stack([np.bincount(column, minlength=packed * taps + 1) for column in counts.T])
        histograms.append(SegmentHistogram(packed, table))
    rates = rng.uniform(0.5, 1.5, op.out_channels) if density < 1 else np.ones(op.out_channels)
    rates = rates / rates.mean()
    pair = float(active.mean())
    filters = op.out_channels // op.groups
    live = rng.random((20, channels, filters, taps)) < (density if density < 1 else 2)
    together = (active[:20, :, None, :] & live).sum(axis=3)
    windows = (op.out_channels, channels // op.groups, taps)
    weights = (rng.random(windows) < density).sum(axis=2)
    return LayerSparsity(
        weight_density=1.0,
        act_density=pair,
        pair_density=pair,
        histograms=tuple(histograms),
        filter_rates=tuple(float(r) for r in rates),
        lag1_correlation=float(rng.uniform(0, 0.6)) if density < 1 else 0.0,
        frame_correlation=0.0,
        sampled_positions=200,
        pair_density_stderr=0.0,
        weight_counts=WeightCounts(taps, weights),
        sample=WindowSample(tuple(range(filters)), together),
    )
