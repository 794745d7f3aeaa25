"""What is measured of one layer, image by image; memory does not grow with their number."""

from __future__ import annotations

import math

import numpy as np

from .. import ops
from ..graph import FloatArray
from ..sparsity import CountArray, LayerSparsity, SegmentHistogram, WindowSample
from ..values import FeatureMap
from ..work_shares import MOST_IMAGES
from .act_meter import ActMeter
from .likeness import Likeness
from .occupancy import MaskArray, filter_rates, tap_filters, tap_selector, weight_counts
from .position_work import PlacedWork, live_filters
from .products import (
    SmallCounts,
    add_to_histograms,
    empty_histograms,
    filter_masks,
    gather_windows,
    products_together,
    taps_of_filters,
    window_products,
)
from .sampling import PositionArray, Positions, plan_samples

# Images are counted when so many words have come together (a byte each): one small image at a
# time costs more in calls than in counting.
WAITING_WORDS = 1 << 18


# Filters of a group whose windows' correlations are measured: with all channels enough of them.
LAG_FILTERS = 4


class LayerMeter:
    """Sums over the inputs of one Conv2d layer.

    Args:
        name: of the layer; with the seed it decides the sample.
        op, source, out: the layer, its input and output map.
        weights: (F, C / groups, kh, kw), as pruned.
        images: that will be added, >= 1.
        seed: of the profile.
        placed: whether it is kept where in a frame the work is, of the first images.
    """

    def __init__(
        self,
        name: str,
        op: ops.Conv2d,
        source: FeatureMap,
        out: FeatureMap,
        weights: FloatArray,
        images: int,
        seed: int,
        *,
        placed: bool = True,
    ) -> None:
        self._op, self._source, self._out = op, source, out
        self._weights = weights
        self._masks = filter_masks(weights, op.groups)
        self._tap_filters = tap_filters(weights, op.groups)
        self._selector = tap_selector(op, source, out)
        self._plan = plan_samples(name, source, out, self._masks, images, seed)
        self._histograms = empty_histograms(source, op)
        self._kept_images = MOST_IMAGES if placed else 0
        self._placed = PlacedWork(op, out, live_filters(weights, op.groups))
        self._waiting: list[MaskArray] = []  # images not yet counted
        self._waiting_words = 0
        self._occupancy = np.zeros((source.channels, *op.kernel), dtype=np.int64)
        self._active_words = 0
        self._pairs: list[int] = []  # active pairs of each image
        self._positions = 0
        self._together: list[SmallCounts] = []
        self._lag_filters = self._plan.together_filters[:LAG_FILTERS]
        self._likeness = Likeness(source.channels * len(self._lag_filters))
        self._acts = ActMeter(op, source, out)

    def add(self, active: MaskArray) -> None:
        """Add where the layer's inputs (clipped) are not 0 for the next images, (n, C, H, W)."""
        self._waiting.append(active)
        self._waiting_words += active.size
        if self._waiting_words >= WAITING_WORDS:
            self._count()

    def _count(self) -> None:
        if not self._waiting:
            return
        active = np.concatenate(self._waiting)
        self._waiting.clear()
        self._waiting_words = 0
        first, count = len(self._pairs), len(active)
        self._active_words += int(np.count_nonzero(active))
        occupancy = self._selector.occupancy(active)
        self._occupancy += occupancy.sum(axis=0)
        work = (occupancy * self._tap_filters).sum(axis=(2, 3))
        self._pairs += work.sum(axis=1).tolist()
        self._add_frames(occupancy)
        if first < self._kept_images:
            some = active[: self._kept_images - first]
            self._placed.add(some)
            self._acts.place(some)
        positions = self._plan.positions(first, count)
        windows = gather_windows(active, self._op, positions)
        filters = self._plan.chosen_filters(first, count)
        counts = window_products(windows, self._masks, filters, positions.inside)
        add_to_histograms(self._histograms, counts)
        self._positions += int(np.count_nonzero(positions.inside))
        self._add_lag(windows, positions.inside)
        self._add_together(windows, positions, first)
        alone = self._chosen(self._plan.alone, positions, first)
        kept_images = max(0, self._kept_images - first)
        self._acts.add(windows, positions, alone, occupancy, kept_images)

    @staticmethod
    def _chosen(
        plan: tuple[PositionArray, ...], positions: Positions, first: int
    ) -> tuple[PositionArray, PositionArray]:
        """Numbers of images and of their positions that the plan takes, inside the map."""
        chosen = plan[first : first + len(positions.rows)]
        images = np.repeat(np.arange(len(chosen)), [len(columns) for columns in chosen])
        columns = np.concatenate(chosen)
        cells = positions.inside.shape[1] // 2
        return images, np.where(positions.inside[images, columns], columns, columns % cells)

    def _add_together(self, windows: FloatArray, positions: Positions, first: int) -> None:
        images, columns = self._chosen(self._plan.together, positions, first)
        at = windows[:, images, columns]
        self._together.append(products_together(at, self._masks, self._plan.together_filters))

    def _add_lag(self, windows: FloatArray, inside: MaskArray) -> None:
        at = windows.reshape(len(windows), -1, windows.shape[3])
        self._likeness.add_pairs(taps_of_filters(at, self._masks, self._lag_filters), inside)

    def _add_frames(self, occupancy: CountArray) -> None:
        images, channels = occupancy.shape[:2]
        by_tap = np.broadcast_to(occupancy, (images, channels, *self._op.kernel))
        taps = by_tap.reshape(images, channels, -1).swapaxes(0, 1).astype(np.float64)
        means = taps_of_filters(taps, self._masks, self._lag_filters)
        self._likeness.add_frames(means / self._out.pixels)

    def result(self) -> LayerSparsity:
        """What was measured.

        ``pair_density`` is exact for the images; its standard error is that of taking these
        images for all. The histograms are sampled (see ``sampling``).
        """
        self._count()
        images = len(self._pairs)
        taps = self._op.kernel[0] * self._op.kernel[1]
        macs = self._out.words * self._weights.shape[1] * taps
        densities = np.array(self._pairs, dtype=np.float64) / macs
        spread = float(densities.std(ddof=1)) / math.sqrt(images) if images > 1 else 0.0
        return LayerSparsity(
            weight_density=int(np.count_nonzero(self._weights)) / self._weights.size,
            act_density=self._active_words / (images * self._source.words),
            pair_density=sum(self._pairs) / (images * macs),
            histograms=tuple(
                SegmentHistogram(packing, counts) for packing, counts in self._histograms.items()
            ),
            filter_rates=tuple(
                filter_rates(self._weights, self._op.groups, self._occupancy).tolist()
            ),
            lag1_correlation=self._likeness.neighbours(),
            frame_correlation=self._likeness.frames(),
            sampled_positions=self._positions,
            pair_density_stderr=spread,
            weight_counts=weight_counts(self._weights),
            sample=WindowSample(self._plan.together_filters, np.concatenate(self._together)),
            work=self._placed.result(),
            acts=self._acts.result(),
        )
