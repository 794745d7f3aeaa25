"""Shuffles, depth to space and back, resizes, transposed convolutions: what onnxruntime computes
from the file and from the IR."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from onnx_models import ModelMaker, op_names, prove

from hass import ops
from hass.errors import GraphError, UnsupportedOpError
from hass.graph import macs_per_frame
from hass.onnx_io import read_model


def _turned(m: ModelMaker, seen: tuple[int, ...], perm: list[int], then: tuple[int, ...]) -> str:
    turned = m.node("Transpose", m.node("Reshape", "x", m.integers(0, *seen)), perm=perm)
    return m.node("Reshape", turned, m.integers(0, *then))


def _focus(m: ModelMaker) -> str:
    """YOLOv5: x[..., ::2, ::2], x[..., 1::2, ::2], ... as torch exports them, a slice an axis."""
    parts = []
    for column, row in product((0, 1), (0, 1)):
        rows = m.node("Slice", "x", *(m.integers(v) for v in (row, 2**31, 2, 2)))
        parts.append(m.node("Slice", rows, *(m.integers(v) for v in (column, 2**31, 3, 2))))
    return m.conv(m.node("Concat", *parts, axis=1), 48, 5, 3, pads=[1, 1, 1, 1])


def _shuffle_unit(m: ModelMaker) -> str:
    """ShuffleNetV2: half of the channels go by, then both halves are shuffled."""
    m.node("Split", "x", m.integers(6, 6), outputs=2, axis=1)
    branch = m.node("Relu", m.conv("t0.1", 6, 6, 3, pads=[1, 1, 1, 1]))
    joined = m.node("Concat", "t0", branch, axis=1)
    seen = m.node("Reshape", joined, m.integers(0, 2, 6, 4, 6))
    turned = m.node("Transpose", seen, perm=[0, 2, 1, 3, 4])
    return m.node("Reshape", turned, m.integers(0, -1, 4, 6))


def _grouped(m: ModelMaker) -> str:
    """ShuffleNet: between two grouped convolutions, and then one in one group."""
    seen = m.node("Reshape", m.conv("x", 12, 12, group=3), m.integers(0, 3, 4, 4, 6))
    turned = m.node("Transpose", seen, perm=[0, 2, 1, 3, 4])
    shuffled = m.node("Reshape", turned, m.integers(0, 12, 4, 6))
    deep = m.conv(shuffled, 12, 12, 3, group=12, pads=[1, 1, 1, 1])
    return m.conv(m.node("Relu", deep), 12, 5, group=1)


SHUFFLE = ((3, 4, 4, 6), [0, 2, 1, 3, 4], (12, 4, 6))
CASES: dict[str, tuple[Callable[[ModelMaker], object], list[str]]] = {
    "shuffle": (lambda m: _turned(m, *SHUFFLE), ["Shuffle"]),
    "shuffle before a convolution": (
        lambda m: m.conv(m.node("Relu", _turned(m, *SHUFFLE)), 12, 5, 3),
        ["Relu", "Conv2d"],
    ),
    "shuffle unit": (
        _shuffle_unit,
        ["Fork", "Slice", "Slice", "Conv2d", "Relu", "Concat", "Shuffle"],
    ),
    "grouped": (_grouped, ["Conv2d", "Conv2d", "Relu", "Conv2d"]),
    "depth to space": (lambda m: m.node("DepthToSpace", "x", blocksize=2), ["DepthToSpace"]),
    "pixel shuffle": (
        lambda m: m.node("DepthToSpace", "x", blocksize=2, mode="CRD"),
        ["Shuffle", "DepthToSpace"],
    ),
    "pixel shuffle behind a convolution": (
        lambda m: m.node("DepthToSpace", m.conv("x", 12, 8, 3), blocksize=2, mode="CRD"),
        ["Conv2d", "DepthToSpace"],
    ),
    "pixel shuffle by hand": (
        lambda m: _turned(m, (3, 2, 2, 4, 6), [0, 1, 4, 2, 5, 3], (3, 8, 12)),
        ["Shuffle", "DepthToSpace"],
    ),
    "depth to columns by hand": (
        lambda m: _turned(m, (3, 4, 4, 6), [0, 2, 3, 4, 1], (4, 4, 18)),
        ["DepthToSpace"],
    ),
    "space to depth": (
        lambda m: m.node("SpaceToDepth", "x", blocksize=2),
        ["Fork", *["Slice"] * 4, "Concat"],
    ),
    "space to depth before a convolution": (
        lambda m: m.conv(m.node("SpaceToDepth", "x", blocksize=2), 48, 5, 3, pads=[1, 0, 1, 1]),
        ["Conv2d"],
    ),
    "pixel unshuffle": (
        lambda m: m.conv(
            _turned(m, (12, 2, 2, 3, 2), [0, 1, 3, 5, 2, 4], (48, 2, 3)), 48, 5, 2, strides=[1, 1]
        ),
        ["Conv2d"],
    ),
    "focus": (_focus, ["Conv2d"]),
}


@pytest.mark.parametrize("case", CASES)
def test_channels_and_positions_that_change_places(case: str, tmp_path: Path) -> None:
    make, expected = CASES[case]
    maker = ModelMaker((12, 4, 6))
    make(maker)
    assert op_names(prove(maker.save(tmp_path)).graph) == expected


def test_a_folded_focus_has_as_many_products(tmp_path: Path) -> None:
    maker = ModelMaker((12, 4, 6))
    _focus(maker)
    graph = prove(maker.save(tmp_path)).graph
    (conv,) = graph.convs
    assert macs_per_frame(graph, conv.name) == 2 * 3 * 5 * 48 * 9


def _resized(op: str = "Resize", **attributes: Any) -> Callable[[ModelMaker], str]:
    """A Resize by scales, or to sizes where they are given."""
    scales, sizes = attributes.pop("scales", ()), attributes.pop("sizes", ())

    def make(m: ModelMaker) -> str:
        if m.opset < 11:
            return m.node(op, "x", m.constant(scales), **attributes)
        given = ["", m.constant(scales)] if scales else ["", "", m.integers(*sizes)]
        return m.node(op, "x", *given, **attributes)

    return make


HALF, CORNER = "half_pixel", "asymmetric"
RESIZES: dict[str, tuple[int, dict[str, Any], list[str]]] = {
    "nearest": (17, {"scales": (1, 1, 2, 2)}, ["Upsample"]),
    "nearest by sizes": (17, {"sizes": (1, 4, 6, 15)}, ["Upsample"]),
    "nearest, asymmetric": (
        13,
        {"scales": (1, 1, 3, 2), "coordinate_transformation_mode": CORNER, "nearest_mode": "floor"},
        ["Upsample"],
    ),
    "nearest, opset 10": (10, {"scales": (1, 1, 2, 3)}, ["Upsample"]),
    "Upsample, opset 9": (9, {"op": "Upsample", "scales": (1, 1, 2, 1)}, ["Upsample"]),
    "Upsample linear, opset 9": (
        9,
        {"op": "Upsample", "scales": (1, 1, 2, 2), "mode": "linear"},
        ["Upsample", "AvgPool2d"],
    ),
    "nearest, smaller": (
        17,
        {"sizes": (1, 4, 3, 1), "coordinate_transformation_mode": CORNER, "nearest_mode": "floor"},
        ["Slice"],
    ),
    "nearest, rows larger, columns fewer": (17, {"sizes": (1, 4, 9, 1)}, ["Slice", "Upsample"]),
    "nearest, same": (17, {"scales": (1, 1, 1, 1)}, []),
    "linear by 2": (
        17,
        {"scales": (1, 1, 2, 2), "mode": "linear"},
        ["Upsample", "AvgPool2d", "AvgPool2d"],
    ),
    "linear by 3": (17, {"scales": (1, 1, 3, 3), "mode": "linear"}, ["Upsample", "AvgPool2d"]),
    "linear by 4 and 1": (
        17,
        {"scales": (1, 1, 4, 1), "mode": "linear"},
        ["Upsample", "AvgPool2d", "AvgPool2d"],
    ),
    "linear by 2 and 5": (
        17,
        {
            "scales": (1, 1, 2, 5),
            "mode": "linear",
            "coordinate_transformation_mode": "pytorch_half_pixel",
        },
        ["Upsample", "AvgPool2d", "AvgPool2d"],
    ),
    "linear, asymmetric": (
        17,
        {"scales": (1, 1, 4, 3), "mode": "linear", "coordinate_transformation_mode": CORNER},
        ["Upsample", "AvgPool2d"],
    ),
}


@pytest.mark.parametrize("case", RESIZES)
def test_resize(case: str, tmp_path: Path) -> None:
    opset, attributes, expected = RESIZES[case]
    maker = ModelMaker((4, 3, 5), opset=opset, batch=1)
    _resized(**attributes)(maker)
    maker.node("Relu", maker.nodes[-1].output[0])
    assert op_names(prove(maker.save(tmp_path), 1).graph) == [*expected, "Relu"]


def test_one_position_is_spread_over_a_map(tmp_path: Path) -> None:
    """What DeepLab's image pooling does."""
    maker = ModelMaker((4, 3, 5))
    pooled = maker.conv(maker.node("GlobalAveragePool", "x"), 4, 6)
    scales = maker.constant((1, 1, 3, 5))
    maker.node("Resize", pooled, "", scales, mode="linear")
    assert op_names(prove(maker.save(tmp_path)).graph) == ["GlobalAvgPool", "Conv2d", "Upsample"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "cubic": ({"scales": (1, 1, 2, 2), "mode": "cubic"}, "mode 'cubic', only 'nearest' and"),
    "nearest by 1.5": ({"scales": (1, 1, 2, 1.6)}, "only by whole factors is supported"),
    "align_corners": (
        {
            "scales": (1, 1, 2, 2),
            "mode": "linear",
            "coordinate_transformation_mode": "align_corners",
        },
        "only growing by whole factors, with half_pixel (align_corners=False)",
    ),
    "linear, smaller": ({"sizes": (1, 4, 2, 3), "mode": "linear"}, "only growing by whole factors"),
    "channels": ({"scales": (1, 2, 1, 2)}, "of the batch or of channels"),
    "antialias": ({"scales": (1, 1, 2, 2), "mode": "linear", "antialias": 1}, "with antialias"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_resizes_are_refused_by_name(case: str, tmp_path: Path) -> None:
    attributes, text = REFUSED[case]
    maker = ModelMaker((4, 3, 5), opset=18)
    _resized(**attributes)(maker)
    with pytest.raises(UnsupportedOpError) as refused:
        read_model(maker.save(tmp_path))
    assert text in str(refused.value)


def test_absurd_sizes_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    for scales, text in (((1, 1, 1e7, 1), "30000000 rows"), ((1, 1, 1e5, 1e5), "feature map")):
        maker = ModelMaker((4, 3, 5))
        _resized(scales=scales)(maker)
        with pytest.raises((GraphError, UnsupportedOpError), match=text):
            read_model(maker.save(tmp_path))
    for attributes, text in (
        ({"strides": [100_000, 1]}, "at most 256"),
        ({"dilations": [1_000_000, 1_000_000]}, "which is too large"),
        ({"strides": [256, 256], "output_padding": [9, 9]}, "feature map|too large"),
    ):
        maker = ModelMaker((4, 3, 5))
        maker.node("ConvTranspose", "x", maker.random(4, 512, 3, 3), **attributes)
        with pytest.raises((GraphError, UnsupportedOpError), match=text):
            read_model(maker.save(tmp_path))


TRANSPOSED: dict[str, dict[str, Any]] = {
    "U-Net": {"kernel": (2, 2), "strides": [2, 2]},
    "3, stride 2": {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]},
    "4, stride 2": {"kernel": (4, 4), "strides": [2, 2], "pads": [1, 1, 1, 1]},
    "without pads": {"strides": [2, 2]},
    "stride 1": {"pads": [1, 0, 0, 1]},
    "stride above the kernel": {"kernel": (2, 1), "strides": [3, 2]},
    "oblong": {"kernel": (5, 2), "strides": [3, 1], "pads": [0, 1, 2, 0], "output_padding": [2, 0]},
    "much cut off": {"kernel": (5, 5), "strides": [2, 3], "pads": [4, 3, 3, 4]},
    "dilated": {"strides": [2, 2], "dilations": [2, 1], "pads": [2, 0, 1, 1]},
    "grouped": {"group": 2, "strides": [2, 2], "pads": [1, 1, 1, 1]},
    "depthwise": {"kernel": (4, 4), "group": 4, "strides": [2, 2], "pads": [1, 1, 1, 1]},
    "output shape": {"strides": [2, 2], "output_shape": [7, 10]},
    "same upper": {"strides": [2, 2], "auto_pad": "SAME_UPPER"},
    "same lower": {"strides": [2, 2], "auto_pad": "SAME_LOWER"},
}


@pytest.mark.parametrize("case", TRANSPOSED)
def test_conv_transpose(case: str, tmp_path: Path) -> None:
    attributes = {"kernel": (3, 3), **TRANSPOSED[case]}
    maker, groups = ModelMaker((4, 3, 5)), attributes.get("group", 1)
    weight = maker.random(4, 6 // groups if groups < 4 else 1, *attributes.pop("kernel"))
    bias = maker.random(6 if groups < 4 else 4)
    maker.node("ConvTranspose", "x", weight, bias, **attributes)
    graph = prove(maker.save(tmp_path)).graph
    assert len(graph.convs) == 1


def test_conv_transpose_of_unet_multiplies_nothing_in_vain(tmp_path: Path) -> None:
    maker = ModelMaker((4, 3, 5))
    maker.node("ConvTranspose", "x", maker.random(4, 6, 2, 2), strides=[2, 2])
    graph = prove(maker.save(tmp_path)).graph
    assert op_names(graph) == ["Conv2d", "DepthToSpace"]
    assert macs_per_frame(graph, graph.convs[0].name) == 3 * 5 * 4 * 6 * 4


def test_conv_transpose_of_dcgan_multiplies_little_more_than_it_must(tmp_path: Path) -> None:
    maker = ModelMaker((4, 8, 8))
    maker.node(
        "ConvTranspose", "x", maker.random(4, 6, 4, 4), strides=[2, 2], pads=[1, 1, 1, 1]
    )  # 16 products a pixel; zeros between pixels would make 64 of them
    graph = prove(maker.save(tmp_path)).graph
    assert op_names(graph) == ["Conv2d", "DepthToSpace", "Slice"]
    assert macs_per_frame(graph, graph.convs[0].name) == 9 * 9 * 4 * 6 * 16


def test_a_transpose_that_no_layer_does_is_refused(tmp_path: Path) -> None:
    maker = ModelMaker((12, 4, 6))
    turned = _turned(maker, (2, 3, 2, 4, 6), [0, 3, 2, 1, 4, 5], (12, 4, 6))
    maker.conv(turned, 12, 3, 2)
    with pytest.raises(UnsupportedOpError, match=r"transposed by \[0, 3, 2, 1, 4, 5\] of"):
        read_model(maker.save(tmp_path))


def test_the_ops_say_what_they_refuse() -> None:
    for make in (
        lambda: ops.Upsample((1, 1)),
        lambda: ops.DepthToSpace((0, 2)),
        lambda: ops.Shuffle(0),
    ):
        with pytest.raises(ValueError, match="at least 1"):
            make()
