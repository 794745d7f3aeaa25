"""What is measured of one layer, image by image; memory does not grow with their number."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .. import ops
from ..graph import FloatArray
from ..sparsity import CountArray, LayerSparsity, SegmentHistogram, WindowSample
from ..values import FeatureMap
from ..work_shares import MOST_IMAGES, MOST_PARTS, in_parts, shares_of
from .occupancy import MaskArray, filter_rates, tap_filters, tap_selector, weight_counts
from .position_work import live_filters, position_products
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
from .sampling import Positions, plan_samples

# Images are counted when so many words have come together (a byte each): one small image at a
# time costs more in calls than in counting.
WAITING_WORDS = 1 << 18


_ROUNDING = 1e-12  # of a variance, as a share of the mean square

# Filters of a group whose windows' correlations are measured: with all channels enough of them.
LAG_FILTERS = 4


def _apart(products: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """What sets the windows of a position apart, (P, C, m): for what they share no lane waits."""
    values = products.astype(np.float64)
    return np.asarray(values - values.mean(axis=(1, 2), keepdims=True))


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
        self._live = live_filters(weights, op.groups) if placed else None
        self._placed: list[npt.NDArray[np.float64]] = []
        self._waiting: list[MaskArray] = []  # images not yet counted
        self._waiting_words = 0
        self._occupancy = np.zeros((source.channels, *op.kernel), dtype=np.int64)
        self._active_words = 0
        self._pairs: list[int] = []  # active pairs of each image
        self._positions = 0
        self._together: list[SmallCounts] = []
        self._lag_filters = self._plan.together_filters[:LAG_FILTERS]
        windows = source.channels * len(self._lag_filters)
        self._lag = np.zeros((6, windows))  # n, sums of l, r, l*l, r*r, l*r
        self._frames = np.zeros((2, windows))  # sums of an image's mean and of its square

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
        if self._live is not None and first < MOST_IMAGES:
            some = active[: MOST_IMAGES - first]
            products = position_products(some, self._op, self._out, self._live)
            self._placed.append(in_parts(products, min(self._out.pixels, MOST_PARTS)))
        positions = self._plan.positions(first, count)
        windows = gather_windows(active, self._op, positions)
        filters = self._plan.chosen_filters(first, count)
        counts = window_products(windows, self._masks, filters, positions.inside)
        add_to_histograms(self._histograms, counts)
        self._positions += int(np.count_nonzero(positions.inside))
        self._add_lag(windows, positions.inside)
        self._add_together(windows, positions, first)

    def _add_together(self, windows: FloatArray, positions: Positions, first: int) -> None:
        chosen = self._plan.together[first : first + len(positions.rows)]
        images = np.repeat(np.arange(len(chosen)), [len(columns) for columns in chosen])
        columns = np.concatenate(chosen)
        cells = positions.inside.shape[1] // 2
        columns = np.where(positions.inside[images, columns], columns, columns % cells)
        at = windows[:, images, columns]
        self._together.append(products_together(at, self._masks, self._plan.together_filters))

    def _add_lag(self, windows: FloatArray, inside: MaskArray) -> None:
        channels, images, places, taps = windows.shape
        at = windows.reshape(channels, images * places, taps)
        apart = _apart(taps_of_filters(at, self._masks, self._lag_filters))
        apart = apart.reshape(images, places, -1)
        cells = places // 2
        pairs = inside[:, cells:]
        left, right = apart[:, :cells][pairs], apart[:, cells:][pairs]
        self._lag[0] += int(np.count_nonzero(pairs))
        for row, values in enumerate((left, right, left * left, right * right, left * right), 1):
            self._lag[row] += values.sum(axis=0)

    def _add_frames(self, occupancy: CountArray) -> None:
        images, channels = occupancy.shape[:2]
        by_tap = np.broadcast_to(occupancy, (images, channels, *self._op.kernel))
        taps = by_tap.reshape(images, channels, -1).swapaxes(0, 1).astype(np.float64)
        means = taps_of_filters(taps, self._masks, self._lag_filters)
        apart = _apart(means / self._out.pixels).reshape(images, -1)
        self._frames += (apart.sum(axis=0), (apart**2).sum(axis=0))

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
            lag1_correlation=self._correlation(),
            frame_correlation=self._frame_correlation(),
            sampled_positions=self._positions,
            pair_density_stderr=spread,
            weight_counts=weight_counts(self._weights),
            sample=WindowSample(self._plan.together_filters, np.concatenate(self._together)),
            work=shares_of(np.concatenate(self._placed)) if self._placed else None,
        )

    def _correlation(self) -> float:
        """Of left and right neighbours, around the windows' own means; 0 without variance."""
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

    def _frame_correlation(self) -> float:
        """Variance between images over that of single positions, both of windows around their
        own means; 0 for one image or without variance."""
        images, count = len(self._pairs), self._lag[0]
        if images < 2 or count[0] == 0:
            return 0.0
        total, squares = self._frames
        between = float((squares - total**2 / images).sum()) / (images - 1)
        left, left2 = self._lag[1], self._lag[3]
        single = float((left2 / count - (left / count) ** 2).sum())
        if single <= _ROUNDING * float((left2 / count).sum()):
            return 0.0
        return max(0.0, min(1.0, between / single))
