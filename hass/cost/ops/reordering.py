"""Cost of blocks that keep pixels to put out their words in another order, or again: Upsample,
DepthToSpace, Shuffle.

They write what comes into one memory while they read another part of it; neither side waits for the
other. How many pixels it holds follows from the even flow.
"""

from __future__ import annotations

import numpy as np

from ...ops import DepthToSpace, Reordering, Shuffle, Upsample
from ...values import Arithmetic
from ..even_flow import reorder_flow
from ..foldings import IntArray
from ..primitives import Amount, amount, buffer, ceil_div, clog2, counter, mux_lut, rom_lut
from ..shape import LayerShape
from ..stores import Store


def reorder_stores(
    op: Reordering, shape: LayerShape, streams: IntArray, act_bits: int
) -> tuple[Store, ...]:
    """The memory of the pixels that are held. The words of a beat of a Shuffle come from as many
    places, so that each has a copy."""
    (source,) = shape.inputs
    held = reorder_flow(op, source, shape.out).held_pixels
    copies = streams if isinstance(op, Shuffle) else np.ones_like(streams)
    return (Store(held * ceil_div(source.channels, streams), act_bits * streams, copies, buffer),)


def reordering_cost(
    op: Reordering, shape: LayerShape, streams: IntArray, arithmetic: Arithmetic
) -> Amount:
    """All but the memory: where the next word is written, read and belongs, how many are held; of a
    Shuffle a table of the places that a beat's words have, and what picks each from its beat."""
    (source,) = shape.inputs
    held = reorder_flow(op, source, shape.out).held_pixels
    beats = ceil_div(source.channels, streams)
    address = clog2(np.maximum(held * beats, 2))
    position = clog2(beats) + clog2(source.width) + clog2(source.height)
    control = counter(3 * address + position)  # to write, to read, held
    match op:
        case Upsample() | DepthToSpace():
            return control + counter(clog2(op.factor[0]) + clog2(op.factor[1]) + 0 * address)
        case Shuffle():
            places = rom_lut(beats, streams * clog2(source.channels))
            chosen = streams * mux_lut(streams, arithmetic.act_bits)
            return control + amount(lut=places + chosen)
