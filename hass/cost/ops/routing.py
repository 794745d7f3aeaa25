"""Cost of blocks that only move words: source, sink, fork, concat, slice, pad."""

from __future__ import annotations

import numpy as np

from ...ops import Concat, Fork, Input, Output, Pad, Slice
from ...values import Arithmetic
from ..foldings import IntArray
from ..primitives import Amount, amount, clog2, counter, mux_lut
from ..shape import LayerShape


def routing_cost(
    op: Input | Output | Fork | Concat | Slice | Pad,
    shape: LayerShape,
    streams: IntArray,
    arithmetic: Arithmetic,
) -> Amount:
    """Multiplexers where words of several sources meet, counters where positions matter."""
    bits = arithmetic.act_bits
    out = shape.out
    position = counter(clog2(out.height) + clog2(out.width) + clog2(out.channels))
    nothing = amount(lut=np.zeros_like(streams))
    match op:
        case Input() | Output():
            return nothing + position
        case Fork():
            # a "taken" flag per reader and stream group
            return nothing + amount(lut=2 * shape.readers, ff=shape.readers)
        case Concat():
            return amount(lut=mux_lut(len(shape.inputs), streams * bits)) + position
        case Slice():
            return nothing + position + position
        case Pad():
            return amount(lut=streams * bits) + position
