"""FIFOs are as deep as their memories are, and it costs no LUT."""

from __future__ import annotations

import numpy as np
import pytest

from hass.cost import MemoryKind
from hass.cost.primitives import Amount, buffer, fifo, fifo_words, home_of
from hass.cost.room import filled_entries

ENTRIES = np.arange(1, 9000)
MEMORIES = (MemoryKind.NONE, MemoryKind.LUTRAM, MemoryKind.BRAM, MemoryKind.URAM)
WIDTHS = (1, 4, 8, 9, 16, 20, 32, 36, 64, 72, 128)


def memories(amount: Amount) -> tuple[list[int], ...]:
    return amount.lut.tolist(), amount.bram18.tolist(), amount.uram.tolist()


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_memory_stays_and_no_lut_is_added(memory: MemoryKind, width: int) -> None:
    filled = filled_entries(ENTRIES, width, memory)
    assert (filled >= ENTRIES).all()
    before, after = (buffer(fifo_words(n), width, memory) for n in (ENTRIES, filled))
    assert memories(before) == memories(after)
    assert (fifo(filled, width, memory).lut <= fifo(ENTRIES, width, memory).lut).all()
    for needed, deep in zip(ENTRIES[::37].tolist(), filled[::37].tolist(), strict=True):
        assert home_of(needed, width, memory) is home_of(deep, width, memory)
    assert (filled_entries(filled, width, memory) == filled).all()


@pytest.mark.parametrize(
    ("needed", "width", "memory", "filled"),
    [
        (2, 16, MemoryKind.BRAM, 2),  # a port's registers
        (18, 16, MemoryKind.BRAM, 32),  # RAM32M
        (34, 16, MemoryKind.BRAM, 64),  # RAM64M
        (194, 20, MemoryKind.BRAM, 204),  # with 205 words of 20 bits it would be deep
        (258, 16, MemoryKind.BRAM, 1024),  # a BRAM18
        (1388, 16, MemoryKind.BRAM, 2048),  # two
        (2300, 16, MemoryKind.BRAM, 3072),  # three
        (2300, 16, MemoryKind.URAM, 4096),
    ],
)
def test_known_rooms(needed: int, width: int, memory: MemoryKind, filled: int) -> None:
    assert filled_entries(np.array([needed]), width, memory).tolist() == [filled]
