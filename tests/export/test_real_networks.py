"""Exports of real trained networks on real images. Needs HASS_DATA_DIR."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from drawn_designs import drawn_design
from fpgaconvnet_check import check
from onnx_models import run

from hass.export import export_source, load_exporter
from hass.export.onnx_files import expected_outputs
from hass.frames import data_frames
from hass.onnx_io import read_model
from hass.sparsity import SparsitySetting

RANGE_FRAMES = 8


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data", "count"),
    [
        ("cifar10/resnet20_jpeg.onnx", "cifar10/dataset.toml", 100),
        ("imagenet/mobilenetv3_small.onnx", "imagenet/tf128.toml", 12),
    ],
)
def test_top_1_is_the_references(model: str, data: str, count: int) -> None:
    folder = os.environ.get("HASS_DATA_DIR")
    if folder is None:
        pytest.skip("HASS_DATA_DIR is not set: no real networks here")
    imported = read_model(Path(folder) / model)
    graph, weights = imported.graph, imported.weights
    frames = data_frames(graph, Path(folder) / data, count)
    settings = {layer.name: SparsitySetting(0.2, 0.02) for layer in graph.convs}
    design = drawn_design(graph, weights, frames.images[:RANGE_FRAMES], settings=settings)
    source = export_source(design, graph, weights, frames)
    expected = expected_outputs(source)
    labels = np.array(frames.labels)
    right = int((expected.argmax(axis=1) == labels).sum())
    assert right > count // 2  # it is the trained network, not noise
    files = load_exporter("onnx").export(source).files
    found = np.concatenate(
        [run(bytes(files["model.onnx"]), part)[0] for part in np.array_split(frames.images, 4)]
    )
    np.testing.assert_array_equal(found, expected)
    (near,) = run(bytes(files["model_qdq.onnx"]), frames.images)
    assert (near.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.9
    exported = load_exporter("fpgaconvnet").export(source)
    check(exported)
    (theirs,) = run(bytes(exported.files["model.onnx"]), frames.images)
    classes = theirs.reshape(count, -1).argmax(axis=1)
    assert (classes == expected.argmax(axis=1)).mean() >= 0.9
