"""``import hass`` is light, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import hass

HEAVY = ("torch", "optuna", "onnxruntime", "onnx", "pulp", "matplotlib", "pandas", "numba")


def _loaded_by(code: str) -> set[str]:
    text = f"{code}\nimport sys\nprint(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True
    )
    return {name.partition(".")[0] for name in result.stdout.splitlines()[-1].split()}


def test_import_is_light() -> None:
    assert not _loaded_by("import hass") & set(HEAVY)


def test_listing_the_verbs_is_light() -> None:
    code = "from hass.cli import main\nmain(['--help'], standalone_mode=False)"
    assert not _loaded_by(code) & {*HEAVY, "rich"}


def test_it_stays_small_enough_to_know() -> None:
    """What is needed less often is imported from its module."""
    assert len(hass.__all__) <= 30


def test_every_public_name_is_there() -> None:
    assert set(hass.__all__) - {"__version__"} == {*hass._HOMES, *hass._NAMESPACES}
    for name in hass.__all__:
        assert getattr(hass, name) is not None
    assert set(hass.__all__) <= set(dir(hass))


@pytest.mark.parametrize("namespace", hass._NAMESPACES)
def test_every_name_of_a_namespace_is_there(namespace: str) -> None:
    module = getattr(hass, namespace)
    for name in getattr(module, "__all__", ()):
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        _ = module.nonsense


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = hass.nonsense
