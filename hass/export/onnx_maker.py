"""Builds an ONNX model node by node, deterministic, with names that never collide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from .. import ops

Attribute: TypeAlias = int | float | str | Sequence[int] | Sequence[float]
Attributes: TypeAlias = Mapping[str, Attribute]
Array: TypeAlias = npt.NDArray[Any]

INPUT, OUTPUT = "input", "output"
NO_ATTRIBUTES: Attributes = MappingProxyType({})
_ELEMENTS: Mapping[str, int] = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "int8": TensorProto.INT8,
    "int16": TensorProto.INT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
}


def word_dtype(width_bits: int) -> np.dtype[np.signedinteger]:
    """The narrowest signed integers that hold words of so many bits, of 8, 16, 32 or 64."""
    return np.dtype(np.min_scalar_type(-(1 << (width_bits - 1))))


def packed_int4(integers: Array) -> bytes:
    """Integers -8..7 as ONNX stores INT4: two in a byte, the first in the lower half.

    >>> packed_int4(np.array([1, -1, 2], dtype=np.int8)).hex()
    'f102'
    """
    halves = integers.reshape(-1).astype(np.int8).view(np.uint8) & 0xF
    padded = np.append(halves, np.zeros(len(halves) % 2, dtype=np.uint8))
    return bytes((padded[0::2] | (padded[1::2] << 4)).tobytes())


class ModelMaker:
    """One model with an input (N, C, H, W) and one output, both float32.

    Tensors and nodes get the names that are asked for; one that is taken gets a number behind it.
    """

    def __init__(self, name: str, *, opset: int, ir_version: int, layers: Iterable[str]) -> None:
        """
        Args:
            name: of the graph.
            opset, ir_version: versions of the operator set and of the file's format.
            layers: names of nodes that only ``node(..., layer=...)`` may give.
        """
        self._model = onnx.ModelProto(ir_version=ir_version, producer_name="hass")
        self._model.opset_import.add(domain="", version=opset)
        self._model.graph.name = name
        self._tensors = {INPUT, OUTPUT}
        self._nodes = set(layers)
        self._constants: dict[tuple[str, int, tuple[int, ...], bytes], str] = {}

    def _free(self, wanted: str, taken: set[str]) -> str:
        name, number = wanted, 1
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        taken.add(name)
        return name

    def node(
        self,
        op_type: str,
        inputs: Sequence[str],
        name: str,
        attributes: Attributes = NO_ATTRIBUTES,
        *,
        layer: str = "",
        doc: str = "",
        to_output: bool = False,
    ) -> str:
        """Add a node.

        Args:
            op_type: the ONNX operator.
            inputs: tensors.
            name: wanted for the tensor, and for the node unless ``layer`` names it.
            attributes: of the operator.
            layer: the layer that this node stands for; its name is the node's.
            doc: what viewers show with the node.
            to_output: whether the tensor is the model's output.

        Returns:
            The name of the tensor it makes.
        """
        tensor = OUTPUT if to_output else self._free(name, self._tensors)
        own = layer or self._free(name, self._nodes)
        made = helper.make_node(op_type, inputs, [tensor], own, doc_string=doc)
        made.attribute.extend(helper.make_attribute(k, v) for k, v in sorted(attributes.items()))
        self._model.graph.node.append(made)
        return tensor

    def constant(self, name: str, array: Array) -> str:
        """An initializer; the same one for equal names and contents."""
        kind = _ELEMENTS[array.dtype.name]
        return self._initializer(name, array.shape, kind, np.ascontiguousarray(array).tobytes())

    def integers(self, name: str, values: Sequence[int]) -> str:
        """A list of int64, as operators take shapes and axes."""
        return self.constant(name, np.asarray(values, dtype=np.int64))

    def slice_inputs(self, name: str, op: ops.Slice) -> list[str]:
        """What a Slice node of a layer takes besides its map."""
        spans = (op.channels, op.rows, op.columns)
        lists = {
            "starts": [span.start for span in spans],
            "ends": [span.stop for span in spans],
            "axes": [1, 2, 3],
            "steps": [span.step for span in spans],
        }
        return [self.integers(f"{name}.{key}", values) for key, values in lists.items()]

    def pad_inputs(self, name: str, pads: ops.Pads, front: int = 0, back: int = 0) -> list[str]:
        """What a Pad node of a layer takes besides its map; front and back are channels."""
        top, left, bottom, right = pads
        return [self.integers(f"{name}.pads", (0, front, top, left, 0, back, bottom, right))]

    def constant_int4(self, name: str, integers: Array) -> str:
        """An initializer of INT4 words, which numpy has not."""
        return self._initializer(name, integers.shape, TensorProto.INT4, packed_int4(integers))

    def _initializer(self, name: str, dims: Sequence[int], kind: int, raw: bytes) -> str:
        key = (name, kind, tuple(dims), raw)
        if key not in self._constants:
            self._constants[key] = self._free(name, self._tensors)
            self._model.graph.initializer.add(
                name=self._constants[key], dims=dims, data_type=kind, raw_data=raw
            )
        return self._constants[key]

    def finish(
        self,
        input_dims: Sequence[int],
        output_dims: Sequence[int],
        *,
        doc: str,
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """The model.

        Args:
            input_dims, output_dims: of one frame; the number of frames is free.
            doc: what viewers show with the model.
            metadata: key -> value.
        """
        proto = self._model.graph
        for target, name, dims in (
            (proto.input, INPUT, input_dims),
            (proto.output, OUTPUT, output_dims),
        ):
            target.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *dims]))
        self._model.doc_string = doc
        for key, value in metadata.items():
            self._model.metadata_props.add(key=key, value=value)
        return self._model
