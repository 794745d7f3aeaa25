"""The smallest values: number formats, feature maps, arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A two's complement fixed-point format: value = integer * 2**-frac_bits.

    ``frac_bits`` may be negative or exceed ``width_bits``: the point then lies outside the word.
    """

    width_bits: int
    frac_bits: int
    signed: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.width_bits <= 64:
            raise ValueError(f"width_bits must be in 1..64, got {self.width_bits}")

    @property
    def low(self) -> int:
        """Smallest integer of the format."""
        return -(1 << (self.width_bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest integer of the format."""
        return (1 << (self.width_bits - 1)) - 1 if self.signed else (1 << self.width_bits) - 1


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Shape of one frame on a stream, words in (row, column, channel) order."""

    height: int
    width: int
    channels: int

    def __post_init__(self) -> None:
        if min(self.height, self.width, self.channels) < 1:
            raise ValueError(f"a feature map needs positive sizes, got {self}")

    @property
    def words(self) -> int:
        """Words per frame."""
        return self.height * self.width * self.channels

    @property
    def pixels(self) -> int:
        """Positions per frame."""
        return self.height * self.width

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Word lengths of a design, in bits."""

    act_bits: int = 16
    weight_bits: int = 16
    acc_bits: int = 32

    def __post_init__(self) -> None:
        if not (2 <= self.act_bits <= 18 and 2 <= self.weight_bits <= 18):
            raise ValueError(f"act_bits and weight_bits must be in 2..18, got {self}")
        if self.acc_bits < max(self.act_bits, self.weight_bits):
            raise ValueError(f"acc_bits must not be below the operands, got {self}")


# Word length of activations and weights -> bits of their accumulators. With so many, five trained
# networks (three residual ones, keyword spotting, digits) have the accuracy that they have with 32
# bits, on 500 images each; with 16 bits behind 8-bit words they lose up to 1.6 points.
ACC_BITS: Mapping[int, int] = MappingProxyType({16: 32, 8: 20, 4: 12})


def arithmetic_of(bits: int) -> Arithmetic:
    """Word lengths of a design with words of ``bits`` bits, one of ``ACC_BITS``.

    >>> arithmetic_of(8)
    Arithmetic(act_bits=8, weight_bits=8, acc_bits=20)
    """
    return Arithmetic(bits, bits, ACC_BITS[bits])
