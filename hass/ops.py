"""The op records of the IR: attributes only, no shapes, no weights.

Every op maps feature maps (H, W, C) of one frame to one feature map; ``Fork`` hands the same one to
several readers. A fully connected layer is a ``Conv2d`` whose kernel covers its whole input map.
A constant per-channel scale and shift is a ``Conv2d`` with a 1x1 kernel and one channel per group.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Pair: TypeAlias = tuple[int, int]
Pads: TypeAlias = tuple[int, int, int, int]  # top, left, bottom, right (ONNX order)


def _check_window(kernel: Pair, stride: Pair, pads: Pads, dilation: Pair = (1, 1)) -> None:
    if min(kernel) < 1 or min(stride) < 1 or min(pads) < 0 or min(dilation) < 1:
        raise ValueError(
            f"illegal window: kernel {kernel}, stride {stride}, pads {pads}, dilation {dilation}"
        )


def _extent(kernel: Pair, dilation: Pair) -> Pair:
    return (kernel[0] - 1) * dilation[0] + 1, (kernel[1] - 1) * dilation[1] + 1


@dataclass(frozen=True, slots=True)
class Input:
    """Source of frames."""


@dataclass(frozen=True, slots=True)
class Output:
    """Sink of frames."""


@dataclass(frozen=True, slots=True)
class Conv2d:
    """Grouped 2-D convolution with bias.

    Weights: ``<layer>.weight`` (out_channels, in_channels / groups, kh, kw) and ``<layer>.bias``
    (out_channels,), both always present. ``dilation`` is rows and columns from one tap to the next.
    """

    out_channels: int
    kernel: Pair
    stride: Pair = (1, 1)
    pads: Pads = (0, 0, 0, 0)
    groups: int = 1
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.pads, self.dilation)
        if self.groups < 1 or self.out_channels < 1 or self.out_channels % self.groups:
            raise ValueError(
                f"groups must divide out_channels, got {self.groups} and {self.out_channels}"
            )

    @property
    def extent(self) -> Pair:
        """Rows and columns from a window's first tap to its last, both included."""
        return _extent(self.kernel, self.dilation)


@dataclass(frozen=True, slots=True)
class MaxPool2d:
    """Maximum over a window; padding never wins."""

    kernel: Pair
    stride: Pair
    pads: Pads = (0, 0, 0, 0)
    dilation: Pair = (1, 1)

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.pads, self.dilation)

    @property
    def extent(self) -> Pair:
        """Rows and columns from a window's first tap to its last, both included."""
        return _extent(self.kernel, self.dilation)


class Divisor(StrEnum):
    """What an average divides by."""

    WINDOW = "window"  # always kh * kw: padding counts as zeros
    INSIDE = "inside"  # the elements of the window that lie inside the map


@dataclass(frozen=True, slots=True)
class AvgPool2d:
    """Average over a window."""

    kernel: Pair
    stride: Pair
    pads: Pads = (0, 0, 0, 0)
    divisor: Divisor = Divisor.WINDOW

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.pads)

    @property
    def dilation(self) -> Pair:
        """Rows and columns from one tap to the next: an average leaves none out."""
        return 1, 1

    @property
    def extent(self) -> Pair:
        """Rows and columns of a window."""
        return self.kernel


@dataclass(frozen=True, slots=True)
class GlobalAvgPool:
    """Average over all positions of a channel."""


@dataclass(frozen=True, slots=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True, slots=True)
class Clip:
    """min(max(x, low), high); ReLU6 is ``Clip(0, 6)``."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"low <= high must hold, got low={self.low}, high={self.high}")


@dataclass(frozen=True, slots=True)
class HardSigmoid:
    """min(max(alpha * x + beta, 0), 1)."""

    alpha: float
    beta: float


@dataclass(frozen=True, slots=True)
class HardSwish:
    """x * min(max(x / 6 + 0.5, 0), 1)."""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True, slots=True)
class LeakyRelu:
    """x where it is not negative, alpha * x elsewhere."""

    alpha: float


@dataclass(frozen=True, slots=True)
class PRelu:
    """x where it is not negative, elsewhere its channel's slope times x."""

    slopes: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.slopes:
            raise ValueError("a PRelu has a slope for each channel, got none")


class Function(StrEnum):
    """What a ``Curve`` computes; ``alpha`` is 1 where none is named."""

    TANH = "tanh"
    ERF = "erf"  # the error function
    SOFTPLUS = "softplus"  # log(1 + exp(x))
    SILU = "silu"  # x / (1 + exp(-alpha * x))
    GELU = "gelu"  # x / 2 * (1 + erf(x / sqrt(2)))
    GELU_TANH = "gelu-tanh"  # x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3)))
    MISH = "mish"  # x * tanh(softplus(x))
    DECAY = "decay"  # (1 + max(x, 0)) ** -alpha, the gate of a local response normalisation
    ELU = "elu"  # x where it is positive, alpha * (exp(x) - 1) elsewhere


@dataclass(frozen=True, slots=True)
class Curve:
    """A smooth function of each word (``hass.curves``), by a table of straight pieces."""

    function: Function
    alpha: float = 1.0

    def __post_init__(self) -> None:
        if self.function in (Function.SILU, Function.ELU, Function.DECAY):
            if not 2.0**-4 <= self.alpha <= 2.0**4:
                raise ValueError(f"alpha of {self.function} is in 1/16..16, got {self.alpha:g}")
        elif self.alpha != 1.0:
            raise ValueError(f"{self.function} has no alpha, got {self.alpha:g}")


@dataclass(frozen=True, slots=True)
class Add:
    """Elementwise sum of two streams of the same shape, or one of them 1x1xC (broadcast)."""


@dataclass(frozen=True, slots=True)
class Mul:
    """Elementwise product of two streams of the same shape, or one of them 1x1xC (broadcast)."""


@dataclass(frozen=True, slots=True)
class Concat:
    """Channels of all inputs, in port order."""


@dataclass(frozen=True, slots=True)
class Fork:
    """Hands its input to every consumer. Inserted so that no other layer has two readers."""


@dataclass(frozen=True, slots=True)
class Span:
    """start, start + step, ... below stop."""

    start: int
    stop: int
    step: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.start < self.stop and self.step >= 1):
            raise ValueError(f"0 <= start < stop and step >= 1 must hold, got {self}")

    @property
    def count(self) -> int:
        """Number of elements."""
        return -(-(self.stop - self.start) // self.step)


@dataclass(frozen=True, slots=True)
class Slice:
    """Keeps the given rows, columns and channels."""

    rows: Span
    columns: Span
    channels: Span


@dataclass(frozen=True, slots=True)
class Pad:
    """Zeros around a map: top, left, bottom, right, and channels in front and behind."""

    pads: Pads
    channels_front: int = 0
    channels_back: int = 0

    def __post_init__(self) -> None:
        if min(*self.pads, self.channels_front, self.channels_back) < 0:
            raise ValueError(f"pads must not be negative, got {self}")


def _check_factor(factor: Pair) -> None:
    if min(factor) < 1 or max(factor) == 1:
        raise ValueError(f"factors must be at least 1, and one of them more, got {factor}")


@dataclass(frozen=True, slots=True)
class Upsample:
    """Repeats rows and columns: position (r, c) is pixel (r // factor[0], c // factor[1])."""

    factor: Pair

    def __post_init__(self) -> None:
        _check_factor(self.factor)


@dataclass(frozen=True, slots=True)
class DepthToSpace:
    """Each pixel becomes factor[0] x factor[1] positions.

    Its channels are dealt out in that many equal blocks, row by row: channel c of position (r, c')
    of the block is channel ``(r * factor[1] + c') * out_channels + c`` of the pixel.
    """

    factor: Pair

    def __post_init__(self) -> None:
        _check_factor(self.factor)


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Channels, seen as ``groups`` rows, column by column: channel ``c * groups + g`` is channel
    ``g * (channels / groups) + c``."""

    groups: int

    def __post_init__(self) -> None:
        if self.groups < 1:
            raise ValueError(f"groups must be at least 1, got {self.groups}")


Activation: TypeAlias = Relu | Clip | HardSigmoid | HardSwish | Sigmoid | LeakyRelu | PRelu | Curve
Reordering: TypeAlias = Upsample | DepthToSpace | Shuffle  # words of a pixel in another order
Op: TypeAlias = (
    Input
    | Output
    | Conv2d
    | MaxPool2d
    | AvgPool2d
    | GlobalAvgPool
    | Relu
    | Clip
    | HardSigmoid
    | HardSwish
    | Sigmoid
    | LeakyRelu
    | PRelu
    | Curve
    | Add
    | Mul
    | Concat
    | Fork
    | Slice
    | Pad
    | Upsample
    | DepthToSpace
    | Shuffle
)
OP_TYPES: tuple[type[Op], ...] = (
    Input,
    Output,
    Conv2d,
    MaxPool2d,
    AvgPool2d,
    GlobalAvgPool,
    Relu,
    Clip,
    HardSigmoid,
    HardSwish,
    Sigmoid,
    LeakyRelu,
    PRelu,
    Curve,
    Add,
    Mul,
    Concat,
    Fork,
    Slice,
    Pad,
    Upsample,
    DepthToSpace,
    Shuffle,
)


def op_name(op: Op) -> str:
    """The op's word: its class name."""
    return type(op).__name__
