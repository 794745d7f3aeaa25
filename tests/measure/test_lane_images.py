"""How long lanes take, image by image: as windows counted one by one have it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from hass import ops
from hass.intmath import divisors
from hass.lane_work import LaneWork, lane_work_of
from hass.measure.lane_images import LaneImages
from hass.measure.meter import LayerMeter
from hass.measure.products import packings
from hass.snake import snake_deal
from hass.sparsity import ActSparsity, SegmentHistogram
from hass.values import FeatureMap

IMAGES, POSITIONS = 3, 5


def histogram_of(counts: np.ndarray, packed: int, taps: int) -> SegmentHistogram:
    """Of (C, n, P) counts."""
    segments = counts.reshape(-1, packed, counts.shape[1] * counts.shape[2]).sum(axis=1)
    rows = [np.bincount(row, minlength=packed * taps + 1) for row in segments]
    return SegmentHistogram(packed, np.array(rows))


@pytest.mark.parametrize(("channels", "groups", "packed"), [(6, 1, 1), (12, 2, 1), (12, 3, 2)])
def test_lanes_of_each_image_are_counted_window_by_window(
    channels: int, groups: int, packed: int
) -> None:
    rng = np.random.default_rng(channels)
    busy = rng.integers(1, 10, (channels, IMAGES, 1))
    counts = rng.integers(0, busy, (channels, IMAGES, POSITIONS)).astype(np.uint8)
    inside = np.ones((IMAGES, POSITIONS), dtype=bool)
    inside[1, -2:] = False
    histogram = histogram_of(counts, packed, 9)
    kept = LaneImages(groups)
    kept.add(counts[:, :1], inside[:1])
    kept.add(counts[:, 1:], inside[1:])
    (found,) = kept.result([histogram])
    assert found.packed == packed and found.images == IMAGES
    blocks = channels // groups // packed
    cycles = np.maximum(1, counts.reshape(groups, blocks, packed, IMAGES, POSITIONS).sum(axis=2))
    means = (histogram.probabilities() @ np.maximum(1, np.arange(9 * packed + 1))).reshape(
        groups, blocks
    )
    unit = None
    for ins, together in product(divisors(blocks), divisors(groups)):
        rounds = snake_deal(means.mean(axis=1), together)
        turns = [snake_deal(row, ins) for row in means]
        windows, slowest = np.zeros(IMAGES), np.zeros(IMAGES)
        for image in range(IMAGES):
            lanes = np.zeros((ins, together))
            places = np.flatnonzero(inside[image])
            for place in places:
                for some, turn in product(rounds, range(blocks // ins)):
                    window = np.array(
                        [
                            [cycles[g, turns[g][turn, i], image, place] for g in some]
                            for i in range(ins)
                        ]
                    )
                    windows[image] += window.max() / len(places)
                    lanes += window / len(places)
            slowest[image] = lanes.max()
        levels = found.of_lanes(blocks, groups, ins, together)
        unit = levels[0, 0] / windows[0] if unit is None else unit
        # levels are whole 65535ths of the largest, and the unit has one of them rounded
        assert levels[0] == pytest.approx(windows * unit, rel=1e-3)
        assert levels[1] == pytest.approx(slowest * unit, rel=1e-3)
    alone = found.of_lanes(blocks, groups, 1, 1)
    assert alone[0] == pytest.approx(alone[1], abs=1.0)


def measured(images: int, *, placed: bool) -> ActSparsity:
    op, source, out = ops.Conv2d(4, (3, 3)), FeatureMap(8, 6, 4), FeatureMap(6, 4, 4)
    weights = np.ones((4, 4, 3, 3), dtype=np.float32)
    meter = LayerMeter("conv", op, source, out, weights, images, 0, placed=placed)
    rng = np.random.default_rng(1)
    for _ in range(images):
        meter.add(rng.random((1, 4, 8, 6)) < 0.5)
    acts = meter.result().acts
    assert acts is not None
    return acts


def test_a_profile_has_them_of_every_packing_and_a_quick_one_of_none() -> None:
    found = measured(5, placed=True)
    assert [one.packed for one in found.lanes] == list(packings(4, (3, 3)))
    assert {one.images for one in found.lanes} == {5}
    assert measured(5, placed=False).lanes == ()
    assert found == measured(5, placed=False)  # foldings do not depend on it


def test_of_no_more_images_than_work_is_placed_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hass.measure.meter.MOST_IMAGES", 3)
    found = measured(5, placed=True)
    assert found.work is not None and found.work.images == 3
    assert {one.images for one in found.lanes} == {3}


def test_levels_are_values() -> None:
    cycles = np.arange(1.0, 25.0).reshape(2, 3, 2, 2)
    found = lane_work_of(1, cycles)
    assert found == lane_work_of(1, 7 * cycles) and hash(found) == hash(lane_work_of(1, cycles))
    assert found != lane_work_of(2, cycles)
    assert found.levels.max() == 65535
    with pytest.raises(ValueError, match="two bytes each"):
        LaneWork(1, np.ones((2, 3), dtype=np.uint16))
    with pytest.raises(ValueError, match="above 0"):
        LaneWork(1, np.zeros((2, 1, 1, 1), dtype=np.uint16))
