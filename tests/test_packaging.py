"""What a user gets from ``pip install``: one package, with its data, and the verbs it promises."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from hass import __version__

ROOT = Path(__file__).parent.parent
FOLDERS = ("hass", "search", "sim", "hw_templates", "models")
FILES = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CITATION.cff")
LARGEST_WHEEL_BYTES = 2_000_000


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is packaged, as setuptools leaves build/ behind where it works."""
    pytest.importorskip("setuptools", minversion="70.1", reason="setuptools builds the wheel")
    copy = tmp_path_factory.mktemp("source")
    for name in FOLDERS:
        shutil.copytree(
            ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    return copy


def _built_wheel(source: Path, folder: Path) -> zipfile.ZipFile:
    """The wheel of a source tree, built with the setuptools that is installed."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    _run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), str(source)])
    (built,) = folder.glob("*.whl")
    return zipfile.ZipFile(built)


def _run(words: list[str], cwd: Path | None = None) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout."""
    return _built_wheel(source, tmp_path_factory.mktemp("wheel"))


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


def test_the_source_distribution_builds_the_same_wheel(
    source: Path, wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    code = "import sys, setuptools.build_meta as backend; backend.build_sdist(sys.argv[1])"
    _run([sys.executable, "-c", code, str(tmp_path)], cwd=source)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    unpacked = tmp_path / archive.name.removesuffix(".tar.gz")
    again = _built_wheel(unpacked, tmp_path / "wheel")
    assert sorted(again.namelist()) == sorted(wheel.namelist())
    assert (unpacked / "CITATION.cff").is_file()


def test_every_verb_of_setup_cfg_can_be_loaded() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = config["options.entry_points"]["hass.verbs"].split("\n")
    promised = {line.split("=")[0].strip() for line in lines if line.strip()}
    found = {entry.name: entry for entry in metadata.entry_points(group="hass.verbs")}
    assert promised == set(found), "reinstall: pip install -e ."
    for entry in found.values():
        assert callable(entry.load())
