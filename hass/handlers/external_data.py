"""Weights in files beside the model: mapped into memory, never read as a whole, and only from
inside the model's folder.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper

from ..errors import Mistake, SpecError
from .values import Constant

_SUB_BYTE = frozenset(
    getattr(onnx.TensorProto, name)
    for name in ("INT4", "UINT4", "FLOAT4E2M1", "INT2", "UINT2")
    if hasattr(onnx.TensorProto, name)
)


def check_external_data(path: Path, tensors: Iterable[onnx.TensorProto]) -> None:
    """Look where all outside values lie.

    Raises:
        SpecError: naming every file that is outside the folder, missing, or too short.
    """
    mistakes: dict[tuple[str, str], Mistake] = {}
    for tensor in tensors:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            try:
                _span(path, tensor)
            except SpecError as error:
                (mistake,) = error.mistakes
                # a file that is missing is missed by every tensor in it; the first says so
                mistakes.setdefault((mistake.value, mistake.expected), mistake)
    if mistakes:
        raise SpecError(list(mistakes.values()))


def external_array(path: Path, tensor: onnx.TensorProto) -> Constant:
    """The values of a tensor that lie in a file beside the model, mapped where their type allows.

    Raises:
        SpecError: if the file is outside the model's folder, missing, or too short.
    """
    target, offset, size_bytes = _span(path, tensor)
    shape = tuple(tensor.dims)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    if size_bytes == 0:
        return np.empty(shape, dtype)
    try:
        if tensor.data_type not in _SUB_BYTE:
            return np.asarray(np.memmap(target, dtype, mode="r", offset=offset, shape=shape))
        data = np.fromfile(target, np.uint8, size_bytes, offset=offset).tobytes()
    except OSError as error:
        where = f"{path}: tensor {tensor.name!r}: external data"
        raise SpecError.at(where, str(target), f"a readable file: {error.strerror}") from None
    inside = onnx.TensorProto(dims=shape, data_type=tensor.data_type, raw_data=data)
    return onnx.numpy_helper.to_array(inside)


class OutsideData:
    """A file for the weights of a model that is being written."""

    def __init__(self, path: Path) -> None:
        """The file ``path`` is made, or emptied."""
        self._path = path
        self._end_bytes = 0
        path.write_bytes(b"")

    def add(self, tensor: onnx.TensorProto, array: Constant) -> None:
        """Write a tensor's values to the file's end; ``tensor`` says where they are.

        Raises:
            OSError: if the file cannot be written.
        """
        with self._path.open("ab") as stream:
            np.ascontiguousarray(array).tofile(stream)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        for key, value in (
            ("location", self._path.name),
            ("offset", str(self._end_bytes)),
            ("length", str(array.nbytes)),
        ):
            tensor.external_data.add(key=key, value=value)
        self._end_bytes += array.nbytes


def _span(path: Path, tensor: onnx.TensorProto) -> tuple[Path, int, int]:
    """File, offset and length in bytes."""
    where = f"{path}: tensor {tensor.name!r}: external data"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    folder = path.parent.resolve()
    target = _resolved(folder, location)
    if target is None or not target.is_relative_to(folder):
        raise SpecError.at(where, location, f"a relative path inside the folder {folder}")
    try:
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, TypeError, ValueError):
        raise SpecError.at(where, f"type {tensor.data_type}", "numbers") from None
    count = math.prod(tensor.dims)
    size_bytes = (count + 1) // 2 if tensor.data_type in _SUB_BYTE else count * itemsize
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", size_bytes))
    except ValueError:
        numbers = f"offset {entries.get('offset')}, length {entries.get('length')}"
        raise SpecError.at(where, numbers, "whole numbers") from None
    if min(tensor.dims, default=1) < 0 or length != size_bytes or offset < 0:
        found = f"offset {offset} and length {length} for shape {list(tensor.dims)}"
        raise SpecError.at(where, found, f"{size_bytes} bytes")
    try:
        # a device or a pipe may never end
        found_bytes = target.stat().st_size if target.is_file() else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError.at(where, location, f"a readable file: {reason}") from None
    if found_bytes is None:
        raise SpecError.at(where, location, f"a file in the folder {folder}")
    if found_bytes < offset + size_bytes:
        raise SpecError.at(
            where, f"{found_bytes} bytes in {location}", f"at least {offset + size_bytes} bytes"
        )
    return target, offset, size_bytes


def _resolved(folder: Path, location: str) -> Path | None:
    """Where an external file really lies, links followed; None where the path says nothing."""
    relative = Path(location.replace("\\", "/"))
    if not location or "\0" in location or relative.is_absolute():
        return None
    try:
        return (folder / relative).resolve()
    except (OSError, RuntimeError):  # a loop of links
        return None
