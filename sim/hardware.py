"""What the simulated hardware is where the cost model leaves it open: one place to change it."""

from __future__ import annotations

from enum import StrEnum

GATHERED_WINDOWS = 2  # one that the engine works on, one that is gathered meanwhile


class Buffers(StrEnum):
    """How much the blocks hold besides the FIFOs between them.

    A block that takes or gives its words in bursts (a stride skips rows, filters of a position
    come out together) makes its neighbours wait unless something evens the bursts out.
    """

    CHARGED = "charged"  # line buffers of kh - 1 rows and kw - 1 columns, as hass.cost charges
    EVEN = "even"  # enough that a block's input and its engine can go on evenly over a frame time
