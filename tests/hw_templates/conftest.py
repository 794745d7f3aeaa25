"""Fixtures for the tests of emission."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hass.cli import main


@pytest.fixture(scope="session")
def design_file(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, tiny_data: Path
) -> Path:
    """A design of ``tiny_model`` with measured ranges; not to be written to."""
    folder = tmp_path_factory.mktemp("designs")
    profile, design = folder / "profile.json", folder / "design.json"
    for step in (
        ("profile", tiny_model, "--data", tiny_data, "--images", 8, "-o", profile),
        ("fold", tiny_model, "--device", "zcu104", "--profile", profile, "-o", design),
    ):
        done = CliRunner().invoke(main, [str(word) for word in step])
        assert done.exit_code == 0, done.output
    return design
