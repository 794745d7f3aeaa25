"""What is measured of the activations in the windows of one layer, whatever its weights are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .. import ops
from ..sparsity import ActSparsity, CountArray, SegmentHistogram, WindowSample
from ..values import FeatureMap
from .lane_images import LaneImages
from .likeness import Likeness
from .occupancy import MaskArray
from .position_work import PlacedWork
from .products import BYTE_MAX, SmallCounts, add_to_histograms, empty_histograms
from .sampling import Positions


class ActMeter:
    """Sums over the inputs of one Conv2d layer.

    Args:
        op, source, out: the layer, its input and output map.
    """

    def __init__(self, op: ops.Conv2d, source: FeatureMap, out: FeatureMap) -> None:
        self._op, self._out = op, out
        self._histograms = empty_histograms(source, op)
        self._likeness = Likeness(source.channels)
        self._sample: list[SmallCounts] = []
        every = np.ones((source.channels, *op.kernel), dtype=np.float32)
        self._placed = PlacedWork(op, out, every)
        self._lanes = LaneImages(op.groups)
        self._active = self._windows = 0

    def place(self, active: MaskArray) -> None:
        """Add where in the frames of n images (n, C, H, W) the work is."""
        self._placed.add(active)

    def add(
        self,
        windows: npt.NDArray[np.float32],
        positions: Positions,
        alone: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]],
        occupancy: CountArray,
        kept_images: int,
    ) -> None:
        """Add n images.

        Args:
            windows: (C, n, P, K) as gathered at the positions.
            positions: P of each image.
            alone: numbers of images and of their positions that are taken for the sample.
            occupancy: (n, C, 1 or kh, 1 or kw) positions with an active input per tap.
            kept_images: of how many, from the first, it is kept how long lanes take.
        """
        kind = np.uint8 if windows.shape[3] <= BYTE_MAX else np.uint32
        counts = windows.sum(axis=3).astype(kind)
        add_to_histograms(self._histograms, counts[:, None][..., positions.inside])
        self._sample.append(counts[:, *alone].T[..., None])
        if kept_images > 0:
            self._lanes.add(counts[:, :kept_images], positions.inside[:kept_images])
        flat = counts.reshape(len(counts), -1).T[..., None]
        self._likeness.add_pairs(flat, positions.inside)
        by_tap = np.broadcast_to(occupancy, (*occupancy.shape[:2], *self._op.kernel))
        means = by_tap.sum(axis=(2, 3)) / self._out.pixels
        self._likeness.add_frames(means[..., None])
        self._active += int(by_tap.sum())
        self._windows += means.size

    def result(self) -> ActSparsity:
        """What was measured."""
        taps = self._op.kernel[0] * self._op.kernel[1]
        histograms = tuple(
            SegmentHistogram(packing, counts) for packing, counts in self._histograms.items()
        )
        return ActSparsity(
            density=self._active / (self._windows * self._out.pixels * taps),
            histograms=histograms,
            lag1_correlation=self._likeness.neighbours(),
            frame_correlation=self._likeness.frames(),
            sample=WindowSample((0,), np.concatenate(self._sample)),
            work=self._placed.result(),
            lanes=self._lanes.result(histograms),
        )
