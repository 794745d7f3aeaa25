"""A model in float64, run by onnx's reference implementation: what it computes but for rounding.

onnxruntime has no float64 Conv on the CPU. The reference takes a hundred times as long, so it is
asked only where float32 leaves open whether two models are the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from .by_reference import FAILURES
from .constants import dequantised_array
from .model_file import ModelFile, load_model_file
from .plain_model import float32_graph
from .values import Constant

_FLOAT, _DOUBLE = TensorProto.FLOAT, TensorProto.DOUBLE


@dataclass(frozen=True, slots=True)
class DoubleModel:
    """Runs a model; has the method of onnxruntime's sessions that ``measure.Session`` calls.

    Attributes:
        input_name, input_shape: of the only input; a symbolic size is None.
        output_names: in the order of the file.
    """

    input_name: str
    input_shape: tuple[int | None, ...]
    output_names: tuple[str, ...]
    _evaluator: Any

    def run(self, names: Sequence[str], feed: Mapping[str, Constant]) -> list[Constant]:
        """Outputs by name.

        Raises:
            RuntimeError: if the reference has no such operator, or cannot run it.
        """
        try:
            with np.errstate(all="ignore"):
                return list(self._evaluator.run(list(names), dict(feed)))
        except FAILURES as error:
            raise RuntimeError(f"onnx's reference: {error}") from None


def double_file(path: str | Path) -> DoubleModel | None:
    """A file without its quantisers of activations; None where the reference does not know an
    operator of it.

    Raises:
        SpecError, GraphError: as ``load_model_file``.
    """
    file = load_model_file(path)
    float32_graph(file.proto.graph)
    return _double(file)


def double_bytes(content: bytes) -> DoubleModel | None:
    """A model in one piece; None where the reference does not know an operator of it."""
    proto = onnx.load_from_string(content)
    return _double(ModelFile(Path(), "", proto, proto.opset_import[0].version))


def _double(file: ModelFile) -> DoubleModel | None:
    from onnx.reference import ReferenceEvaluator  # here, as it is slow to load

    graph = file.proto.graph
    for output in graph.output:  # what it is follows from the nodes
        output.type.tensor_type.ClearField("shape")
        output.type.tensor_type.elem_type = _DOUBLE
    stored = {tensor.name: tensor for tensor in graph.initializer}
    inputs = [info for info in graph.input if info.name not in stored]
    arrays = {name: file.array(tensor) for name, tensor in stored.items()}
    nodes = [node for node in graph.node if not _dequantised(node, arrays)]
    for info in inputs:
        info.type.tensor_type.elem_type = _DOUBLE
    for node in nodes:
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i == _FLOAT:
                attribute.i = _DOUBLE
    model = onnx.ModelProto()
    model.CopyFrom(file.proto)
    for name in ("node", "initializer", "input", "value_info"):
        model.graph.ClearField(name)
    model.graph.node.extend(nodes)
    model.graph.input.extend(inputs)
    model.graph.initializer.extend(
        numpy_helper.from_array(_widened(array), name) for name, array in arrays.items()
    )
    try:
        evaluator = ReferenceEvaluator(model)
    except FAILURES:
        return None
    sizes = tuple(dim.dim_value or None for dim in inputs[0].type.tensor_type.shape.dim)
    return DoubleModel(inputs[0].name, sizes, tuple(o.name for o in graph.output), evaluator)


def _widened(array: Constant) -> Constant:
    return array.astype(np.float64) if array.dtype == np.float32 else array


def _dequantised(node: onnx.NodeProto, arrays: dict[str, Constant]) -> bool:
    """Whether a node makes weights of stored integers; these are then stored, rounded to float32 as
    the node does. The reference knows DequantizeLinear of new operator sets only."""
    names = [name for name in node.input if name]
    if node.op_type != "DequantizeLinear" or any(name not in arrays for name in names):
        return False
    given = {item.name: int(item.i) for item in node.attribute}
    values = [arrays[name] for name in names]
    axis, block = given.get("axis", 1), given.get("block_size", 0)
    arrays[node.output[0]] = dequantised_array(values, axis, block)
    return True
