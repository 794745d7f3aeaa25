"""Sound networks to be damaged: small, and between them all that hass reads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from onnx_models import ModelMaker


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


SEEDS: tuple[Callable[[], ModelMaker], ...] = (plain, branches, shapes, swish)


def seed_model(index: int) -> onnx.ModelProto:
    """One of the networks."""
    return SEEDS[index % len(SEEDS)]().model()
