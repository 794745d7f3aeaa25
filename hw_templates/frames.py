"""Real images for a testbench, from a data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hass import ops
from hass.design import Design
from hass.graph import Graph

from .emitter import TestFrames


def data_frames(graph: Graph, path: str | Path, count: int) -> TestFrames:
    """The first ``count`` images of a data set's selection split (a fixed random sample of it),
    or of the calibration split where nothing else is there.

    Raises:
        SpecError: if the data cannot be read or do not fit the network.
        ProfileError: if the network's outputs are not the data's classes.
    """
    from hass.measure import Split, open_dataset  # here, as it loads onnxruntime
    from hass.measure.accuracy import label_offset

    dataset = open_dataset(path, graph.of_type(ops.Input)[0].out)
    splits = (Split.SELECTION, Split.TEST, Split.CALIBRATION)
    split = next((split for split in splits if dataset.count(split)), Split.CALIBRATION)
    batches = list(dataset.batches(split, count, limit=count))
    images = np.concatenate([batch.images for batch in batches])
    labels: tuple[int, ...] = ()
    out = graph.of_type(ops.Output)[0].out
    if out.pixels == 1:
        offset = label_offset(out.channels, dataset)
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
