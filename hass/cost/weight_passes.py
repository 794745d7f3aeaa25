"""Weights off chip: read again and again, in the order in which they are used.

A convolution works on some output rows at a time, a pass, for which all its weights are read once:
filter step by filter step and block by block of channels, and for each of them position by
position. So a weight serves every position of the pass, and what is paid is memory for the rows
that the windows of a pass cover, for its partial sums, and for its outputs, which come filter by
filter and leave position by position. On a single position every weight is used once, in the
order of the on-chip engine; nothing but a FIFO takes the place of the weight memory.
"""

from __future__ import annotations

import numpy as np

from ..intmath import ceil_div as ceil_to
from ..ops import Conv2d
from ..values import Arithmetic, FeatureMap
from .coefficients import coefficients
from .even_flow import pass_flow
from .foldings import Folding, FoldingArrays, IntArray, MemoryKind, streams_in, streams_out
from .primitives import (
    BYTE_BITS,
    Amount,
    amount,
    buffer,
    ceil_div,
    clog2,
    counter,
    fifo,
    mux_lut,
    port,
)
from .shape import LayerShape
from .stores import Store
from .window import window_counters

ADDRESS_BITS = 40  # AXI4 masters of the Zynq UltraScale+ and Alveo memories


def in_passes(out: FeatureMap, foldings: FoldingArrays | Folding) -> bool:
    """Whether windows wait for a pass: weights off chip, and more than one position of ``out``."""
    return foldings.weight_memory is MemoryKind.OFF_CHIP and out.pixels > 1


def columns_read(op: Conv2d, shape: LayerShape) -> int:
    """Columns of the rows' memory that are read for a row of positions: at most one a cycle."""
    return shape.out.width if op.kernel[1] == 1 else shape.inputs[0].width


def pass_positions(shape: LayerShape, foldings: FoldingArrays) -> IntArray:
    """Positions that one reading of a weight serves, (n,)."""
    return foldings.rows_per_pass * shape.out.width


def _stored_rows(op: Conv2d, shape: LayerShape, foldings: FoldingArrays) -> IntArray:
    """Rows of the input that the windows of a pass and the pixels that arrive meanwhile cover."""
    source = shape.inputs[0]
    stored = np.ones_like(foldings.rows_per_pass)
    for rows in np.unique(foldings.rows_per_pass).tolist():
        held = pass_flow(op, source, shape.out, rows).held_pixels
        stored[foldings.rows_per_pass == rows] = ceil_to(held, source.width)
    return stored


def _row_words(shape: LayerShape, foldings: FoldingArrays) -> tuple[IntArray, IntArray]:
    """Words of a row of the input, a block of channels each, and activations in a word."""
    wide = streams_in(foldings) * foldings.packed
    source = shape.inputs[0]
    return source.width * (source.channels // wide), wide


def pass_stores(
    op: Conv2d, shape: LayerShape, foldings: FoldingArrays, act_bits: int
) -> tuple[Store, ...]:
    """Rows of the input, side by side, each with a write enable of its own (UG473, UG573); and
    outputs, of a pass and of the one before that are still being sent."""
    words, wide = _row_words(shape, foldings)
    row_bits = BYTE_BITS * ceil_div(wide * act_bits, BYTE_BITS)
    rows = Store(words, row_bits * _stored_rows(op, shape, foldings), 1, buffer)
    return rows, Store(_output_words(shape, foldings), streams_out(foldings) * act_bits, 1, buffer)


def _output_words(shape: LayerShape, foldings: FoldingArrays) -> IntArray:
    beats = shape.out.channels // streams_out(foldings)
    return 2 * pass_positions(shape, foldings) * beats


def pass_control(op: Conv2d, shape: LayerShape, foldings: FoldingArrays, act_bits: int) -> Amount:
    """What chooses a window among the rows, the registers that hold it, and counters."""
    words, wide = _row_words(shape, foldings)
    stored = _stored_rows(op, shape, foldings)
    rows, columns = op.kernel[0], op.extent[1]
    bits = wide * act_bits * rows
    taps = amount(lut=mux_lut(stored, bits), ff=bits * columns)
    addresses = counter(clog2(words) + clog2(stored))
    sent = counter(2 * clog2(_output_words(shape, foldings)))
    return taps + addresses + sent + window_counters(op, shape.inputs[0], streams_in(foldings))


def weight_words(
    op: Conv2d, shape: LayerShape, foldings: FoldingArrays, arithmetic: Arithmetic
) -> tuple[IntArray, IntArray]:
    """Words of one reading of the weights, and their bits, (n,) each."""
    lanes = foldings.coarse_in * foldings.coarse_out * foldings.coarse_group
    bits = lanes * foldings.fine * arithmetic.weight_bits
    weights = op.out_channels * (shape.inputs[0].channels // op.groups)
    weights *= op.kernel[0] * op.kernel[1]
    return np.asarray(weights // (lanes * foldings.fine)), bits


def off_chip_bits(
    op: Conv2d, shape: LayerShape, foldings: FoldingArrays, arithmetic: Arithmetic
) -> IntArray:
    """Bits of weights that are read per frame, (n,)."""
    if foldings.weight_memory is not MemoryKind.OFF_CHIP:
        return np.zeros(len(foldings), dtype=np.int64)
    words, bits = weight_words(op, shape, foldings, arithmetic)
    return np.asarray(words * bits * (shape.out.height // foldings.rows_per_pass))


def weight_stream(
    op: Conv2d, shape: LayerShape, foldings: FoldingArrays, arithmetic: Arithmetic
) -> Amount:
    """What reads the weights: addresses, a FIFO that covers the memory's latency and a burst, a
    width converter, and the words of a segment, twice, where a pass uses them again."""
    _, bits = weight_words(op, shape, foldings, arithmetic)
    memory = coefficients().off_chip
    wait = memory.latency_cycles.value + memory.burst_beats.value
    store = amount()
    uses = np.ones_like(bits)
    if in_passes(shape.out, foldings):
        uses = pass_positions(shape, foldings)
        turns = ceil_div(foldings.packed * (op.kernel[0] * op.kernel[1]), foldings.fine)
        store = buffer(2 * turns, bits) + counter(2 * clog2(turns + 1))
    queue = fifo(2 + ceil_div(wait, uses), bits)
    control = counter(ADDRESS_BITS + clog2(memory.burst_beats.value))
    return store + queue + port(bits, 1) + control
