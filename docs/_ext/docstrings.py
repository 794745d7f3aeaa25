"""Docstrings as we write them, made ready for napoleon and reStructuredText."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

BEFORE_NAPOLEON = 100  # its own priority is 500
_ABSOLUTE = re.compile(r"(?<!`)\|(\w+)\|(?!`)")  # |x|, in reST a substitution
_RANGE = re.compile(r"^( +\w+) \.\. (\w+): ")  # "a .. z: those of a list" of an Args section
_SEVERAL = re.compile(r"^( +)(\w+(?:, \w+)+): (.*)$")  # "a, b: both" of an Args section


def _one_by_one(lines: list[str]) -> list[str]:
    """With an entry each for names that share one, which napoleon takes for a name and its type."""
    result: list[str] = []
    index = 0
    while index < len(lines):
        found = _SEVERAL.match(lines[index])
        index += 1
        if found is None:
            result.append(lines[index - 1])
            continue
        indent, names, text = found.groups()
        more = []
        while index < len(lines) and lines[index].startswith(f"{indent} "):
            more.append(lines[index])
            index += 1
        for name in names.split(", "):
            result += [f"{indent}{name}: {text}", *more]
    return result


def _ready(line: str) -> str:
    return _ABSOLUTE.sub(r"``|\1|``", _RANGE.sub(r"\1: to ``\2``: ", line))


def _make_ready(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    lines[:] = [_ready(line) for line in _one_by_one(lines)]
    if what == "property" and lines:
        # renders as nothing, but hides a colon in the first line from napoleon, which takes what
        # stands before it for a type
        lines.insert(0, "\\")


def setup(app: Sphinx) -> dict[str, bool]:
    """Listen; Sphinx calls this."""
    app.connect("autodoc-process-docstring", _make_ready, priority=BEFORE_NAPOLEON)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
