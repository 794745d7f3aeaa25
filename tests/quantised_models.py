"""Hand-made quantised models."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper
from onnx_models import Array, ModelMaker

QONNX = "qonnx.custom_op.general"


class QuantMaker(ModelMaker):
    """Also quantisers."""

    def qdq(self, source: str, scale: float, zero: int = 0, kind: str = "int8") -> str:
        """Activations through integers and back."""
        parameters = [self.constant(scale), self.constant(zero, kind)]
        words = self.node("QuantizeLinear", source, *parameters)
        return self.node("DequantizeLinear", words, *parameters)

    def integers_of(self, *shape: int, kind: str = "int8") -> Array:
        """Random words."""
        limits = np.iinfo(kind)
        return self.rng.integers(limits.min, limits.max + 1, shape).astype(kind)

    def weights(self, *shape: int, kind: str = "int8", axis: int = 0) -> str:
        """Weights as integers with a scale for each index of an axis."""
        words = self.constant(self.integers_of(*shape, kind=kind), kind)
        scales = self.constant(self.rng.uniform(0.1, 1, shape[axis]) / np.iinfo(kind).max)
        zeros = self.constant(np.full(shape[axis], 128 if kind == "uint8" else 0), kind)
        return self.node("DequantizeLinear", words, scales, zeros, axis=axis)

    def quant(
        self, source: str, scale: object, bits: int, *, signed: int = 1, narrow: int = 0,
        mode: str = "ROUND", zero: float = 0.0,
    ) -> str:  # fmt: skip
        """QONNX's Quant."""
        parameters = [self.constant(scale), self.constant(zero), self.constant(float(bits))]
        return self.node("Quant", source, *parameters, domain=QONNX, signed=signed, narrow=narrow,
                         rounding_mode=mode)  # fmt: skip

    def model(self, *outputs: str) -> onnx.ModelProto:
        """With the domains that quantisers are in."""
        model = super().model(*outputs)
        model.opset_import.append(helper.make_opsetid(QONNX, 1))
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        return model
