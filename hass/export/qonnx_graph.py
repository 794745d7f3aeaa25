"""Builds a QONNX model: ONNX whose Quant nodes say what word every value is held in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper

from .. import ops
from ..fixed_point import IntArray
from ..values import FeatureMap, FixedPoint

# What qonnx 1.0.0, FINN and hls4ml 1.3.0 read; newer ones bring nothing that is used here.
OPSET, IR_VERSION = 13, 8
QUANT_DOMAIN, QUANT_VERSION = "qonnx.custom_op.general", 1
INPUT, OUTPUT = "input", "output"
Attribute: TypeAlias = int | float | str | Sequence[int]
NONE: Mapping[str, Attribute] = MappingProxyType({})
Array: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64] | npt.NDArray[np.int64]


class Rounding(StrEnum):
    """How a Quant node rounds."""

    HALF_EVEN = "ROUND"


@dataclass(frozen=True, slots=True)
class QuantWord:
    """A word of a Quant node.

    Attributes:
        width_bits: of the integer.
        scale: value of the integer 1.
        signed: two's complement, or from 0.
        narrow: the lowest integer is not used, so that the range is symmetric.
    """

    width_bits: int
    scale: float
    signed: bool = True
    narrow: bool = False


def quant_word(fmt: FixedPoint) -> QuantWord:
    """The word of a fixed-point format."""
    return QuantWord(fmt.width_bits, 2.0**-fmt.frac_bits, fmt.signed)


def weight_word(fmt: FixedPoint) -> QuantWord:
    """The word of weights in a format whose lowest integer is never used (``frac_bits_for``)."""
    return QuantWord(fmt.width_bits, 2.0**-fmt.frac_bits, narrow=True)


class QonnxGraph:
    """One model with one input (1, C, H, W) and one output, float32; a tensor has the name of the
    node that makes it."""

    def __init__(self, name: str, source: FeatureMap) -> None:
        """
        Args:
            name: of the graph.
            source: the input's map.
        """
        self._model = onnx.ModelProto(ir_version=IR_VERSION, producer_name="hass")
        self._model.opset_import.add(domain="", version=OPSET)
        self._model.opset_import.add(domain=QUANT_DOMAIN, version=QUANT_VERSION)
        self._model.graph.name = name
        dims = (1, source.channels, source.height, source.width)
        self._model.graph.input.append(
            helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, dims)
        )
        self._constants: dict[str, bytes] = {}

    def node(
        self,
        op_type: str,
        inputs: Sequence[str],
        name: str,
        attributes: Mapping[str, Attribute] = NONE,
        *,
        domain: str = "",
    ) -> str:
        """Add a node; returns the tensor that it makes."""
        made = helper.make_node(op_type, inputs, [name], name, domain=domain)
        for key, value in attributes.items():
            made.attribute.append(helper.make_attribute(key, value))
        self._model.graph.node.append(made)
        return name

    def constant(self, name: str, array: Array) -> str:
        """An initializer, float32 or int64; made once."""
        kind = TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT
        data = np.ascontiguousarray(array, np.int64 if array.dtype == np.int64 else np.float32)
        if name not in self._constants:
            self._model.graph.initializer.add(
                name=name, dims=array.shape, data_type=kind, raw_data=data.tobytes()
            )
            self._constants[name] = data.tobytes()
        elif self._constants[name] != data.tobytes():
            raise ValueError(f"two different constants named {name}")
        return name

    def quant(self, source: str, word: QuantWord, name: str) -> str:
        """Round, saturate and hold in a word."""
        parameters = [
            self.constant(f"{name}_scale", np.array(word.scale, np.float64)),
            self.constant("zero_point", np.array(0.0)),
            self.constant(f"bits_{word.width_bits}", np.array(float(word.width_bits))),
        ]
        return self.node(
            "Quant",
            [source, *parameters],
            name,
            {
                "signed": int(word.signed),
                "narrow": int(word.narrow),
                "rounding_mode": Rounding.HALF_EVEN.value,
            },
            domain=QUANT_DOMAIN,
        )

    def weights(self, node: str, integers: IntArray, word: QuantWord) -> str:
        """The quantised weights of a node."""
        values = integers * word.scale
        return self.quant(self.constant(f"{node}_weight", values), word, f"{node}_wq")

    def window(
        self,
        op_type: str,
        inputs: Sequence[str],
        name: str,
        op: ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d,
        *,
        groups: int | None = None,
    ) -> str:
        """Add a node that slides a window; hls4ml wants its dilations said."""
        attributes: dict[str, Attribute] = {
            "kernel_shape": op.kernel,
            "strides": op.stride,
            "pads": op.pads,
            "dilations": (1, 1),
        }
        if groups is not None:
            attributes["group"] = groups
        return self.node(op_type, inputs, name, attributes)

    def finish(self, last: str, sink: FeatureMap) -> bytes:
        """The file.

        Args:
            last: the tensor that becomes the output, made by the node that was added last.
            sink: its map.
        """
        node = self._model.graph.node[-1]
        if node.output[0] != last:
            raise ValueError(f"{last} is not what the last node makes")
        node.output[0] = OUTPUT
        dims = (1, sink.channels, sink.height, sink.width)
        self._model.graph.output.append(
            helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, dims)
        )
        return bytes(self._model.SerializeToString(deterministic=True))
