"""The emitted folder: the same bytes wherever and whenever it is made, and nothing else touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from small_project import small_design
from test_folder import largest_file, tree

from hass.cli import main
from hass.hw_templates.emitter import emit_project


def _emit(cwd: Path, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """``hass emit`` in a process of its own, with a home that is empty."""
    for name in ("home", "temporary"):
        (cwd / name).mkdir(parents=True, exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd / "home"),
        "TMPDIR": str(cwd / "temporary"),
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", "from hass.cli import main; main()", "emit", *map(str, words)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_place_time_locale_and_hash_seed_leave_no_trace(
    design_file: Path, tiny_data: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "the other/place"
    plain = _emit(here, design_file, "-o", "hw", "--data", tiny_data, PYTHONHASHSEED="1")
    assert plain.returncode == 0, plain.stderr
    there.mkdir(parents=True)
    odd = _emit(
        there,
        os.path.relpath(design_file, there),
        "-o",
        there / "made" / "elsewhere",
        "--data",
        tiny_data,
        PYTHONHASHSEED="4321",
        TZ="Pacific/Kiritimati",
        LC_ALL="C",
        PYTHONCOERCECLOCALE="0",
        PYTHONUTF8="0",
        OMP_NUM_THREADS="1",
    )
    assert odd.returncode == 0, odd.stderr
    first = tree(here / "hw")
    assert first == tree(there / "made/elsewhere")
    assert "tb/data/labels.dat" in first
    # nothing stands outside the folder, no cache and nothing temporary
    assert {name.split("/")[0] for name in tree(here)} == {"home", "temporary", "hw"}
    assert [name for name in tree(tmp_path) if "home/" in name or "temporary/" in name] == [
        *("here/home/", "here/temporary/", "the other/place/home/", "the other/place/temporary/")
    ]


def test_a_full_disk_leaves_no_folder_and_says_so(
    design_file: Path, tiny_data: Path, tmp_path: Path
) -> None:
    words = ["emit", design_file, "-o", tmp_path / "hw", "--data", tiny_data]
    with largest_file(2000):
        done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 6
    assert "cannot write: File too large" in done.stderr
    assert tree(tmp_path) == {}


def test_force_clears_what_an_earlier_design_left_and_no_more(tmp_path: Path) -> None:
    design, graph, weights, frames = small_design()
    folder = tmp_path / "hw"
    emit_project(design, graph, weights, folder, frames=frames)
    made = tree(folder)
    mine = ("src/mine.cpp", "src/layers/mine.h", "weights/raw.bin", "build/notes", "tb/data/my.dat")
    left = ("src/layers/l099_old.h", "weights/l099_old.h", "build/csim", "build/synthesised")
    (folder / "build").mkdir()
    for name in (*mine, *left):
        (folder / name).write_text("x")
    emit_project(design, graph, weights, folder, force=True)  # random frames have no labels
    now = tree(folder)
    assert set(now) == (set(made) | set(mine)) - {"tb/data/labels.dat"}
    assert all(now[name] == "x" for name in mine)
