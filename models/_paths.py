"""Where the bundled network and its data lie, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from hass.errors import SpecError

MODEL_FILE = "digits.onnx"
DATA_FILE = "dataset.toml"


def _installed(name: str) -> Path:
    with as_file(files(__package__).joinpath("digits", name)) as path:
        if not path.is_file():
            raise SpecError.at(path, "no such file", "a file of the hass.models package")
        return path


def digits_paths() -> tuple[Path, Path]:
    """The bundled network and its data: (``digits.onnx``, ``dataset.toml``).

    Raises:
        SpecError: if the installation lacks them (hass is installed unpacked, never as a zip).
    """
    return _installed(MODEL_FILE), _installed(DATA_FILE)
