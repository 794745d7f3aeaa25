"""Text for scripts and comments from layer names, which may be anything at all."""

from __future__ import annotations

import re

MAX_COMMENT_CHARACTERS = 120


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
