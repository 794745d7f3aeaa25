"""Normalisation by statistics of each frame, against onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_models import ModelMaker, op_names, prove

from hass.errors import UnsupportedOpError
from hass.onnx_io import read_model

INSTANCE = ["Fork", "GlobalAvgPool", "Conv2d", "Add", "Fork", "Mul", "GlobalAvgPool", "Conv2d"]
INSTANCE += ["Curve", "Mul", "Conv2d"]
COPIED = ["Conv2d", "Conv2d"]  # a mean of channels, and its copies
TAIL = ["Conv2d", "Curve", "Conv2d", "Mul", "Conv2d"]
POSITIONS = ["Fork", "GlobalAvgPool", *COPIED, "Add", "Fork", "Mul", "GlobalAvgPool", *TAIL]
CHANNELS = ["Fork", *COPIED, "Add", "Fork", "Mul", *TAIL]


def _group_by_reshape(m: ModelMaker) -> str:
    """As torch writes it before opset 21."""
    grouped = m.node("Reshape", "x", m.integers(0, 2, -1))
    one, zero = m.constant([1, 1]), m.constant([0, 0])
    even = m.node("InstanceNormalization", grouped, one, zero, epsilon=1e-4)
    whole = m.node("Reshape", even, m.integers(0, 4, 7, 5))
    return m.node("Add", m.node("Mul", whole, m.random(4, 1, 1)), m.random(4, 1, 1))


CASES: dict[str, tuple[int, Callable[[ModelMaker], str], list[str]]] = {
    "instance norm": (
        17,
        lambda m: m.node("InstanceNormalization", "x", m.random(4), m.random(4)),
        INSTANCE,
    ),
    "group norm by reshape": (17, _group_by_reshape, POSITIONS),
    "group norm, scales of groups": (
        18,
        lambda m: m.node("GroupNormalization", "x", m.random(2), m.random(2), num_groups=2),
        POSITIONS,
    ),
    "group norm": (
        21,
        lambda m: m.node("GroupNormalization", "x", m.random(4), m.random(4), num_groups=2),
        POSITIONS,
    ),
    "layer norm": (
        17,
        lambda m: m.node(
            "LayerNormalization",
            "x",
            m.constant(np.full((4, 7, 5), 0.5)),
            m.constant(np.full((4, 7, 5), 2.0)),
            axis=1,
        ),
        POSITIONS,
    ),
    "layer norm at each position": (
        17,
        lambda m: m.node(
            "Transpose",
            m.node(
                "LayerNormalization",
                m.node("Transpose", "x", perm=[0, 2, 3, 1]),
                m.random(4),
                m.random(4),
                epsilon=1e-6,
            ),
            perm=[0, 3, 1, 2],
        ),
        CHANNELS,
    ),
    "layer norm of a vector": (
        17,
        lambda m: m.node(
            "LayerNormalization", m.node("Flatten", m.node("GlobalMaxPool", "x")), m.random(4)
        ),
        ["MaxPool2d", *CHANNELS],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_normalisation(case: str, tmp_path: Path) -> None:
    opset, make, expected = CASES[case]
    maker = ModelMaker((4, 7, 5), opset=opset)
    make(maker)
    assert op_names(prove(maker.save(tmp_path)).graph) == expected


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (
            lambda m: m.node("LayerNormalization", m.conv("x", 4, 4), m.random(5)),
            "only over all of a frame, or over all channels",
        ),
        (
            lambda m: m.node("LayerNormalization", "x", m.random(4, 7, 5), axis=1),
            "varies over positions",
        ),
        (
            lambda m: m.node("InstanceNormalization", "x", m.random(3), m.random(3)),
            r"scale and shift of shapes \[3\] and \[3\], expected \[4\]",
        ),
        (
            lambda m: m.node(
                "InstanceNormalization", m.node("GlobalMaxPool", "x"), m.random(4), m.random(4)
            ),
            "1 words for each mean",
        ),
    ],
)
def test_what_is_refused(make: Callable[[ModelMaker], str], reason: str, tmp_path: Path) -> None:
    maker = ModelMaker((4, 7, 5))
    make(maker)
    with pytest.raises(UnsupportedOpError, match=reason):
        read_model(maker.save(tmp_path))
