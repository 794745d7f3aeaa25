"""Markdown pages whose sections are made by different commands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Cells = Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """One command's part of a page, between two comments.

    Attributes:
        name: of the section, one word or a few.
        command: what makes it.
    """

    name: str
    command: str

    @property
    def begin(self) -> str:
        """The comment before it."""
        return f"<!-- {self.name}: made by `{self.command}`; do not edit -->"

    @property
    def end(self) -> str:
        """The comment behind it."""
        return f"<!-- end of {self.name} -->"

    def wrap(self, lines: Iterable[str]) -> str:
        """The section as text."""
        return "\n".join([self.begin, "", *lines, "", self.end, ""])

    def merged(self, page: str, text: str, title: str) -> str:
        """A page with this section replaced by ``text`` (see ``wrap``), or added at the end;
        an empty page gets a title."""
        if self.begin in page and self.end in page:
            before, rest = page.split(self.begin, 1)
            return before + text + rest.split(self.end, 1)[1].removeprefix("\n")
        return (page.rstrip("\n") + "\n\n" if page.strip() else f"# {title}\n\n") + text


def markdown_table(header: Cells, body: Iterable[Cells]) -> list[str]:
    """Lines of a table; what a cell says cannot end it."""

    def line(cells: Cells) -> str:
        return (
            "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
        )

    return [line(header), line(["---"] * len(header)), *map(line, body)]
