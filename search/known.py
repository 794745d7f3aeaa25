"""What a search measured once, kept in its folder by content: read again, or measured again.

A file's name is a digest of all that its content depends on. So nothing is ever out of date, and
what cannot be read is simply measured again.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hass.files import JsonValue, canonical_json, make_folder, write_bytes_atomic, write_text_atomic

Array = npt.NDArray[np.int64]
KNOWN = "known"  # the folder's name


@dataclass(frozen=True, slots=True)
class Known:
    """A folder of measurements; without one nothing is kept.

    Attributes:
        folder: where they are, made when the first is kept.
    """

    folder: Path | None = None

    def _path(self, kind: str, of: Mapping[str, JsonValue], suffix: str) -> Path | None:
        if self.folder is None:
            return None
        digest = hashlib.sha256(canonical_json(of).encode()).hexdigest()[:24]
        return self.folder / f"{kind}-{digest}{suffix}"

    def text(self, kind: str, of: Mapping[str, JsonValue]) -> JsonValue:
        """What was kept under these facts; None if nothing was, or it cannot be read."""
        path = self._path(kind, of, ".json")
        if path is None:
            return None
        try:
            found: JsonValue = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def keep_text(self, kind: str, of: Mapping[str, JsonValue], content: JsonValue) -> None:
        """Keep a value.

        Raises:
            OutputError: if it cannot be written.
        """
        path = self._path(kind, of, ".json")
        if path is not None:
            make_folder(path.parent)
            write_text_atomic(path, canonical_json(content))

    def arrays(self, kind: str, of: Mapping[str, JsonValue]) -> Mapping[str, Array] | None:
        """Arrays that were kept under these facts; None if none were, or they cannot be read."""
        path = self._path(kind, of, ".npz")
        if path is None or not path.exists():
            return None
        try:
            with path.open("rb") as stream, np.load(stream) as stored:
                return {name: np.asarray(stored[name], dtype=np.int64) for name in stored.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return None

    def keep_arrays(
        self, kind: str, of: Mapping[str, JsonValue], arrays: Mapping[str, Array]
    ) -> None:
        """Keep arrays of integers.

        Raises:
            OutputError: if they cannot be written.
        """
        path = self._path(kind, of, ".npz")
        if path is not None:
            make_folder(path.parent)
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w") as entry:
                        np.lib.format.write_array(entry, array, allow_pickle=False)
            write_bytes_atomic(path, stream.getvalue())


NOTHING_KNOWN = Known()
