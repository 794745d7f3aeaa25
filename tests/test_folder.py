"""Folders are written whole or not at all, and nothing of the user's is lost."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hass.errors import OutputError
from hass.folder import check_target, write_folder

FIRST = {"README.md": "one\n", "src/a.h": "a\n", "src/deep/l001_x.h": "x\n"}
SECOND = {"README.md": "two\n", "src/a.h": "A\n", "src/b.h": "b\n"}
STALE = ("src/deep/l[0-9]*.h",)


def tree(folder: Path) -> dict[str, str]:
    """Relative path -> text of every file, folders that hold none included as ``path/``."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file():
            found[name] = path.read_text()
        elif path.is_dir() and not any(path.iterdir()):
            found[f"{name}/"] = ""
    return found


@contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Writing more into one file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_new_folder_and_those_above_it_are_made(tmp_path: Path) -> None:
    write_folder(tmp_path / "a/b/hw", FIRST, force=False)
    assert tree(tmp_path / "a/b/hw") == FIRST
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["hw"]
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "a/b/hw").stat().st_mode & 0o777 == 0o777 & ~umask


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    write_folder(tmp_path / "hw", {"a.bin": b"\x00\r\n\xff", "b.txt": "\u00e9\n"}, force=False)
    assert (tmp_path / "hw/a.bin").read_bytes() == b"\x00\r\n\xff"
    assert (tmp_path / "hw/b.txt").read_bytes() == b"\xc3\xa9\n"


def test_an_empty_folder_is_filled_and_stays_the_same_one(tmp_path: Path) -> None:
    (tmp_path / "hw").mkdir(mode=0o750)
    number = (tmp_path / "hw").stat().st_ino  # it may be somebody's working folder
    write_folder(tmp_path / "hw", FIRST, force=False)
    assert tree(tmp_path) == {f"hw/{name}": text for name, text in FIRST.items()}
    assert (tmp_path / "hw").stat().st_ino == number


def test_a_folder_that_holds_anything_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path / "hw", FIRST, force=False)
    with pytest.raises(OutputError, match="not empty"):
        write_folder(tmp_path / "hw", SECOND, force=False)
    assert tree(tmp_path / "hw") == FIRST


def test_force_replaces_its_own_files_only(tmp_path: Path) -> None:
    write_folder(tmp_path / "hw", FIRST, force=False)
    mine = {"mine.txt": "m", "src/mine.h": "m", "src/deep/mine.h": "m", "build/mine.o": "m"}
    for name, text in mine.items():
        (tmp_path / "hw" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "hw" / name).write_text(text)
    write_folder(tmp_path / "hw", SECOND, force=True, stale=STALE)
    assert tree(tmp_path) == {f"hw/{name}": text for name, text in (SECOND | mine).items()}


@pytest.mark.parametrize("what", ["link to a folder", "file for a folder", "folder for a file"])
def test_what_stands_in_the_way_is_named_and_left(what: str, tmp_path: Path) -> None:
    folder = tmp_path / "hw"
    (folder / "README.md").parent.mkdir()
    (folder / "mine").write_text("mine")
    if what == "link to a folder":
        (tmp_path / "elsewhere").mkdir()
        (folder / "src").symlink_to(tmp_path / "elsewhere")
    elif what == "file for a folder":
        (folder / "src").write_text("mine")
    else:
        (folder / "README.md").mkdir()
        (folder / "README.md/mine").write_text("mine")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="in it is"):
        write_folder(folder, FIRST, force=True)
    assert tree(tmp_path) == before


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "hw").mkdir()
    (tmp_path / "other.md").write_text("other")
    (tmp_path / "hw/README.md").symlink_to(tmp_path / "other.md")
    write_folder(tmp_path / "hw", FIRST, force=True)
    assert (tmp_path / "other.md").read_text() == "other"
    assert tree(tmp_path / "hw") == FIRST


@pytest.mark.parametrize("there", [False, True], ids=["new", "over an older one"])
def test_a_full_disk_leaves_things_as_they_were(there: bool, tmp_path: Path) -> None:
    if there:
        write_folder(tmp_path / "hw", FIRST, force=False)
        (tmp_path / "hw/mine.txt").write_text("mine")
    before = tree(tmp_path)
    with largest_file(1000), pytest.raises(OutputError, match="File too large"):
        write_folder(tmp_path / "hw", {**SECOND, "z.dat": "0" * 5000}, force=True, stale=STALE)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("step", range(5))
def test_a_failing_move_is_taken_back(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "hw", FIRST, force=False)
    before = tree(tmp_path)
    moves = iter(range(100))
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if next(moves) == step:
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OutputError, match="Input/output error"):
        write_folder(tmp_path / "hw", {"new/c.h": "c", **SECOND}, force=True, stale=STALE)
    assert tree(tmp_path) == before


def test_a_folder_that_no_one_can_make_is_an_error_of_ours(tmp_path: Path) -> None:
    for target in (Path("/proc/hass"), tmp_path / ("x" * 300)):
        with pytest.raises(OutputError, match="cannot"):
            write_folder(target, FIRST, force=False)
    assert tree(tmp_path) == {}


def test_a_folder_that_one_may_not_write_is_refused_early(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(OutputError, match="permission denied"):
            check_target(tmp_path / "hw", force=False)
        with pytest.raises(OutputError, match="permission denied"):
            write_folder(tmp_path / "hw", FIRST, force=True)
    finally:
        tmp_path.chmod(0o755)
    assert tree(tmp_path) == {}


def _killed(folder: Path, files: int) -> int:
    """Exit status of a process that is killed while it writes its file number ``files``."""
    script = textwrap.dedent(
        f"""
        import os, signal
        from pathlib import Path
        from hass.folder import write_folder
        write, left = Path.write_bytes, iter(range({files}))
        def dying(self, *words, **more):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(self, *words, **more)
        Path.write_bytes = dying
        write_folder(Path({str(folder)!r}), {SECOND!r}, force=True, stale={STALE!r})
        """
    )
    return subprocess.run([sys.executable, "-c", script], check=False).returncode


def test_a_killed_process_leaves_the_older_files_and_the_next_one_clears_up(
    tmp_path: Path,
) -> None:
    assert _killed(tmp_path / "hw", 2) == -signal.SIGKILL
    assert not (tmp_path / "hw").exists()
    folder = tmp_path / "there"
    folder.mkdir()
    assert _killed(folder, 1) == -signal.SIGKILL
    write_folder(folder, FIRST, force=False)  # what the other left does not count
    assert tree(folder) == FIRST
    assert _killed(folder, 2) == -signal.SIGKILL
    assert FIRST.items() <= tree(folder).items()
    write_folder(folder, SECOND, force=True, stale=STALE)
    assert tree(folder) == {"src/deep/": "", **SECOND}


def _writer(folder: Path, number: int, force: bool, refused: object) -> None:
    files = {f"{name}.txt": f"{number}\n" * 1000 for name in "abcdefgh"}
    for _ in range(5):
        try:
            write_folder(folder, {"all/x.h": str(number), **files}, force=force)
        except OutputError:
            with refused.get_lock():  # type: ignore[attr-defined]
                refused.value += 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(("there", "force"), [(True, True), (False, True), (False, False)])
def test_two_at_once_leave_the_work_of_one(there: bool, force: bool, tmp_path: Path) -> None:
    folder = tmp_path / "hw"
    if there:
        folder.mkdir()
        if force:
            (folder / "mine.txt").write_text("mine")
    context = multiprocessing.get_context("spawn")
    refused = context.Value("i", 0)
    workers = [context.Process(target=_writer, args=(folder, n, force, refused)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert refused.value == (0 if force else 9)
    found = tree(tmp_path)
    assert ("hw/mine.txt" in found) == (there and force)
    texts = {text[0] for name, text in found.items() if name != "hw/mine.txt"}
    assert len(texts) == 1
    assert len(found) == 9 + (there and force)
