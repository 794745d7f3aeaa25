"""The journal file under a search: one search at a time, and whole after a kill.

Optuna's journal is one JSON object a line, appended and synced. Two things are left to us: a
process killed while it appended leaves a torn last line, which Optuna would glue the next
record to and then refuse to read; and its lock files outlive a killed process. Locks of the
kernel (flock) do not.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from hass.errors import OutputError, SpecError

from .locks import lock, opened

_BLOCK_BYTES = 65536


def _cut_torn_line(descriptor: int) -> None:
    size = position = os.fstat(descriptor).st_size
    while position > 0:
        start = max(position - _BLOCK_BYTES, 0)
        newline = os.pread(descriptor, position - start, start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position != size:
        os.ftruncate(descriptor, position)


class FlockLock(JournalFileOpenLock):
    """Exclusive access to the journal for the time of one append, on the file itself."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Wait for the lock; a line that a killed worker, or a full disk, left torn is cut off."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        _cut_torn_line(self._descriptor)
        return True

    def release(self) -> None:
        """Give it back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def sole_owner(folder: Path) -> Iterator[None]:
    """Hold an output folder; the lock is on the folder itself and dies with the process.

    Raises:
        OutputError: if another process holds it, or the folder cannot be read or locked.
    """
    with opened(folder) as descriptor:
        try:
            lock(descriptor, folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutputError(
                f"{folder}: another search is writing here; wait for it or use another folder"
            ) from None
        yield


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def repair_journal(path: Path) -> int:
    """Cut a torn last line off a journal.

    Returns:
        The number of bytes cut; 0 if the journal is whole or does not exist.

    Raises:
        SpecError: if a line before the last is not a record: no kill leaves that.
        OutputError: if the file cannot be cut.
    """
    if not path.exists():
        return 0
    whole = 0
    with path.open("rb") as stream:
        torn: int | None = None
        for number, line in enumerate(stream, start=1):
            if torn is not None:
                raise SpecError.at(f"{path}: line {torn}", "no record", "a record of Optuna's")
            if line.endswith(b"\n") and _is_record(line):
                whole += len(line)
            else:
                torn = number
        size = stream.seek(0, os.SEEK_END)
    if whole != size:
        try:
            os.truncate(path, whole)
        except OSError as error:
            raise OutputError(f"{path}: cannot write: {error.strerror or error}") from None
    return size - whole


def open_journal(path: Path) -> JournalStorage:
    """The storage in a journal file, made if it does not exist.

    Raises:
        SpecError: if the file is not a journal.
        OutputError: if it cannot be written.
    """
    try:
        lock = FlockLock(path)
        lock.acquire()  # a worker whose parent was killed may still be appending
        try:
            repair_journal(path)
        finally:
            lock.release()
        return JournalStorage(JournalFileBackend(str(path), lock_obj=FlockLock(path)))
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror or error}") from None
    except (ValueError, KeyError) as error:
        raise SpecError.at(path, str(error), "a journal of Optuna's") from None
