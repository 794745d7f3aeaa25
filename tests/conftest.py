"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from hypothesis import settings
from tiny_network import write_tiny_data, write_tiny_model

from hass.cli import main

if TYPE_CHECKING:
    from hass.search import SearchSpec

GOLDEN_FOLDER = Path(__file__).parent / "golden"

# no test fails on the clock: whichever comes first waits until numba has compiled or loaded
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--update-golden``."""
    parser.addoption(
        "--update-golden", action="store_true", help="write what tests/golden is compared with"
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)``: the text is that of tests/golden/``name``.

    A missing file fails; ``--update-golden`` writes it, and the change is then reviewed as code.
    """

    def check(name: str, text: str) -> None:
        path = GOLDEN_FOLDER / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.is_file(), f"{path} is missing; write it with --update-golden and review it"
        assert text == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file of a small residual network; see ``tiny_network``."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled random images for ``tiny_model``, as .npz."""
    return write_tiny_data(tmp_path_factory.mktemp("data") / "tiny.npz")


@pytest.fixture(scope="session")
def contest(tiny_model: Path, tiny_data: Path) -> SearchSpec:
    """A search of ``tiny_model`` with 6 trials, in which all trials compete: every design of random
    labels keeps a floor of no accuracy at all."""
    from hass.search import SearchSpec  # here, as most tests need no Optuna

    return SearchSpec(
        str(tiny_model),
        str(tiny_data),
        "pynq-z2",
        trials=6,
        accuracy_drop=100.0,
        profile_images=4,
    )


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
