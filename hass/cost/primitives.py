"""Building blocks that every layer is made of: memories, FIFOs, adders, counters, ports.

All take and return int64 arrays of one length (or scalars that broadcast), amounts rounded up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from .coefficients import Fitted, coefficients
from .foldings import IntArray, MemoryKind

Ints = IntArray | int
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Terms = Mapping[str, FloatArray]  # coefficient -> what it is multiplied by

# UG573 table 1-10 / UG473 table 1-7: widths and depths of one BRAM18; 36 wide in simple dual port.
BRAM18_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
BRAM18_BITS = 36 * 512
URAM_WIDTH_BITS, URAM_DEPTH = 72, 4096  # UG573, UltraRAM resources
URAM_BITS = URAM_WIDTH_BITS * URAM_DEPTH
BYTE_BITS = 9  # UG473, UG573: bits per write enable of a BRAM or a URAM
LUTRAM_DEPTH = 64  # UG474: a SLICEM's four LUTs hold 64 x 3 (or 32 x 6) bits, simple dual port
# Above this, a FIFO or buffer goes to BRAM: 4096 bits in LUTRAM cost about 85 LUTs (48 bits each).
LUTRAM_MAX_BITS = 4096
# Where it is asked for, LUTRAM holds so much. 32,768 bits are 2 BRAM18 at least, or 550 to 980
# LUTs; the parts of hass/parts have 1,230 to 2,400 LUTs for each URAM and 150 to 410 for each
# BRAM18. 256 words leave half of a BRAM18 empty, and 15/16 of a URAM.
LUTRAM_MOST_BITS = 1 << 15
LUTRAM_MOST_WORDS = 256


def ceil_div(numerator: Ints, denominator: Ints) -> IntArray:
    """Ceiling division of non-negative integers, elementwise."""
    return np.asarray(-(-np.asarray(numerator, np.int64) // np.asarray(denominator, np.int64)))


def scaled(amount: Ints | FloatArray, factor: float) -> IntArray:
    """``ceil(amount * factor)``, elementwise."""
    product = np.asarray(amount, np.float64) * factor
    return np.asarray(np.ceil(product - 1e-9), dtype=np.int64)


def clog2(value: Ints) -> IntArray:
    """Smallest n with 2**n >= value, elementwise, value >= 1."""
    return np.asarray(np.ceil(np.log2(np.maximum(np.asarray(value, np.float64), 1))), np.int64)


_WIDTHS, _DEPTHS = np.array(BRAM18_SHAPES, dtype=np.int64).T[..., None]  # (shapes, 1) each
_DEPTH_BITS = clog2(_DEPTHS)


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

    def take(self, indices: npt.NDArray[np.intp]) -> Amount:
        """Those at ``indices``."""
        return Amount(
            self.lut[indices],
            self.ff[indices],
            self.dsp[indices],
            self.bram18[indices],
            self.uram[indices],
        )

    def summed(self) -> Amount:
        """The sum over the first axis."""
        fields = (self.lut, self.ff, self.dsp, self.bram18, self.uram)
        return Amount(*(field.sum(axis=0) for field in fields))

    def times(self, count: Ints | BoolArray) -> Amount:
        """``count`` copies; of a truth value one or none."""
        n = np.asarray(count, np.int64)
        return Amount(self.lut * n, self.ff * n, self.dsp * n, self.bram18 * n, self.uram * n)


def amount(
    *, lut: Ints = 0, ff: Ints = 0, dsp: Ints = 0, bram18: Ints = 0, uram: Ints = 0
) -> Amount:
    """An ``Amount``; what is not given is zero."""
    return Amount(*(np.asarray(x, dtype=np.int64) for x in (lut, ff, dsp, bram18, uram)))


def bram18_banks(depth: Ints, width_bits: Ints) -> tuple[IntArray, IntArray]:
    """BRAM18 of a ``depth`` x ``width_bits`` memory, and the banks that its words lie in.

    Banks are as deep as one of the aspect ratios, the last one as deep as is left; of the depths
    that need fewest BRAM18 the largest is taken. hass_block_memory.sv cuts memories in this way.
    """
    words, width = np.broadcast_arrays(
        np.asarray(depth, np.int64), np.asarray(width_bits, np.int64)
    )
    shape = (len(BRAM18_SHAPES), words.size)
    blocks = ceil_div(width.reshape(-1), _WIDTHS)  # (shapes, n) of one bank
    blocks[1:] = np.minimum(blocks[1:], 2 * blocks[:-1])  # two of half the depth are one RAMB36
    full, rest = words.reshape(-1) >> _DEPTH_BITS, words.reshape(-1) & (_DEPTHS - 1)
    # the bank of the fewest words that holds the rest
    fitting = np.maximum(clog2(rest) - _DEPTH_BITS[0], 0)
    last = np.where(rest > 0, blocks.reshape(-1)[fitting * shape[1] + np.arange(shape[1])], 0)
    total = full * blocks + last
    best = shape[0] - 1 - total[::-1].argmin(axis=0)  # the deepest of the best
    chosen = best * shape[1] + np.arange(shape[1])
    banks = full.reshape(-1)[chosen] + (rest.reshape(-1)[chosen] > 0)
    return total.reshape(-1)[chosen].reshape(words.shape), banks.reshape(words.shape)


def bram18_count(depth: Ints, width_bits: Ints) -> IntArray:
    """BRAM18 of a ``depth`` x ``width_bits`` memory (UG573); see ``bram18_banks``."""
    return bram18_banks(depth, width_bits)[0]


def uram_banks(depth: Ints, width_bits: Ints) -> tuple[IntArray, IntArray]:
    """URAM288 of a ``depth`` x ``width_bits`` memory (UG573), and the words that are read at once.

    Words of up to 36 bits lie side by side in a URAM, 2, 4 or 8 of them, in whole bytes of 9 bits;
    hass_ultra_memory.sv puts them there.
    """
    width = np.asarray(width_bits, np.int64)
    in_bytes = ceil_div(width, BYTE_BITS)
    side = np.select([in_bytes <= 1, in_bytes <= 2, in_bytes <= 4], [8, 4, 2], 1)
    banks = ceil_div(depth, URAM_DEPTH)
    return ceil_div(width, URAM_WIDTH_BITS) * ceil_div(banks, side), banks


def uram_count(depth: Ints, width_bits: Ints) -> IntArray:
    """URAM288 of a ``depth`` x ``width_bits`` memory (UG573)."""
    return uram_banks(depth, width_bits)[0]


def block_memory(depth: Ints, width_bits: Ints) -> Amount:
    """A memory of BRAM18, and what joins its banks."""
    count, banks = bram18_banks(depth, width_bits)
    return amount(bram18=count) + _joined(banks, width_bits)


def ultra_memory(depth: Ints, width_bits: Ints) -> Amount:
    """A memory of URAM288, and what joins the words that it reads at once."""
    count, banks = uram_banks(depth, width_bits)
    return amount(uram=count) + _joined(banks, width_bits)


def _joined(banks: IntArray, width_bits: Ints) -> Amount:
    """Multiplexer of the words that were read, a register that says of which bank, and a write
    enable a bank; nothing for one bank."""
    enables = np.where(banks > 1, banks, 0)
    return amount(lut=mux_lut(banks, width_bits) + enables, ff=clog2(banks))


def rom_lut(depth: Ints, width_bits: Ints) -> IntArray:
    """LUTs of a read-only memory in LUTs: 64 bits each, F7/F8 free to 256 deep, then multiplexers
    (UG474)."""
    fabric = coefficients().fabric
    store = ceil_div(depth, int(fabric.rom_bits_per_lut.value)) * np.asarray(width_bits)
    return np.asarray(store + mux_lut(ceil_div(depth, 256), width_bits))


def mux_lut(choices: Ints, width_bits: Ints) -> IntArray:
    """LUTs of a multiplexer of ``choices`` words, a tree of 4:1 ones as in hass_select.sv; a group
    of one word is none."""
    many = np.asarray(choices, np.int64)
    stages = _tree_stages(int(clog2(max(int(many.max(initial=1)), 2)) + 1) // 2)[many]
    return scaled(stages * np.asarray(width_bits), coefficients().fabric.mux4_lut_per_bit.value)


@cache
def _tree_stages(levels: int) -> IntArray:
    """4:1 multiplexers per bit of a tree over 0, 1, 2, ... 4**levels words."""
    left = np.arange(4**levels + 1, dtype=np.int64)
    stages = np.zeros_like(left)
    for _ in range(levels):
        stages += ceil_div(left, 4) - (left % 4 == 1)
        left = ceil_div(left, 4)
    return stages


def dual_port_lut(depth: Ints, width_bits: Ints) -> IntArray:
    """LUTs of a simple dual-port memory: RAM32M (32 x 6) or RAM64M (64 x 3), four LUTs each; above
    64 words banks with a multiplexer and a write enable each."""
    depth_array, width = np.asarray(depth, np.int64), np.asarray(width_bits, np.int64)
    shallow = 4 * ceil_div(width, 6)
    banks = ceil_div(depth_array, LUTRAM_DEPTH)
    deep = 4 * ceil_div(width, 3) * banks
    joined = mux_lut(banks, width) + np.where(banks > 1, banks, 0)
    return np.where(depth_array <= 32, shallow, deep + joined)


def single_port_lut(depth: Ints, width_bits: Ints) -> IntArray:
    """LUTs of a memory with one address: RAM32M as 32 x 8 in four LUTs, and RAM64X1S, RAM128X1S and
    RAM256X1S, a LUT per 64 bits (UG474); above 256 words banks with a multiplexer."""
    words, width = np.asarray(depth, np.int64), np.asarray(width_bits, np.int64)
    deep = (1 << np.maximum(clog2(np.minimum(words, 256)) - 6, 0)) * width
    banks = ceil_div(words, 256)
    joined = mux_lut(banks, width) + np.where(banks > 1, banks, 0)
    return np.where(words <= 32, 4 * ceil_div(width, 8), deep * banks + joined)


def weight_memory(kind: MemoryKind, depth: IntArray, width_bits: IntArray) -> Amount:
    """A read-only memory of weights in the given kind of memory."""
    match kind:
        case MemoryKind.NONE | MemoryKind.OFF_CHIP:
            return amount()
        case MemoryKind.LUTRAM:
            return amount(lut=rom_lut(depth, width_bits), ff=width_bits)
        case MemoryKind.BRAM:
            return block_memory(depth, width_bits)
        case MemoryKind.URAM:
            return ultra_memory(depth, width_bits)


def is_deep(depth: Ints, width_bits: Ints) -> BoolArray:
    """Whether a buffer has a choice of memories: LUTs are best up to 4,096 bits or 64 words."""
    words = np.asarray(depth, np.int64)
    return (words > LUTRAM_DEPTH) & (words * np.asarray(width_bits, np.int64) > LUTRAM_MAX_BITS)


def is_large(depth: Ints, width_bits: Ints) -> BoolArray:
    """Whether a buffer is too large for LUTs in any case, and large enough for URAM."""
    words = np.asarray(depth, np.int64)
    bits = words * np.asarray(width_bits, np.int64)
    return (words > LUTRAM_MOST_WORDS) & (bits > LUTRAM_MOST_BITS)


def home_of(depth: int, width_bits: int, memory: MemoryKind) -> MemoryKind:
    """Where a buffer lies if those that are deep are to lie in ``memory``: in URAM only one that is
    large too, else in LUTs; in LUTs only one that is not, else in BRAM, as where none is named."""
    if not in_blocks(depth, width_bits, memory):
        return MemoryKind.LUTRAM
    return MemoryKind.URAM if memory is MemoryKind.URAM else MemoryKind.BRAM


def in_blocks(depth: Ints, width_bits: Ints, memory: MemoryKind) -> BoolArray:
    """Whether buffers lie in BRAM or URAM; the rule of ``home_of``."""
    deep = is_deep(depth, width_bits)
    if memory in (MemoryKind.LUTRAM, MemoryKind.URAM):
        deep = deep & is_large(depth, width_bits)
    return deep


def buffer(depth: Ints, width_bits: Ints, memory: MemoryKind = MemoryKind.BRAM) -> Amount:
    """A simple dual-port buffer with the register that it reads into, which block memories have;
    nothing if empty.

    Args:
        depth, width_bits: of the buffer.
        memory: where it lies if it is deep; ``home_of`` has the rule.
    """
    depth_array, width = np.broadcast_arrays(
        np.asarray(depth, np.int64), np.asarray(width_bits, np.int64)
    )
    return _buffered(depth_array, width, dual_port_lut(np.maximum(depth_array, 1), width), memory)


def ring(depth: Ints, width_bits: Ints, memory: MemoryKind = MemoryKind.BRAM) -> Amount:
    """A buffer in which each word is read where the next one is written. In LUTs one port does; a
    URAM reads at its first port, which goes before its second within a cycle (UG573)."""
    depth_array, width = np.broadcast_arrays(
        np.asarray(depth, np.int64), np.asarray(width_bits, np.int64)
    )
    lut = single_port_lut(np.maximum(depth_array, 1), width)
    return _buffered(depth_array, width, lut, memory)


def _buffered(depth: IntArray, width: IntArray, lut: IntArray, memory: MemoryKind) -> Amount:
    """A memory in ``lut`` LUTs and a register, or in blocks; see ``buffer``."""
    empty = (depth <= 0) | (width <= 0)
    deep = in_blocks(depth, width, memory)
    in_luts = amount(lut=lut, ff=width).times(~deep & ~empty)
    if not deep.any():
        return in_luts
    blocks = ultra_memory if memory is MemoryKind.URAM else block_memory
    words, bits = np.where(deep, depth, 1), np.where(deep, width, 1)
    return in_luts + blocks(words, bits).times(deep)


def fifo(entries: Ints, width_bits: Ints, memory: MemoryKind = MemoryKind.BRAM) -> Amount:
    """A FIFO as synthesised (coefficients.toml, ``fifo``): its buffer, the register that it reads
    into included, two addresses, a count of words and a valid bit. Two entries are a port's
    registers and cost nothing further here."""
    return buffer(fifo_words(entries), width_bits, memory) + fifo_control(entries)


def fifo_words(entries: Ints) -> IntArray:
    """Words in the memory of a FIFO; none in that of two entries."""
    words = np.asarray(entries, np.int64)
    return np.where(words > 2, words, 0)


def fifo_control(entries: Ints) -> Amount:
    """All of a FIFO but its memory."""
    words = np.asarray(entries, np.int64)
    control = amount(
        lut=fitted_lut(0, fifo_control_terms(words), coefficients().fifo),
        ff=2 * clog2(words) + clog2(words + 1) + 1,
    )
    return control.times(words > 2)


def fifo_control_terms(entries: Ints) -> Terms:
    """What each LUT coefficient of a FIFO's control is multiplied by. Addresses of a power of two
    words start again by themselves, others are compared with the last."""
    words = np.asarray(entries, np.int64)
    bits = clog2(words + 1)
    compared = words != 1 << clog2(words)
    return {
        "lut_control": np.ones(words.shape),
        "lut_per_count_bit": bits.astype(np.float64),
        "lut_per_compared_bit": np.where(compared, bits, 0).astype(np.float64),
    }


def fitted_lut(known: Ints, terms: Terms, section: Fitted) -> IntArray:
    """LUTs that are known, and those that a section of coefficients.toml was fitted for, rounded
    up."""
    total = np.asarray(known, np.float64)
    for name, term in terms.items():
        total = total + section.value(name) * term
    return scaled(total, 1.0)


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


def by_distinct(keys: IntArray, cost: Callable[[IntArray], Amount]) -> Amount:
    """``cost(keys)``, which is computed once for each distinct key: of many foldings few differ in
    their streams. Keys are (n,), at least 0 and not large."""
    present = np.zeros(int(keys.max()) + 1, dtype=np.bool_)
    present[keys] = True
    distinct = np.flatnonzero(present)
    values = broadcast(len(distinct), cost(distinct))
    place = (np.cumsum(present) - 1)[keys]
    fields = (values.lut, values.ff, values.dsp, values.bram18, values.uram)
    return Amount(*(field[place] for field in fields))


def broadcast(n: int, values: Amount) -> Amount:
    """The same amounts as (n,) arrays."""
    fields: list[npt.NDArray[np.int64]] = [
        np.broadcast_to(x, (n,)).astype(np.int64)
        for x in (values.lut, values.ff, values.dsp, values.bram18, values.uram)
    ]
    return Amount(*fields)
