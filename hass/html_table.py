"""How values show themselves in a notebook: as a table in HTML, and briefly as text."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Protocol


class PrettyPrinter(Protocol):
    """What IPython hands to ``_repr_pretty_``."""

    def text(self, text: str) -> None:
        """Add text to what is shown."""


def html_table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column says what each row is.

    Args:
        caption: what it shows; every text is escaped.
        head: column headings; none at all if empty.
        rows: cells as text, the later ones set flush right.

    >>> html_table("sizes", (), [("a & b", "2")])
    '<table><caption>sizes</caption><tbody><tr><th style="text-align:left">a &amp; b</th>\
<td style="text-align:right">2</td></tr></tbody></table>'
    """
    heading = "".join(f'<th style="text-align:right">{escape(cell)}</th>' for cell in head[1:])
    first = f'<th style="text-align:left">{escape(head[0])}</th>' if head else ""
    top = f"<thead><tr>{first}{heading}</tr></thead>" if head else ""
    body = "".join(
        f'<tr><th style="text-align:left">{escape(row[0])}</th>'
        + "".join(f'<td style="text-align:right">{escape(cell)}</td>' for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><caption>{escape(caption)}</caption>{top}<tbody>{body}</tbody></table>"
