"""Text for a terminal, a log or a JSON file, whatever a network's file put into it."""

from __future__ import annotations

import re

LONGEST_LINE = 1000  # characters of a message: a name in a file may have a hundred thousand
_TAIL = 300  # of them are kept from its end, where a message says what was expected
_NOT_ASCII_CONTROLS = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def printable(text: str) -> str:
    """Text without anything that steers a terminal: what is not printable becomes an escape.

    >>> printable("a\\x1b[31mb\\u202ec"), printable("two\\nlines")
    ('a\\\\x1b[31mb\\\\u202ec', 'two\\\\nlines')
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def shortened(line: str) -> str:
    """A line without its middle where it is longer than anybody reads.

    >>> len(shortened("x" * 100_000)) < 1100
    True
    """
    if len(line) <= LONGEST_LINE:
        return line
    head = line[: LONGEST_LINE - _TAIL]
    return f"{head} ... ({len(line)} characters) ... {line[-_TAIL:]}"


def message(text: str) -> str:
    """A message of any number of lines, each printable and short enough."""
    return "\n".join(shortened(printable(line)) for line in text.split("\n"))


def json_without_controls(text: str) -> str:
    """JSON text in which controls beyond ASCII, which JSON lets stand in strings, are escaped.

    >>> json_without_controls('"\\x9b2J"')
    '"\\\\u009b2J"'
    """
    return _NOT_ASCII_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
