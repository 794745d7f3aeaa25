"""Reshapes, slices, pads, concatenations, computed shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx_models import ModelMaker, op_names, prove

from hass import ops
from hass.errors import GraphError
from hass.measure import prove_equal
from hass.onnx_io import read_model
from hass.values import Head

INT_MAX = 2**63 - 1


def _view_of_size_zero(m: ModelMaker) -> str:
    """torch: x.view(x.size(0), -1)."""
    batch = m.node("Gather", m.node("Shape", "x"), m.constant(0, np.int64), axis=0)
    wanted = m.node("Concat", m.node("Unsqueeze", batch, m.integers(0)), m.integers(-1), axis=0)
    return m.node("Gemm", m.node("Reshape", "x", wanted), m.random(70, 3))


def _view_of_product(m: ModelMaker) -> str:
    """keras: reshape to (batch, H * W * C), computed by slices, casts and a product."""
    shape = m.node("Cast", m.node("Shape", "x"), to=6)
    batch = m.node("Slice", shape, m.integers(0), m.integers(1), m.integers(0))
    rest = m.node("Slice", shape, m.integers(1), m.integers(INT_MAX), m.integers(0))
    product = m.node("ReduceProd", m.node("Cast", rest, to=7), keepdims=1)
    wanted = m.node("Concat", m.node("Cast", batch, to=7), product, axis=0)
    return m.node("Gemm", m.node("Reshape", "x", wanted), m.random(70, 3))


def _computed_pads(m: ModelMaker) -> str:
    """torch: F.pad, whose pads are reversed by reshape, slice and transpose."""
    pads = m.constant([1, 0, 2, 1], np.int64)
    zeros = m.node("ConstantOfShape", m.integers(4), value=_tensor(0))
    pairs = m.node("Reshape", m.node("Concat", pads, zeros, axis=0), m.integers(-1, 2))
    last_first = m.node(
        "Slice", pairs, m.integers(-1), m.integers(-INT_MAX), m.integers(0), m.integers(-1)
    )
    flat = m.node("Reshape", m.node("Transpose", last_first, perm=[1, 0]), m.integers(-1))
    return m.conv(m.node("Pad", "x", m.node("Cast", flat, to=7)), 2, 3, 3)


def _tensor(value: int) -> object:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.asarray([value], np.int64))


def _identity_shortcut(m: ModelMaker) -> str:
    picked = m.node(
        "Slice", "x", m.integers(0, 0), m.integers(INT_MAX, INT_MAX), m.integers(2, 3),
        m.integers(2, 2),
    )  # fmt: skip
    return m.node("Pad", picked, m.integers(0, 1, 0, 0, 0, 2, 0, 0))


CASES: dict[str, tuple[Callable[[ModelMaker], object], list[str]]] = {
    "flatten": (lambda m: m.node("Flatten", "x"), []),
    "flatten, negative axis": (lambda m: m.node("Flatten", "x", axis=-3), []),
    "reshape and back": (
        lambda m: m.node(
            "Relu",
            m.node("Reshape", m.node("Reshape", "x", m.integers(0, -1)), m.integers(0, 2, 5, 7)),
        ),
        ["Relu"],
    ),
    "squeeze": (
        lambda m: m.node("Squeeze", m.node("GlobalAveragePool", "x"), m.integers(2, -1)),
        ["GlobalAvgPool"],
    ),
    "unsqueeze": (
        lambda m: m.conv(
            m.node("Unsqueeze", m.node("Gemm", m.node("Flatten", "x"), m.random(70, 4)),
                   m.integers(2, 3)), 4, 3),
        ["Conv2d", "Conv2d"],
    ),
    "transpose there and back": (
        lambda m: m.node(
            "Transpose",
            m.node("Relu", m.node("Transpose", "x", perm=[0, 2, 3, 1])),
            perm=[0, 3, 1, 2],
        ),
        ["Relu"],
    ),
    "transpose of ones": (
        lambda m: m.node(
            "Flatten", m.node("Transpose", m.node("GlobalAveragePool", "x"), perm=[0, 2, 3, 1])
        ),
        ["GlobalAvgPool"],
    ),
    "identity, dropout, cast": (
        lambda m: m.node("Relu", m.node("Cast", m.node("Dropout", m.node("Identity", "x")), to=1)),
        ["Relu"],
    ),
    "view of size 0": (_view_of_size_zero, ["Conv2d"]),
    "view of product": (_view_of_product, ["Conv2d"]),
    "computed pads": (_computed_pads, ["Conv2d"]),
    "identity shortcut": (_identity_shortcut, ["Slice", "Pad"]),
    "slice by negative indices": (
        lambda m: m.node(
            "Slice", "x", m.integers(-4, 1), m.integers(-1, 100), m.integers(-2, -1),
            m.integers(2, 3),
        ),
        ["Slice"],
    ),
    "slice of channels": (
        lambda m: m.node("Slice", "x", m.integers(1), m.integers(2), m.integers(1)),
        ["Slice"],
    ),
    "slice of all": (
        lambda m: m.node("Slice", "x", m.integers(0, 0), m.integers(INT_MAX, 9), m.integers(0, 3)),
        [],
    ),
    "slice of a vector": (
        lambda m: m.node(
            "Slice", m.node("Gemm", m.node("Flatten", "x"), m.random(70, 8)),
            m.integers(3), m.integers(8), m.integers(1), m.integers(2),
        ),
        ["Conv2d", "Slice"],
    ),
    "split": (
        lambda m: (m.conv("x", 2, 6), m.node("Split", "t0", m.integers(2, 4), axis=1, outputs=2),
                   m.conv("t1.1", 4, 2), m.node("Add", "t1", "t2")),
        ["Conv2d", "Fork", "Slice", "Slice", "Conv2d", "Add"],
    ),
    "pad goes into conv": (
        lambda m: m.conv(
            m.node("Pad", "x", m.integers(0, 0, 1, 0, 0, 0, 2, 3)), 2, 3, 3, pads=[0, 1, 0, 0]
        ),
        ["Conv2d"],
    ),
    "pad in front of a pool": (
        lambda m: m.node("MaxPool", m.node("Pad", "x", m.integers(0, 0, 1, 0, 0, 0, 0, 1)),
                         kernel_shape=[2, 2], strides=[2, 2]),
        ["Pad", "MaxPool2d"],
    ),
    "pad of nothing": (lambda m: m.node("Pad", "x", m.integers(*[0] * 8), m.constant(0)), []),
    "concat": (
        lambda m: m.node("Concat", m.conv("x", 2, 3), m.node("Relu", "x"), "x", axis=1),
        ["Fork", "Conv2d", "Relu", "Concat"],
    ),
    "concat of vectors": (
        lambda m: m.node("Gemm", m.node("Concat", m.node("Flatten", "x"),
                         m.node("Flatten", m.conv("x", 2, 1)), axis=-1), m.random(105, 4)),
        ["Fork", "Conv2d", "Concat", "Conv2d"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("batch", ["N", None, 3])
@pytest.mark.parametrize("case", CASES)
def test_layout(case: str, batch: int | str | None, tmp_path: Path) -> None:
    make, expected = CASES[case]
    maker = ModelMaker((2, 5, 7), batch=batch)
    make(maker)
    assert op_names(prove(maker.save(tmp_path)).graph) == expected


def test_slice_pad_squeeze_attributes_of_old_operator_sets(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 7), opset=9)
    cut = maker.node("Slice", "x", starts=[0, 1], ends=[5, INT_MAX], axes=[2, 3])
    padded = maker.node("Pad", cut, pads=[0, 1, 0, 0, 0, 0, 1, 0], mode="constant")
    maker.node("Squeeze", maker.node("GlobalAveragePool", padded), axes=[2, 3])
    assert op_names(prove(maker.save(tmp_path)).graph) == ["Slice", "Pad", "GlobalAvgPool"]


def test_pad_axes_of_newer_operator_sets(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 7), opset=18)
    maker.node("Pad", "x", maker.integers(1, 2, 0, 1), "", maker.integers(-1, 2))
    model = prove(maker.save(tmp_path))
    assert model.graph.layers[1].op == ops.Pad((2, 1, 1, 0))


def test_dead_nodes_are_dropped_even_unsupported_ones(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 7))
    kept = maker.node("Relu", "x")
    maker.node("Softmax", maker.conv(kept, 2, 3))
    assert op_names(prove(maker.save(tmp_path, kept)).graph) == ["Relu"]


def test_constants_of_every_kind(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 7))
    scale = maker.node("Constant", value_float=2.0)
    shift = maker.node("Constant", value_floats=[1.0])
    shape = maker.node("Constant", value_ints=[0, -1])
    scaled = maker.node("Add", maker.node("Mul", "x", scale), shift)
    maker.node("Reshape", scaled, shape)
    assert op_names(prove(maker.save(tmp_path)).graph) == ["Conv2d"]


def _classes(m: ModelMaker) -> str:
    return m.node("Flatten", m.node("GlobalAveragePool", m.conv("x", 2, 6)))


@pytest.mark.parametrize(
    ("opset", "make", "head"),
    [
        (9, lambda m: m.node("Softmax", _classes(m)), Head.SOFTMAX),
        (17, lambda m: m.node("Softmax", _classes(m)), Head.SOFTMAX),
        (17, lambda m: m.node("LogSoftmax", _classes(m), axis=1), Head.LOG_SOFTMAX),
        (11, lambda m: m.node("Softmax", m.node("GlobalMaxPool", "x"), axis=1), Head.SOFTMAX),
        (17, lambda m: m.node("Softmax", m.conv("x", 2, 3), axis=1), Head.SOFTMAX),
        (17, lambda m: m.node("Identity", m.node("Softmax", "x", axis=-3)), Head.SOFTMAX),
        (
            13,
            lambda m: m.node("Flatten", m.node("Softmax", m.node("GlobalMaxPool", "x"), axis=1)),
            Head.SOFTMAX,
        ),
    ],
)
def test_a_softmax_at_the_end_is_left_to_the_host(
    opset: int, make: Callable[[ModelMaker], str], head: Head, tmp_path: Path
) -> None:
    maker = ModelMaker((2, 5, 7), opset=opset)
    make(maker)
    model = prove(maker.save(tmp_path))
    assert model.head is head
    assert not {"Softmax", "LogSoftmax"} & set(op_names(model.graph))
    assert prove_equal(model) < 1e-6


def test_a_head_that_the_host_must_not_drop_is_part_of_the_proof(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 7))
    maker.node("Softmax", _classes(maker))
    model = read_model(maker.save(tmp_path))
    with pytest.raises(GraphError, match="differs from the file"):
        prove_equal(replace(model, head=None))
