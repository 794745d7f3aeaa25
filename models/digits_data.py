"""Scikit-learn's handwritten digits, split once and for all by a seeded rule."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

SPLIT_SEED = 0
SPLIT_SIZES = {"calibration": 100, "selection": 400, "test": 400}  # the rest, 897, is trained on
TRAIN = "train"

DATASET_TOML = """\
# Handwritten digits that the bundled network was not trained on; origin in README.md.
kind = "npz"
file = "digits.npz"  # images uint8 (N, 8, 8, 1), values 0..16; labels int64 (N,); split str (N,)
layout = "NHWC"
mean = [{mean!r}]  # over the pixels of the training images
std = [{std!r}]
classes = 10
"""


@dataclass(frozen=True, slots=True)
class Digits:
    """All 1797 images in random order.

    Attributes:
        images: uint8 (N, 8, 8, 1), values 0..16.
        labels: int64 (N,), 0..9.
        split: str (N,): train, calibration, selection or test.
        mean, std: of the training images' pixels, rounded to two decimals.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    split: NDArray[np.str_]
    mean: float
    std: float

    def frames(self, split: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Normalised images float32 (n, 1, 8, 8) and labels int64 (n,) of one split."""
        chosen = self.split == split
        raw = self.images[chosen].transpose(0, 3, 1, 2).astype(np.float32)
        return (raw - np.float32(self.mean)) / np.float32(self.std), self.labels[chosen]


def split_digits() -> Digits:
    """The data set in seeded random order: calibration, selection, test, then training images."""
    bunch = load_digits()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(bunch.target))
    images = bunch.images[order].astype(np.uint8)[..., None]
    names = [name for name, size in SPLIT_SIZES.items() for _ in range(size)]
    split = np.array(names + [TRAIN] * (len(images) - len(names)))
    pixels = images[split == TRAIN].astype(np.float64)
    return Digits(
        images=images,
        labels=bunch.target[order].astype(np.int64),
        split=split,
        mean=round(float(pixels.mean()), 2),
        std=round(float(pixels.std()), 2),
    )


def npz_bytes(digits: Digits) -> bytes:
    """The images that were not trained on, as a compressed ``.npz``; same data, same bytes."""
    kept = digits.split != TRAIN
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, images=digits.images[kept], labels=digits.labels[kept], split=digits.split[kept]
    )
    return buffer.getvalue()


def toml_text(digits: Digits) -> str:
    """The ``dataset.toml`` that goes with the ``.npz``."""
    return DATASET_TOML.format(mean=digits.mean, std=digits.std)
