"""Hand-made ONNX models, and the proof that what hass makes of them computes the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from hass.graph import Graph
from hass.onnx_io import ImportedModel, read_model, write_model
from hass.ops import op_name
from hass.values import Head

Array = npt.NDArray[Any]
RTOL = 1e-4  # of the output's largest magnitude too


class ModelMaker:
    """Builds an ONNX model node by node; every call returns the name of the tensor it made."""

    def __init__(
        self,
        shape: Sequence[int] = (3, 7, 5),
        *,
        opset: int = 17,
        batch: int | str | None = "N",
        seed: int = 0,
    ) -> None:
        self.opset = opset
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, *shape])
        self.outputs: list[str] = []

    def constant(self, array: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """An initializer."""
        name = f"k{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(array, dtype), name))
        return name

    def integers(self, *values: int) -> str:
        """An int64 initializer."""
        return self.constant(values, np.int64)

    def random(self, *shape: int) -> str:
        """A normal float32 initializer."""
        return self.constant(self.rng.normal(size=shape))

    def node(self, op: str, *inputs: str, outputs: int = 1, name: str = "", **attrs: Any) -> str:
        """A node; its further outputs are the first one's name with .1, .2, ..."""
        first = f"t{len(self.nodes)}"
        names = [first, *(f"{first}.{index}" for index in range(1, outputs))]
        self.nodes.append(helper.make_node(op, list(inputs), names, name, **attrs))
        return first

    def conv(self, source: str, channels: int, outs: int, kernel: int = 1, **attrs: Any) -> str:
        """A Conv with random weights and bias."""
        groups = attrs.get("group", 1)
        weight = self.random(outs, channels // groups, kernel, kernel)
        return self.node("Conv", source, weight, self.random(outs), **attrs)

    def batch_norm(self, source: str, channels: int) -> str:
        """A BatchNormalization with random parameters."""
        parameters = [self.random(channels) for _ in range(3)]
        variance = self.constant(self.rng.uniform(0.5, 2, size=channels))
        return self.node("BatchNormalization", source, *parameters, variance, epsilon=1e-3)

    def model(self, *outputs: str) -> onnx.ModelProto:
        """The model; the last tensor is its output unless others are named."""
        names = outputs or (self.nodes[-1].output[0],)
        infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in names]
        graph = helper.make_graph(self.nodes, "made", [self.input], infos, self.initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        # what onnxruntime needs for newer operator sets; it refuses more than 13
        version = 8 if self.opset <= 18 else 10
        return helper.make_model(graph, opset_imports=opsets, ir_version=version)

    def save(self, folder: Path, *outputs: str) -> Path:
        """Write the model to ``folder``."""
        path = folder / "model.onnx"
        path.write_bytes(self.model(*outputs).SerializeToString())
        return path


def run(model: bytes | Path, frames: Array) -> list[Array]:
    """All outputs of a model in onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    content = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    source = session.get_inputs()[0]
    sizes = [size if isinstance(size, int) else -1 for size in source.shape[1:]]
    return list(session.run(None, {source.name: frames.reshape(len(frames), *sizes)}))


def frames_of(graph: Graph, count: int = 3, seed: int = 1) -> Array:
    """Normal frames (count, C, H, W)."""
    first = graph.layers[0].out
    shape = (count, first.channels, first.height, first.width)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def assert_close(found: Array, expected: Array) -> None:
    """Equal up to float32 rounding; frame by frame, whatever the dimensions."""
    found, expected = (array.reshape(len(array), -1) for array in (found, expected))
    assert np.isfinite(expected).all()
    scale = max(float(np.abs(expected).max()), 1e-30)
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=RTOL * scale)


def prove(path: Path, count: int = 3) -> ImportedModel:
    """Import a model and assert that it computes what the file says."""
    model = read_model(path)
    frames = frames_of(model.graph, count)
    assert model.input_order is not None
    (expected,) = run(path, model.input_order.to_file(frames))
    (found,) = run(write_model(model.graph, model.weights), frames)
    if model.head is not None:
        found = np.exp(found - np.log(np.exp(found).sum(axis=1, keepdims=True)))
        found = np.log(found) if model.head is Head.LOG_SOFTMAX else found
    assert_close(model.output_orders[0].to_file(found), expected)
    return model


def op_names(graph: Graph) -> list[str]:
    """What the layers do, without Input and Output."""
    return [op_name(layer.op) for layer in graph.layers[1:-1]]
