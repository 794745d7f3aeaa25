"""Designs to export."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hass.design_file import read_design, write_design
from hass.values import Arithmetic


@pytest.fixture(scope="session")
def narrow_design_file(design_file: Path) -> Path:
    """The same with words of 8 bits, which every target takes."""
    narrow = replace(read_design(design_file), arithmetic=Arithmetic(8, 8, 32))
    path = design_file.with_name("narrow.json")
    write_design(narrow, path)
    return path
