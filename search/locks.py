"""Locks on folders: the kernel's, so that they do not outlive their process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hass.errors import OutputError


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """A descriptor of a folder, on which ``lock`` holds until it is closed.

    Raises:
        OutputError: if the folder cannot be read.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"{folder}: cannot read: {error.strerror or error}") from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def lock(descriptor: int, folder: Path, operation: int) -> None:
    """Lock a folder as ``fcntl.flock`` does.

    Raises:
        BlockingIOError: if another process holds it and ``operation`` has ``LOCK_NB``.
        OutputError: if it cannot be locked.
    """
    try:
        fcntl.flock(descriptor, operation)
    except BlockingIOError:
        raise
    except OSError as error:
        raise OutputError(f"{folder}: cannot lock: {error.strerror or error}") from None
