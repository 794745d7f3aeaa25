"""The integer reference: near the floating-point network, and exact where exactness is promised."""

from __future__ import annotations

import numpy as np
import pytest
from chain_networks import EVERY_OP, Chain, float_outputs, network

from hass import exact_sums, ops, reference
from hass.errors import GraphError
from hass.fixed_point import choose_formats, dequantise, quantise, requantise, wrap
from hass.reference import clip_limits, convolve, integer_weights, run_reference
from hass.shapes import output_map
from hass.values import Arithmetic, FeatureMap


@pytest.mark.parametrize("thresholds", [{}, {"dw": 0.4, "reduce": 0.05, "grouped": 0.2}])
@pytest.mark.parametrize(
    ("arithmetic", "error"), [(Arithmetic(), 0.01), (Arithmetic(10, 10, 24), 0.12)]
)
def test_every_op_is_near_the_floating_point_network(
    thresholds: dict[str, float], arithmetic: Arithmetic, error: float
) -> None:
    graph, weights = network(EVERY_OP, FeatureMap(8, 6, 3))
    frames = np.random.default_rng(1).normal(0, 1, (20, 3, 8, 6)).astype(np.float32)
    found = float_outputs(graph, weights, thresholds, frames)
    formats = choose_formats(
        graph, weights, {name: float(np.abs(x).max()) for name, x in found.items()}, arithmetic
    )
    names = list(found)
    integers = run_reference(graph, weights, formats, thresholds, frames, taps=names)
    for name in names:
        wanted = found[name].reshape(integers[name].shape)
        got = dequantise(integers[name], formats.outputs[name])
        if not isinstance(graph[graph.out_edges(name)[0].dst].op, ops.Relu | ops.Clip):
            # where values may saturate because the reader cuts them off, only the reader compares
            distance = np.abs(got - wanted)
            # a word near a threshold may fall on its other side: few do
            assert np.quantile(distance, 0.98) <= error * np.abs(wanted).max(), name
    wanted = found["fc"].reshape(len(frames), -1).argmax(axis=1)
    got = integers["out"].reshape(len(frames), -1).argmax(axis=1)
    assert (wanted == got).mean() >= 0.95


def _slow_convolution(op: ops.Conv2d, source: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """By the definition, in Python integers."""
    frames, channels, height, width = source.shape
    out = output_map(op, [FeatureMap(height, width, channels)])
    result = np.zeros((frames, op.out_channels, out.height, out.width), dtype=object)
    group_in, group_out = channels // op.groups, op.out_channels // op.groups
    for place in np.ndindex(result.shape):
        n, f, y, x = place
        total = 0
        for c, kh, kw in np.ndindex(group_in, *op.kernel):
            row = y * op.stride[0] + kh - op.pads[0]
            column = x * op.stride[1] + kw - op.pads[1]
            if 0 <= row < height and 0 <= column < width:
                pixel = source[n, f // group_out * group_in + c, row, column]
                total += int(pixel) * int(weight[f, c, kh, kw])
        result[place] = total
    return result


@pytest.mark.parametrize(
    "op",
    [
        ops.Conv2d(4, (3, 2), (2, 1), (1, 0, 0, 1)),
        ops.Conv2d(6, (3, 3), (1, 2), (1, 1, 1, 1), 2),
        ops.Conv2d(4, (2, 2), groups=4),
    ],
)
def test_convolution_is_exact(op: ops.Conv2d) -> None:
    rng = np.random.default_rng(2)
    source = rng.integers(-(1 << 17), 1 << 17, (2, 4, 5, 6))
    weight = rng.integers(-(1 << 17), 1 << 17, (op.out_channels, 4 // op.groups, *op.kernel))
    assert (convolve(op, source, weight) == _slow_convolution(op, source, weight)).all()


@pytest.mark.parametrize("size", [100, 1 << 11, 1 << 15, 1 << 26])
@pytest.mark.parametrize("groups", [1, 4])
def test_products_are_exact_in_whatever_type_they_are_taken(size: int, groups: int) -> None:
    """Sums of 100 * 100 fit float32, of 2**52 only float64; the largest are those of int64."""
    op = ops.Conv2d(4, (3, 3), pads=(1, 1, 1, 1), groups=groups)
    rng = np.random.default_rng(4)
    source = rng.integers(-size, size, (2, 4, 5, 6)) * 2 + 1
    weight = rng.integers(-size, size, (4, 4 // groups, 3, 3)) * 2 + 1
    assert (convolve(op, source, weight) == _slow_convolution(op, source, weight)).all()


def test_frames_together_are_frames_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, weights = network(EVERY_OP, FeatureMap(8, 6, 3))
    frames = np.random.default_rng(1).normal(0, 1, (7, 3, 8, 6)).astype(np.float32)
    found = float_outputs(graph, weights, {}, frames)
    ranges = {name: float(np.abs(x).max()) for name, x in found.items()}
    formats = choose_formats(graph, weights, ranges, Arithmetic())
    together = run_reference(graph, weights, formats, {}, frames, taps=["fc"])
    largest = max(layer.out.words for layer in graph)
    monkeypatch.setattr(reference, "MAP_WORDS", 2 * largest)  # two at a time, and the last alone
    monkeypatch.setattr(exact_sums, "PART_WORDS", 1)  # and convolutions row by row
    monkeypatch.setattr(exact_sums, "CHANNEL_WORDS", 1)  # or channel by channel
    apart = run_reference(graph, weights, formats, {}, frames, taps=["fc"])
    assert together.keys() == apart.keys() == {"fc", "out"}
    assert all((together[name] == apart[name]).all() for name in together)


def test_convolution_beyond_exact_floats_uses_integers() -> None:
    op = ops.Conv2d(1, (1, 1))
    source = np.array([(1 << 40) + 1, 1 << 40]).reshape(1, 2, 1, 1)
    weight = np.array([1 << 14, -(1 << 14)]).reshape(1, 2, 1, 1)
    assert convolve(op, source, weight).item() == 1 << 14


def test_a_clip_acts_on_the_stream_into_the_layer_only() -> None:
    chain: Chain = [
        ("fork", ops.Fork(), ["in"]),
        ("conv", ops.Conv2d(2, (1, 1)), ["fork"]),
        ("add", ops.Add(), ["conv", "fork"]),
    ]
    graph, weights = network(chain, FeatureMap(3, 4, 2))
    weights = weights.replace({"conv.weight": np.eye(2).reshape(2, 2, 1, 1), "conv.bias": [0, 0]})
    frames = np.linspace(-1, 1, 24).reshape(1, 2, 3, 4).astype(np.float32)
    maxima = {"in": 1.0, "conv": 1.0, "add": 2.0}
    formats = choose_formats(graph, weights, maxima, Arithmetic())
    limit = clip_limits({"conv": 0.5}, formats, graph)["conv"]
    word = quantise(frames, formats.outputs["in"])
    kept = np.where(np.abs(word) <= limit, 0, word)
    assert 0 < (kept == 0).sum() < kept.size
    result = run_reference(graph, weights, formats, {"conv": 0.5}, frames)["out"]
    assert (
        result == requantise(kept + word, formats.outputs["in"].frac_bits, formats.outputs["add"])
    ).all()


def test_accumulators_wrap_and_words_saturate() -> None:
    chain: Chain = [("conv", ops.Conv2d(2, (3, 3), pads=(1, 1, 1, 1)), ["in"])]
    graph, weights = network(chain, FeatureMap(4, 5, 3))
    formats = choose_formats(graph, weights, {"in": 1.0, "conv": 0.01}, Arithmetic(12, 12, 16))
    frames = np.random.default_rng(3).normal(0, 1, (2, 3, 4, 5)).astype(np.float32)
    integers = integer_weights(graph, weights, formats)
    word = quantise(frames, formats.outputs["in"])
    sums = _slow_convolution(graph["conv"].op, word, integers["conv.weight"])  # type: ignore[arg-type]
    sums = sums.astype(np.int64) + integers["conv.bias"].reshape(1, 2, 1, 1)
    assert (wrap(sums, 16) != sums).any()
    accumulator = formats.accumulator(graph, "conv")
    out = formats.outputs["conv"]
    expected = requantise(wrap(sums, 16), accumulator.frac_bits, out)
    assert (run_reference(graph, weights, formats, {}, frames)["out"] == expected).all()
    assert (expected == out.high).any()


def test_frames_of_another_shape_are_refused() -> None:
    graph, weights = network([("relu", ops.Relu(), ["in"])], FeatureMap(4, 5, 3))
    formats = choose_formats(graph, weights, {"in": 1.0}, Arithmetic())
    with pytest.raises(GraphError, match=r"shape \(2, 3, 5, 4\)"):
        run_reference(graph, weights, formats, {}, np.zeros((2, 3, 5, 4), np.float32))
