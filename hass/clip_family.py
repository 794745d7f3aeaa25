"""Families of weight clips: which weights of a layer are compared, and which go together.

Every family is asked for a share of a layer's weights (``SparsitySetting.weight_sparsity``); with
which weights it is met differs. A family changes nothing else: engines see weights that are zero.
None has a memory of its own: a static engine stores each non-zero weight with an index within its
segment, whatever the family, in the model and in the emitted hardware alike.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypeAlias

MOST_NEIGHBOURS = 64  # of an N:M pattern, and of a block in each direction: far beyond any in use
ROUNDING = 1e-9  # a share of k / m, as floating point has it, is k of m


@dataclass(frozen=True, slots=True)
class LayerMagnitude:
    """The smallest of the whole layer."""

    def __str__(self) -> str:
        return "magnitude"


@dataclass(frozen=True, slots=True)
class FilterMagnitude:
    """The same share of every output channel's weights: its smallest. So the lanes of a static
    engine have equally much to do."""

    def __str__(self) -> str:
        return "filter"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """N:M: of every ``m`` weights at the same place of neighbouring input channels the ``n``
    largest are kept. So segments of a multiple of ``m`` packed channels are equally full.

    Attributes:
        m: channels that are compared, 2..``MOST_NEIGHBOURS``.
    """

    m: int

    def __post_init__(self) -> None:
        if not 2 <= self.m <= MOST_NEIGHBOURS:
            raise ValueError(f"m of n:m must be in 2..{MOST_NEIGHBOURS}, got {self.m}")

    def clipped(self, share: float) -> int:
        """Of m weights, those that a share clips: rounded down."""
        return min(math.floor(share * self.m + ROUNDING), self.m - 1)

    def __str__(self) -> str:
        return f"n:{self.m}"


@dataclass(frozen=True, slots=True)
class Blocks:
    """The weights at the same place of neighbouring filters and neighbouring input channels stay or
    go together. So lanes that work on the filters of a block never wait for each other.

    Attributes:
        filters, channels: of a block, 1..``MOST_NEIGHBOURS``, not both 1.
    """

    filters: int
    channels: int

    def __post_init__(self) -> None:
        sizes = (self.filters, self.channels)
        if not (all(1 <= size <= MOST_NEIGHBOURS for size in sizes) and max(sizes) > 1):
            raise ValueError(
                f"blocks have 1..{MOST_NEIGHBOURS} filters and channels, and not 1x1, got {self}"
            )

    def __str__(self) -> str:
        return f"block:{self.filters}x{self.channels}"


@dataclass(frozen=True, slots=True)
class WholeChannels:
    """Output channels, with all that is tied to them (``channels``). No clip of one layer: it makes
    another, narrower network (``narrow``), whose layers are then not clipped by this family."""

    def __str__(self) -> str:
        return "channel"


ClipFamily: TypeAlias = LayerMagnitude | FilterMagnitude | Neighbours | Blocks | WholeChannels
MAGNITUDE = LayerMagnitude()
FAMILY_NAMES = "magnitude, filter, n:M (as n:4) or block:FxC (as block:4x1)"


def family_of(text: str) -> ClipFamily:
    """The family of a name, of those that clip layers; undoes ``str``.

    >>> family_of("n:4"), str(family_of("block:4x2"))
    (Neighbours(m=4), 'block:4x2')

    Raises:
        ValueError: saying what was expected.
    """
    if text == "magnitude":
        return MAGNITUDE
    if text == "filter":
        return FilterMagnitude()
    if found := re.fullmatch(r"n:([1-9]\d{0,3})", text):
        return Neighbours(int(found[1]))
    if found := re.fullmatch(r"block:([1-9]\d{0,3})x([1-9]\d{0,3})", text):
        return Blocks(int(found[1]), int(found[2]))
    raise ValueError(f"one of {FAMILY_NAMES}")
