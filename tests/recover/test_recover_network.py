"""The torch module computes what onnxruntime computes of the same network."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from chain_networks import EVERY_OP, Chain, network
from onnx_models import RTOL, assert_close, frames_of, run

from hass import ops
from hass.graph import Graph, Weights
from hass.models import digits_paths
from hass.onnx_io import read_model, write_model
from hass.values import FeatureMap

torch = pytest.importorskip("torch", reason="torch trains networks: make test installs it")
from hass.recover.network import NetworkModule  # noqa: E402 - only where torch is

SOURCE = FeatureMap(7, 5, 4)
FORK: Chain = [("fork", ops.Fork(), ["in"])]
ONE_PIXEL: Chain = [*FORK, ("mean", ops.GlobalAvgPool(), ["fork"])]
WINDOW = ((3, 2), (2, 1), (1, 0, 2, 1))
CASES: dict[str, Chain] = {
    "conv": [("x", ops.Conv2d(6, *WINDOW), ["in"])],
    "grouped conv": [("x", ops.Conv2d(6, (3, 3), (2, 2), (1, 1, 1, 1), 2), ["in"])],
    "depthwise conv": [("x", ops.Conv2d(8, (3, 3), (1, 1), (0, 1, 1, 0), 4), ["in"])],
    "fully connected": [("x", ops.Conv2d(5, (7, 5)), ["in"])],
    "scale and shift": [("x", ops.Conv2d(4, (1, 1), groups=4), ["in"])],
    "max pool": [("x", ops.MaxPool2d(*WINDOW), ["in"])],
    "average": [("x", ops.AvgPool2d(*WINDOW), ["in"])],
    "average inside": [("x", ops.AvgPool2d(*WINDOW, ops.Divisor.INSIDE), ["in"])],
    "global average": [("x", ops.GlobalAvgPool(), ["in"])],
    "relu": [("x", ops.Relu(), ["in"])],
    "clip": [("x", ops.Clip(-0.5, 0.75), ["in"])],
    "hard sigmoid": [("x", ops.HardSigmoid(0.4, 0.3), ["in"])],
    "hard swish": [("x", ops.HardSwish(), ["in"])],
    "sigmoid": [("x", ops.Sigmoid(), ["in"])],
    "leaky relu": [("x", ops.LeakyRelu(0.2), ["in"])],
    "prelu": [("x", ops.PRelu((0.2, -0.5, 1.5, 0.0)), ["in"])],
    **{f.value: [("x", ops.Curve(f), ["in"])] for f in ops.Function},
    "silu by half": [("x", ops.Curve(ops.Function.SILU, 0.5), ["in"])],
    "elu by half": [("x", ops.Curve(ops.Function.ELU, 0.5), ["in"])],
    "add": [*FORK, ("relu", ops.Relu(), ["fork"]), ("x", ops.Add(), ["relu", "fork"])],
    "add one pixel": [*ONE_PIXEL, ("x", ops.Add(), ["mean", "fork"])],
    "mul": [*FORK, ("relu", ops.Relu(), ["fork"]), ("x", ops.Mul(), ["fork", "relu"])],
    "mul one pixel": [*ONE_PIXEL, ("x", ops.Mul(), ["fork", "mean"])],
    "concat": [*FORK, ("relu", ops.Relu(), ["fork"]), ("x", ops.Concat(), ["relu", "fork"])],
    "slice": [("x", ops.Slice(ops.Span(1, 7, 2), ops.Span(0, 4), ops.Span(1, 4, 2)), ["in"])],
    "pad": [("x", ops.Pad((1, 0, 2, 3), 2, 1), ["in"])],
    "every op": EVERY_OP,
}


def _outputs(
    graph: Graph, weights: Weights, frames: np.ndarray, thresholds: dict[str, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """What torch makes of frames, and what onnxruntime does."""
    clips = thresholds or {}
    with torch.no_grad():
        found = NetworkModule(graph, weights, clips)(torch.from_numpy(frames)).numpy()
    (expected,) = run(write_model(graph, weights, act_thresholds=clips), frames)
    assert found.shape == expected.shape
    return found, expected


def test_the_cases_hold_every_op() -> None:
    used = {type(op) for chain in CASES.values() for _, op, _ in chain}
    assert used | {ops.Input, ops.Output} == set(ops.OP_TYPES)


@pytest.mark.parametrize("chain", CASES.values(), ids=CASES)
def test_an_op_is_that_of_onnxruntime(chain: Chain) -> None:
    graph, weights = network(chain, SOURCE)
    assert_close(*_outputs(graph, weights, frames_of(graph)))


def test_a_clip_takes_what_is_not_above_it() -> None:
    graph, weights = network([("x", ops.Conv2d(3, (1, 1)), ["in"])], SOURCE)
    frames = frames_of(graph)
    frames[0, 0, 0, :4] = (0.7, -0.7, np.nextafter(np.float32(0.7), np.float32(1)), -0.71)
    found, expected = _outputs(graph, weights, frames, {"x": float(np.float32(0.7))})
    assert_close(found, expected)
    unclipped, _ = _outputs(graph, weights, frames)
    assert np.abs(found - unclipped).max() > 0.1


def test_the_gradient_goes_through_a_clip() -> None:
    graph, weights = network([("x", ops.Conv2d(1, (1, 1)), ["in"])], FeatureMap(1, 3, 1))
    frames = torch.tensor([[[[0.4, -0.5, 0.6]]]], requires_grad=True)
    NetworkModule(graph, weights, {"x": 0.5})(frames).sum().backward()
    weight = float(weights["x.weight"].item())
    assert frames.grad is not None
    assert frames.grad.flatten().tolist() == [pytest.approx(weight)] * 3


def test_the_weights_come_out_as_they_went_in() -> None:
    graph, weights = network(EVERY_OP, SOURCE)
    assert NetworkModule(graph, weights, {}).weights().digest == weights.digest


def test_the_bundled_network_is_that_of_onnxruntime() -> None:
    model = read_model(digits_paths()[0])
    assert_close(*_outputs(model.graph, model.weights, frames_of(model.graph)))


@pytest.mark.parametrize(
    "name",
    ["cifar10/resnet20.onnx", "imagenet/mobilenetv3_small.onnx", "imagenet/squeezenet1.1.onnx"],
)
def test_a_real_network_is_that_of_onnxruntime(name: str) -> None:
    folder = os.environ.get("HASS_DATA_DIR")
    if folder is None:
        pytest.skip("HASS_DATA_DIR is not set: no real networks here")
    model = read_model(Path(folder) / name)
    found, expected = _outputs(model.graph, model.weights, frames_of(model.graph, 2))
    np.testing.assert_allclose(found, expected, rtol=RTOL, atol=RTOL * np.abs(expected).max())
