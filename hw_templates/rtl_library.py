"""The SystemVerilog library of hw_templates/rtl: where it lies, and what a module is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources
from pathlib import Path

_INSTANCE = re.compile(r"^\s*(hass_\w+)\s*(?:#\(|\w+\s*\()", re.MULTILINE)


def rtl_folder() -> Path:
    """Where the RTL is installed."""
    return Path(str(resources.files("hass.hw_templates") / "rtl"))


@cache
def module_sources(module: str) -> tuple[Path, ...]:
    """Files of a module of the library and of all that it instantiates, sorted."""
    path = rtl_folder() / f"{module}.sv"
    inner = instances(path.read_text(encoding="utf-8")) - {module}
    found = {path} | {file for name in sorted(inner) for file in module_sources(name)}
    return tuple(sorted(found))


def instances(text: str) -> frozenset[str]:
    """Modules of the library that a source instantiates or, as their own file, declares."""
    return frozenset(_INSTANCE.findall(text))


def library_files(texts: Iterable[str]) -> dict[str, str]:
    """Name -> text of the library's files that sources need."""
    wanted = {path for text in texts for name in instances(text) for path in module_sources(name)}
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(wanted)}
