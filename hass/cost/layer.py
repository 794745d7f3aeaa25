"""Cost of any layer for many foldings at once."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..device import Family
from ..sparsity import LayerSparsity
from ..values import Arithmetic
from .buffers import buffer_cost
from .coefficients import coefficients
from .foldings import FoldingArrays, IntArray, streams_in, streams_out
from .ops.conv import (
    WeightRows,
    compute_cycles,
    conv_cost,
    engine_stages,
    position_cycles,
    weight_rows,
)
from .ops.elementwise import activation_cost, binary_cost
from .ops.pooling import avg_pool_cost, global_avg_pool_cost, max_pool_cost
from .ops.reordering import reordering_cost
from .ops.routing import routing_cost
from .primitives import Amount, adders, broadcast, ceil_div, port
from .result import LayerCosts
from .shape import LayerShape
from .weight_passes import in_passes, off_chip_bits, pass_positions
from .window import lead_frames as window_lead_frames


def _body(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    family: Family,
    arithmetic: Arithmetic,
) -> Amount:
    op = shape.op
    streams = streams_in(foldings)
    match op:
        case ops.Conv2d():
            return conv_cost(shape, foldings, sparsity, family, arithmetic)
        case ops.MaxPool2d():
            return max_pool_cost(op, shape, streams, arithmetic)
        case ops.AvgPool2d():
            return avg_pool_cost(op, shape, streams, arithmetic)
        case ops.GlobalAvgPool():
            return global_avg_pool_cost(op, shape, streams, arithmetic)
        case ops.Add() | ops.Mul():
            return binary_cost(op, streams, arithmetic)
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
            return activation_cost(op, streams, arithmetic)
        case ops.Input() | ops.Output() | ops.Fork() | ops.Concat() | ops.Slice() | ops.Pad():
            return routing_cost(op, shape, streams, arithmetic)
        case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            return reordering_cost(op, shape, streams, arithmetic)


def lead_frames(shape: LayerShape) -> float:
    """Share of an input frame that must have arrived before the first output can be computed;
    folding does not change it."""
    match shape.op:
        case ops.Conv2d() | ops.MaxPool2d() | ops.AvgPool2d():
            return window_lead_frames(shape.op, shape.inputs[0])
        case ops.GlobalAvgPool():
            return 1.0
        case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
            return 1.0 / shape.inputs[0].pixels
        case ops.Slice():
            source = shape.inputs[0]
            first = shape.op.rows.start * source.width + shape.op.columns.start
            return first / source.pixels
        case _:
            return 0.0


def stream_cycles(shape: LayerShape, foldings: FoldingArrays) -> IntArray:
    """Cycles per frame that the layer's streams allow, whatever its engines do, (n,)."""
    largest = max(shape.inputs, key=lambda source: source.words, default=shape.out)
    reading = ceil_div(largest.words, streams_in(foldings))
    reading = reading * (shape.haste if largest.pixels == 1 else 1)
    writing = ceil_div(shape.out.words, streams_out(foldings)) * shape.haste
    return np.maximum(reading, writing)


def layer_costs(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    family: Family,
    arithmetic: Arithmetic,
) -> LayerCosts:
    """Cycles and resources of n legal foldings of one layer, its ports and input FIFOs included.

    What ``core_costs`` says and, by where they lie, the memories of weights, line buffers and
    FIFOs. The pipeline's resources are the sum over its layers, its frame II the largest of its
    layers' (and of the off-chip bound): equations in design notes, section 4.

    Args:
        shape: the layer.
        foldings: n legal foldings (``folding.legal``).
        sparsity: what was measured, or None: every product active.
        family: fabric of the part: whether its DSPs are wide enough for two narrow products.
            LUT and FF are those of 7-series for every family: the blocks were synthesised there.
        arithmetic: word lengths of this layer.

    Raises:
        ProfileError: if the sparsity lacks a histogram that a folding asks for.
    """
    core = core_costs(shape, foldings, sparsity, family, arithmetic)
    weights = stored_weights(shape, foldings, sparsity, arithmetic)
    core = core.plus(weights.stored(foldings.weight_memory))
    home = (foldings.line_memory, foldings.fifo_memory)
    return core.plus(buffer_cost(shape, foldings, home, arithmetic))


def stored_weights(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic,
) -> WeightRows:
    """Weight memories that foldings have if weights are on chip; none in a layer without any."""
    if isinstance(shape.op, ops.Conv2d):
        return weight_rows(shape, foldings, sparsity, arithmetic)
    none = np.zeros(len(foldings), dtype=np.int64)
    return WeightRows(none, none, none)


def core_costs(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    family: Family,
    arithmetic: Arithmetic,
) -> LayerCosts:
    """``layer_costs`` without the memories of weights, line buffers and FIFOs: it does not matter
    where these lie, but for weights off chip."""
    frame_ii = stream_cycles(shape, foldings)
    if isinstance(shape.op, ops.Conv2d):
        compute = compute_cycles(shape, foldings, sparsity)
        frame_ii = np.maximum(compute * shape.haste, frame_ii)
        together = pass_positions(shape, foldings) if in_passes(shape.out, foldings) else 1
        latency = engine_stages(foldings) + position_cycles(shape, compute) * together
        traffic = off_chip_bits(shape.op, shape, foldings, arithmetic)
    else:
        stages = coefficients().pipeline.stream_cycles.value
        latency = np.full(len(foldings), stages, dtype=np.int64)
        traffic = np.zeros(len(foldings), dtype=np.int64)
    total = core_amount(shape, foldings, sparsity, family, arithmetic)
    return LayerCosts(
        frame_ii_cycles=np.maximum(frame_ii, 1),
        latency_cycles=latency,
        lut=total.lut,
        ff=total.ff,
        dsp=total.dsp,
        bram18=total.bram18,
        uram=total.uram,
        off_chip_bits=traffic,
    )


def core_amount(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    family: Family,
    arithmetic: Arithmetic,
) -> Amount:
    """The resources of ``core_costs``, (n,) each, for which no cycle is counted."""
    total = _body(shape, foldings, sparsity, family, arithmetic)
    inputs = streams_in(foldings)
    total = total + port(inputs, arithmetic.act_bits).times(len(shape.inputs))
    if arithmetic.in_bits > arithmetic.act_bits:  # rounded and saturated in front of the FIFO
        total = total + adders(inputs, arithmetic.in_bits)
    return broadcast(len(foldings), total + port(streams_out(foldings), arithmetic.out_bits))
