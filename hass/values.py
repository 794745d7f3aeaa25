"""The smallest values: number formats, feature maps, arithmetic."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias


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


class Head(StrEnum):
    """What the host makes of the words that a network puts out, over the channels."""

    SOFTMAX = "Softmax"
    LOG_SOFTMAX = "LogSoftmax"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Word lengths in bits: of the activations and weights that are multiplied, and of what sums
    their products; of a layer, or of all layers of a design."""

    act_bits: int = 16
    weight_bits: int = 16
    acc_bits: int = 32

    def __post_init__(self) -> None:
        if not (2 <= self.act_bits <= 18 and 2 <= self.weight_bits <= 18):
            raise ValueError(f"act_bits and weight_bits must be in 2..18, got {self}")
        if self.acc_bits < max(self.act_bits, self.weight_bits):
            raise ValueError(f"acc_bits must not be below the operands, got {self}")

    @property
    def in_bits(self) -> int:
        """Of the words that come to the layer."""
        return self.act_bits

    @property
    def out_bits(self) -> int:
        """Of the words that the layer puts out."""
        return self.act_bits


@dataclass(frozen=True, slots=True)
class ConvArithmetic(Arithmetic):
    """Word lengths of a convolution whose streams are not as wide as its operands.

    Attributes:
        source_bits: of the words that come to it; where they are wider than ``act_bits``, they are
            rounded in front of its FIFO.
        result_bits: of the words that it puts out.
    """

    source_bits: int = 16
    result_bits: int = 16

    def __post_init__(self) -> None:
        Arithmetic.__post_init__(self)  # super() is not that of a class with slots
        if self.source_bits < self.act_bits:
            raise ValueError(f"words that come are at least as wide as the operands, got {self}")

    @property
    def in_bits(self) -> int:
        """Of the words that come to the layer."""
        return self.source_bits

    @property
    def out_bits(self) -> int:
        """Of the words that the layer puts out."""
        return self.result_bits


@dataclass(frozen=True, slots=True)
class Precision:
    """Word lengths of a network whose convolutions may have their own.

    Attributes:
        default: of all layers that have none of their own, and of the streams between layers.
        layers: Conv2d layer -> its own, with activations not wider than the streams; what equals
            the default is dropped.
    """

    default: Arithmetic = field(default_factory=Arithmetic)
    layers: Mapping[str, Arithmetic] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = {name: words for name, words in self.layers.items() if words != self.default}
        wide = [name for name, words in own.items() if words.act_bits > self.default.act_bits]
        if wide:
            raise ValueError(
                f"activations of {', '.join(wide)} are wider than the {self.default.act_bits} bits "
                "of the streams"
            )
        object.__setattr__(self, "layers", MappingProxyType(own))

    def of(self, layer: str) -> Arithmetic:
        """Word lengths of a layer's operands."""
        return self.layers.get(layer, self.default)

    def within(self, layers: Collection[str]) -> Precision:
        """That of a part of the network."""
        own = {name: words for name, words in self.layers.items() if name in layers}
        return Precision(self.default, own)


# What folding, cost and number formats take: one for all layers, or one for each.
WordLengths: TypeAlias = Arithmetic | Precision


def precision_of(arithmetic: WordLengths) -> Precision:
    """Word lengths of all layers."""
    return Precision(arithmetic) if isinstance(arithmetic, Arithmetic) else arithmetic


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
