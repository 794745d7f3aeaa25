"""Arrays of values that never change."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

Kind = TypeVar("Kind", bound=np.generic)


def read_only(given: npt.ArrayLike, kind: type[Kind]) -> npt.NDArray[Kind]:
    """The array, contiguous and read-only; a copy where whoever gave it could still write to it."""
    array: npt.NDArray[Any] = np.ascontiguousarray(given, dtype=kind)
    if array is given and array.flags.writeable:
        array = array.copy()
    array.flags.writeable = False
    return array
