"""How much longer lanes that work side by side take for some images than for others."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .intmath import divisors
from .read_only import read_only

FloatArray = npt.NDArray[np.float64]
_LEVELS = 65535  # of two bytes


@dataclass(frozen=True, slots=True, eq=False)
class LaneWork:
    """Cycles of lanes at some output positions of some frames, one multiplier a lane.

    Which channels are busy differs between images, and lanes are as slow as the busiest: so an
    image may take longer than others of as much work.

    Attributes:
        packed: channels per segment.
        levels: (2, divisors of blocks, divisors of groups, images), read-only; by coarse_in and
            coarse_group, ascending, the mean cycles of a position if lanes are joined after every
            window, and those of the slowest lane; in 65535ths of the largest.
    """

    packed: int
    levels: npt.NDArray[np.uint16]
    _key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        levels = np.asarray(self.levels)
        if levels.ndim != 4 or len(levels) != 2 or not levels.size or levels.dtype != np.uint16:
            raise ValueError(
                f"expected two bytes each of (2, ins, groups, images), got {levels.dtype} "
                f"{levels.shape}"
            )
        if not levels.all():
            raise ValueError("expected levels above 0: a position takes a cycle at least")
        levels = read_only(self.levels, np.uint16)
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "_key", levels.tobytes())

    @property
    def images(self) -> int:
        """Frames that were measured."""
        return int(self.levels.shape[3])

    def of_lanes(self, blocks: int, groups: int, ins: int, together: int) -> FloatArray:
        """(2, images) of so many lanes: joined after every window, and the slowest of them; in the
        same unit for all numbers of lanes.

        Args:
            blocks, groups: of the layer, at this packing.
            ins, together: coarse_in and coarse_group.
        """
        row, column = divisors(blocks).index(ins), divisors(groups).index(together)
        return self.levels[:, row, column].astype(np.float64)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LaneWork):
            return NotImplemented
        same = self.packed == other.packed and self.levels.shape == other.levels.shape
        return same and self._key == other._key

    def __hash__(self) -> int:
        return hash((self.packed, self._key))


def lane_work_of(packed: int, cycles: FloatArray) -> LaneWork:
    """What is kept of mean cycles, (2, divisors of blocks, divisors of groups, images)."""
    scaled = np.rint(cycles * (_LEVELS / float(cycles.max())))
    return LaneWork(packed, np.maximum(scaled, 1).astype(np.uint16))
