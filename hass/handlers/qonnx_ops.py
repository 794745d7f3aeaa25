"""QONNX: float graphs whose Quant nodes say what word every value is held in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from .integer_ops import Rewriter, Words
from .values import Constant

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
Float = npt.NDArray[np.floating]


_ROUNDINGS = (
    "ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "ROUND_TO_ZERO", "HALF_UP", "HALF_DOWN",
)  # fmt: skip


def rounded(values: Float, mode: str) -> Float:
    """Whole numbers near to values.

    Args:
        values: any.
        mode: one of QONNX's ``rounding_mode``.
    """
    sizes, signs = np.abs(values), np.sign(values)
    match mode:
        case "ROUND" | "HALF_EVEN":
            return np.asarray(np.rint(values))
        case "CEIL":
            return np.asarray(np.ceil(values))
        case "FLOOR":
            return np.asarray(np.floor(values))
        case "UP":
            return np.asarray(signs * np.ceil(sizes))
        case "HALF_UP":
            return np.asarray(signs * np.floor(sizes + 0.5))
        case "HALF_DOWN":
            return np.asarray(signs * np.ceil(sizes - 0.5))
        case _:
            return np.asarray(np.trunc(values))


@dataclass(frozen=True, slots=True)
class _Quantiser:
    """What a Quant node does: scale and zero point are broadcast against the values."""

    scale: Constant
    zero_point: Constant
    bits: int
    low: float
    high: float
    rounding: str

    def of(self, values: Constant) -> Constant:
        """Quantised values, float32."""
        integers = np.clip(values / self.scale + self.zero_point, self.low, self.high)
        return ((rounded(integers, self.rounding) - self.zero_point) * self.scale).astype(
            np.float32
        )


def _read(walk: Rewriter, node: onnx.NodeProto) -> _Quantiser:
    """x, scale, zero point, bits; signed, narrow, rounding_mode."""
    signed, narrow, rounding = 1, 0, "ROUND"
    for attribute in node.attribute:
        match attribute.name:
            case "signed":
                signed = attribute.i
            case "narrow":
                narrow = attribute.i
            case "rounding_mode":
                rounding = attribute.s.decode("utf-8", "replace").upper()
    if rounding not in _ROUNDINGS:
        raise ValueError(f"rounding_mode {rounding!r}, expected one of {', '.join(_ROUNDINGS)}")
    bits = walk.scalar(node.input[3])
    if not 1 <= bits <= 32 or bits != int(bits):
        raise ValueError(f"words of {bits:g} bits, expected 1 to 32")
    scale, zero_point = (walk.constant(name).astype(np.float32) for name in node.input[1:3])
    if not ((scale > 0) & np.isfinite(scale)).all():
        raise ValueError("has scales that are not positive")
    low = -(2.0 ** (bits - 1)) + narrow if signed else 0.0
    high = 2.0 ** (bits - 1) - 1 if signed else 2.0**bits - 1 - narrow
    return _Quantiser(scale, zero_point, int(bits), low, high, rounding)


def _quant(walk: Rewriter, node: onnx.NodeProto) -> None:
    quantiser, output = _read(walk, node), node.output[0]
    if walk.is_constant(node.input[0]):
        _give(walk, output, quantiser.of(walk.constant(node.input[0])), quantiser.bits)
        return
    zero_points = np.unique(quantiser.zero_point)
    if zero_points.size != 1:
        raise ValueError("has several zero points, expected one for all channels")
    # of several scales the largest: what it cuts off above the others is dropped as well
    scale = float(quantiser.scale.max())
    words = Words(scale, float(zero_points[0]), quantiser.low, quantiser.high, quantiser.bits)
    walk.saturate(node, node.input[0], words, output)


def _bipolar(walk: Rewriter, node: onnx.NodeProto) -> None:
    """x, scale: +scale or -scale."""
    if not walk.is_constant(node.input[0]):
        raise ValueError("of activations: only their sign is left; Quant of 2 bits is supported")
    values = walk.constant(node.input[0])
    signs = np.where(values >= 0, np.float32(1), np.float32(-1))
    _give(walk, node.output[0], signs * walk.constant(node.input[1]).astype(np.float32), 2)


def _give(walk: Rewriter, output: str, values: Constant, bits: int) -> None:
    """A constant under the name of the node's output."""
    tensor = numpy_helper.from_array(np.ascontiguousarray(values, np.float32), output)
    walk.made.append(tensor)
    walk.give(output, tensor)
    walk.bits[output] = bits


def _refused(reason: str) -> Callable[[Rewriter, onnx.NodeProto], None]:
    def rewrite(_: Rewriter, __: onnx.NodeProto) -> None:
        raise ValueError(reason)

    return rewrite


QONNX_OPS: Mapping[str, Callable[[Rewriter, onnx.NodeProto], None]] = {
    "Quant": _quant,
    "IntQuant": _quant,
    "BipolarQuant": _bipolar,
    "Trunc": _refused("sums that lose their lowest bits are not supported; use AveragePool"),
    "FloatQuant": _refused("words of floating point are not supported; use Quant"),
    "MultiThreshold": _refused(
        "a streamlined model is not supported; give the QONNX model it was made of"
    ),
}
