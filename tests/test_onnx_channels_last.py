"""Networks with channels last, as tf2onnx and Keras write them, and frames of fewer dimensions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx_models import ModelMaker, op_names, prove

from hass.errors import UnsupportedOpError
from hass.measure import prove_equal
from hass.onnx_io import read_model
from hass.values import FeatureMap

TO_FIRST, TO_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def _first(m: ModelMaker, source: str) -> str:
    return m.node("Transpose", source, perm=TO_FIRST)


def _last(m: ModelMaker, source: str) -> str:
    return m.node("Transpose", source, perm=TO_LAST)


def _conv(
    m: ModelMaker, source: str, channels: int, outs: int, kernel: int, **attrs: object
) -> str:
    """tf2onnx before its optimiser: Transposes around every convolution."""
    return _last(m, m.conv(_first(m, source), channels, outs, kernel, **attrs))


def _around_every_conv(m: ModelMaker) -> str:
    first = m.node("Relu", _conv(m, "x", 3, 4, 3, auto_pad="SAME_UPPER", strides=[2, 2]))
    scaled = m.node("Add", m.node("Mul", first, m.random(4)), m.random(1, 1, 1, 4))
    return m.node("Relu", m.node("Add", _conv(m, scaled, 4, 4, 3, pads=[1] * 4), scaled))


def _flattened(m: ModelMaker) -> str:
    """Flatten of (H, W, C): the matrix has its rows in that order."""
    hidden = m.node("Relu", _conv(m, "x", 3, 4, 3))
    flat = m.node("Reshape", hidden, m.integers(-1, 5 * 3 * 4))
    return m.node("Add", m.node("MatMul", flat, m.random(60, 6)), m.random(6))


def _flattened_and_scaled(m: ModelMaker) -> str:
    flat = m.node("Reshape", _conv(m, "x", 3, 2, 2), m.integers(-1, 48))
    return m.node("Gemm", m.node("Relu", m.node("Mul", flat, m.constant(0.5))), m.random(48, 6))


def _pushed_through(m: ModelMaker) -> str:
    """tf2onnx's optimiser: one Transpose at the input, one in front of the flatten."""
    hidden = m.node("Relu", m.batch_norm(m.conv(_first(m, "x"), 3, 4, 3), 4))
    pooled = m.node("MaxPool", hidden, kernel_shape=[2, 2], strides=[1, 1])
    flat = m.node("Flatten", _last(m, pooled))
    return m.node("Gemm", flat, m.random(5, 4 * 2 * 4), transB=1)


def _gated(m: ModelMaker) -> str:
    """Squeeze and excitation with channels last."""
    hidden = m.node("Relu", _conv(m, "x", 3, 4, 1))
    mean = m.node("ReduceMean", hidden, axes=[1, 2], keepdims=1)
    narrow = m.node("Relu", _conv(m, mean, 4, 2, 1))
    gate = m.node("Sigmoid", _conv(m, narrow, 2, 4, 1))
    return m.node("ReduceMean", m.node("Mul", hidden, gate), axes=[1, 2], keepdims=0)


def _gated_by_gemm(m: ModelMaker) -> str:
    """The same by Dense layers: the gate is (N, C), then (N, 1, 1, C)."""
    hidden = m.node("Relu", _conv(m, "x", 3, 4, 1))
    mean = m.node("ReduceMean", hidden, axes=[1, 2], keepdims=0)
    gate = m.node("Sigmoid", m.node("MatMul", mean, m.random(4, 4)))
    return m.node("Mul", m.node("Reshape", gate, m.integers(-1, 1, 1, 4)), hidden)


def _dense_blocks(m: ModelMaker) -> str:
    first = _conv(m, "x", 3, 4, 3, pads=[1] * 4)
    return _conv(m, m.node("Concat", first, "x", axis=3), 7, 2, 1)


def _sliced_and_padded(m: ModelMaker) -> str:
    padded = m.node("Pad", "x", m.integers(0, 1, 0, 0, 0, 0, 2, 0))
    hidden = _conv(m, padded, 3, 4, 3, strides=[2, 2])
    part = m.node("Slice", hidden, m.integers(1), m.integers(3), m.integers(-1))
    row = m.node("Slice", part, m.integers(1), m.integers(3), m.integers(1))
    return m.node("Relu", row)


def _split(m: ModelMaker) -> str:
    m.node("Split", "x", m.integers(1, 2), axis=-1, outputs=2)
    return m.node("Concat", m.node("Relu", "t0.1"), "t0", axis=-1)


def _pointwise(m: ModelMaker) -> str:
    """Dense on (N, H, W, C): a 1x1 convolution."""
    return m.node("Relu", m.node("Add", m.node("MatMul", "x", m.random(3, 5)), m.random(5)))


def _pointwise_by_rows(m: ModelMaker) -> str:
    """The same as tf.tensordot writes it: positions in the batch."""
    rows = m.node("Reshape", "x", m.integers(-1, 3))
    product = m.node("Add", m.node("MatMul", rows, m.random(3, 5)), m.random(5))
    last = m.node("Gemm", m.node("Relu", product), m.random(2, 5), m.random(2), transB=1)
    return m.node("Relu", m.node("Reshape", last, m.integers(-1, 7, 5, 2)))


def _norm_of_a_flattened_map(m: ModelMaker) -> str:
    """Flatten, BatchNormalization, Dense of Keras."""
    flat = m.node("Reshape", _conv(m, "x", 3, 2, 2), m.integers(-1, 48))
    scaled = m.node("Add", m.node("Mul", flat, m.random(48)), m.random(48))
    return m.node("MatMul", scaled, m.random(48, 6))


def _preprocessed(m: ModelMaker) -> str:
    """Rescaling layers in front: only channels last makes them per channel."""
    scaled = m.node("Sub", m.node("Mul", "x", m.constant(1 / 255)), m.random(3))
    return m.node("GlobalAveragePool", m.conv(_first(m, scaled), 3, 2, 3))


CASES: dict[str, tuple[Callable[[ModelMaker], object], list[str]]] = {
    "around every conv": (
        _around_every_conv,
        ["Conv2d", "Relu", "Conv2d", "Fork", "Conv2d", "Add", "Relu"],
    ),
    "flattened": (_flattened, ["Conv2d", "Relu", "Conv2d"]),
    "flattened and scaled": (_flattened_and_scaled, ["Conv2d", "Relu", "Conv2d"]),
    "pushed through": (_pushed_through, ["Conv2d", "Relu", "MaxPool2d", "Conv2d"]),
    "gated": (
        _gated,
        ["Conv2d", "Relu", "Fork", "GlobalAvgPool", "Conv2d", "Relu", "Conv2d", "Sigmoid", "Mul",
         "GlobalAvgPool"],
    ),
    "gated by gemm": (
        _gated_by_gemm,
        ["Conv2d", "Relu", "Fork", "GlobalAvgPool", "Conv2d", "Sigmoid", "Mul"],
    ),
    "dense blocks": (_dense_blocks, ["Fork", "Conv2d", "Concat", "Conv2d"]),
    "sliced and padded": (_sliced_and_padded, ["Conv2d", "Slice", "Slice", "Relu"]),
    "split": (_split, ["Fork", "Slice", "Slice", "Relu", "Concat"]),
    "pointwise": (_pointwise, ["Conv2d", "Relu"]),
    "pointwise by rows": (_pointwise_by_rows, ["Conv2d", "Relu", "Conv2d", "Relu"]),
    "norm of a flattened map": (_norm_of_a_flattened_map, ["Conv2d", "Conv2d"]),
    "preprocessed": (_preprocessed, ["Conv2d", "GlobalAvgPool"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_channels_last(case: str, tmp_path: Path) -> None:
    make, expected = CASES[case]
    maker = ModelMaker((7, 5, 3))
    make(maker)
    model = prove(maker.save(tmp_path))
    assert model.graph.layers[0].out == FeatureMap(7, 5, 3)
    assert op_names(model.graph) == expected
    assert prove_equal(model) < 1e-4


def test_a_map_of_equal_sizes_is_read_as_the_network_reads_it(tmp_path: Path) -> None:
    maker = ModelMaker((3, 3, 3))
    maker.conv(_first(maker, "x"), 3, 4, 2)
    first = prove(maker.save(tmp_path))
    assert first.input_order is not None
    assert not first.input_order.is_plain
    maker = ModelMaker((3, 3, 3))
    maker.conv("x", 3, 4, 2)
    plain = prove(maker.save(tmp_path))
    assert plain.input_order is not None
    assert plain.input_order.is_plain


def test_an_output_with_channels_last(tmp_path: Path) -> None:
    maker = ModelMaker((3, 7, 5))
    _last(maker, maker.conv("x", 3, 4, 2))
    model = prove(maker.save(tmp_path))
    assert model.output_orders[0].axes == (1, 2, 0)


def test_an_output_of_boxes(tmp_path: Path) -> None:
    """A detector's head: (N, anchors * values, H, W) -> (N, H * W * anchors, values)."""
    maker = ModelMaker((3, 7, 5))
    split = maker.node("Reshape", maker.conv("x", 3, 8), maker.integers(0, 2, 4, 7, 5))
    turned = maker.node("Transpose", split, perm=[0, 3, 4, 1, 2])
    maker.node("Reshape", turned, maker.integers(0, -1, 4))
    model = prove(maker.save(tmp_path))
    assert model.output_orders[0].dims == (2, 4, 35)


def test_what_is_wrong_is_told_under_the_reading_that_fits(tmp_path: Path) -> None:
    maker = ModelMaker((7, 5, 3))
    hidden = _conv(maker, "x", 3, 4, 3)
    maker.node("LSTM", hidden, name="odd")
    with pytest.raises(UnsupportedOpError) as caught:
        read_model(maker.save(tmp_path))
    assert [node.node for node in caught.value.nodes] == ["odd"]


def _keyword_spotting(m: ModelMaker) -> str:
    hidden = m.node(
        "Relu",
        m.batch_norm(
            m.node("Conv", "x", m.random(6, 4, 3), m.random(6), strides=[2], pads=[1, 1]), 6
        ),
    )
    deep = m.node("Conv", hidden, m.random(6, 1, 3), group=6, auto_pad="SAME_LOWER")
    pooled = m.node("MaxPool", deep, kernel_shape=[2], strides=[2], ceil_mode=1)
    joined = m.node(
        "Concat",
        pooled,
        m.node("AveragePool", deep, kernel_shape=[2], strides=[2], ceil_mode=1),
        axis=1,
    )
    return m.node("Gemm", m.node("Flatten", m.node("GlobalAveragePool", joined)), m.random(12, 3))


def _separate_rows(m: ModelMaker) -> str:
    """Conv1D of tf2onnx: the row of one is made and dropped around every convolution."""
    row = m.node("Unsqueeze", "x", m.integers(1))
    hidden = m.node("Squeeze", _conv(m, row, 4, 5, 1), m.integers(1))
    return m.node("Relu", m.node("Add", hidden, m.random(5)))


def _recurrent_free(m: ModelMaker) -> str:
    """Conv1D with channels last, one Transpose before and behind."""
    hidden = m.node("Conv", m.node("Transpose", "x", perm=[0, 2, 1]), m.random(5, 4, 3))
    mean = m.node("ReduceMean", m.node("Transpose", hidden, perm=[0, 2, 1]), axes=[1], keepdims=0)
    return m.node("Gemm", mean, m.random(5, 2))


def _flat_1d(m: ModelMaker) -> str:
    hidden = m.node("Conv", m.node("Transpose", "x", perm=[0, 2, 1]), m.random(5, 4, 3))
    flat = m.node("Flatten", m.node("Transpose", hidden, perm=[0, 2, 1]))
    return m.node("Gemm", flat, m.random(5 * 11, 2))


def _cut_1d(m: ModelMaker) -> str:
    hidden = m.node("Pad", "x", m.integers(0, 0, 1, 0, 0, 2))
    cut = m.node("Slice", hidden, m.integers(2, 1), m.integers(12, 3), m.integers(2, 1))
    mean = m.node("ReduceMean", m.node("Conv", cut, m.random(3, 2, 2)), axes=[-1], keepdims=1)
    return m.node("Squeeze", mean, m.integers(2))


ONE_DIMENSIONAL: dict[str, tuple[tuple[int, ...], Callable[[ModelMaker], object], FeatureMap]] = {
    "keyword spotting": ((4, 13), _keyword_spotting, FeatureMap(1, 13, 4)),
    "rows of one": ((13, 4), _separate_rows, FeatureMap(1, 13, 4)),
    "channels last": ((13, 4), _recurrent_free, FeatureMap(1, 13, 4)),
    "channels last, flattened": ((13, 4), _flat_1d, FeatureMap(1, 13, 4)),
    "padded and cut": ((4, 13), _cut_1d, FeatureMap(1, 13, 4)),
    "multilayer perceptron": (
        (12,),
        lambda m: m.node("Gemm", m.node("Relu", m.node("Gemm", "x", m.random(12, 8))),
                         m.random(4, 8), transB=1),
        FeatureMap(1, 1, 12),
    ),
    "autoencoder": (
        (12,),
        lambda m: m.node("Sigmoid", m.node("Add", m.node("MatMul", m.node(
            "Relu", m.node("MatMul", "x", m.random(12, 3))), m.random(3, 12)), m.random(12))),
        FeatureMap(1, 1, 12),
    ),
    "image as a vector": (
        (35,),
        lambda m: m.conv(m.node("Reshape", "x", m.integers(-1, 1, 7, 5)), 1, 4, 3),
        FeatureMap(7, 5, 1),
    ),
    "features without a channel": (
        (7, 5),
        lambda m: m.conv(m.node("Unsqueeze", "x", m.integers(1)), 1, 4, 3),
        FeatureMap(7, 5, 1),
    ),
    "image flattened by the network": (
        (7, 5),
        lambda m: m.node("Gemm", m.node("Flatten", "x"), m.random(35, 2)),
        FeatureMap(1, 5, 7),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ONE_DIMENSIONAL)
def test_frames_of_fewer_dimensions(case: str, tmp_path: Path) -> None:
    shape, make, expected = ONE_DIMENSIONAL[case]
    maker = ModelMaker(shape)
    make(maker)
    model = prove(maker.save(tmp_path))
    assert model.graph.layers[0].out == expected
    assert prove_equal(model) < 1e-4


def test_maps_whose_dimensions_are_in_different_orders(tmp_path: Path) -> None:
    """Each turn that would suit one of them spoils the other: this once never ended."""
    maker = ModelMaker((3, 4, 5))
    last = maker.node("Clip", maker.node("Transpose", "x", perm=[0, 2, 3, 1]))
    first = maker.conv("x", 3, 4, 3, strides=[2, 2], auto_pad="SAME_UPPER")
    maker.node("Mul", first, last)
    with pytest.raises(UnsupportedOpError, match="dimensions are in different orders"):
        read_model(maker.save(tmp_path))
