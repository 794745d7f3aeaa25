"""The ONNX operators that stand for ops, and their attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from .. import ops

Attributes: TypeAlias = Mapping[str, int | float | Sequence[int]]

OP_TYPES: Mapping[type[ops.Op], str] = {
    ops.Conv2d: "Conv",
    ops.MaxPool2d: "MaxPool",
    ops.AvgPool2d: "AveragePool",
    ops.GlobalAvgPool: "GlobalAveragePool",
    ops.Relu: "Relu",
    ops.Clip: "Clip",
    ops.HardSigmoid: "HardSigmoid",
    ops.HardSwish: "HardSwish",
    ops.Sigmoid: "Sigmoid",
    ops.LeakyRelu: "LeakyRelu",
    ops.PRelu: "PRelu",
    ops.Add: "Add",
    ops.Mul: "Mul",
    ops.Concat: "Concat",
    ops.Slice: "Slice",
    ops.Pad: "Pad",
}


def window_attributes(op: ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d) -> Attributes:
    """Attributes of the ONNX operators that slide a window; dilations only where there are."""
    window: Attributes = {"kernel_shape": op.kernel, "strides": op.stride, "pads": op.pads}
    return window if op.dilation == (1, 1) else {**window, "dilations": op.dilation}


def op_attributes(op: ops.Op) -> Attributes:
    """Attributes of the ONNX operator of ``OP_TYPES`` that stands for an op."""
    match op:
        case ops.Conv2d():
            return {**window_attributes(op), "group": op.groups}
        case ops.MaxPool2d():
            return window_attributes(op)
        case ops.AvgPool2d():
            count = int(op.divisor is ops.Divisor.WINDOW)
            return {**window_attributes(op), "count_include_pad": count}
        case ops.HardSigmoid():
            return {"alpha": op.alpha, "beta": op.beta}
        case ops.LeakyRelu():
            return {"alpha": op.alpha}
        case ops.Concat():
            return {"axis": 1}
        case _:
            return {}
