"""Frames that show what a design computes: for a testbench, for another tool's checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .design import Design
from .graph import Graph

RANDOM_FRAMES = 8
RANDOM_SEED = 0


@dataclass(frozen=True, slots=True)
class TestFrames:
    """Frames and, if known, their classes.

    Attributes:
        images: (N, C, H, W) float32, as the network takes them.
        labels: one class per frame, or none.
        origin: a sentence on where they come from.
    """

    images: npt.NDArray[np.float32]
    labels: tuple[int, ...]
    origin: str

    def __post_init__(self) -> None:
        if self.labels and len(self.labels) != len(self.images):
            raise ValueError(f"{len(self.labels)} labels for {len(self.images)} frames")


def random_frames(
    graph: Graph, max_abs: float, *, count: int = RANDOM_FRAMES, seed: int = RANDOM_SEED
) -> TestFrames:
    """Seeded uniform noise over the input's measured range; for want of real images."""
    shape = graph.frame
    rng = np.random.default_rng(seed)
    size = (count, shape.channels, shape.height, shape.width)
    images = rng.uniform(-max_abs, max_abs, size).astype(np.float32)
    return TestFrames(images, (), f"The {count} test frames are random numbers (seed {seed}).")


def data_frames(
    graph: Graph, path: str | Path, count: int, *, split_name: str | None = None, seed: int = 0
) -> TestFrames:
    """The first ``count`` images of a split of a data set, a fixed random sample of it.

    Args:
        graph: the network.
        path: of the data.
        count: at most.
        split_name: which split; without it selection, or what else has images.
        seed: of the rule by which images get a split that carry none.

    Raises:
        SpecError: if the data cannot be read or do not fit the network.
        ProfileError: if the network's outputs are not the data's classes, or the split is empty.
    """
    from .measure import Split, open_dataset, require_images  # here, as it loads onnxruntime
    from .measure.accuracy import label_offset

    dataset = open_dataset(path, graph.frame, seed=seed)
    splits = (Split.SELECTION, Split.TEST, Split.CALIBRATION)
    first = next((split for split in splits if dataset.count(split)), Split.CALIBRATION)
    split = first if split_name is None else Split(split_name)
    require_images(dataset, split)
    batches = list(dataset.batches(split, count, limit=count))
    images = np.concatenate([batch.images for batch in batches])
    labels: tuple[int, ...] = ()
    if graph.classifies:
        offset = label_offset(graph.outputs[0].out.channels, dataset)
        labels = tuple(int(x) + offset for batch in batches for x in batch.labels)
    origin = f"The {len(images)} test frames are images of the {split.value} split of the data."
    return TestFrames(images, labels, origin)


def design_data(design: Design, design_path: str | Path) -> Path | None:
    """The data that a design was measured on, as it is or from the design's folder; None if it
    is not there."""
    if design.data is None or design.data.path is None:
        return None
    candidates = (Path(design.data.path), Path(design_path).parent / design.data.path)
    return next((path for path in candidates if path.exists()), None)
