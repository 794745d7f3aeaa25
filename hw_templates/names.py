"""C++ names and comments from layer names, which may be anything at all."""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_NAME_CHARACTERS = 32  # of a layer's name inside an identifier; its number makes it unique
MAX_COMMENT_CHARACTERS = 120


def identifier(index: int, name: str) -> str:
    """A C++ identifier, different for each index.

    >>> identifier(3, "Conv/1: 7x7"), identifier(0, "日本")
    ('l003_conv_1_7x7', 'l000')
    """
    words = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:MAX_NAME_CHARACTERS].strip("_")
    return f"l{index:03d}_{words}" if words else f"l{index:03d}"


def identifiers(names: Sequence[str]) -> dict[str, str]:
    """Layer name -> identifier, numbered in the given order."""
    return {name: identifier(index, name) for index, name in enumerate(names)}


def part_number(text: str) -> str:
    """The text as it may stand in a Tcl script: letters, digits, ``.``, ``_`` and ``-``.

    >>> part_number("xczu7ev-ffvc1156-2-e"), part_number("x}; exit")
    ('xczu7ev-ffvc1156-2-e', 'x___exit')
    """
    return re.sub(r"[^A-Za-z0-9._-]", "_", text)


def printable(text: str) -> str:
    """The text as it may stand in a C++ comment, a Markdown table or a C++ string: printable
    ASCII without double quotes, backslashes, asterisks, bars, backquotes, question marks and
    angle brackets.

    >>> printable('a"*/b|c')
    'a__/b_c'
    """
    return re.sub(r"[^ !#$%&\'()+,\-./0-9:;=@A-Z\[\]^_a-z{}~]", "_", text)[:MAX_COMMENT_CHARACTERS]
