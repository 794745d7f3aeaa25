"""Labelled images that fit a model's input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..errors import Mistake, SpecError
from ..graph import FloatArray
from ..values import FeatureMap
from .npz_file import NumericArray
from .splits import IndexArray, Split


class ImageSource(Protocol):
    """Images by index in their stored type; memory of one call only."""

    def read(self, indices: IndexArray) -> NumericArray:
        """Images at ``indices``, (n, ...) in the source's layout."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some images.

    Attributes:
        images: (n, C, H, W) float32, ready for the model.
        labels: (n,) classes.
    """

    images: FloatArray
    labels: IndexArray


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled images in three splits.

    Within a split the order is a fixed permutation, so that the first images of a split are a
    random sample of it, and a smaller sample is part of a larger one.

    Attributes:
        name: for people.
        where: the file of the images or of their names, for messages.
        frame: the model's input.
        classes: labels are 0..classes-1.
        classes_known: the file states ``classes``; otherwise it is the largest label plus 1.
        digest: SHA-256 over images (of a folder: names and sizes), labels, splits and treatment.
        split_rule: where the splits come from, in words.
        layout: of what the source reads, NHWC or NCHW.
        mean, std: (x - mean) / std; one per channel, or one for all.
        labels: (all images,) classes.
        indices: split -> its images, in order.
        source: the images.
    """

    name: str
    where: str
    frame: FeatureMap
    classes: int
    classes_known: bool
    digest: str
    split_rule: str
    layout: str
    mean: FloatArray
    std: FloatArray
    labels: IndexArray
    indices: Mapping[Split, IndexArray]
    source: ImageSource

    def count(self, split: Split) -> int:
        """Images in a split."""
        return int(self.indices[split].size)

    def first_by(self, split: Split, order: IndexArray) -> Dataset:
        """The same with other images first in a split, which is no random order any more.

        Args:
            split: of which the order is.
            order: places of some of its images, those that come first; there are no others.
        """
        return replace(self, indices={**self.indices, split: self.indices[split][order]})

    def batches(self, split: Split, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
        """The images of a split, ``batch_size`` at a time (the last batch may be smaller).

        Args:
            split: which images.
            batch_size: images held at once.
            limit: stop after so many images; None: all.

        Raises:
            SpecError: if an image cannot be read or does not fit.
        """
        chosen = self.indices[split][:limit]
        for start in range(0, chosen.size, batch_size):
            part = chosen[start : start + batch_size]
            images = self._prepared(self.source.read(part))
            if not np.isfinite(images).all():
                raise self._not_finite(images, part)
            yield Batch(images, self.labels[part])

    def _not_finite(self, images: FloatArray, indices: IndexArray) -> SpecError:
        good = np.isfinite(images).reshape(len(images), -1).all(axis=1)
        first = int(np.flatnonzero(~good)[0])
        values = images[first].ravel()
        value = values[~np.isfinite(values)][0]
        return SpecError(
            Mistake(
                f"{self.where}: images[{indices[first]}]",
                f"{value} among its values",
                "finite values, also in float32 and with mean and std applied",
            )
        )

    def _prepared(self, stored: NumericArray) -> FloatArray:
        images = np.asarray(stored, dtype=np.float32)
        frame = self.frame
        if self.layout == "NHWC":
            images = images.reshape(-1, frame.height, frame.width, frame.channels)
            images = images.transpose(0, 3, 1, 2)
        else:
            images = images.reshape(-1, frame.channels, frame.height, frame.width)
        result = np.subtract(images, self.mean[:, None, None], order="C")
        result /= self.std[:, None, None]
        return result
