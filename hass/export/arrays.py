"""Arrays as files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt


def npy_bytes(array: npt.NDArray[Any]) -> bytes:
    """An array as a .npy file."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    return stream.getvalue()
