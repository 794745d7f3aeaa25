"""What is synthesised: blocks of hw_templates/rtl, and the grid of their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Block(StrEnum):
    """A block of hw_templates/rtl; its module is ``hass_<value>``."""

    DYNAMIC = "dynamic_engine"
    DENSE = "dense_engine"
    STATIC = "static_engine"
    FIFO = "fifo"
    WINDOW = "window"
    MEMORY = "memory"

    @property
    def module(self) -> str:
        """Name of its module and, with .sv, of its file."""
        return f"hass_{self.value}"


class SynthesisFamily(StrEnum):
    """A family as ``synth_xilinx -family`` names it."""

    SERIES7 = "xc7"
    ULTRASCALE_PLUS = "xcup"


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One synthesis: a block with its parameters, (name, value) pairs, on a family."""

    block: Block
    family: SynthesisFamily
    parameters: tuple[tuple[str, int], ...]

    def __getitem__(self, name: str) -> int:
        return dict(self.parameters)[name]

    def text(self) -> str:
        """``M=9 N=2``: the parameters in one cell."""
        return " ".join(f"{name}={value}" for name, value in self.parameters)


def _point(block: Block, family: SynthesisFamily, **parameters: int) -> Point:
    return Point(block, family, tuple(parameters.items()))


# (M, N, operand bits): windows of 3x3, 5x5 and 7x7, channels packed, two windows packed, up to
# where the model offers engines with a selector (64 products, 8 multipliers)
_DYNAMIC = (
    *((4, 1, 16), (8, 1, 16), (9, 1, 16), (9, 2, 16), (9, 3, 16), (16, 1, 16), (16, 4, 16)),
    *((18, 3, 16), (25, 1, 16), (25, 4, 16), (32, 2, 16), (32, 4, 16), (64, 1, 16), (64, 4, 16)),
    *((4, 2, 8), (9, 1, 8), (9, 8, 8), (16, 4, 8), (18, 6, 8), (32, 4, 8), (64, 2, 8), (64, 8, 8)),
)
_STATIC = (
    *((4, 1, 16), (9, 1, 16), (9, 2, 16), (16, 2, 16), (16, 8, 16), (25, 4, 16), (49, 3, 16)),
    *((64, 1, 16), (4, 2, 8), (9, 8, 8), (16, 4, 8), (32, 4, 8), (64, 8, 8)),
)
_DENSE = (
    *((1, 1, 16), (4, 1, 16), (9, 1, 16), (9, 3, 16), (9, 9, 16), (16, 4, 16), (16, 8, 16)),
    *((25, 1, 16), (25, 5, 16), (49, 7, 16), (64, 1, 16), (64, 16, 16), (1, 1, 8), (4, 2, 8)),
    *((9, 3, 8), (16, 16, 8), (36, 3, 8), (64, 8, 8)),
)
# FIFOs and buffers on both sides of 64 words and of 4096 bits
_FIFOS = (
    *((4, 16), (16, 16), (32, 16), (32, 144), (64, 16), (128, 16), (256, 8), (257, 16)),
    *((512, 36), (1024, 16), (4096, 8)),
)
# (depth, width) of memories: aspect ratios of BRAM18, off-sizes, wide and shallow, deep and narrow
_MEMORIES = (
    *((512, 36), (512, 72), (512, 16), (1024, 18), (1024, 36), (2048, 9), (2048, 16)),
    *((4096, 4), (8192, 2), (16384, 1), (16384, 16), (600, 144), (1152, 32), (3000, 48)),
    *((100, 576), (300, 144), (5000, 16), (2304, 128), (784, 64), (65, 256)),
)
_ULTRA_MEMORIES = ((4096, 72), (4096, 36), (8192, 72), (5000, 144), (2304, 256), (16384, 16))
_WINDOWS = (  # (height, width, channels, rows, columns, stride, bits)
    (34, 34, 16, 3, 3, 1, 16),
    (34, 34, 1, 3, 3, 1, 16),
    (18, 18, 64, 3, 3, 1, 16),
    (10, 10, 8, 3, 3, 2, 8),
    (58, 58, 64, 3, 3, 1, 16),
    (230, 230, 3, 7, 7, 2, 16),
    (28, 28, 32, 5, 5, 1, 16),
    (16, 30, 24, 1, 3, 1, 16),
    (30, 16, 24, 3, 1, 1, 16),
)


def grid() -> tuple[Point, ...]:
    """Every point that the shipped coefficients and docs/fidelity.md stand on; small ones first."""
    xc7, xcup = SynthesisFamily.SERIES7, SynthesisFamily.ULTRASCALE_PLUS
    engines = ((Block.DYNAMIC, _DYNAMIC), (Block.STATIC, _STATIC), (Block.DENSE, _DENSE))
    points = [
        _point(block, xc7, M=m, N=n, ACT_BITS=bits, WEIGHT_BITS=bits)
        for block, sizes in engines
        for m, n, bits in sizes
    ]
    points += [_point(Block.FIFO, xc7, DEPTH=depth, WIDTH=width) for depth, width in _FIFOS]
    names = ("HEIGHT", "WIDTH", "CHANNELS", "ROWS", "COLUMNS", "STRIDE", "BITS")
    points += [
        _point(Block.WINDOW, xc7, **dict(zip(names, window, strict=True))) for window in _WINDOWS
    ]
    for ultra, sizes in ((0, _MEMORIES), (1, _ULTRA_MEMORIES)):
        points += [
            _point(Block.MEMORY, xcup, DEPTH=depth, WIDTH=width, ULTRA=ultra)
            for depth, width in sizes
        ]
    return tuple(sorted(points, key=_effort))


def _effort(point: Point) -> tuple[int, Point]:
    """What synthesis time grows with, roughly."""
    if point.block in (Block.DYNAMIC, Block.STATIC, Block.DENSE):
        return point["M"] * point["N"] * point["ACT_BITS"], point
    return 0, point
