"""Convolutions, pools and matrices: what onnxruntime computes from the file and from the IR."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx_models import ModelMaker, op_names, prove

from hass import ops
from hass.onnx_io import read_model

CONVS: dict[str, dict[str, object]] = {
    "plain": {},
    "strided": {"strides": [2, 3]},
    "asymmetric pads": {"pads": [0, 1, 2, 0]},
    "same upper": {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
    "same lower": {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
    "same even kernel": {"auto_pad": "SAME_UPPER", "kernel": 2},
    "valid": {"auto_pad": "VALID", "strides": [1, 2]},
    "grouped": {"group": 2, "pads": [1, 1, 1, 1]},
    "depthwise": {"group": 6, "pads": [1, 1, 1, 1], "strides": [2, 1]},
    "pads beyond the kernel": {"pads": [4, 0, 5, 3]},
    "dilated": {"dilations": [2, 1], "pads": [2, 1, 0, 1]},
    "dilated, depthwise": {"dilations": [2, 2], "group": 6, "pads": [2, 2, 2, 2]},
    "dilated, one column": {"kernel": 1, "dilations": [3, 2], "strides": [2, 2]},
    "kernel covers the map": {"kernel": 5, "strides": [3, 3]},
}


@pytest.mark.parametrize("case", CONVS)
def test_conv(case: str, tmp_path: Path) -> None:
    maker = ModelMaker((6, 11, 5))
    attributes = {"kernel": 3, **CONVS[case]}
    maker.conv("x", 6, 12, **attributes)  # type: ignore[arg-type]
    assert op_names(prove(maker.save(tmp_path)).graph) == ["Conv2d"]


def test_conv_without_bias_and_kernel_shape(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 7))
    maker.node("Conv", "x", maker.random(3, 2, 2, 3))
    model = prove(maker.save(tmp_path))
    assert not model.weights["Conv_0.bias"].any()


POOLS: dict[str, tuple[str, dict[str, object]]] = {
    "max": ("MaxPool", {"kernel_shape": [2, 3], "strides": [2, 1]}),
    "max padded": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 1, 1, 1]}),
    "max dilated": (
        "MaxPool",
        {"kernel_shape": [3, 2], "strides": [2, 1], "dilations": [1, 3], "pads": [1, 1, 1, 1]},
    ),
    "max dilated ceil": (
        "MaxPool",
        {"kernel_shape": [2, 2], "strides": [2, 2], "dilations": [2, 3], "ceil_mode": 1},
    ),
    "max ceil": ("MaxPool", {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}),
    "max ceil, last window in the pad": (
        "MaxPool",
        {"kernel_shape": [2, 2], "strides": [3, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1},
    ),
    "max same": ("MaxPool", {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    "average": ("AveragePool", {"kernel_shape": [3, 2]}),
    "average padded": ("AveragePool", {"kernel_shape": [3, 3], "pads": [1, 0, 1, 1]}),
    "average padded, pads count": (
        "AveragePool",
        {"kernel_shape": [3, 3], "pads": [1, 0, 1, 1], "count_include_pad": 1},
    ),
    "average ceil": ("AveragePool", {"kernel_shape": [3, 3], "strides": [3, 3], "ceil_mode": 1}),
    "average ceil, pads count": (
        "AveragePool",
        {
            "kernel_shape": [3, 3],
            "strides": [3, 3],
            "pads": [1, 1, 0, 1],
            "ceil_mode": 1,
            "count_include_pad": 1,
        },
    ),
    "average same": (
        "AveragePool",
        {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    ),
    "global average": ("GlobalAveragePool", {}),
    "global max": ("GlobalMaxPool", {}),
}


@pytest.mark.parametrize("size", [(3, 11, 8), (3, 7, 13)])
@pytest.mark.parametrize("case", POOLS)
def test_pool(case: str, size: tuple[int, int, int], tmp_path: Path) -> None:
    op, attributes = POOLS[case]
    maker = ModelMaker(size, opset=22)
    maker.node(op, "x", **attributes)
    prove(maker.save(tmp_path))


def test_average_over_the_whole_map_is_a_global_average(tmp_path: Path) -> None:
    maker = ModelMaker((5, 3, 7))
    maker.node("AveragePool", "x", kernel_shape=[3, 7], strides=[2, 2])
    assert op_names(prove(maker.save(tmp_path)).graph) == ["GlobalAvgPool"]


@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize("opset", [11, 13, 18])
@pytest.mark.parametrize("axes", [(2, 3), (-1, -2)])
def test_reduce_mean_is_a_global_average(
    axes: tuple[int, ...], opset: int, keepdims: int, tmp_path: Path
) -> None:
    maker = ModelMaker((5, 3, 7), opset=opset)
    if opset < 18:
        maker.node("ReduceMean", "x", axes=list(axes), keepdims=keepdims)
    else:
        maker.node("ReduceMean", "x", maker.integers(*axes), keepdims=keepdims)
    assert op_names(prove(maker.save(tmp_path)).graph) == ["GlobalAvgPool"]


def test_reduce_mean_of_a_flattened_map(tmp_path: Path) -> None:
    maker = ModelMaker((5, 3, 7))
    flat = maker.node("Reshape", "x", maker.integers(0, 5, -1))
    maker.node("ReduceMean", flat, axes=[2], keepdims=0)
    assert op_names(prove(maker.save(tmp_path)).graph) == ["GlobalAvgPool"]


@pytest.mark.parametrize("trans_b", [0, 1])
@pytest.mark.parametrize("opset", [9, 17])
def test_gemm_on_a_flattened_map_is_a_kernel_of_its_size(
    opset: int, trans_b: int, tmp_path: Path
) -> None:
    maker = ModelMaker((3, 5, 2), opset=opset)
    flat = maker.node("Flatten", "x")
    matrix = maker.random(4, 30) if trans_b else maker.random(30, 4)
    maker.node("Gemm", flat, matrix, maker.random(1, 4), transB=trans_b, alpha=0.5, beta=-2.0)
    model = prove(maker.save(tmp_path))
    assert model.graph.convs[0].op == ops.Conv2d(4, (5, 2))


def test_matmul_and_its_bias_are_one_layer(tmp_path: Path) -> None:
    maker = ModelMaker((3, 5, 2))
    flat = maker.node("Reshape", "x", maker.integers(0, -1))
    hidden = maker.node("MatMul", flat, maker.random(30, 7))
    biased = maker.node("Add", maker.random(7), hidden)
    active = maker.node("Relu", biased)
    maker.node("Gemm", active, maker.random(7, 3))
    assert op_names(prove(maker.save(tmp_path)).graph) == ["Conv2d", "Relu", "Conv2d"]


def test_matrix_that_is_transposed_in_the_graph(tmp_path: Path) -> None:
    maker = ModelMaker((3, 5, 2))
    matrix = maker.node("Transpose", maker.random(4, 30), perm=[1, 0])
    maker.node("MatMul", maker.node("Flatten", "x"), matrix)
    assert op_names(prove(maker.save(tmp_path)).graph) == ["Conv2d"]


def test_conv_after_global_pooling(tmp_path: Path) -> None:
    maker = ModelMaker((4, 5, 2))
    pooled = maker.node("GlobalAveragePool", "x")
    hidden = maker.node("Relu", maker.conv(pooled, 4, 7))
    maker.node("Flatten", maker.conv(hidden, 7, 3))
    prove(maker.save(tmp_path))


def test_batch_norm_on_a_vector(tmp_path: Path) -> None:
    maker = ModelMaker((4, 5, 2))
    hidden = maker.node("Gemm", maker.node("Flatten", "x"), maker.random(40, 6))
    maker.batch_norm(hidden, 6)
    assert op_names(prove(maker.save(tmp_path)).graph) == ["Conv2d"]


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_weights_of_other_widths_become_float32(dtype: type, tmp_path: Path) -> None:
    maker = ModelMaker((2, 3, 4))
    weight = np.random.default_rng(0).normal(size=(3, 2, 2, 2)).astype(dtype)
    maker.node("Conv", "x", maker.constant(weight, dtype))
    model = read_model(maker.save(tmp_path))  # onnxruntime refuses the mixture, so no proof
    np.testing.assert_array_equal(model.weights["Conv_0.weight"], weight.astype(np.float32))
