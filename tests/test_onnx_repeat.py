"""Rows and columns that are repeated by Tile or Expand, and vectors that become maps: what
onnxruntime computes from the file and from the IR."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx_models import ModelMaker, op_names, prove

from hass import ops
from hass.errors import UnsupportedOpError
from hass.onnx_io import read_model


def _keras(m: ModelMaker) -> str:
    """UpSampling2D of a map with channels last, as tf2onnx writes it: by two repeats, where the
    first one's Transposes were moved behind it."""
    rows = m.node("Tile", m.node("Unsqueeze", "x", m.integers(3)), m.integers(1, 1, 1, 2, 1))
    last = m.node("Transpose", rows, perm=[0, 2, 3, 4, 1])
    tall = m.node("Reshape", last, m.integers(-1, 8, 6, 3))
    columns = m.node("Unsqueeze", tall, m.integers(3))
    columns = m.node("Tile", columns, m.integers(1, 1, 1, 3, 1))
    wide = m.node("Reshape", columns, m.integers(-1, 8, 18, 3))
    return m.conv(m.node("Transpose", wide, perm=[0, 3, 1, 2]), 3, 4, 3, pads=[1] * 4)


def _expanded(m: ModelMaker) -> str:
    """Both sides at once, as torch people write it: x[:, :, :, None, :, None].expand(...)."""
    seen = m.node("Unsqueeze", "x", m.integers(3, 5))
    grown = m.node("Expand", seen, m.integers(1, 3, 4, 2, 6, 3))
    return m.conv(m.node("Reshape", grown, m.integers(0, 3, 8, 18)), 3, 4)


def _from_one_position(m: ModelMaker) -> str:
    """What is known of the whole image, given to all positions (DeepLab's pooling)."""
    mean = m.node("Relu", m.conv(m.node("GlobalAveragePool", "x"), 3, 4))
    everywhere = m.node("Tile", mean, m.integers(1, 1, 4, 6))
    return m.node("Concat", "x", everywhere, axis=1)


def _of_a_row(m: ModelMaker) -> str:
    """A mean over rows, given to all rows again."""
    mean = m.node("AveragePool", "x", kernel_shape=[4, 1])
    return m.conv(m.node("Expand", mean, m.integers(1, 1, 4, 1)), 3, 4, 3)


def _twice_behind_the_rows(m: ModelMaker) -> str:
    seen = m.node("Reshape", "x", m.integers(0, 3, 4, 1, 1, 6))
    grown = m.node("Tile", seen, m.integers(1, 1, 1, 2, 2, 1))
    return m.node("Reshape", grown, m.integers(0, 3, 16, 6))


REPEATS: dict[str, tuple[Callable[[ModelMaker], object], list[str]]] = {
    "keras": (_keras, ["Upsample", "Upsample", "Conv2d"]),
    "expanded": (_expanded, ["Upsample", "Conv2d"]),
    "from one position": (
        _from_one_position,
        ["Fork", "GlobalAvgPool", "Conv2d", "Relu", "Upsample", "Concat"],
    ),
    "of a row": (_of_a_row, ["AvgPool2d", "Upsample", "Conv2d"]),
}


@pytest.mark.parametrize("case", REPEATS)
def test_repeats(case: str, tmp_path: Path) -> None:
    make, expected = REPEATS[case]
    maker = ModelMaker((3, 4, 6))
    make(maker)
    assert op_names(prove(maker.save(tmp_path)).graph) == expected


def test_repeats_of_one_dimension(tmp_path: Path) -> None:
    """Keras: UpSampling1D of (N, L, C)."""
    maker = ModelMaker((5, 3))
    seen = maker.node("Unsqueeze", "x", maker.integers(2))
    grown = maker.node("Tile", seen, maker.integers(1, 1, 2, 1))
    longer = maker.node("Reshape", grown, maker.integers(0, 10, 3))
    turned = maker.node("Transpose", longer, perm=[0, 2, 1])
    maker.node("Conv", turned, maker.random(4, 3, 3))
    assert op_names(prove(maker.save(tmp_path)).graph) == ["Upsample", "Conv2d"]


REFUSED: dict[str, tuple[Callable[[ModelMaker], object], str]] = {
    "whole map": (lambda m: m.node("Tile", "x", m.integers(1, 1, 2, 1)), "of one element"),
    "batch": (lambda m: m.node("Tile", "x", m.integers(2, 1, 1, 1)), "of one element"),
    "twice": (_twice_behind_the_rows, "one behind the rows"),
    "other rank": (lambda m: m.node("Tile", "x", m.integers(1, 1)), "by (1, 1)"),
    "by nothing": (lambda m: m.node("Tile", "x", m.integers(1, 0, 1, 1)), "by (1, 0, 1, 1)"),
    "channels": (
        lambda m: m.node("Tile", m.node("Unsqueeze", m.conv("x", 3, 5), m.integers(2)),
        m.integers(1, 1, 2, 1, 1)), "of one element",
    ),
    "no multiple": (lambda m: m.node("Expand", "x", m.integers(1, 6, 4, 6)), "sizes differ"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_repeats_that_are_refused(case: str, tmp_path: Path) -> None:
    make, reason = REFUSED[case]
    maker = ModelMaker((3, 4, 6))
    make(maker)
    with pytest.raises(UnsupportedOpError) as caught:
        read_model(maker.save(tmp_path))
    assert reason in str(caught.value)


def _dense(m: ModelMaker, words: int) -> str:
    return m.node("Relu", m.node("Gemm", m.node("Flatten", "x"), m.random(10, words)))


def _decoder(m: ModelMaker) -> str:
    """torch: Linear, view(-1, 4, 2, 3), ConvTranspose2d."""
    seen = m.node("Reshape", _dense(m, 24), m.integers(-1, 4, 2, 3))
    seen = m.batch_norm(seen, 4)
    return m.node("ConvTranspose", seen, m.random(4, 2, 2, 2), strides=[2, 2])


def _keras_decoder(m: ModelMaker) -> str:
    """Dense, Reshape((2, 3, 4)), Conv2DTranspose."""
    seen = m.node("Reshape", _dense(m, 24), m.integers(-1, 2, 3, 4))
    seen = m.node("Transpose", seen, perm=[0, 3, 1, 2])
    return m.node("ConvTranspose", seen, m.random(4, 2, 2, 2), strides=[2, 2])


def _decoder_of_one_dimension(m: ModelMaker) -> str:
    seen = m.node("Reshape", _dense(m, 24), m.integers(-1, 4, 6))
    return m.node("Conv", seen, m.random(2, 4, 3))


def _unknown_order(m: ModelMaker) -> str:
    """Rows and columns change places."""
    seen = m.node("Reshape", _dense(m, 24), m.integers(-1, 4, 2, 3))
    return m.conv(m.node("Transpose", seen, perm=[0, 1, 3, 2]), 4, 2)


MAPS: dict[str, tuple[Callable[[ModelMaker], object], tuple[int, ...]]] = {
    "torch": (_decoder, (2, 3)),
    "keras": (_keras_decoder, (2, 3)),
    "one dimension": (_decoder_of_one_dimension, (1, 6)),
}


@pytest.mark.parametrize("case", MAPS)
def test_a_vector_becomes_a_map(case: str, tmp_path: Path) -> None:
    """Its order of words is that of the matrix in front: nothing is shuffled."""
    make, factor = MAPS[case]
    maker = ModelMaker((10,))
    make(maker)
    graph = prove(maker.save(tmp_path)).graph
    assert op_names(graph)[:4] == ["Conv2d", "Relu", "DepthToSpace", "Conv2d"]
    assert "Shuffle" not in op_names(graph)
    assert graph.layers[3].op == ops.DepthToSpace(factor)


def test_a_vector_in_another_order_is_refused(tmp_path: Path) -> None:
    maker = ModelMaker((10,))
    _unknown_order(maker)
    with pytest.raises(UnsupportedOpError, match="expected \\(N, C, H, W\\)"):
        read_model(maker.save(tmp_path))
