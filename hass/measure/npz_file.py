"""Arrays of an .npz file that may be larger than memory."""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from ..errors import SpecError
from ..near import unreadable

NumericArray = npt.NDArray[np.generic]

# A compressed array up to this size is kept in memory as stored; a larger one is unpacked to a
# nameless temporary file and mapped, so that the kernel may drop its pages. 256 MiB holds all
# of CIFAR-10 and stays far below the 8 GiB that a search may use.
IN_MEMORY_LIMIT_BYTES = 256 << 20
_CHECKED_BYTES = 1 << 20
_LOCAL_HEADER_BYTES = 30  # zip: fixed part of a local file header, name and extra lengths at 26

# What zipfile and numpy raise on files that are damaged, encrypted or packed in a way of their own.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def read_arrays(
    path: Path, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, NumericArray]:
    """Arrays of an .npz by name.

    Stored (uncompressed) arrays are memory-mapped, compressed ones unpacked (see
    ``IN_MEMORY_LIMIT_BYTES``). Arrays of Python objects are refused, never unpickled.

    Raises:
        SpecError: if the file cannot be read, is no .npz, or lacks an array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            missing = [name for name in required if name not in members]
            if missing:
                raise SpecError.at(
                    path, sorted(members), f"arrays {', '.join(required)}; no {', '.join(missing)}"
                )
            names = [*required, *(name for name in optional if name in members)]
            return {name: _read_member(path, archive, members[name]) for name in names}
    except _UNREADABLE as error:
        if isinstance(error, FileNotFoundError):
            raise unreadable(path, error, "a readable .npz file") from None
        raise SpecError.at(path, str(error), "a readable .npz file") from None


def _read_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NumericArray:
    if info.compress_type == zipfile.ZIP_STORED:
        with archive.open(info) as checked:  # a map is read without its checksum
            while checked.read(_CHECKED_BYTES):
                pass
        with path.open("rb") as stream:
            stream.seek(info.header_offset)
            header = stream.read(_LOCAL_HEADER_BYTES)
            stream.seek(sum(struct.unpack_from("<HH", header, 26)), os.SEEK_CUR)
            return _mapped(stream)
    with archive.open(info) as stream:
        if info.file_size <= IN_MEMORY_LIMIT_BYTES:
            return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
        with tempfile.TemporaryFile() as unpacked:
            shutil.copyfileobj(stream, unpacked)
            unpacked.seek(0)
            return _mapped(unpacked)


def _mapped(stream: BinaryIO) -> NumericArray:
    """A read-only map of the .npy that starts at the stream's position."""
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
    if dtype.hasobject:
        raise ValueError("holds Python objects")
    if 0 in shape:  # nothing to map
        return np.zeros(shape, dtype)
    order: Literal["F", "C"] = "F" if fortran else "C"
    return np.memmap(stream, dtype, "r", stream.tell(), shape, order)
