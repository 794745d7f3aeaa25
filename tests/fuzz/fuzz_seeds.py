"""Sound networks to be damaged: small, and between them all that hass reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx_models import ModelMaker
from quantised_models import QuantMaker


def plain() -> ModelMaker:
    """Convolutions, pools, a fully connected layer."""
    maker = ModelMaker((3, 9, 8))
    x = maker.node("Relu", maker.conv("x", 3, 4, 3, pads=[1, 1, 1, 1]))
    x = maker.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    x = maker.node("AveragePool", x, kernel_shape=[2, 2], strides=[1, 1], pads=[1, 1, 1, 1])
    x = maker.node("Clip", x, maker.constant(0.0), maker.constant(6.0))
    x = maker.node("Flatten", x)
    words = 4 * 6 * 5
    maker.node("Gemm", x, maker.random(3, words), maker.random(3), transB=1)
    return maker


def branches() -> ModelMaker:
    """Residual, concatenation, squeeze and excitation, BatchNormalization."""
    maker = ModelMaker((4, 6, 5))
    first = maker.batch_norm(maker.conv("x", 4, 4, 3, pads=[1] * 4, group=2), 4)
    x = maker.node("Add", first, "x")
    y = maker.node("Concat", x, maker.node("Sigmoid", x), axis=1)
    gate = maker.node("GlobalAveragePool", y)
    gate = maker.node("HardSigmoid", maker.conv(gate, 8, 8), alpha=1 / 6, beta=0.5)
    x = maker.node("Mul", y, gate)
    parts = maker.node("Split", x, maker.integers(3, 5), outputs=2, axis=1)
    x = maker.node("Pad", f"{parts}.1", maker.integers(0, 0, 1, 1, 0, 0, 0, 1))
    x = maker.node("Slice", x, *(maker.integers(v) for v in (1, 4, 2, 2)))
    maker.node("ReduceMean", x, axes=[2, 3], keepdims=0)
    return maker


def shapes() -> ModelMaker:
    """What exporters compute shapes with: Shape, Gather, ConstantOfShape, Expand, Range, ..."""
    maker = ModelMaker((2, 4, 3))
    x = maker.conv("x", 2, 2)
    batch = maker.node("Gather", maker.node("Shape", x), maker.constant(0, np.int64), axis=0)
    batch = maker.node("Unsqueeze", batch, maker.integers(0))
    shape = maker.node("Concat", batch, maker.integers(-1), axis=0)
    x = maker.node("Reshape", x, shape)
    ones = maker.node("ConstantOfShape", maker.integers(24, 5))
    steps = maker.node("Range", *(maker.constant(v, np.float32) for v in (0, 5, 1)))
    matrix = maker.node("Add", ones, maker.node("Expand", steps, maker.integers(24, 5)))
    x = maker.node("MatMul", x, maker.node("Div", matrix, maker.constant(7.0)))
    maker.node("Add", x, maker.node("Cast", maker.constant(np.arange(5), np.int32), to=1))
    return maker


def swish() -> ModelMaker:
    """Activations written out, transposes that cancel, casts, dropout, identities."""
    maker = ModelMaker((4, 5, 5), batch=1)
    x = maker.node("Transpose", "x", perm=[0, 2, 3, 1])
    x = maker.node("Transpose", maker.node("Identity", x), perm=[0, 3, 1, 2])
    x = maker.conv(x, 4, 6, 3, strides=[2, 2], auto_pad="SAME_UPPER")
    shifted = maker.node("Add", x, maker.constant(3.0))
    gate = maker.node("Clip", shifted, maker.constant(0.0), maker.constant(6.0))
    x = maker.node("Mul", x, maker.node("Div", gate, maker.constant(6.0)))
    x = maker.node("HardSwish", maker.node("Cast", maker.node("Dropout", x), to=1))
    x = maker.node("Squeeze", maker.node("GlobalMaxPool", x), maker.integers(2, 3))
    maker.node("Gemm", x, maker.random(6, 2), alpha=0.5, beta=2.0)
    return maker


def quantised() -> ModelMaker:
    """Quantisers of ONNX, of onnxruntime and of QONNX, and operators on integers."""
    maker = QuantMaker((2, 6, 6))
    x = maker.node("Relu", maker.node("Conv", maker.qdq("x", 0.05), maker.weights(4, 2, 3, 3)))
    x = maker.quant(x, 0.125, 4, signed=0)
    x = maker.node("Conv", x, maker.quant(maker.random(4, 4, 1, 1), 0.25, 3, narrow=1))
    step, zero = maker.constant(0.05), maker.constant(10, "uint8")
    x = maker.node("QuantizeLinear", x, step, zero)
    weight = [maker.constant(maker.integers_of(3, 4, 2, 2), "int8"), maker.constant(0.01)]
    weight.append(maker.constant(0, "int8"))
    x = maker.node("QLinearConv", x, step, zero, *weight, step, zero)
    x = maker.node("QLinearAdd", x, step, zero, x, step, zero, step, zero, domain="com.microsoft")
    x = maker.node("DequantizeLinear", maker.node("MaxPool", x, kernel_shape=[2, 2]), step, zero)
    words = maker.node("DynamicQuantizeLinear", maker.node("Flatten", x), outputs=3)
    matrix = maker.constant(maker.integers_of(12, 3), "int8")
    product = maker.node("MatMulInteger", words, matrix, f"{words}.2")
    scale = maker.node("Mul", f"{words}.1", maker.constant(0.01))
    maker.node("Mul", maker.node("Cast", product, to=1), scale)
    return maker


def channels_last() -> ModelMaker:
    """Transposes around everything, positions in the batch, scales of each word, one dimension."""
    maker = ModelMaker((7, 4))
    x = maker.node("Unsqueeze", "x", maker.integers(1))
    x = maker.conv(maker.node("Transpose", x, perm=[0, 3, 1, 2]), 4, 6)
    x = maker.node("Relu", maker.node("Transpose", x, perm=[0, 2, 3, 1]))
    x = maker.node("MatMul", maker.node("Reshape", x, maker.integers(-1, 6)), maker.random(6, 4))
    x = maker.node(
        "Squeeze", maker.node("Reshape", x, maker.integers(-1, 1, 7, 4)), maker.integers(1)
    )
    x = maker.node("Transpose", x, perm=[0, 2, 1])
    x = maker.node(
        "Conv", maker.node("Pad", x, maker.integers(0, 0, 1, 0, 0, 1)), maker.random(3, 4, 2)
    )
    x = maker.node("Flatten", maker.node("Transpose", x, perm=[0, 2, 1]))
    norm = maker.node("ReduceL2", maker.random(24), axes=[0])
    maker.node("MatMul", maker.node("Div", maker.node("Mul", x, maker.random(24)), norm),
               maker.random(24, 2))  # fmt: skip
    return maker


def attention() -> ModelMaker:
    """Normalisation written out, attention over channels and positions, a maximum of maps."""
    maker = ModelMaker((5, 4, 3))
    x = maker.conv("x", 5, 6)
    centred = maker.node("Sub", x, maker.node("ReduceMean", x, axes=[1]))
    variance = maker.node("ReduceMean", maker.node("Mul", centred, centred), axes=[1])
    root = maker.node("Sqrt", maker.node("Add", variance, maker.constant(1e-3)))
    x = maker.node("Mul", maker.node("Div", centred, root), maker.random(6, 1, 1))
    row = maker.node("Reshape", maker.node("GlobalAveragePool", x), maker.integers(0, 1, 6))
    row = maker.node("Conv", row, maker.random(1, 1, 3), pads=[1, 1])
    gate = maker.node("Reshape", maker.node("Sigmoid", row), maker.integers(0, 6, 1, 1))
    x = maker.node("Mul", x, gate)
    most = maker.node("ReduceMax", x, axes=[1])
    seen = maker.node("Concat", maker.node("ReduceMean", x, axes=[1]), most, axis=1)
    x = maker.node("Mul", x, maker.node("Sigmoid", maker.conv(seen, 2, 1, 3, pads=[1] * 4)))
    maker.node("Max", x, maker.node("Neg", x))
    return maker


SEEDS: tuple[Callable[[], ModelMaker], ...] = (
    plain,
    branches,
    shapes,
    swish,
    quantised,
    channels_last,
    attention,
)


def seed_model(index: int) -> onnx.ModelProto:
    """One of the networks."""
    return SEEDS[index % len(SEEDS)]().model()
