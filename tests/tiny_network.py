"""A small residual network with an oblong input, as an ONNX file, and random images for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

INPUT_SHAPE = (2, 6, 5)  # channels, height, width
CLASSES = 3
IMAGES = 40


def _weights(
    rng: np.random.Generator,
) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    shapes: dict[str, tuple[int, ...]] = {
        "w1": (4, 2, 3, 3),
        "b1": (4,),
        "w2": (4, 4, 3, 3),
        "b2": (4,),
        "w3": (CLASSES, 4),
        "b3": (CLASSES,),
    }
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def _conv(inputs: list[str], output: str, name: str) -> onnx.NodeProto:
    return helper.make_node("Conv", inputs, [output], name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])


def write_tiny_model(path: Path) -> Path:
    """conv1, relu, conv2 + skip, relu, average over all positions, fully connected; opset 17."""
    nodes = [
        _conv(["x", "w1", "b1"], "c1", "conv1"),
        helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
        _conv(["r1", "w2", "b2"], "c2", "conv2"),
        helper.make_node("Add", ["c2", "r1"], ["sum"], "add"),
        helper.make_node("Relu", ["sum"], ["r2"], "relu2"),
        helper.make_node("GlobalAveragePool", ["r2"], ["mean"], "pool"),
        helper.make_node("Flatten", ["mean"], ["flat"], "flatten"),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["y"], "fc", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", *INPUT_SHAPE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", CLASSES])],
        [
            numpy_helper.from_array(array, name)
            for name, array in _weights(np.random.default_rng(0)).items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def write_tiny_data(path: Path) -> Path:
    """Random images with random labels, split by the seeded rule."""
    rng = np.random.default_rng(1)
    np.savez(
        path,
        images=rng.standard_normal((IMAGES, *INPUT_SHAPE)).astype(np.float32),
        labels=np.arange(IMAGES) % CLASSES,
    )
    return path
