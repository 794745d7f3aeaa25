"""Writes a folder whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from .errors import OutputError
from .files import make_folder


def check_target(folder: Path, *, force: bool) -> None:
    """Refuse a target early.

    Raises:
        OutputError: if it exists and is no folder, or holds anything and ``force`` is not given,
            or it cannot be created.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OutputError(f"{folder}: cannot write: exists and is not a folder")
    above = next(parent for parent in folder.absolute().parents if parent.exists())
    if not above.is_dir():
        raise OutputError(f"{folder}: cannot write: {above} is not a folder")
    if not os.access(above, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: cannot write: permission denied in {above}")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise OutputError(f"{folder}: is not empty; --force replaces what was written there")


def write_folder(
    folder: Path, files: Mapping[str, str | bytes], *, force: bool, stale: Sequence[str] = ()
) -> None:
    """Write files into a new folder, or in the place of what an earlier run wrote.

    The files are written to a new folder beside the target, which then takes its name. With
    ``force`` an existing folder is replaced; entries at its top that are not among the new ones
    move over, so that nothing of the user's is lost.

    Args:
        folder: the target; folders above it are created.
        files: relative path -> text, written as UTF-8, or bytes.
        force: replace an existing folder that is not empty.
        stale: patterns of names at its top that go even if they are not among the new ones: what
            an earlier run left, or was made from it.

    Raises:
        OutputError: if the target cannot be written; it is then as it was.
    """
    check_target(folder, force=force)
    folder = folder.resolve()
    make_folder(folder.parent)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        umask = os.umask(0)
        os.umask(umask)
        fresh.chmod(0o777 & ~umask)
        for name, content in files.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        _exchange(fresh, folder, stale)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write: {error.strerror or error}") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(fresh: Path, folder: Path, stale: Sequence[str]) -> None:
    """Give ``fresh`` the name ``folder``; what stood there goes, the user's own entries stay."""
    if not folder.exists():
        fresh.rename(folder)
        return
    own = {entry.name for entry in fresh.iterdir()}
    kept = [
        entry.name
        for entry in folder.iterdir()
        if entry.name not in own and not any(fnmatchcase(entry.name, p) for p in stale)
    ]
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    folder.rename(old / "was")
    moved = []
    try:
        for name in kept:
            (old / "was" / name).rename(fresh / name)
            moved.append(name)
        fresh.rename(folder)
    except OSError:
        for name in moved:
            (fresh / name).rename(old / "was" / name)
        (old / "was").rename(folder)
        raise
    finally:
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
