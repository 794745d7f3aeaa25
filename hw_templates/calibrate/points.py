"""What is synthesised: blocks of hw_templates/rtl, and the grid of their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RESOURCES = ("lut", "ff", "dsp", "bram18", "uram")


class Block(StrEnum):
    """A block of hw_templates/rtl; its module is ``hass_<value>``."""

    DYNAMIC = "dynamic_engine"
    DENSE = "dense_engine"
    STATIC = "static_engine"
    BROADCAST = "broadcast_engine"
    PAIR = "dense_pair"
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

    @property
    def judged(self) -> tuple[str, ...]:
        """Resources that the synthesis speaks for. yosys moves registers and pre-adders into
        DSP48E1 and not into DSP48E2, so of a pair on UltraScale+ only the DSPs count."""
        if (self.block, self.family) == (Block.PAIR, SynthesisFamily.ULTRASCALE_PLUS):
            return ("dsp",)
        return RESOURCES

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
    *((12, 2, 16), (27, 1, 8), (49, 2, 8), (20, 5, 8)),
)
_STATIC = (
    *((4, 1, 16), (9, 1, 16), (9, 2, 16), (16, 2, 16), (16, 8, 16), (25, 4, 16), (49, 3, 16)),
    *((64, 1, 16), (4, 2, 8), (9, 8, 8), (16, 4, 8), (32, 4, 8), (64, 8, 8), (25, 1, 8)),
    *((36, 4, 8), (18, 2, 16)),
)
# (M, filters, segments, operand bits), weights of 2 to 4,608 activations in each memory
_BROADCAST = (
    *((2, 4, 8, 16), (4, 1, 1, 16), (4, 8, 16, 8), (9, 1, 4, 16), (9, 4, 16, 16), (9, 16, 4, 16)),
    *(
        (9, 32, 64, 8),
        (16, 4, 8, 16),
        (18, 8, 32, 16),
        (25, 6, 6, 8),
        (27, 16, 2, 8),
        (32, 1, 16, 8),
    ),
    *((36, 4, 128, 16), (49, 3, 10, 8), (64, 8, 4, 8), (64, 2, 64, 16), (9, 2, 512, 8)),
)
# turns of 5, 7, 12, 17 and 25 among them: multiplexers of numbers that are no powers of two
_DENSE = (
    *((1, 1, 16), (4, 1, 16), (9, 1, 16), (9, 3, 16), (9, 9, 16), (16, 4, 16), (16, 8, 16)),
    *((25, 1, 16), (25, 5, 16), (49, 7, 16), (64, 1, 16), (64, 16, 16), (1, 1, 8), (4, 2, 8)),
    *((9, 3, 8), (16, 16, 8), (36, 3, 8), (64, 8, 8), (25, 1, 8), (20, 4, 16), (34, 2, 16)),
    *((49, 1, 8), (2, 1, 16), (2, 2, 8), (6, 6, 16)),
)
# (M, N, operand bits): on 7-series with the filters 16 bits apart, which is what a DSP48E1's
# pre-adder has room for. The fabric is the same as with 18, where seven sums fit; yosys moves
# pre-adders and registers into DSP48E1 alone.
_PAIR_SHIFT = {SynthesisFamily.SERIES7: 16, SynthesisFamily.ULTRASCALE_PLUS: 18}
_PAIRS = (
    *((4, 2, 8), (9, 3, 8), (16, 4, 8), (25, 5, 8), (36, 6, 8), (49, 7, 8), (64, 4, 8)),
    *((32, 2, 8), (7, 7, 8), (18, 3, 8), (8, 4, 6), (2, 2, 8)),
)
_ULTRA_PAIRS = ((4, 2, 8), (9, 3, 8), (49, 7, 8))
# FIFOs and buffers on both sides of 64 words and of 4096 bits
_FIFOS = (
    *((4, 16), (16, 16), (32, 16), (32, 144), (64, 16), (128, 16), (256, 8), (257, 16)),
    *((512, 36), (1024, 16), (4096, 8), (8, 32), (24, 16), (48, 8), (100, 16), (1000, 18)),
    *((2000, 32), (1500, 144), (6, 64)),
)
# (depth, width) of memories: aspect ratios of BRAM18, off-sizes, wide and shallow, deep and narrow
_MEMORIES = (
    *((512, 36), (512, 72), (512, 16), (1024, 18), (1024, 36), (2048, 9), (2048, 16)),
    *((4096, 4), (8192, 2), (16384, 1), (16384, 16), (600, 144), (1152, 32), (3000, 48)),
    *((100, 576), (300, 144), (5000, 16), (2304, 128), (784, 64), (65, 256)),
    *((6000, 32), (10000, 8), (20000, 4), (2500, 100), (1500, 20), (40000, 1), (3600, 90)),
)
_ULTRA_MEMORIES = (
    *((4096, 72), (4096, 36), (8192, 72), (5000, 144), (2304, 256), (16384, 16), (16384, 8)),
    *((12000, 36), (20000, 24), (5000, 20), (20000, 72)),
)
# in LUTs, on 7-series
_LUT_MEMORIES = ((16, 16), (40, 16), (64, 36), (100, 16), (200, 16), (256, 8), (50, 7), (3, 12))
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
    (32, 32, 2, 3, 3, 1, 16),
    (66, 66, 32, 3, 3, 2, 8),
    (114, 114, 4, 3, 3, 2, 16),
    (9, 9, 128, 3, 3, 1, 8),
    (12, 12, 1, 5, 5, 1, 8),
    (28, 28, 16, 2, 2, 2, 16),
    (226, 226, 3, 3, 3, 2, 8),
    (15, 15, 48, 5, 5, 2, 8),
    (14, 14, 32, 1, 1, 2, 16),
    (64, 8, 40, 3, 3, 1, 8),
    (32, 32, 6, 3, 3, 1, 16),
    (56, 56, 8, 2, 2, 2, 8),
)


def unseen() -> tuple[Point, ...]:
    """Points that neither the formulas nor their coefficients were made from: its judges."""
    xc7, xcup = SynthesisFamily.SERIES7, SynthesisFamily.ULTRASCALE_PLUS
    engines = (  # M, N, bits of activations and of weights
        *((Block.DYNAMIC, 12, 5, 8, 8), (Block.DYNAMIC, 7, 2, 16, 8), (Block.DYNAMIC, 20, 3, 8, 8)),
        *((Block.DENSE, 30, 6, 8, 8), (Block.DENSE, 15, 3, 16, 8), (Block.STATIC, 21, 7, 8, 6)),
        (Block.STATIC, 12, 1, 16, 16),
    )
    points = [_point(b, xc7, M=m, N=n, ACT_BITS=a, WEIGHT_BITS=w) for b, m, n, a, w in engines]
    points += [_broadcast_point(*sizes) for sizes in ((12, 5, 24, 8), (7, 3, 2, 16))]
    points += [
        _point(Block.PAIR, xc7, M=m, N=n, ACT_BITS=bits, WEIGHT_BITS=bits, SHIFT=_PAIR_SHIFT[xc7])
        for m, n, bits in ((30, 5, 8), (12, 3, 6))
    ]
    points += [
        _point(Block.FIFO, xc7, DEPTH=depth, WIDTH=width)
        for depth, width in ((40, 24), (3000, 20), (10, 16))
    ]
    windows = ((20, 33, 5, 3, 3, 1, 16), (40, 24, 12, 3, 2, 2, 8), (21, 21, 2, 5, 3, 1, 8))
    points += [_window_point(window) for window in (*windows, (30, 30, 20, 3, 3, 3, 8))]
    points += [
        _point(Block.MEMORY, xcup, DEPTH=depth, WIDTH=width, ULTRA=ultra)
        for depth, width, ultra in ((7000, 50, 0), (900, 33, 0), (9000, 10, 1), (18000, 6, 0))
    ]
    return tuple(points)


def _broadcast_point(products: int, filters: int, segments: int, bits: int) -> Point:
    sizes = {"M": products, "OUTS": filters, "SEGMENTS": segments}
    xc7 = SynthesisFamily.SERIES7
    return _point(Block.BROADCAST, xc7, **sizes, ACT_BITS=bits, WEIGHT_BITS=bits)


def _window_point(window: tuple[int, ...]) -> Point:
    names = ("HEIGHT", "WIDTH", "CHANNELS", "ROWS", "COLUMNS", "STRIDE", "BITS")
    sizes = dict(zip(names, window, strict=True))
    return _point(Block.WINDOW, SynthesisFamily.SERIES7, **sizes)


def grid() -> tuple[Point, ...]:
    """Every point that docs/fidelity.md stands on, the unseen ones too; small ones first."""
    xc7, xcup = SynthesisFamily.SERIES7, SynthesisFamily.ULTRASCALE_PLUS
    engines = ((Block.DYNAMIC, _DYNAMIC), (Block.STATIC, _STATIC), (Block.DENSE, _DENSE))
    points = [
        _point(block, xc7, M=m, N=n, ACT_BITS=bits, WEIGHT_BITS=bits)
        for block, sizes in engines
        for m, n, bits in sizes
    ]
    points += [_broadcast_point(*sizes) for sizes in _BROADCAST]
    for family, pairs in ((xc7, _PAIRS), (xcup, _ULTRA_PAIRS)):
        shift = _PAIR_SHIFT[family]
        points += [
            _point(Block.PAIR, family, M=m, N=n, ACT_BITS=bits, WEIGHT_BITS=bits, SHIFT=shift)
            for m, n, bits in pairs
        ]
    points += [_point(Block.FIFO, xc7, DEPTH=depth, WIDTH=width) for depth, width in _FIFOS]
    points += [_window_point(window) for window in _WINDOWS]
    memories = ((xcup, 0, _MEMORIES), (xcup, 1, _ULTRA_MEMORIES), (xc7, 0, _LUT_MEMORIES))
    for family, ultra, sizes in memories:
        points += [
            _point(Block.MEMORY, family, DEPTH=depth, WIDTH=width, ULTRA=ultra)
            for depth, width in sizes
        ]
    return tuple(sorted([*points, *unseen()], key=_effort))


def _effort(point: Point) -> tuple[int, Point]:
    """What synthesis time grows with, roughly."""
    if point.block in (Block.DYNAMIC, Block.STATIC, Block.DENSE, Block.PAIR):
        return point["M"] * point["N"] * point["ACT_BITS"], point
    if point.block is Block.BROADCAST:
        return (point["M"] + point["OUTS"]) * point["ACT_BITS"], point
    return 0, point
