"""Cost of a convolution block: window, fork, engines, accumulators, adder tree, bias, weights."""

from __future__ import annotations

import numpy as np

from ...ops import Conv2d
from ...sparsity import LayerSparsity
from ...values import Arithmetic
from ..coefficients import coefficients
from ..even_flow import window_flow
from ..foldings import EngineKind, FoldingArrays, IntArray
from ..lanes import FloatArray
from ..primitives import (
    Amount,
    adders,
    amount,
    buffer,
    ceil_div,
    clog2,
    counter,
    fifo,
    multiplier_dsps,
    mux_lut,
    rom_lut,
    scaled,
    weight_memory,
)
from ..shape import LayerShape
from ..static_schedule import static_cycles
from ..waiting import joined_segment_cycles
from ..window import window_cost


def segment_products(op: Conv2d, foldings: FoldingArrays) -> IntArray:
    """M, (n,)."""
    return foldings.packed * (op.kernel[0] * op.kernel[1])


def segments_per_lane(op: Conv2d, shape: LayerShape, foldings: FoldingArrays) -> IntArray:
    """Segments that one engine works through per frame, (n,). Exact for legal foldings."""
    channels = shape.inputs[0].channels
    blocks = channels // (foldings.coarse_group * foldings.coarse_in * foldings.packed)
    filters = op.out_channels // (foldings.coarse_out * op.groups)
    return np.asarray(shape.out.pixels * blocks * filters)


def compute_cycles(
    shape: LayerShape, foldings: FoldingArrays, sparsity: LayerSparsity | None
) -> IntArray:
    """Cycles per frame that the engines need, waiting included, (n,)."""
    op = shape.op
    assert isinstance(op, Conv2d)
    segments = segments_per_lane(op, shape, foldings)
    products = segment_products(op, foldings)
    if foldings.engine is EngineKind.DENSE or sparsity is None:  # every product counts as active
        return segments * ceil_div(products, foldings.fine)
    if foldings.engine is EngineKind.STATIC:
        return shape.out.pixels * static_cycles(op, sparsity.weight_counts, foldings).cycles
    joined = joined_segment_cycles(op, sparsity, foldings)
    return _rounded_up(segments * joined)


def _rounded_up(cycles: FloatArray) -> IntArray:
    """Ceiling, with a guard of 1e-12 relative against rounding noise, (n,)."""
    return np.asarray(np.ceil(cycles * (1.0 - 1e-12) - 1e-9), dtype=np.int64)


def _dense_engine(op: Conv2d, foldings: FoldingArrays, arithmetic: Arithmetic) -> Amount:
    """``fine`` multipliers, operand multiplexers and the accumulator (over the turns of a segment
    and over channels), as synthesised (coefficients.toml). One multiplier accumulates in its own
    DSP; more are summed in the DSP cascade and have one adder in LUTs.

    A dense engine's multiplier sees one activation per turn, a static one's any of the segment's:
    that is the only difference, of which the same coefficients are taken.
    """
    fit = coefficients().dense_engine
    bits = (arithmetic.act_bits + arithmetic.weight_bits) / 2
    fine = foldings.fine
    products = segment_products(op, foldings)
    turns = ceil_div(products, fine)
    choices = products if foldings.engine is EngineKind.STATIC else turns
    outside = np.where(fine > 1, arithmetic.acc_bits, 0)  # bits of an accumulator in LUTs
    adder = fit.lut_per_acc_bit * outside
    select = np.where(turns > 1, adder, 0.0)
    mux = fit.mux_lut_per_stage_bit * ceil_div(choices - 1, 3) * fine * arithmetic.act_bits
    skew = fit.skew_lut_per_n_b * bits * np.maximum(fine - 4, 0)
    ff = fit.ff_per_acc_bit * outside + fit.ff_control + fit.ff_per_n * fine
    ff = ff + np.where(turns > 1, fit.ff_turn_control, 0.0)
    ff = ff + fit.ff_skew_per_b * bits * _skewed_words(fine)
    return amount(
        lut=np.ceil(adder + select + mux + skew + fit.lut_control - 1e-9).astype(np.int64),
        ff=np.ceil(ff - 1e-9).astype(np.int64),
    ) + counter(clog2(turns))


def _skewed_words(fine: IntArray) -> IntArray:
    """Operand pairs that a cascade of ``fine`` multipliers delays in flip-flops: the third by one
    cycle and the fourth by two, beyond the registers of the DSPs; later ones wait in SRLs."""
    return np.asarray(np.minimum((fine - 1) * (fine - 2) // 2, 3))


def _dynamic_engine(op: Conv2d, foldings: FoldingArrays, arithmetic: Arithmetic) -> Amount:
    """Zero check, selector, multipliers and accumulator as synthesised (coefficients.toml), and
    the lane's FIFOs: windows in front, results behind."""
    fit = coefficients().dynamic_engine
    products = segment_products(op, foldings).astype(np.float64)
    fine = foldings.fine.astype(np.float64)
    bits = (arithmetic.act_bits + arithmetic.weight_bits) / 2
    outside = np.where(foldings.fine > 1, arithmetic.acc_bits, 0)
    dense = (
        coefficients().dense_engine
    )  # the accumulator is the same: an adder, and a choice of its start
    lut = 2.0 * dense.lut_per_acc_bit * outside
    lut = lut + fit.mux_lut_per_stage_bit * np.ceil((products - 1) / 3) * fine * bits
    lut = lut + fit.lut_per_m_b * products * bits + fit.lut_per_m_n * products * fine
    ff = fit.ff_per_m_b * products * bits + fit.ff_per_n * fine
    ff = ff + fit.ff_per_acc_bit * outside
    ff = ff + fit.ff_skew_per_b * bits * _skewed_words(foldings.fine)
    engine = amount(
        lut=np.ceil(lut - 1e-9).astype(np.int64), ff=np.ceil(ff - 1e-9).astype(np.int64)
    )
    deep = np.where(foldings.lane_fifo_depth > 1, foldings.lane_fifo_depth, 0)
    ahead = fifo(deep, segment_products(op, foldings) * arithmetic.act_bits)
    results = fifo(deep, np.full_like(deep, arithmetic.acc_bits))
    return engine + ahead + results


def _lane_order(foldings: FoldingArrays, filters: IntArray, arithmetic: Arithmetic) -> Amount:
    """A static lane's own count of its filters, and the FIFO in which its results wait for those
    of the other lanes: within a window the lanes are at different filters."""
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    waiting = np.where((lanes > 1) & (filters > 1), filters, 0)
    return counter(clog2(filters)) + fifo(waiting, np.full_like(waiting, arithmetic.acc_bits))


def _filter_exchange(
    op: Conv2d, foldings: FoldingArrays, sparsity: LayerSparsity | None, arithmetic: Arithmetic
) -> Amount:
    """What puts the words of a filter step back in order where static lanes have exchanged its
    filters: a multiplexer for each word in front of the port's register, a table of their places
    and its address. 2, 4, 8, 16 words of 16 bits: 32, 64, 384, 1280 LUTs; yosys 0.23 (xc7) takes
    32, 64, 384, 1313."""
    if sparsity is None:
        return amount()
    lanes = foldings.coarse_out
    steps = op.out_channels // op.groups // lanes
    back = amount(lut=lanes * mux_lut(lanes, np.full_like(lanes, arithmetic.act_bits)))
    places = amount(lut=rom_lut(steps, lanes * clog2(lanes)))
    exchanged = static_cycles(op, sparsity.weight_counts, foldings).exchanged
    return (back + places + counter(clog2(steps))).times(exchanged.astype(np.int64))


def _weights(
    op: Conv2d,
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic,
) -> Amount:
    """Weight memories and biases.

    Lanes in lockstep read one wide memory; lanes that run ahead have one each. A dynamic engine
    reads the M weights of a segment at once, a dense one ``fine`` a cycle; a static one ``fine``
    with their indices and a mark for a filter's last turn, and a mark for a window's last: a row
    for each cycle of an output position.
    """
    products = segment_products(op, foldings)
    segments = segments_per_lane(op, shape, foldings) // shape.out.pixels
    if foldings.engine is EngineKind.DYNAMIC:
        width = products * arithmetic.weight_bits
        depth = segments
    else:
        width = foldings.fine * arithmetic.weight_bits
        depth = segments * ceil_div(products, foldings.fine)
    window_mark = 0
    if foldings.engine is EngineKind.STATIC:
        window_mark = 1
        width = width + foldings.fine * clog2(products) + 1
        depth = compute_cycles(shape, foldings, sparsity) // shape.out.pixels
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    apart = foldings.lane_fifo_depth > 1
    copies = np.where(apart, lanes, 1)
    store = weight_memory(
        foldings.weight_memory, depth, np.where(apart, width, width * lanes + window_mark)
    ).times(copies)
    addresses = counter(clog2(depth)).times(copies)
    streams = foldings.coarse_out * foldings.coarse_group
    bias = amount(
        lut=streams
        * rom_lut(ceil_div(op.out_channels, streams), np.full_like(streams, arithmetic.acc_bits))
    )
    return store + addresses + bias


def conv_cost(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic,
) -> Amount:
    """All of a convolution block but its stream ports and input FIFOs."""
    op = shape.op
    assert isinstance(op, Conv2d)
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    streams_in = foldings.coarse_in * foldings.coarse_group
    streams_out = foldings.coarse_out * foldings.coarse_group
    held = window_flow(op, shape.inputs[0], shape.out, shape.haste).held_pixels
    window = window_cost(op, shape.inputs[0], streams_in, arithmetic.act_bits, held)
    taps = op.kernel[0] * op.kernel[1]
    gather = amount(ff=np.where(foldings.packed > 1, foldings.packed * taps, 0)).times(
        streams_in * arithmetic.act_bits
    )
    if foldings.engine is EngineKind.DYNAMIC:
        engine = _dynamic_engine(op, foldings, arithmetic)
    else:
        engine = _dense_engine(op, foldings, arithmetic)
    if foldings.engine is not EngineKind.DENSE:
        # clip |x| <= t: two comparisons per input stream
        engine_clip = scaled(
            streams_in * 2 * arithmetic.act_bits, coefficients().fabric.compare_lut_per_bit.value
        )
        window = window + amount(lut=engine_clip)
    blocks = shape.inputs[0].channels // (op.groups * foldings.coarse_in * foldings.packed)
    filters = op.out_channels // (op.groups * foldings.coarse_out)
    if foldings.engine is EngineKind.STATIC:
        engine = engine + _lane_order(foldings, filters, arithmetic)
    # the cascade's adder accumulates over channels too, a dynamic engine's only over a segment
    outside = (blocks > 1) & (foldings.engine is EngineKind.DYNAMIC)
    accumulate = adders(np.where(outside, 1, 0), arithmetic.acc_bits) + buffer(
        np.where((blocks > 1) & (filters > 1), filters, 0),
        np.full_like(filters, arithmetic.acc_bits),
    )
    tree = adders(foldings.coarse_in - 1, arithmetic.acc_bits).times(streams_out)
    # bias adder, rounding and saturation to the output format
    finish = adders(np.ones_like(streams_out), arithmetic.acc_bits) + adders(
        np.ones_like(streams_out), arithmetic.act_bits
    )
    schedule = counter(clog2(blocks) + clog2(filters) + clog2(op.groups))
    if foldings.engine is EngineKind.STATIC:
        schedule = schedule + _filter_exchange(op, foldings, sparsity, arithmetic)
    dsp = multiplier_dsps(lanes * foldings.fine, max(arithmetic.act_bits, arithmetic.weight_bits))
    return (
        window
        + gather
        + (engine + accumulate).times(lanes)
        + tree
        + finish.times(streams_out)
        + schedule
        + _weights(op, shape, foldings, sparsity, arithmetic)
        + amount(dsp=dsp)
    )


def position_cycles(shape: LayerShape, compute: IntArray) -> IntArray:
    """Cycles from the last word of a window to its output: the work of one output position."""
    return ceil_div(compute, shape.out.pixels)


def engine_stages(foldings: FoldingArrays) -> IntArray:
    """Register stages from engine input to block output, (n,)."""
    stages = coefficients().pipeline
    fixed = stages.multiplier_cycles.value + stages.stream_cycles.value
    if foldings.engine is EngineKind.DYNAMIC:
        fixed += stages.selector_cycles.value
    return np.asarray(fixed + clog2(foldings.fine) + clog2(foldings.coarse_in) + 1)
