"""How unevenly the active products of a layer lie over real frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .read_only import read_only

# Parts of a frame, at most, and images of which they are kept. Four searched ResNet-20 (zcu104), 48
# traced images, frame II by the model: 0.4 to 1.7 % too long with these; 0.6 to 2.0 % with 128
# parts, -0.4 to 0.7 % with 32, of 256 images each. MobileNet-EdgeTPU (u250): the same for 64 to
# 4,096.
MOST_PARTS = 64
MOST_IMAGES = 64
_LEVELS = 255  # of a byte


@dataclass(frozen=True, slots=True, eq=False)
class WorkShares:
    """Active products of equal parts of some frames, in the order of the output positions.

    Engines that take different times wait for each other where FIFOs hold less than what sets them
    apart (``hass.cost.uneven``). Layers of one profile have the same images.

    Attributes:
        levels: (images, parts), read-only; products of a part, in 255ths of the largest.
    """

    levels: npt.NDArray[np.uint8]
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        levels = np.asarray(self.levels)
        if levels.ndim != 2 or not levels.size or levels.dtype != np.uint8:
            raise ValueError(f"expected bytes (images, parts), got {levels.dtype} {levels.shape}")
        levels = read_only(self.levels, np.uint8)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "_key", levels.tobytes())

    @property
    def images(self) -> int:
        """Frames that were measured."""
        return int(self.levels.shape[0])

    def relative(self) -> npt.NDArray[np.float64]:
        """(images, parts) products relative to their mean; ones where there are none at all."""
        mean = float(self.levels.mean())
        if mean == 0.0:
            return np.ones(self.levels.shape)
        return np.asarray(self.levels / mean, dtype=np.float64)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WorkShares):
            return NotImplemented
        return self._key == other._key and self.levels.shape == other.levels.shape

    def __hash__(self) -> int:
        return hash(self._key)


def in_parts(values: npt.NDArray[np.float64], parts: int) -> npt.NDArray[np.float64]:
    """Sums of equal parts of a frame; a value that lies in two is divided between them.

    Args:
        values: (images, positions), not negative.
        parts: of a frame.

    Returns:
        (images, parts).
    """
    images, positions = values.shape
    sums = np.concatenate([np.zeros((images, 1)), values.cumsum(axis=1)], axis=1)
    ends = np.linspace(0.0, positions, parts + 1)
    whole = np.minimum(ends.astype(np.int64), positions - 1)
    at = sums[:, whole] + (ends - whole) * values[:, whole]
    return np.asarray(np.diff(at, axis=1))


def shares_of(parts: npt.NDArray[np.float64]) -> WorkShares:
    """What is kept of the active products of each part, (images, parts)."""
    largest = max(float(parts.max()), 1.0)
    return WorkShares(np.rint(parts * (_LEVELS / largest)).astype(np.uint8))
