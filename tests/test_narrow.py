"""Narrow words in floating point: what onnxruntime rounds, and how near that is to the integers."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from chain_networks import Chain, float_outputs, network

from hass import ops
from hass.errors import GraphError
from hass.fixed_point import NumberFormats, choose_formats, dequantise, quantise
from hass.graph import FloatArray, Graph, Weights
from hass.narrow import narrowed
from hass.onnx_io import write_model
from hass.reference import run_reference
from hass.values import FeatureMap, FixedPoint, Precision, arithmetic_of

WIDE, NARROW, LEAST = (arithmetic_of(bits) for bits in (16, 8, 4))
CHAIN: Chain = [
    ("first", ops.Conv2d(6, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    ("relu", ops.Relu(), ["first"]),
    ("fork", ops.Fork(), ["relu"]),
    ("left", ops.Conv2d(6, (3, 3), (1, 1), (1, 1, 1, 1)), ["fork"]),
    ("right", ops.Conv2d(6, (1, 1)), ["fork"]),
    ("sum", ops.Add(), ["left", "right"]),
    ("mean", ops.GlobalAvgPool(), ["sum"]),
    ("classes", ops.Conv2d(5, (1, 1)), ["mean"]),
]
SOURCE = FeatureMap(7, 6, 3)


def _run(model: bytes, images: FloatArray, names: list[str]) -> list[FloatArray]:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [np.asarray(x) for x in session.run(names, {"input": images})]


def _made() -> tuple[Graph, Weights, FloatArray, dict[str, float]]:
    graph, weights = network(CHAIN, SOURCE, 3)
    images = np.random.default_rng(5).normal(0, 1, (64, 3, 7, 6)).astype(np.float32)
    found = float_outputs(graph, weights, {}, images)
    return graph, weights, images, {name: float(np.abs(x).max()) for name, x in found.items()}


@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_inputs_are_rounded_half_up_and_saturated_before_their_clip(threshold: float) -> None:
    graph, weights, images, _ = _made()
    images = np.round(images * 32) / 32  # ties at the steps of the coarser format
    formats = {"left": FixedPoint(4, 2), "right": FixedPoint(8, 4), "first": FixedPoint(8, 4)}
    clips = {"left": threshold, "first": threshold}
    names = [f"tap:{name}" for name in ("first", "left", "right")] + ["out:relu"]
    model = write_model(graph, weights, act_thresholds=clips, taps=names, operands=formats)
    first, left, right, stream = _run(model, images, names)
    for taken, came, name in (
        (first, images, "first"),
        (left, stream, "left"),
        (right, stream, "right"),
    ):
        fmt = formats[name]
        expected = dequantise(quantise(came, fmt), fmt)
        limit = clips.get(name, 0.0)
        expected = np.where(np.abs(expected) <= limit, 0.0, expected)
        np.testing.assert_array_equal(taken, expected)
    assert left.max() == 7 / 4  # held at the end of its format
    # the other reader's words, and the stream, are not those of the left one
    assert len(np.unique(right)) > 2 * len(np.unique(left))


def test_a_format_of_no_convolution_is_refused() -> None:
    graph, weights, _, _ = _made()
    with pytest.raises(GraphError, match="'sum'"):
        write_model(graph, weights, operands={"sum": FixedPoint(4, 2)})


def test_layers_with_the_default_word_length_stay_as_they_are() -> None:
    graph, weights, _, ranges = _made()
    found = narrowed(graph, weights, Precision(WIDE), ranges)
    assert found.weights is weights and not found.operands
    found = narrowed(graph, weights, Precision(WIDE, {"left": LEAST}), ranges)
    changed = {name for name in weights if not np.array_equal(weights[name], found.weights[name])}
    assert changed == {"left.weight", "left.bias"}
    assert set(found.operands) == {"left"} and found.operands["left"].width_bits == 4
    assert len(np.unique(found.weights["left.weight"])) <= 16


@pytest.mark.parametrize("own", [NARROW, LEAST], ids=["8", "4"])
def test_the_imitation_is_as_near_to_the_integers_as_the_wide_words_are(own: object) -> None:
    graph, weights, images, ranges = _made()
    words = NARROW if own is NARROW else LEAST
    precision = Precision(WIDE, {"first": words, "left": words, "classes": words})
    formats: NumberFormats = choose_formats(graph, weights, ranges, precision)
    found = narrowed(graph, weights, precision, ranges)
    tap = ["out:classes"]
    model = write_model(graph, found.weights, taps=tap, operands=found.operands)
    (imitated,) = _run(model, images, tap)
    (wide,) = _run(write_model(graph, weights, taps=tap), images, tap)
    integers = run_reference(graph, weights, formats, {}, images, taps=["classes"])["classes"]
    exact = dequantise(integers, formats.outputs["classes"])
    near, far = np.abs(imitated - exact), np.abs(wide - exact)
    # a few words lie so near a tie that the default's 16 bits decide
    assert np.median(near) < 0.02 * np.median(far)
    assert near.mean() < 0.25 * far.mean()
