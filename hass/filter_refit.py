"""Filters that are scaled and shifted after a clip, so that what comes out is as it was."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt


class Refit(StrEnum):
    """What is done to a network after its clips."""

    NONE = "none"
    FILTERS = "filters"  # every filter gets the mean and the deviation that its outputs had


@dataclass(frozen=True, slots=True)
class FilterRefit:
    """What becomes of a layer's filters: an output y is ``scale * y + shift``.

    It is folded into weights and bias (``prune.pruned_weights``), so that hardware is what it was.

    Attributes:
        scales: of each filter, above 0.
        shifts: of each filter, in the units of the layer's output.
    """

    scales: tuple[float, ...]
    shifts: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.scales) == len(self.shifts):
            raise ValueError(
                "expected a scale and a shift of each filter, got "
                f"{len(self.scales)} scales and {len(self.shifts)} shifts"
            )
        if not all(0 < scale < math.inf for scale in self.scales):
            raise ValueError("scales of filters must be finite and above 0")
        if not all(map(math.isfinite, self.shifts)):
            raise ValueError("shifts of filters must be finite")


@dataclass(frozen=True, slots=True, eq=False)
class FilterStatistics:
    """Outputs of a layer's filters over images and positions.

    Attributes:
        means, deviations: (out_channels,) float32; deviations are of the population.
    """

    means: npt.NDArray[np.float32]
    deviations: npt.NDArray[np.float32]
