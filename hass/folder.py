"""Writes a folder whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from .errors import OutputError
from .files import make_folder

Files: TypeAlias = Mapping[str, str | bytes]

_STAGING = ".hass-new."  # begins the name of a folder that is being filled
_TAKEN = "is not empty; --force replaces what was written there"


def _entries(folder: Path) -> list[str]:
    """Names at the top of a folder but what a process that was killed left half written."""
    return sorted(e.name for e in folder.iterdir() if not e.name.startswith(_STAGING))


def check_target(folder: Path, *, force: bool) -> None:
    """Refuse a target early.

    Raises:
        OutputError: if it exists and is no folder, or holds anything and ``force`` is not given,
            or it cannot be created or written.
    """
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise OutputError(f"{folder}: cannot write: exists and is not a folder")
        above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not above.is_dir():
            raise OutputError(f"{folder}: cannot write: {above} is not a folder")
        if not os.access(above, os.W_OK | os.X_OK):
            raise OutputError(f"{folder}: cannot write: permission denied in {above}")
        if not force and folder.is_dir() and _entries(folder):
            raise OutputError(f"{folder}: {_TAKEN}")
    except OSError as error:
        raise OutputError(f"{folder}: cannot write: {error.strerror or error}") from None


def write_folder(folder: Path, files: Files, *, force: bool, stale: Sequence[str] = ()) -> None:
    """Write files into a new folder, or in the place of what an earlier run wrote.

    A new folder is filled under another name beside its own, which it then takes. In a folder that
    exists, the new files take their places once all of them are written; the user's own files are
    not touched. Processes that write the same folder wait for each other.

    Args:
        folder: the target; folders above it are created.
        files: relative path -> text, written as UTF-8, or bytes.
        force: replace what an existing folder holds at the places of the new files.
        stale: patterns (``Path.glob``) of what goes even if nothing new takes its place: what an
            earlier run left, or was made from it.

    Raises:
        OutputError: if the target cannot be written, or somebody else has filled it meanwhile and
            ``force`` is not given; it is then as it was.
    """
    check_target(folder, force=force)
    folder = folder.resolve()
    make_folder(folder.parent)
    try:
        if not folder.exists() and _create(folder, files):
            return
        with _locked(folder):
            if not force and _entries(folder):
                raise OutputError(f"{folder}: {_TAKEN}")
            _replace(folder, files, stale)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write: {error.strerror or error}") from None


@contextmanager
def _staging(above: Path) -> Iterator[Path]:
    """A folder in ``above`` that is gone afterwards, or has another name."""
    folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=above))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone among the processes that write this folder; the system ends it with the process."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(files: Files, folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def _create(folder: Path, files: Files) -> bool:
    """Write a new folder; False: somebody else made one of that name meanwhile."""
    with _staging(folder.parent) as fresh:
        umask = os.umask(0)
        os.umask(umask)
        fresh.chmod(0o777 & ~umask)
        _write(files, fresh)
        try:
            fresh.rename(folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            return False
    return True


def _check_places(folder: Path, names: Iterable[str]) -> None:
    """A file must not go through a link to elsewhere, nor take the place of a folder."""
    for name in names:
        for parent in PurePosixPath(name).parents:
            place = folder / parent
            if parent.name and (place.is_symlink() or (place.exists() and not place.is_dir())):
                raise NotADirectoryError(errno.ENOTDIR, f"{parent} in it is not a folder")
        if (folder / name).is_dir() and not (folder / name).is_symlink():
            raise IsADirectoryError(errno.EISDIR, f"{name} in it is a folder")


def _replace(folder: Path, files: Files, stale: Sequence[str]) -> None:
    """Put files into a folder that is locked, in the place of those of the same names."""
    for left in folder.glob(f"{_STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    _check_places(folder, files)
    with _staging(folder) as staging:
        new, old = staging / "new", staging / "old"
        old.mkdir()
        _write(files, new)
        gone = {path for pattern in stale for path in folder.glob(pattern)}
        gone |= {folder / name for name in files if os.path.lexists(folder / name)}
        moves = [(path, old / str(number)) for number, path in enumerate(sorted(gone))]
        moves += [(new / name, folder / name) for name in files]
        made: list[Path] = []
        done: list[tuple[Path, Path]] = []
        try:
            for source, target in moves:
                above = [p for p in target.parents if not p.exists()]
                for parent in reversed(above):
                    parent.mkdir()
                    made.append(parent)
                source.rename(target)
                done.append((source, target))
        except OSError:
            for source, target in reversed(done):
                target.rename(source)
            for parent in reversed(made):
                parent.rmdir()
            raise
