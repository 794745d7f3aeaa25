"""Files are written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from .errors import OutputError
from .printable import json_without_controls

_PART = ".hass-part"  # ends the name of a file that is being written

JsonValue: TypeAlias = (
    "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
)


def canonical_json(value: JsonValue) -> str:
    """JSON text that is the same for equal values: sorted keys, two-space indent, final newline.

    Raises:
        ValueError: on NaN or infinity, which JSON cannot express.
    """
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    return json_without_controls(text) + "\n"


def write_bytes_atomic(path: str | Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the whole new one.

    Raises:
        OutputError: if the folder does not exist or cannot be written, or the disk is full;
            an existing file is then left as it was.
    """
    target = Path(path)
    temporary: str | None = None
    try:
        descriptor, temporary = tempfile.mkstemp(_PART, f".{target.name}.", target.parent)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(target)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise OutputError(f"{target}: cannot write: {error.strerror or error}") from None


def write_text_atomic(path: str | Path, text: str) -> None:
    """``write_bytes_atomic`` for UTF-8 text."""
    write_bytes_atomic(path, text.encode("utf-8"))


def remove_leftovers(folder: str | Path) -> None:
    """Remove what processes that were killed while they wrote left; nobody else may be writing.

    Raises:
        OutputError: if one cannot be removed.
    """
    for path in Path(folder).glob(f".*{_PART}"):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(f"{path}: cannot remove: {error.strerror or error}") from None


def make_folder(path: str | Path) -> Path:
    """Create a folder and its parents where they do not exist.

    Raises:
        OutputError: if it cannot be created or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot create: {error.strerror or error}") from None
    if not os.access(folder, os.W_OK):
        raise OutputError(f"{folder}: cannot write: permission denied")
    return folder
