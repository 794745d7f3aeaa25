"""Cost of a convolution block: window, fork, engines, accumulators, adder tree, bias, weights."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ...device import Family
from ...intmath import divisors
from ...ops import Conv2d
from ...sparsity import LayerSparsity
from ...values import Arithmetic
from ..coefficients import coefficients
from ..engines import (
    EngineSize,
    broadcast_engine,
    dense_engine,
    dynamic_engine,
    pair_engine,
    pairable,
    static_engine,
)
from ..even_flow import window_flow
from ..feeding import Feed
from ..foldings import DATA_DEPENDENT, EngineKind, FoldingArrays, IntArray, MemoryKind
from ..lanes import FloatArray
from ..primitives import (
    Amount,
    adders,
    amount,
    buffer,
    by_distinct,
    ceil_div,
    clog2,
    counter,
    fifo,
    mux_lut,
    rom_lut,
    scaled,
    weight_memory,
)
from ..shape import LayerShape
from ..static_schedule import static_cycles
from ..waiting import joined_segment_cycles
from ..weight_passes import (
    in_passes,
    pass_control,
    pass_positions,
    weight_stream,
)
from ..window import window_control


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
    """Cycles per frame that the engines need, waiting for each other and for their windows
    included, (n,)."""
    return _compute_cycles(shape, foldings, sparsity, _turns(shape, foldings))


def engine_cycles(
    shape: LayerShape, foldings: FoldingArrays, sparsity: LayerSparsity | None
) -> IntArray:
    """Cycles per frame that the engines need where windows are always there, (n,)."""
    return _compute_cycles(shape, foldings, sparsity, None)


def _turns(shape: LayerShape, foldings: FoldingArrays) -> IntArray:
    """How often engines work through a window, but for filters that are segments of their own,
    (n,)."""
    op = shape.op
    assert isinstance(op, Conv2d)
    if foldings.engine is EngineKind.BROADCAST:
        return np.asarray(op.out_channels // op.groups // foldings.coarse_out)
    return np.ones_like(foldings.coarse_out)


def _compute_cycles(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    turns: IntArray | None,
) -> IntArray:
    op = shape.op
    assert isinstance(op, Conv2d)
    segments = segments_per_lane(op, shape, foldings)
    products = segment_products(op, foldings)
    if foldings.engine is EngineKind.DENSE or sparsity is None:  # every product counts as active
        return segments * ceil_div(products, foldings.fine)
    pixels = shape.inputs[0].pixels / shape.out.pixels
    if foldings.engine is EngineKind.STATIC:
        static = static_cycles(op, sparsity.weight_counts, foldings, pixels)
        return shape.out.pixels * (static.cycles if turns is None else static.fed)
    if foldings.engine is EngineKind.BROADCAST:
        feed = Feed(pixels, tuple(divisors(op.out_channels // op.groups)))
        op, sparsity, foldings = one_filter(op, sparsity, foldings)
    else:
        feed = Feed(pixels)
    joined = joined_segment_cycles(op, sparsity, foldings, shape.out.pixels, feed, turns)
    return _rounded_up(segments * joined)


def one_filter(
    op: Conv2d, sparsity: LayerSparsity, foldings: FoldingArrays
) -> tuple[Conv2d, LayerSparsity, FoldingArrays]:
    """The layer, what was measured and the foldings that dynamic engines have the cycles of
    broadcast ones with: one filter a group that has no zero weight. All filters take as long.

    Raises:
        ProfileError: if activations were not measured.
    """
    ones = np.ones_like(foldings.coarse_out)
    return (
        replace(op, out_channels=op.groups),
        sparsity.of_activations(op.groups),
        replace(foldings, engine=EngineKind.DYNAMIC, coarse_out=ones),
    )


def _rounded_up(cycles: FloatArray) -> IntArray:
    """Ceiling, with a guard of 1e-12 relative against rounding noise, (n,)."""
    return np.asarray(np.ceil(cycles * (1.0 - 1e-12) - 1e-9), dtype=np.int64)


def _engine_size(op: Conv2d, foldings: FoldingArrays, arithmetic: Arithmetic) -> EngineSize:
    return EngineSize(
        segment_products(op, foldings),
        foldings.fine,
        arithmetic.act_bits,
        arithmetic.weight_bits,
        arithmetic.acc_bits,
    )


def engine_pairs(
    op: Conv2d, foldings: FoldingArrays, family: Family, arithmetic: Arithmetic
) -> IntArray:
    """Pairs of dense engines, of two filters that see the same activations, that are built as one
    with half the DSPs, (n,): all or none. It takes DSPs that are wide enough, and narrow operands.
    """
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    if foldings.engine is not EngineKind.DENSE or family is not Family.ULTRASCALE_PLUS:
        return np.zeros_like(lanes)
    even = foldings.coarse_out % 2 == 0
    together = pairable(_engine_size(op, foldings, arithmetic)) * even
    return np.asarray(together * (lanes // 2))


def _engines(
    op: Conv2d,
    shape: LayerShape,
    foldings: FoldingArrays,
    family: Family,
    arithmetic: Arithmetic,
) -> Amount:
    """The dot-product engines of all lanes, FIFOs of those that may run ahead included."""
    size = _engine_size(op, foldings, arithmetic)
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    match foldings.engine:
        case EngineKind.DYNAMIC:
            return (dynamic_engine(size) + _lane_fifos(size, foldings)).times(lanes)
        case EngineKind.STATIC:
            return static_engine(size).times(lanes)
        case EngineKind.BROADCAST:
            together = foldings.coarse_in * foldings.coarse_group
            segments = segments_per_lane(op, shape, foldings) // shape.out.pixels
            engine = broadcast_engine(size, foldings.coarse_out, segments)
            return (engine + _joined_results(op, shape, size, foldings)).times(together)
        case _:
            pairs = engine_pairs(op, foldings, family, arithmetic)
            return pair_engine(size).times(pairs) + dense_engine(size).times(lanes - 2 * pairs)


def _lane_fifos(size: EngineSize, foldings: FoldingArrays) -> Amount:
    """Of a dynamic lane that may run ahead: windows in front, results behind."""
    deep = np.where(foldings.lane_fifo_depth > 1, foldings.lane_fifo_depth, 0)
    ahead = fifo(deep, size.products * size.act_bits)
    return ahead + fifo(deep, np.full_like(deep, size.acc_bits))


def _joined_results(
    op: Conv2d, shape: LayerShape, size: EngineSize, foldings: FoldingArrays
) -> Amount:
    """Of a broadcast engine beside others, hass_broadcast_lanes.sv: in lockstep a register in which
    results wait for the others'; else windows wait in front, and the results of those that end
    positions behind."""
    ahead = foldings.lane_fifo_depth
    apart, several = ahead > 1, foldings.coarse_in * foldings.coarse_group > 1
    width = foldings.coarse_out * size.acc_bits
    chunks = shape.inputs[0].channels // (op.groups * foldings.coarse_in * foldings.packed)
    filters = op.out_channels // (op.groups * foldings.coarse_out)
    waiting = filters * ceil_div(ahead, chunks) + 2
    held = amount(ff=np.where(several & ~apart, width + 1, 0))
    windows = fifo(np.where(apart, ahead + 1, 0), size.products * size.act_bits)
    return held + windows + fifo(np.where(apart & several, waiting, 0), width)


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
    back = amount(lut=lanes * mux_lut(lanes, np.full_like(lanes, arithmetic.out_bits)))
    places = amount(lut=rom_lut(steps, lanes * clog2(lanes)))
    exchanged = static_cycles(op, sparsity.weight_counts, foldings).exchanged
    return (back + places + counter(clog2(steps))).times(exchanged.astype(np.int64))


class WeightRows(NamedTuple):
    """Weight memories on chip: rows of each and their bits, and how many there are, (n,) each."""

    depth: IntArray
    width_bits: IntArray
    copies: IntArray

    def stored(self, memory: MemoryKind) -> Amount:
        """Them in a kind of memory; nothing where weights are off chip."""
        return weight_memory(memory, self.depth, self.width_bits).times(self.copies)


def weight_rows(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic,
) -> WeightRows:
    """Weight memories that n foldings have if weights are on chip.

    Lanes in lockstep read one wide memory; lanes that run ahead have one each. A dynamic engine
    reads the M weights of a segment at once, a dense one ``fine`` a cycle; a static one ``fine``
    with their indices and a mark for a filter's last turn, and a mark for a window's last: a row
    for each cycle of an output position. A broadcast engine reads by an index of its own, a row for
    each activation: the weights of all its filters.
    """
    op = shape.op
    assert isinstance(op, Conv2d)
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
        depth = engine_cycles(shape, foldings, sparsity) // shape.out.pixels
    if foldings.engine is EngineKind.BROADCAST:
        wide = foldings.coarse_out * arithmetic.weight_bits
        return WeightRows(segments * products, wide, foldings.coarse_in * foldings.coarse_group)
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    apart = foldings.lane_fifo_depth > 1
    wide = np.where(apart, width, width * lanes + window_mark)
    return WeightRows(depth, wide, np.where(apart, lanes, 1))


def _weights(
    op: Conv2d,
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    arithmetic: Arithmetic,
) -> Amount:
    """What reads weights from their memories or streams them in, and biases."""
    if foldings.weight_memory is MemoryKind.OFF_CHIP:
        reader = weight_stream(op, shape, foldings, arithmetic)
    else:
        depth, _, copies = weight_rows(shape, foldings, sparsity, arithmetic)
        reader = counter(clog2(depth)).times(copies)
        if foldings.engine is EngineKind.BROADCAST:  # the engine says which row it wants
            reader = amount()
    streams = foldings.coarse_out * foldings.coarse_group
    bias = amount(
        lut=streams
        * rom_lut(ceil_div(op.out_channels, streams), np.full_like(streams, arithmetic.acc_bits))
    )
    return reader + bias


def _window(
    op: Conv2d, shape: LayerShape, foldings: FoldingArrays, arithmetic: Arithmetic
) -> Amount:
    """The sliding window but for its memories, the clip behind it, and what gathers a segment's
    channels."""
    streams_in = foldings.coarse_in * foldings.coarse_group
    if in_passes(shape.out, foldings):
        window = pass_control(op, shape, foldings, arithmetic.act_bits)
    else:
        held = window_flow(op, shape.inputs[0], shape.out, shape.haste).held_pixels
        window = by_distinct(
            streams_in,
            lambda streams: window_control(op, shape.inputs[0], streams, arithmetic.act_bits, held),
        )
    taps = op.kernel[0] * op.kernel[1]
    gather = amount(ff=np.where(foldings.packed > 1, foldings.packed * taps, 0)).times(
        streams_in * arithmetic.act_bits
    )
    if foldings.engine is not EngineKind.DENSE:
        # clip |x| <= t: two comparisons per input stream
        engine_clip = scaled(
            streams_in * 2 * arithmetic.act_bits, coefficients().fabric.compare_lut_per_bit.value
        )
        window = window + amount(lut=engine_clip)
    return window + gather


def conv_cost(
    shape: LayerShape,
    foldings: FoldingArrays,
    sparsity: LayerSparsity | None,
    family: Family,
    arithmetic: Arithmetic,
) -> Amount:
    """All of a convolution block but the memories of its weights and of its window, its stream
    ports and its input FIFOs."""
    op = shape.op
    assert isinstance(op, Conv2d)
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    streams_out = foldings.coarse_out * foldings.coarse_group
    blocks = shape.inputs[0].channels // (op.groups * foldings.coarse_in * foldings.packed)
    filters = op.out_channels // (op.groups * foldings.coarse_out)
    engines = _engines(op, shape, foldings, family, arithmetic)
    if foldings.engine is EngineKind.STATIC:
        engines = engines + _lane_order(foldings, filters, arithmetic).times(lanes)
    # the cascade's adder accumulates over channels too, a dynamic engine's only over a segment
    outside = (blocks > 1) & (foldings.engine is EngineKind.DYNAMIC)
    # partial sums wait while the others of a block of channels are computed
    sums = pass_positions(shape, foldings) if in_passes(shape.out, foldings) else filters
    accumulate = adders(np.where(outside, 1, 0), arithmetic.acc_bits) + buffer(
        np.where((blocks > 1) & (sums > 1), sums, 0),
        np.full_like(filters, arithmetic.acc_bits),
    )
    tree = adders(foldings.coarse_in - 1, arithmetic.acc_bits).times(streams_out)
    # bias adder, rounding and saturation to the output format
    finish = adders(np.ones_like(streams_out), arithmetic.acc_bits) + adders(
        np.ones_like(streams_out), arithmetic.out_bits
    )
    schedule = counter(clog2(blocks) + clog2(filters) + clog2(op.groups))
    if foldings.engine is EngineKind.STATIC:
        schedule = schedule + _filter_exchange(op, foldings, sparsity, arithmetic)
    return (
        _window(op, shape, foldings, arithmetic)
        + engines
        + accumulate.times(lanes)
        + tree
        + finish.times(streams_out)
        + schedule
        + _weights(op, shape, foldings, sparsity, arithmetic)
    )


def position_cycles(shape: LayerShape, compute: IntArray) -> IntArray:
    """Cycles from the last word of a window to its output: the work of one output position."""
    return ceil_div(compute, shape.out.pixels)


def engine_stages(foldings: FoldingArrays) -> IntArray:
    """Register stages from engine input to block output, (n,)."""
    stages = coefficients().pipeline
    fixed = stages.multiplier_cycles.value + stages.stream_cycles.value
    if foldings.engine in DATA_DEPENDENT:
        fixed += stages.selector_cycles.value
    if foldings.engine is EngineKind.BROADCAST:
        fixed += stages.lookup_cycles.value
    return np.asarray(fixed + clog2(foldings.fine) + clog2(foldings.coarse_in) + 1)
