"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_network import write_tiny_data, write_tiny_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file of a small residual network; see ``tiny_network``."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Labelled random images for ``tiny_model``, as .npz."""
    return write_tiny_data(tmp_path_factory.mktemp("data") / "tiny.npz")
