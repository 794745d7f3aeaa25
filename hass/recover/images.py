"""Which images train, which judge, and how the former are varied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from ..errors import ProfileError
from ..graph import FloatArray
from ..measure import Dataset, Split, require_images
from ..measure.splits import shuffled

BATCH = 32  # images of a step of training
HELD_OUT_SHARE_PERCENT = 20  # of the calibration split
MOST_HELD_OUT = 1000
SHIFT_SHARE = 8  # an image moves by up to this part of its side


@dataclass(frozen=True, slots=True)
class Shares:
    """The calibration split in two: the first ``held_out`` images judge, the rest train.

    Attributes:
        held_out: images that the profile and the choice among the steps look at.
        trained: images that the weights are fitted to.
    """

    held_out: int
    trained: int


def shares_of(dataset: Dataset, profile_images: int) -> Shares:
    """How the calibration split is used: the images of the profile are held out, and at least a
    fifth of the split, but never more than half of it.

    Raises:
        ProfileError: if the split has fewer than two images.
    """
    require_images(dataset, Split.CALIBRATION)
    images = dataset.count(Split.CALIBRATION)
    if images < 2:
        raise ProfileError(
            f"the data ({dataset.name}) have 1 image in the calibration split, expected at least 2:"
            " one to train on and one to judge by"
        )
    share = min(MOST_HELD_OUT, images * HELD_OUT_SHARE_PERCENT // 100)
    held_out = max(1, min(max(profile_images, share), images // 2))
    return Shares(held_out, images - held_out)


def training_batches(dataset: Dataset, shares: Shares, seed: int) -> Iterator[FloatArray]:
    """The images that train, varied, again and again without an end, each time in another order.

    Args:
        dataset: its images.
        shares: which of them.
        seed: of the orders, and of how the images are varied.

    Yields:
        (n, C, H, W), n at most ``BATCH``.
    """
    indices = dataset.indices[Split.CALIBRATION][shares.held_out :]
    for turn in count():
        order = indices[shuffled(len(indices), f"recover-{seed}:{turn}")]
        drawn = replace(dataset, indices={**dataset.indices, Split.CALIBRATION: order})
        for number, batch in enumerate(drawn.batches(Split.CALIBRATION, BATCH)):
            yield varied(batch.images, np.random.default_rng((seed, turn, number)))


def varied(images: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Images moved by up to an eighth of their sides, each then mixed with another one.

    No label is needed, as the dense network says what the result is; so there is no end of
    different images, of which few can be learned by heart.

    Args:
        images: (n, C, H, W).
        rng: what is drawn from it depends on the shape of ``images`` alone.
    """
    frames, _, height, width = images.shape
    reach = height // SHIFT_SHARE, width // SHIFT_SHARE
    padded = np.pad(images, ((0, 0), (0, 0), *((r, r) for r in reach)), mode="edge")
    rows = rng.integers(0, 2 * reach[0] + 1, frames)
    columns = rng.integers(0, 2 * reach[1] + 1, frames)
    moved = np.stack(
        [
            image[:, row : row + height, column : column + width]
            for image, row, column in zip(padded, rows, columns, strict=True)
        ]
    )
    shares = rng.random((frames, 1, 1, 1), dtype=np.float32)
    others = moved[rng.permutation(frames)]
    return np.asarray(shares * moved + (1 - shares) * others, dtype=np.float32)
