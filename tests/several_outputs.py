"""A small detection network: two heads of different sizes, an upsampled skip, a list of numbers."""

from __future__ import annotations

from pathlib import Path

from onnx_models import ModelMaker

from hass.onnx_io import ImportedModel, read_model


def detector_file(folder: Path) -> Path:
    """The network in a file, its outputs not in the order in which they are made."""
    maker = ModelMaker((3, 16, 24))
    down = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    first = maker.node("Relu", maker.conv("x", 3, 8, 3, **down))
    middle = maker.node("Relu", maker.conv(first, 8, 16, 3, **down))
    deep = maker.node("Relu", maker.conv(middle, 16, 16, 3, **down))
    larger = maker.node("Resize", maker.conv(deep, 16, 16), "", maker.constant((1, 1, 2, 2)))
    joined = maker.node("Concat", larger, middle, axis=1)
    fine, coarse = maker.conv(joined, 32, 6), maker.conv(deep, 16, 9)
    scene = maker.node("Flatten", maker.node("GlobalAveragePool", deep))
    return maker.save(folder, fine, coarse, scene)


def detector(folder: Path) -> ImportedModel:
    """The network."""
    return read_model(detector_file(folder))
