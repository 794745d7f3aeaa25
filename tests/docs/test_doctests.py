"""The examples in docstrings hold."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("hass", "search", "sim", "hw_templates", "models")


def _modules() -> list[str]:
    """Names of all modules that have an example."""
    names = []
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if ">>> " in path.read_text(encoding="utf-8"):
                parts = path.relative_to(ROOT).with_suffix("").parts
                names.append(".".join(parts if folder == "hass" else ("hass", *parts)))
    return [name.removesuffix(".__init__") for name in names]


@pytest.mark.parametrize("name", _modules())
def test_examples_of_a_module(name: str) -> None:
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted > 0
    assert done.failed == 0, "see above"
