"""Room that memories have beyond what a FIFO needs, and that costs no LUT to make use of.

Engines that take different times for different positions wait the less the deeper the FIFOs
between them are. LUTRAM comes 32 or 64 words deep, BRAM 512 words and more, and addresses of a
power of two words need no comparison.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .foldings import IntArray, MemoryKind
from .primitives import (
    BRAM18_SHAPES,
    LUTRAM_DEPTH,
    LUTRAM_MAX_BITS,
    LUTRAM_MOST_BITS,
    LUTRAM_MOST_WORDS,
    URAM_DEPTH,
    Ints,
    bram18_banks,
    ceil_div,
    fifo_control,
    in_blocks,
    is_deep,
)

_SHALLOW_DEPTH = 32  # UG474: of a RAM32M


def filled_entries(entries: IntArray, width_bits: Ints, memory: MemoryKind) -> IntArray:
    """The deepest FIFOs that take the same memory, and no more LUTs for their control.

    Args:
        entries: needed, (n,); two are a port's registers, and stay.
        width_bits: of an entry, (n,) or one.
        memory: where deep FIFOs lie; ``home_of`` has the rule, and what it says stays.
    """
    needed, width = np.broadcast_arrays(
        np.asarray(entries, np.int64), np.asarray(width_bits, np.int64)
    )
    deep = in_blocks(needed, width, memory)
    in_block = _in_uram if memory is MemoryKind.URAM else _in_bram
    filled = np.where(deep, in_block(needed, width), _in_luts(needed, width))
    free = fifo_control(filled).lut <= fifo_control(needed).lut
    return np.where(free & (needed > 2), filled, needed)


@lru_cache(maxsize=4096)
def filled_depth(entries: int, width_bits: int, memory: MemoryKind) -> int:
    """``filled_entries`` of one FIFO."""
    return int(filled_entries(np.array([entries]), width_bits, memory)[0])


def _in_luts(needed: IntArray, width: IntArray) -> IntArray:
    """One that is not deep does not become so, nor one large that is not."""
    depth = np.where(needed <= _SHALLOW_DEPTH, _SHALLOW_DEPTH, LUTRAM_DEPTH)
    filled = ceil_div(needed, depth) * depth
    bits = np.where(is_deep(needed, width), LUTRAM_MOST_BITS, LUTRAM_MAX_BITS)
    words = np.where(is_deep(needed, width), LUTRAM_MOST_WORDS, LUTRAM_DEPTH)
    most = np.maximum(np.maximum(bits // width, words), needed)
    return np.minimum(filled, most)


def _in_bram(needed: IntArray, width: IntArray) -> IntArray:
    filled = (ceil_div(needed, depth) * depth for _, depth in BRAM18_SHAPES)
    words = np.stack([needed, *filled])
    count, banks = bram18_banks(words, width)
    same = (count == count[0]) & (banks == banks[0])
    return np.asarray(np.where(same, words, needed).max(axis=0))


def _in_uram(needed: IntArray, _width: IntArray) -> IntArray:
    return ceil_div(needed, URAM_DEPTH) * URAM_DEPTH
