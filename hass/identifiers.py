"""Identifiers from layer names, which may be anything at all: for C++, Verilog and other tools."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_NAME_CHARACTERS = 32  # of a layer's name inside an identifier; its number makes it unique


def identifier(index: int, name: str) -> str:
    """A C identifier without two underscores in a row, different for each index.

    >>> identifier(3, "Conv/1: 7x7"), identifier(0, "日本")
    ('l003_conv_1_7x7', 'l000')
    """
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:MAX_NAME_CHARACTERS].strip("_")
    return f"l{index:03d}_{words}" if words else f"l{index:03d}"


def identifiers(names: Sequence[str]) -> dict[str, str]:
    """Layer name -> identifier, numbered in the given order."""
    return {name: identifier(index, name) for index, name in enumerate(names)}
