"""Integers as words of hexadecimal digits, which SystemVerilog fills memories from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hass.fixed_point import IntArray
from hass.intmath import ceil_div

_BITS_AT_ONCE = 1 << 24


@dataclass(frozen=True, slots=True, eq=False)
class Fields:
    """Parts of words that have one width.

    Attributes:
        values: (words, n) integers, the first lowest.
        bits: of each, in two's complement.
    """

    values: IntArray
    bits: int

    @property
    def width_bits(self) -> int:
        """Of all of them side by side."""
        return int(self.values.shape[1]) * self.bits


def words_text(*parts: Fields) -> str:
    """A word a line, its parts side by side, the first lowest.

    >>> words_text(Fields(np.array([[1, -2]]), 3), Fields(np.array([[1]]), 1))
    '71\\n'
    """
    width, count = sum(part.width_bits for part in parts), len(parts[0].values)
    step = max(1, _BITS_AT_ONCE // width)
    return "".join(_lines(parts, start, start + step, width) for start in range(0, count, step))


def _lines(parts: Sequence[Fields], start: int, stop: int, width: int) -> str:
    bits = [
        ((part.values[start:stop, :, None] >> np.arange(part.bits)) & 1).astype(np.uint8)
        for part in parts
    ]
    rows = np.concatenate([part.reshape(len(part), -1) for part in bits], axis=1)
    padded = np.zeros((len(rows), 8 * ceil_div(width, 8)), dtype=np.uint8)
    padded[:, padded.shape[1] - width :] = rows[:, ::-1]
    packed = np.packbits(padded, axis=1).tobytes().hex().encode("ascii")
    digits = np.frombuffer(packed, dtype=np.uint8).reshape(len(rows), -1)
    lines = np.full((len(rows), ceil_div(width, 4) + 1), ord("\n"), dtype=np.uint8)
    lines[:, :-1] = digits[:, 1 - lines.shape[1] :]
    return lines.tobytes().decode("ascii")
