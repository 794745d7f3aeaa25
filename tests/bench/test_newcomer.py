"""``newcomer.sh`` times what it says: here on a repository whose make does nothing but write."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("newcomer.sh")
MAKEFILE = """\
.PHONY: run
run: .venv/.run
\tmkdir -p out/digits
\techo page > out/digits/report.html
.venv/.run:
\tmkdir -p .venv
\ttouch $@
"""

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "git", "make")),
    reason="bash, git or make is not installed",
)


def _repository(folder: Path, makefile: str) -> Path:
    folder.mkdir()
    (folder / "Makefile").write_text(makefile, "utf-8")
    for words in (["init", "-q"], ["add", "Makefile"], ["commit", "-q", "-m", "all"]):
        who = ("-c", "user.name=a", "-c", "user.email=a@example.invalid")
        subprocess.run(["git", *who, *words], cwd=folder, check=True)
    return folder


def _timed(repository: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(SCRIPT), str(repository), str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_tells_commands_and_seconds(tmp_path: Path) -> None:
    done = _timed(_repository(tmp_path / "from", MAKEFILE), tmp_path / "clone")
    assert done.returncode == 0, done.stderr
    assert [line[2:6] for line in done.stdout.splitlines() if line.startswith("$ ")] == [
        "git ",
        "make",
        "make",
    ]
    assert len(re.findall(r"^  \d+ s, \d+ s of computing$", done.stdout, re.MULTILINE)) == 3
    assert re.search(
        r"^3 commands, \d+ s, \d+ s of computing; .*report\.html, 5 bytes$",
        done.stdout,
        re.MULTILINE,
    )


def test_a_step_that_fails_ends_it(tmp_path: Path) -> None:
    broken = MAKEFILE.replace("mkdir -p out", "false out")
    done = _timed(_repository(tmp_path / "from", broken), tmp_path / "clone")
    assert done.returncode != 0
    assert "commands" not in done.stdout and "false" in done.stderr
