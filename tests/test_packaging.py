"""What a user gets from ``pip install``: one package, with its data, and the verbs it promises."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from hass import __version__

ROOT = Path(__file__).parent.parent
FOLDERS = ("hass", "search", "sim", "hw_templates", "models")
FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
LARGEST_WHEEL_BYTES = 2_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built with the setuptools that is installed."""
    pytest.importorskip("setuptools", minversion="70.1", reason="setuptools builds the wheel")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"  # a copy, as setuptools leaves build/ behind where it works
    source.mkdir()
    for name in FOLDERS:
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in FILES:
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def _installed_path(path: Path) -> str:
    """Where a file of the checkout lies in the wheel."""
    relative = path.relative_to(ROOT)
    return str(relative if relative.parts[0] == "hass" else Path("hass") / relative)


def test_one_package_is_installed(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"hass", f"hass-{__version__}.dist-info"}


def test_every_module_of_the_checkout_is_in_it(wheel: zipfile.ZipFile) -> None:
    modules = {
        _installed_path(path) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
    }
    assert modules - set(wheel.namelist()) == set()


def test_every_data_file_is_in_it(wheel: zipfile.ZipFile) -> None:
    patterns = ["hass/parts/*.toml", "hass/cost/*.toml", "hass/report/*.j2", "hass/export/*.txt"]
    patterns.append("models/digits/*")
    files = [path for pattern in patterns for path in ROOT.glob(pattern)]
    for folder in ("hls", "rtl"):
        inside = (ROOT / "hw_templates" / folder).rglob("*")
        files += [path for path in inside if path.is_file()]
    files = [path for path in files if "__pycache__" not in path.parts]
    wanted = {_installed_path(path) for path in files} | {"hass/py.typed"}
    assert wanted - set(wheel.namelist()) == set()
    for name in ("coefficients.toml", "digits.onnx", "digits.npz", "dataset.toml", "zcu104.toml"):
        assert any(entry.endswith(f"/{name}") for entry in wanted), name
    assert any(entry.startswith("hass/hw_templates/hls/") for entry in wanted)
    assert any(entry.endswith(".j2") for entry in wanted)


def test_no_tests_and_nothing_large_is_in_it(wheel: zipfile.ZipFile) -> None:
    assert not [name for name in wheel.namelist() if "test_" in name]
    assert sum(info.compress_size for info in wheel.infolist()) < LARGEST_WHEEL_BYTES


def test_every_verb_of_setup_cfg_can_be_loaded() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options.entry_points"]["hass.verbs"].split("\n")
    promised = {line.split("=")[0].strip() for line in lines if line.strip()}
    found = {entry.name: entry for entry in metadata.entry_points(group="hass.verbs")}
    assert promised == set(found), "reinstall: pip install -e ."
    for entry in found.values():
        assert callable(entry.load())
