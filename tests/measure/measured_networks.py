"""Small ONNX files, and data sets for them, for tests of measuring."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hass.graph import Graph, Weights
from hass.measure import Dataset, open_dataset
from hass.ops import Input
from hass.values import FeatureMap


def dataset_for(folder: Path, graph: Graph, count: int = 30, classes: int = 4) -> Dataset:
    """Random labelled frames that fit a graph."""
    (source,) = graph.of_type(Input)
    return random_dataset(folder, source.out, count, classes)


def random_dataset(folder: Path, frame: FeatureMap, count: int, classes: int) -> Dataset:
    """Normal frames, labels 0, 1, ... in turns, a third of them in each split."""
    rng = np.random.default_rng(7)
    shape = (count, frame.channels, frame.height, frame.width)
    split = np.array(["calibration", "selection", "test"] * (count // 3 + 1))[:count]
    np.savez(
        folder / "frames.npz",
        images=rng.standard_normal(shape).astype(np.float32),
        labels=np.arange(count) % classes,
        split=split,
    )
    (folder / "dataset.toml").write_text(
        f'kind = "npz"\nfile = "frames.npz"\nlayout = "NCHW"\nmean = [0.0]\nstd = [1.0]\n'
        f"classes = {classes}\n"
    )
    return open_dataset(folder, frame)


def conv_relu_file(path: Path, batch: int | str = "N", kind: int = TensorProto.FLOAT) -> Path:
    """An ONNX file: 5x4x2 -> 3x3 conv to 3 channels -> relu."""
    rng = np.random.default_rng(0)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    weight = (0.2 * rng.standard_normal((3, 2, 3, 3))).astype(dtype)
    bias = np.array([0.1, -0.2, 0.3], dtype)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w", "b"], ["c"], kernel_shape=[3, 3]),
            helper.make_node("Relu", ["c"], ["y"]),
        ],
        "conv_relu",
        [helper.make_tensor_value_info("x", kind, [batch, 2, 5, 4])],
        [helper.make_tensor_value_info("y", kind, [batch, 3, 3, 2])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def fixed_outputs_file(outputs: int, winner: int) -> bytes:
    """A network on 1x1x1 frames whose output number ``winner`` is always the highest."""
    weight = np.zeros((outputs, 1, 1, 1), np.float32)
    bias = np.zeros(outputs, np.float32)
    bias[winner] = 1.0
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["input", "w", "b"], ["c"]),
            helper.make_node("Flatten", ["c"], ["output"]),
        ],
        "fixed",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 1, 1, 1])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", outputs])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def without_bias(weights: Weights) -> Weights:
    """The same weights with all biases zero."""
    biases = {name: np.zeros_like(weights[name]) for name in weights if name.endswith(".bias")}
    return weights.replace(biases)
