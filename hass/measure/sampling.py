"""Which output positions and output channels of a layer the histograms are taken from.

Positions are drawn as cells: two neighbours of a row (the last cell of an odd row is a single
one), so that every position is as likely as any other and neighbours can be correlated.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..intmath import ceil_div, divisors
from ..values import FeatureMap
from .occupancy import MaskArray

PositionArray = npt.NDArray[np.intp]

# Positions per layer, over all images. Measured against the exact means on the shared CIFAR-10 and
# ImageNet networks (64 images, dense and with half of the weights clipped): the mean of a layer is
# off by 0.2 to 0.4 %, that of a channel by 0.4 to 2 % (root mean square), the slowest of 8 lanes by
# less than 1.5 %.
POSITIONS = 2048
# (position, filter) samples per block of channels: 4 filters at 2048 positions, more where a
# layer has fewer positions. Wide layers take fewer (their lanes average many channels), so that
# no layer has more than 2**21 samples per packing, about 20 ms of work.
SAMPLES_PER_BLOCK = 8192
SAMPLES_PER_LAYER = 1 << 21

# Counts of a layer's sample of windows, all channels of a position together. With so many the
# tables that the cost model makes of it (hass/cost/lanes.py) take 5 to 15 ms per layer. Of layers
# that cannot have 8 positions then, fewer filters are taken: positions differ more than filters do.
# Filters that have their zero weights in the same places, or none, have the same products: one is
# taken, at more positions.
TOGETHER_COUNTS = 1 << 17
TOGETHER_LEAST_POSITIONS = 8
TOGETHER_MOST_POSITIONS = 256


@dataclass(frozen=True, slots=True)
class Positions:
    """Sampled positions of n images, in cells: the left positions, then their right neighbours.

    Attributes:
        rows, columns: (n, 2 * cells); column j + cells is the right neighbour of column j.
        inside: (n, 2 * cells), False for the right neighbour of a single position.
    """

    rows: PositionArray
    columns: PositionArray
    inside: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """What is sampled of one layer in every image.

    Attributes:
        out: the layer's output map.
        draws: (images, cells) in 0..1, where in its stratum a cell is drawn.
        filters: filters per group and image.
        order: (filters per group,) permutation; image i takes the next ``filters`` of it, in
            turns, so that all are taken equally often.
        together: image -> columns of its ``Positions`` at which all channels are taken together.
        together_filters: filters of a group that are taken there, ascending.
        alone: as ``together``, of activations without filters.
    """

    out: FeatureMap
    draws: npt.NDArray[np.float64]
    filters: int
    order: PositionArray
    together: tuple[PositionArray, ...]
    together_filters: tuple[int, ...]
    alone: tuple[PositionArray, ...]

    def positions(self, first: int, count: int) -> Positions:
        """Positions for ``count`` images from the one with number ``first``.

        The cells of a map are cut into as many equal strata as are drawn, one from each; where
        all are drawn, each is taken once.
        """
        per_row = ceil_div(self.out.width, 2)
        total = self.out.height * per_row
        draws = self.draws[first : first + count]
        cells = draws.shape[1]
        if cells >= total:
            chosen = np.tile(np.arange(total), (count, 1))
        else:
            chosen = ((np.arange(cells) + draws) * (total / cells)).astype(np.intp)
        rows, places = np.divmod(chosen, per_row)
        columns = np.concatenate([2 * places, 2 * places + 1], axis=1)
        return Positions(np.concatenate([rows, rows], axis=1), columns, columns < self.out.width)

    def chosen_filters(self, first: int, count: int) -> PositionArray:
        """(count, filters) indices inside a group, for images as in ``positions``."""
        numbers = np.arange(first, first + count)[:, None] * self.filters
        return np.asarray(self.order[(numbers + np.arange(self.filters)) % self.order.size])


def plan_samples(
    name: str,
    source: FeatureMap,
    out: FeatureMap,
    masks: MaskArray,
    images: int,
    seed: int,
) -> SamplePlan:
    """The plan for one layer; depends on its name, not on the other layers.

    Args:
        name: of the layer.
        source, out: its input and output map.
        masks: (G, F / G, C / G, K) of its weights.
        images: that will be profiled, >= 1.
        seed: of the profile.
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    per_row = ceil_div(out.width, 2)
    cells = min(out.height * per_row, ceil_div(POSITIONS, 2 * images))
    # an odd or narrow map has cells of one position: count what the cells really hold
    positions = images * max(1, cells * out.width // per_row)
    samples = min(SAMPLES_PER_BLOCK, max(POSITIONS, SAMPLES_PER_LAYER // source.channels))
    filters_per_group = masks.shape[1]
    different = 1 if (masks == masks[:, :1]).all() else filters_per_group
    filters = min(different, ceil_div(samples, positions))
    order = rng.permutation(filters_per_group)
    draws = rng.random((images, cells))
    together_filters = _together_filters(source, order, different)
    together = _together(images, cells, source.channels * len(together_filters), rng)
    alone = _together(images, cells, source.channels, rng)
    return SamplePlan(out, draws, filters, order, together, together_filters, alone)


def _together_filters(source: FeatureMap, order: PositionArray, different: int) -> tuple[int, ...]:
    """As many filters as differ and leave room for the least number of positions: of the divisors
    of all the one that itself has most, so that it can be dealt to most numbers of lanes."""
    most = min(different, TOGETHER_COUNTS // (TOGETHER_LEAST_POSITIONS * source.channels))
    fitting = (count for count in divisors(order.size) if count <= max(1, most))
    kept = max(fitting, key=lambda count: (len(divisors(count)), count))
    return tuple(sorted(order[:kept].tolist()))


def _together(
    images: int, cells: int, counts: int, rng: np.random.Generator
) -> tuple[PositionArray, ...]:
    """Cells of each image, spread over the map, of each the left or the right position.

    Args:
        images: of the profile.
        cells: drawn per image.
        counts: of one position.
        rng: of the layer.
    """
    wanted = max(1, min(TOGETHER_MOST_POSITIONS, TOGETHER_COUNTS // counts))
    shares = np.diff(np.arange(images + 1) * wanted // images)
    chosen = []
    for share in shares.tolist():
        count = min(share, cells)
        places = ((np.arange(count) + rng.random(count)) * (cells / max(1, count))).astype(np.intp)
        chosen.append(places + cells * rng.integers(0, 2, count))
    return tuple(chosen)
