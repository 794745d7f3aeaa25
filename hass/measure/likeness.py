"""How alike neighbouring positions are, and all positions of an image, in what sets lanes apart."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .occupancy import MaskArray

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-12  # of a variance, as a share of the mean square


def _apart(values: npt.NDArray[np.generic]) -> Floats:
    """What sets the windows of a position apart, (P, C, m): for what they share no lane waits."""
    numbers = values.astype(np.float64)
    return np.asarray(numbers - numbers.mean(axis=(1, 2), keepdims=True))


class Likeness:
    """Sums over the windows of positions: of all channels, with some filters.

    Args:
        windows: channels times filters.
    """

    def __init__(self, windows: int) -> None:
        self._lag = np.zeros((6, windows))  # n, sums of l, r, l*l, r*r, l*r
        self._frames = np.zeros((2, windows))  # sums of an image's mean and of its square
        self._images = 0

    def add_pairs(self, counts: npt.NDArray[np.generic], inside: MaskArray) -> None:
        """Add sampled positions.

        Args:
            counts: (images * positions, C, m) of their windows.
            inside: (images, positions) of ``Positions``: right neighbours in the second half.
        """
        images, places = inside.shape
        apart = _apart(counts).reshape(images, places, -1)
        cells = places // 2
        pairs = inside[:, cells:]
        left, right = apart[:, :cells][pairs], apart[:, cells:][pairs]
        self._lag[0] += int(np.count_nonzero(pairs))
        for row, values in enumerate((left, right, left * left, right * right, left * right), 1):
            self._lag[row] += values.sum(axis=0)

    def add_frames(self, means: npt.NDArray[np.generic]) -> None:
        """Add means over all positions of images, (images, C, m)."""
        apart = _apart(means).reshape(len(means), -1)
        self._images += len(means)
        self._frames += (apart.sum(axis=0), (apart**2).sum(axis=0))

    def neighbours(self) -> float:
        """Correlation of left and right neighbours, around the windows' own means; 0 without
        variance."""
        count, left, right, left2, right2, product = self._lag
        if count[0] == 0:
            return 0.0
        covariance = float((count * product - left * right).sum())
        variance_left = float((count * left2 - left * left).sum())
        variance_right = float((count * right2 - right * right).sum())
        nothing = _ROUNDING * float((count * (left2 + right2)).sum())
        if variance_left <= nothing or variance_right <= nothing:
            return 0.0
        return max(-1.0, min(1.0, covariance / math.sqrt(variance_left * variance_right)))

    def frames(self) -> float:
        """Variance between images over that of single positions, both of windows around their
        own means; 0 for one image or without variance."""
        count = self._lag[0]
        if self._images < 2 or count[0] == 0:
            return 0.0
        total, squares = self._frames
        between = float((squares - total**2 / self._images).sum()) / (self._images - 1)
        left, left2 = self._lag[1], self._lag[3]
        single = float((left2 / count - (left / count) ** 2).sum())
        if single <= _ROUNDING * float((left2 / count).sum()):
            return 0.0
        return max(0.0, min(1.0, between / single))
