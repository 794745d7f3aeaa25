"""Building blocks that every layer is made of: memories, FIFOs, adders, counters, ports.

All take and return int64 arrays of one length (or scalars that broadcast), amounts rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .coefficients import coefficients
from .foldings import IntArray, MemoryKind

Ints = IntArray | int

# UG573 table 1-10 / UG473 table 1-7: widths and depths of one BRAM18; 36 wide in simple dual port.
BRAM18_SHAPES = ((1, 16384), (2, 8192), (4, 4096), (9, 2048), (18, 1024), (36, 512))
URAM_WIDTH_BITS, URAM_DEPTH = 72, 4096  # UG573, UltraRAM resources
LUTRAM_DEPTH = 64  # UG474: a SLICEM's four LUTs hold 64 x 3 (or 32 x 6) bits, simple dual port
# Above this, a FIFO or buffer goes to BRAM: 4096 bits in LUTRAM cost about 85 LUTs (48 bits each).
LUTRAM_MAX_BITS = 4096


def ceil_div(numerator: Ints, denominator: Ints) -> IntArray:
    """Ceiling division of non-negative integers, elementwise."""
    return np.asarray(-(-np.asarray(numerator, np.int64) // np.asarray(denominator, np.int64)))


def scaled(amount: Ints, factor: float) -> IntArray:
    """``ceil(amount * factor)``, elementwise."""
    product = np.asarray(amount, np.float64) * factor
    return np.asarray(np.ceil(product - 1e-9), dtype=np.int64)


def clog2(value: Ints) -> IntArray:
    """Smallest n with 2**n >= value, elementwise, value >= 1."""
    return np.asarray(np.ceil(np.log2(np.maximum(np.asarray(value, np.float64), 1))), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Amount:
    """(n,) amounts of each resource; what primitives return and layers add up."""

    lut: IntArray
    ff: IntArray
    dsp: IntArray
    bram18: IntArray
    uram: IntArray

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.lut + other.lut,
            self.ff + other.ff,
            self.dsp + other.dsp,
            self.bram18 + other.bram18,
            self.uram + other.uram,
        )

    def times(self, count: Ints) -> Amount:
        """``count`` copies."""
        n = np.asarray(count, np.int64)
        return Amount(self.lut * n, self.ff * n, self.dsp * n, self.bram18 * n, self.uram * n)


def amount(
    *, lut: Ints = 0, ff: Ints = 0, dsp: Ints = 0, bram18: Ints = 0, uram: Ints = 0
) -> Amount:
    """An ``Amount``; what is not given is zero."""
    return Amount(*(np.asarray(x, dtype=np.int64) for x in (lut, ff, dsp, bram18, uram)))


def bram18_count(depth: Ints, width_bits: Ints) -> IntArray:
    """BRAM18 of a ``depth`` x ``width_bits`` memory: the best single aspect ratio (UG573)."""
    counts = [
        ceil_div(width_bits, width) * ceil_div(depth, words) for width, words in BRAM18_SHAPES
    ]
    return np.asarray(np.minimum.reduce(counts))


def uram_count(depth: Ints, width_bits: Ints) -> IntArray:
    """URAM288 of a ``depth`` x ``width_bits`` memory (UG573)."""
    return ceil_div(width_bits, URAM_WIDTH_BITS) * ceil_div(depth, URAM_DEPTH)


def rom_lut(depth: Ints, width_bits: Ints) -> IntArray:
    """LUTs of a read-only memory in LUTs: 64 bits each, F7/F8 free to 256 deep, then multiplexers
    (UG474)."""
    fabric = coefficients().fabric
    store = ceil_div(depth, int(fabric.rom_bits_per_lut.value)) * np.asarray(width_bits)
    return np.asarray(store + mux_lut(ceil_div(depth, 256), width_bits))


def mux_lut(choices: Ints, width_bits: Ints) -> IntArray:
    """LUTs of a multiplexer of ``choices`` words: (choices - 1) / 3 4:1 stages per bit."""
    stages = ceil_div(np.maximum(np.asarray(choices, np.int64) - 1, 0), 3)
    return scaled(stages * np.asarray(width_bits), coefficients().fabric.mux4_lut_per_bit.value)


def dual_port_lut(depth: Ints, width_bits: Ints) -> IntArray:
    """LUTs of a simple dual-port memory: RAM32M (32 x 6) or RAM64M (64 x 3), four LUTs each."""
    depth_array, width = np.asarray(depth, np.int64), np.asarray(width_bits, np.int64)
    shallow = 4 * ceil_div(width, 6)
    deep = 4 * ceil_div(width, 3) * ceil_div(depth_array, LUTRAM_DEPTH)
    return np.where(depth_array <= 32, shallow, deep + mux_lut(ceil_div(depth_array, 64), width))


def weight_memory(kind: MemoryKind, depth: IntArray, width_bits: IntArray) -> Amount:
    """A read-only memory of weights in the given kind of memory."""
    match kind:
        case MemoryKind.NONE:
            return amount()
        case MemoryKind.LUTRAM:
            return amount(lut=rom_lut(depth, width_bits), ff=width_bits)
        case MemoryKind.BRAM:
            return amount(bram18=bram18_count(depth, width_bits))
        case MemoryKind.URAM:
            return amount(uram=uram_count(depth, width_bits))


def buffer(depth: Ints, width_bits: Ints) -> Amount:
    """A simple dual-port buffer: in LUTs up to 4,096 bits or 64 words, else in BRAM; 0 if empty."""
    depth_array, width = np.broadcast_arrays(
        np.asarray(depth, np.int64), np.asarray(width_bits, np.int64)
    )
    empty = (depth_array <= 0) | (width <= 0)
    small = (depth_array <= LUTRAM_DEPTH) | (depth_array * width <= LUTRAM_MAX_BITS)
    lut = np.where(empty | ~small, 0, dual_port_lut(np.maximum(depth_array, 1), width))
    bram18 = np.where(
        empty | small, 0, bram18_count(np.maximum(depth_array, 1), np.maximum(width, 1))
    )
    return amount(lut=lut, bram18=bram18)


def fifo(entries: Ints, width_bits: Ints) -> Amount:
    """A FIFO: its buffer, and two pointers and a fill counter; two entries are a port's registers
    and cost nothing further here."""
    deep = np.asarray(entries, np.int64) > 2
    store = buffer(np.where(deep, entries, 0), width_bits)
    bits = np.where(deep, 3 * clog2(entries), 0)
    return store + counter(bits)


def counter(bits: Ints) -> Amount:
    """Counters of ``bits`` in total with their terminal counts."""
    fabric = coefficients().fabric
    return amount(
        lut=scaled(bits, fabric.counter_lut_per_bit.value),
        ff=scaled(bits, fabric.counter_ff_per_bit.value),
    )


def adders(count: Ints, width_bits: int) -> Amount:
    """Registered two-operand adders."""
    bits = np.asarray(count, np.int64) * width_bits
    return amount(lut=scaled(bits, coefficients().fabric.adder_lut_per_bit.value), ff=bits)


def port(streams: Ints, width_bits: int) -> Amount:
    """A stream port: register slice and width converter, charged whether or not the neighbour is
    as wide, so that a layer's cost does not depend on its neighbour's folding (an upper bound:
    between equal streams one of the two functions is not needed)."""
    fabric = coefficients().fabric
    bits = np.asarray(streams, np.int64) * width_bits
    return amount(
        lut=scaled(bits, fabric.port_lut_per_bit.value),
        ff=scaled(bits, fabric.port_ff_per_bit.value),
    )


def multiplier_dsps(multipliers: Ints, operand_bits: int) -> IntArray:
    """DSP slices: two products of up to 8 bits share one (WP486), one each up to 18 x 25 bits."""
    count = np.asarray(multipliers, np.int64)
    return ceil_div(count, 2) if operand_bits <= 8 else count


def broadcast(n: int, values: Amount) -> Amount:
    """The same amounts as (n,) arrays."""
    fields: list[npt.NDArray[np.int64]] = [
        np.broadcast_to(x, (n,)).astype(np.int64)
        for x in (values.lut, values.ff, values.dsp, values.bram18, values.uram)
    ]
    return Amount(*fields)
