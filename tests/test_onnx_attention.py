"""Attention over channels and positions, maxima of maps, and normalisation that exporters write
out, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx_models import ModelMaker, op_names, prove

from hass.errors import UnsupportedOpError
from hass.onnx_io import read_model

COPIED = ["Conv2d", "Conv2d"]  # a mean of channels, and its copies
LARGER = ["Conv2d", "Add", "Relu", "Add"]
CENTRED = ["Fork", *COPIED, "Add", "Fork", "Mul"]
GATED = ["Conv2d", "Curve", "Conv2d", "Mul"]


def _variance(m: ModelMaker, centred: str, square: Callable[[str], str]) -> str:
    variance = m.node("ReduceMean", square(centred), axes=[1])
    return m.node("Add", variance, m.constant(1e-3))


def _centred(m: ModelMaker, source: str) -> str:
    return m.node("Sub", source, m.node("ReduceMean", source, axes=[1]))


def _layer_norm(m: ModelMaker) -> str:
    """torch before opset 17, and the definition that ConvNeXt brings along."""
    centred = _centred(m, m.conv("x", 4, 4, 3))
    root = m.node("Sqrt", _variance(m, centred, lambda s: m.node("Pow", s, m.constant(2))))
    scaled = m.node("Mul", m.node("Div", centred, root), m.random(4, 1, 1))
    return m.node("Add", scaled, m.random(4, 1, 1))


def _layer_norm_by_pow(m: ModelMaker) -> str:
    centred = _centred(m, "x")
    variance = _variance(m, centred, lambda s: m.node("Mul", s, s))
    return m.node("Mul", centred, m.node("Pow", variance, m.constant(-0.5)))


def _layer_norm_of_keras(m: ModelMaker) -> str:
    """x * gate - mean * gate, the gate scaled by channel before it meets them."""
    source = m.conv("x", 4, 4, 3)
    mean = m.node("ReduceMean", source, axes=[1])
    difference = m.node("Sub", source, mean)
    variance = _variance(m, difference, lambda s: m.node("Mul", s, s))
    gate = m.node("Reciprocal", m.node("Sqrt", variance))
    scaled = m.node("Mul", gate, m.random(1, 4, 1, 1))
    shift = m.node("Mul", m.node("Neg", mean), scaled)
    return m.node("Add", m.node("Mul", source, scaled), shift)


def _layer_norm_channels_last(m: ModelMaker) -> str:
    source = m.node("Transpose", m.conv("x", 4, 4), perm=[0, 2, 3, 1])
    centred = m.node("Sub", source, m.node("ReduceMean", source, axes=[-1]))
    square = m.node("Pow", centred, m.constant(2))
    variance = m.node("Add", m.node("ReduceMean", square, axes=[-1]), m.constant(1e-3))
    even = m.node("Div", centred, m.node("Sqrt", variance))
    return m.node("Transpose", m.node("Mul", even, m.random(4)), perm=[0, 3, 1, 2])


def _layer_norm_of_a_vector(m: ModelMaker) -> str:
    vector = m.node("Flatten", m.node("GlobalMaxPool", "x"))
    centred = _centred(m, vector)
    variance = _variance(m, centred, lambda s: m.node("Mul", s, s))
    return m.node("Div", centred, m.node("Sqrt", variance))


def _one_over_a_root(m: ModelMaker) -> str:
    """The constant is a multiple of the mean's weight, of a stream that is never negative."""
    mean = m.node("ReduceMean", m.node("Relu", "x"), axes=[1, 2, 3])
    moved = m.node("Add", m.node("Mul", mean, m.constant(3)), m.constant(0.5))
    return m.node("Mul", "x", m.node("Div", m.constant(2), m.node("Sqrt", moved)))


def _spatial_attention(m: ModelMaker, expand: bool) -> str:
    """Attention U-Net's gate."""
    features = m.node("Relu", m.conv("x", 4, 6))
    gate = m.node("Sigmoid", m.conv(features, 6, 1))
    if expand:
        gate = m.node("Expand", gate, m.integers(1, 6, 7, 5))
    return m.node("Mul", features, gate)


def _cbam(m: ModelMaker) -> str:
    both = [m.node(op, "x", axes=[1]) for op in ("ReduceMean", "ReduceMax")]
    seen = m.conv(m.node("Concat", *both, axis=1), 2, 1, 7, pads=[3] * 4)
    return m.node("Mul", "x", m.node("Sigmoid", seen))


def _efficient_attention(m: ModelMaker, bias: bool = False) -> str:
    mean = m.node("GlobalAveragePool", m.conv("x", 4, 9))
    row = m.node("Transpose", m.node("Squeeze", mean, m.integers(-1)), perm=[0, 2, 1])
    weights = [m.random(1, 1, 4), *([m.random(1)] if bias else [])]
    row = m.node("Conv", row, *weights, pads=[2, 1])
    column = m.node("Transpose", row, perm=[0, 2, 1])
    gate = m.node("Sigmoid", m.node("Unsqueeze", column, m.integers(-1)))
    return m.node("Mul", mean, m.node("Expand", gate, m.node("Shape", mean)))


def _halves(m: ModelMaker, source: str) -> str:
    parts = m.node("Split", source, m.integers(3, 3), outputs=2, axis=1)
    return m.node("Max", parts, f"{parts}.1")


def _strided(m: ModelMaker) -> str:
    """A view of a pooled vector, as torch's newer exporter writes it."""
    vector = m.node("Reshape", m.node("GlobalMaxPool", m.conv("x", 4, 4)), m.integers(-1))
    places = m.constant([[[[0]], [[1]], [[2]], [[3]]]], "int64")
    return m.conv(m.node("Gather", vector, places), 4, 5)


CASES: dict[str, tuple[Callable[[ModelMaker], object], list[str]]] = {
    "mean of channels": (lambda m: m.node("ReduceMean", "x", axes=[1], keepdims=0), ["Conv2d"]),
    "sum of channels": (lambda m: m.node("ReduceSum", "x", m.integers(1)), ["Conv2d"]),
    "mean of a frame": (
        lambda m: m.node("ReduceMean", "x", axes=[1, 2, 3]),
        ["GlobalAvgPool", "Conv2d"],
    ),
    "layer norm": (_layer_norm, ["Conv2d", *CENTRED, *GATED, "Conv2d"]),
    "layer norm by Pow": (_layer_norm_by_pow, [*CENTRED, *GATED]),
    "layer norm, channels last": (
        _layer_norm_channels_last,
        ["Conv2d", *CENTRED, *GATED, "Conv2d"],
    ),
    "layer norm of a vector": (_layer_norm_of_a_vector, ["MaxPool2d", *CENTRED, *GATED]),
    "spatial attention": (
        lambda m: _spatial_attention(m, expand=False),
        ["Conv2d", "Relu", "Fork", "Conv2d", "Sigmoid", "Conv2d", "Mul"],
    ),
    "spatial attention, expanded": (
        lambda m: _spatial_attention(m, expand=True),
        ["Conv2d", "Relu", "Fork", "Conv2d", "Sigmoid", "Conv2d", "Mul"],
    ),
    "efficient attention": (
        _efficient_attention,
        ["Conv2d", "GlobalAvgPool", "Fork", "Conv2d", "Sigmoid", "Mul"],
    ),
    "efficient attention, bias": (
        lambda m: _efficient_attention(m, bias=True),
        ["Conv2d", "GlobalAvgPool", "Fork", "Conv2d", "Sigmoid", "Mul"],
    ),
    "max of halves": (
        lambda m: _halves(m, m.conv("x", 4, 6)),
        ["Conv2d", "Fork", "Slice", "Slice", "Fork", *LARGER],
    ),
    "max of three": (
        lambda m: m.node("Max", "x", m.node("Neg", "x"), m.constant(0.25)),
        ["Fork", "Conv2d", "Fork", *LARGER, "Clip"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_outputs_and_layers(case: str, tmp_path: Path) -> None:
    make, expected = CASES[case]
    maker = ModelMaker((4, 7, 5))
    make(maker)
    assert op_names(prove(maker.save(tmp_path)).graph) == expected


@pytest.mark.parametrize("make", [_layer_norm_of_keras, _one_over_a_root, _cbam])
def test_outputs(make: Callable[[ModelMaker], object], tmp_path: Path) -> None:
    maker = ModelMaker((4, 7, 5))
    make(maker)
    prove(maker.save(tmp_path))


def test_a_strided_view_of_one_frame(tmp_path: Path) -> None:
    maker = ModelMaker((4, 7, 5), batch=1)
    _strided(maker)
    graph = prove(maker.save(tmp_path), count=1).graph
    assert op_names(graph) == ["Conv2d", "MaxPool2d", "Conv2d"]


def test_words_gathered_in_another_order_are_refused(tmp_path: Path) -> None:
    maker = ModelMaker((4, 7, 5), batch=1)
    vector = maker.node("Reshape", maker.node("GlobalMaxPool", "x"), maker.integers(-1))
    maker.node("Gather", vector, maker.constant([[1, 0, 2, 3]], "int64"))
    with pytest.raises(UnsupportedOpError, match=r"Gather.* of the frame is not supported"):
        read_model(maker.save(tmp_path))


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 8, 13])
def test_the_largest_channel(channels: int, tmp_path: Path) -> None:
    maker = ModelMaker((channels, 3, 4))
    maker.node("ReduceMax", "x", axes=[1], keepdims=0)
    graph = prove(maker.save(tmp_path)).graph
    rounds = sum(name == "Relu" for name in op_names(graph))
    assert rounds == (channels - 1).bit_length()


def test_a_mean_and_its_copies_take_no_square_of_channels(tmp_path: Path) -> None:
    maker = ModelMaker((64, 3, 3))
    centred = _centred(maker, "x")
    variance = _variance(maker, centred, lambda s: maker.node("Mul", s, s))
    maker.node("Div", centred, maker.node("Sqrt", variance))
    weights = read_model(maker.save(tmp_path)).weights
    assert sum(array.size for name, array in weights.items() if name.endswith(".weight")) == 4 * 64


@pytest.mark.parametrize("shift", [0.0, -0.1])
def test_a_root_needs_a_positive_constant(shift: float, tmp_path: Path) -> None:
    maker = ModelMaker((4, 7, 5))
    squares = maker.node("Add", maker.node("Mul", "x", "x"), maker.constant(shift))
    maker.node("Div", "x", maker.node("Sqrt", squares))
    with pytest.raises(UnsupportedOpError, match="of what may be zero"):
        read_model(maker.save(tmp_path))
