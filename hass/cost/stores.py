"""A buffer that may be deep, and the kinds of memory that it may then lie in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from .foldings import MemoryKind
from .primitives import Amount, BoolArray, Ints, amount, is_deep, is_large


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """n sizes of one buffer.

    Attributes:
        depth_words, width_bits: (n,).
        copies: how many there are of it, (n,).
        build: what one costs in a kind of memory: ``buffer`` or ``ring``.
    """

    depth_words: Ints
    width_bits: Ints
    copies: Ints
    build: Callable[[Ints, Ints, MemoryKind], Amount]


def stored(stores: Iterable[Store], memory: MemoryKind) -> Amount:
    """What buffers cost whose deep ones lie in ``memory``."""
    total = amount()
    for store in stores:
        one = store.build(store.depth_words, store.width_bits, memory)
        total = total + one.times(store.copies)
    return total


def homes(stores: Iterable[Store], n: int, has_uram: bool) -> dict[MemoryKind, BoolArray]:
    """Kinds of memory that buffers of one purpose may lie in, (n,) each.

    NONE if none is deep, so that equal hardware has one name. Otherwise BRAM, or what is not BRAM:
    LUTRAM, or if one of them is too large for it, URAM.
    """
    deep, large = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    for store in stores:
        here = is_deep(store.depth_words, store.width_bits)
        deep |= here
        large |= here & is_large(store.depth_words, store.width_bits)
    return {
        MemoryKind.NONE: ~deep,
        MemoryKind.BRAM: deep,
        MemoryKind.LUTRAM: deep & ~large,
        MemoryKind.URAM: large & has_uram,
    }
