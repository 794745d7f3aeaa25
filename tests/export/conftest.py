"""A design with measured ranges, folded once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hass.cli import main
from hass.design_file import read_design, write_design
from hass.values import Arithmetic


@pytest.fixture(scope="session")
def design_file(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_data: Path
) -> Path:
    folder = tmp_path_factory.mktemp("designs")
    profile = folder / "profile.json"
    design = folder / "design.json"
    for step in (
        ("profile", tiny_model, "--data", tiny_data, "--images", 8, "-o", profile),
        ("fold", tiny_model, "--device", "zcu104", "--profile", profile, "-o", design),
    ):
        done = CliRunner().invoke(main, [str(word) for word in step])
        assert done.exit_code == 0, done.output
    return design


@pytest.fixture(scope="session")
def narrow_design_file(design_file: Path) -> Path:
    """The same with words of 8 bits, which every target takes."""
    narrow = replace(read_design(design_file), arithmetic=Arithmetic(8, 8, 32))
    path = design_file.with_name("narrow.json")
    write_design(narrow, path)
    return path
