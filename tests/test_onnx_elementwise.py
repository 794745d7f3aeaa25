"""Activations, arithmetic, gates: what onnxruntime computes from the file and from the IR."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_models import ModelMaker, op_names, prove

from hass import ops
from hass.onnx_io import read_model, write_model
from hass.rewrites.draft import Draft
from hass.values import FeatureMap

SQUEEZED = ["Conv2d", "Relu", "Fork", "GlobalAvgPool"]
Case = tuple[Callable[[ModelMaker], object], list[str]]


def _gate(m: ModelMaker, source: str, sixth: float, divide: bool = False) -> str:
    clipped = m.node("Clip", m.node("Add", source, m.constant(3)), m.constant(0), m.constant(6))
    if divide:
        return m.node("Div", clipped, m.constant(6))
    return m.node("Mul", clipped, m.constant(sixth))


def _squeeze_excite(m: ModelMaker, sixth: float = 1 / 6) -> None:
    features = m.node("Relu", m.conv("x", 3, 4))
    squeezed = m.node("Relu", m.conv(m.node("GlobalAveragePool", features), 4, 2))
    gate = _gate(m, m.conv(squeezed, 2, 4), sixth)
    m.conv(m.node("Mul", features, gate), 4, 5)


def _erf_gate(m: ModelMaker, source: str) -> str:
    odd = m.node("Erf", m.node("Div", source, m.constant(2**0.5)))
    return m.node("Add", odd, m.constant(1))


def _gelu(m: ModelMaker, source: str) -> None:
    m.node("Mul", m.node("Mul", source, _erf_gate(m, source)), m.constant(0.5))


def _cube_by_pow(m: ModelMaker) -> str:
    return m.node("Pow", "x", m.constant(3))


def _cube_by_mul(m: ModelMaker) -> str:
    return m.node("Mul", m.node("Mul", "x", "x"), "x")


def _gelu_by_tanh(m: ModelMaker, cube: Callable[[ModelMaker], str] | None) -> None:
    if cube is not None:
        bent = m.node("Add", "x", m.node("Mul", m.constant(0.044715), cube(m)))
    else:  # as Keras has it
        square = m.node("Mul", m.constant(0.044715), m.node("Mul", "x", "x"))
        bent = m.node("Mul", "x", m.node("Add", m.constant(1), square))
    odd = m.node("Tanh", m.node("Mul", bent, m.constant((2 / np.pi) ** 0.5)))
    gate = m.node("Mul", m.node("Add", odd, m.constant(1)), m.constant(0.5))
    m.node("Mul", "x", gate)


def _silu(m: ModelMaker) -> None:
    m.node("Mul", "x", m.node("Sigmoid", "x"))


def _swish_by_clip(m: ModelMaker) -> None:
    clipped = m.node("Clip", m.node("Add", "x", m.constant(3)), m.constant(0), m.constant(6))
    m.node("Mul", m.node("Mul", "x", clipped), m.constant(1 / 6))


CASES: dict[str, Case] = {
    "relu": (lambda m: m.node("Relu", "x"), ["Relu"]),
    "relu6": (lambda m: m.node("Clip", "x", m.constant(0), m.constant(6)), ["Clip"]),
    "clip from 0": (lambda m: m.node("Clip", "x", m.constant(0)), ["Relu"]),
    "clip to 1": (lambda m: m.node("Clip", "x", "", m.constant(1)), ["Clip"]),
    "clip from -1": (lambda m: m.node("Clip", "x", m.constant([-1])), ["Clip"]),
    "clip without bounds": (lambda m: m.node("Clip", "x"), []),
    "sigmoid": (lambda m: m.node("Sigmoid", "x"), ["Sigmoid"]),
    "hard swish": (lambda m: m.node("HardSwish", "x"), ["HardSwish"]),
    "hard sigmoid": (lambda m: m.node("HardSigmoid", "x"), ["HardSigmoid"]),
    "hard sigmoid, attributes": (
        lambda m: m.node("HardSigmoid", "x", alpha=0.25, beta=0.375),
        ["HardSigmoid"],
    ),
    "hard sigmoid by mul": (lambda m: _gate(m, "x", 1 / 6), ["HardSigmoid"]),
    "hard sigmoid by div": (lambda m: _gate(m, "x", 0, divide=True), ["HardSigmoid"]),
    "hard sigmoid, clip last": (
        lambda m: m.node(
            "Clip",
            m.node("Add", m.node("Mul", "x", m.constant(1 / 6)), m.constant(0.5)),
            m.constant(0),
            m.constant(1),
        ),
        ["HardSigmoid"],
    ),
    "hard swish by hard sigmoid": (
        lambda m: m.node("Mul", m.node("HardSigmoid", "x", alpha=1 / 6), "x"),
        ["HardSwish"],
    ),
    "hard swish by add, clip, div": (
        lambda m: m.node("Mul", "x", _gate(m, "x", 0, divide=True)),
        ["HardSwish"],
    ),
    "hard swish, factor last": (_swish_by_clip, ["HardSwish"]),
    "silu": (_silu, ["Curve"]),
    "silu by two": (
        lambda m: m.node("Mul", m.node("Sigmoid", m.node("Mul", "x", m.constant(1.702))), "x"),
        ["Curve"],
    ),
    "gate of another stream": (
        lambda m: m.node("Mul", "x", m.node("Sigmoid", m.node("Relu", "x"))),
        ["Fork", "Relu", "Sigmoid", "Mul"],
    ),
    "tanh": (lambda m: m.node("Tanh", "x"), ["Curve"]),
    "erf": (lambda m: m.node("Erf", "x"), ["Curve"]),
    "softplus": (lambda m: m.node("Softplus", "x"), ["Curve"]),
    "elu": (lambda m: m.node("Elu", "x", alpha=0.5), ["Curve"]),
    "selu": (lambda m: m.conv(m.node("Selu", "x"), 3, 2), ["Curve", "Conv2d"]),
    "selu of one's own": (lambda m: m.node("Selu", "x", alpha=2.0, gamma=0.5), ["Curve", "Conv2d"]),
    "selu in front of a pool": (
        lambda m: m.conv(
            m.node("MaxPool", m.node("Selu", "x"), kernel_shape=[2, 2], pads=[1, 0, 0, 1]), 3, 2
        ),
        ["Curve", "MaxPool2d", "Conv2d"],
    ),
    "sum of negative halves": (
        lambda m: m.conv(
            m.node("GlobalAveragePool", m.node("Mul", m.node("Sigmoid", "x"), m.constant(-0.5))),
            3,
            2,
        ),
        ["Sigmoid", "GlobalAvgPool", "Conv2d"],
    ),
    "celu": (lambda m: m.node("Celu", "x"), ["Curve"]),
    "celu by half": (
        lambda m: m.conv(m.node("Celu", m.conv("x", 3, 2), alpha=0.5), 2, 2),
        ["Conv2d", "Curve", "Conv2d"],
    ),
    "mish": (
        lambda m: m.node("Mul", "x", m.node("Tanh", m.node("Softplus", "x"))),
        ["Curve"],
    ),
    "leaky relu": (lambda m: m.node("LeakyRelu", "x"), ["LeakyRelu"]),
    "leaky relu without a leak": (lambda m: m.node("LeakyRelu", "x", alpha=0.0), ["Relu"]),
    "prelu": (lambda m: m.node("PRelu", "x", m.constant([[[0.1]], [[0.2]], [[-3]]])), ["PRelu"]),
    "prelu behind a flatten": (
        lambda m: m.node(
            "PRelu", m.node("Gemm", m.node("Flatten", "x"), m.random(105, 4)), m.random(4)
        ),
        ["Conv2d", "PRelu"],
    ),
    "prelu with one slope": (lambda m: m.node("PRelu", "x", m.constant([0.25])), ["LeakyRelu"]),
    "prelu without a slope": (lambda m: m.node("PRelu", "x", m.constant([[[0]]])), ["Relu"]),
    "gelu by erf": (lambda m: _gelu(m, "x"), ["Curve"]),
    "gelu, half first": (
        lambda m: m.node("Mul", m.node("Mul", "x", m.constant(0.5)), _erf_gate(m, "x")),
        ["Curve"],
    ),
    "gelu, half in the gate": (
        lambda m: m.node("Mul", "x", m.node("Mul", _erf_gate(m, "x"), m.constant(0.5))),
        ["Curve"],
    ),
    "gelu by tanh": (lambda m: _gelu_by_tanh(m, _cube_by_pow), ["Curve"]),
    "gelu by tanh, products": (lambda m: _gelu_by_tanh(m, _cube_by_mul), ["Curve"]),
    "gelu by tanh, factored": (
        lambda m: _gelu_by_tanh(m, None),
        ["Curve"],
    ),
    "square": (lambda m: m.node("Pow", "x", m.constant(2)), ["Fork", "Mul"]),
    "erf of another stream": (
        lambda m: m.node("Mul", "x", _erf_gate(m, m.node("Relu", "x"))),
        ["Fork", "Relu", "Conv2d", "Curve", "Conv2d", "Mul"],
    ),
    "x + x": (lambda m: m.node("Add", "x", "x"), ["Fork", "Add"]),
    "sum of one": (lambda m: m.node("Relu", m.node("Sum", "x")), ["Relu"]),
    "sum of two": (lambda m: m.node("Sum", m.node("Relu", "x"), "x"), ["Fork", "Relu", "Add"]),
    "sum of three and constants": (
        lambda m: m.node(
            "Sum",
            m.constant(2.0),
            m.node("Relu", "x"),
            m.node("Sum", m.constant(1.0), m.random(3, 1, 1)),
            m.conv("x", 3, 3),
            m.node("Sigmoid", "x"),
        ),
        ["Fork", "Relu", "Conv2d", "Sigmoid", "Add", "Add", "Conv2d"],
    ),
    "squeeze and excitation": (
        _squeeze_excite,
        [*SQUEEZED, "Conv2d", "Relu", "Conv2d", "HardSigmoid", "Mul", "Conv2d"],
    ),
    "squeeze and excitation, rounded 1/6": (
        lambda m: _squeeze_excite(m, 0.16667),
        [*SQUEEZED, "Conv2d", "Relu", "Conv2d", "HardSigmoid", "Mul", "Conv2d"],
    ),
    "batch norm behind conv": (lambda m: m.batch_norm(m.conv("x", 3, 4), 4), ["Conv2d"]),
    "batch norm behind depthwise": (
        lambda m: m.batch_norm(m.conv("x", 3, 6, 3, group=3), 6),
        ["Conv2d"],
    ),
    "batch norm in front of conv": (lambda m: m.conv(m.batch_norm("x", 3), 3, 4, 2), ["Conv2d"]),
    "batch norm in front of padded conv": (
        lambda m: m.conv(m.batch_norm("x", 3), 3, 4, 3, pads=[1, 1, 1, 1]),
        ["Conv2d", "Conv2d"],
    ),
    "batch norm in front of grouped conv": (
        lambda m: m.conv(m.batch_norm("x", 3), 3, 6, 2, group=3),
        ["Conv2d"],
    ),
    "scale in front of padded conv": (
        lambda m: m.conv(m.node("Mul", "x", m.random(3, 1, 1)), 3, 4, 3, pads=[1, 1, 1, 1]),
        ["Conv2d"],
    ),
    "batch norm alone": (lambda m: m.node("Relu", m.batch_norm("x", 3)), ["Conv2d", "Relu"]),
    "batch norm behind a conv that is read twice": (
        lambda m: (
            m.conv("x", 3, 4),
            m.node("Add", m.batch_norm("t0", 4), "t0"),
        ),
        ["Conv2d", "Fork", "Conv2d", "Add"],
    ),
    "scalar minus x": (lambda m: m.node("Sub", m.constant(1), "x"), ["Conv2d"]),
    "x minus channels": (lambda m: m.node("Sub", "x", m.random(1, 3, 1, 1)), ["Conv2d"]),
    "x over channels": (
        lambda m: m.node("Div", "x", m.constant([[[2]], [[3]], [[-4]]])),
        ["Conv2d"],
    ),
    "x minus y": (
        lambda m: m.node("Sub", "x", m.conv("x", 3, 3)),
        ["Fork", "Conv2d", "Add"],
    ),
    "y minus x": (
        lambda m: m.node("Sub", m.conv("x", 3, 3), "x"),
        ["Fork", "Conv2d", "Conv2d", "Add"],
    ),
    "maximum": (lambda m: m.node("Max", "x", m.constant(0.25)), ["Clip"]),
    "relu by maximum": (lambda m: m.node("Max", m.constant(0), "x"), ["Relu"]),
    "relu6 by both": (
        lambda m: m.node("Max", m.node("Min", "x", m.constant(6)), m.constant(0)),
        ["Clip"],
    ),
    "relu6 by minimum": (lambda m: m.node("Min", m.node("Relu", "x"), m.constant(6)), ["Clip"]),
    "hard swish by both": (
        lambda m: m.node(
            "Div",
            m.node(
                "Mul",
                "x",
                m.node("Min", m.node("Relu", m.node("Add", "x", m.constant(3))), m.constant(6)),
            ),
            m.constant(6),
        ),
        ["HardSwish"],
    ),
    "bounds that exclude each other": (
        lambda m: m.node("Max", m.node("Min", "x", m.constant(-0.5)), m.constant(0.5)),
        ["Clip"],
    ),
    "maximum per channel": (
        lambda m: m.conv(m.node("Max", m.conv("x", 3, 2), m.random(2, 1, 1)), 2, 3),
        ["Conv2d", "Relu", "Conv2d"],
    ),
    "minimum per channel": (
        lambda m: m.conv(m.node("Min", m.conv("x", 3, 2), m.random(2, 1, 1)), 2, 3),
        ["Conv2d", "Relu", "Conv2d"],
    ),
    "absolute": (lambda m: m.node("Abs", "x"), ["LeakyRelu"]),
    "sum over positions": (
        lambda m: m.conv(m.node("ReduceSum", "x", m.integers(2, 3)), 3, 2),
        ["GlobalAvgPool", "Conv2d"],
    ),
    "maximum over positions": (
        lambda m: m.node("ReduceMax", "x", axes=[-1, -2], keepdims=0),
        ["MaxPool2d"],
    ),
    "negative": (lambda m: m.node("Neg", "x"), ["Conv2d"]),
    "normalised input": (
        lambda m: m.conv(
            m.node("Div", m.node("Sub", "x", m.random(3, 1, 1)), m.constant(57.0)), 3, 4, 3
        ),
        ["Conv2d"],
    ),
    "times one": (lambda m: m.node("Relu", m.node("Mul", "x", m.constant(1))), ["Relu"]),
    "relu twice": (lambda m: m.node("Relu", m.node("Relu", "x")), ["Relu"]),
    "flattened relu": (
        lambda m: m.node("Gemm", m.node("Relu", m.node("Flatten", "x")), m.random(105, 4)),
        ["Relu", "Conv2d"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_pattern(case: str, tmp_path: Path) -> None:
    make, expected = CASES[case]
    maker = ModelMaker((3, 7, 5))
    make(maker)
    assert op_names(prove(maker.save(tmp_path)).graph) == expected


def test_clip_attributes_of_old_operator_sets(tmp_path: Path) -> None:
    maker = ModelMaker(opset=9)
    maker.node("Clip", maker.node("Clip", "x", min=0.0), max=6.0)
    graph = prove(maker.save(tmp_path)).graph
    assert [layer.op for layer in graph.layers[1:-1]] == [ops.Clip(0.0, 6.0)]


def test_hard_sigmoid_keeps_its_slope(tmp_path: Path) -> None:
    maker = ModelMaker()
    _gate(maker, "x", 1 / 6)
    op = prove(maker.save(tmp_path)).graph.layers[1].op
    assert isinstance(op, ops.HardSigmoid)
    assert op.alpha == pytest.approx(1 / 6, rel=1e-6)
    assert op.beta == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("opset", [9, 11, 13, 14, 18, 22])
def test_residual_block_in_every_operator_set(opset: int, tmp_path: Path) -> None:
    maker = ModelMaker((4, 5, 7), opset=opset)
    first = maker.node("Relu", maker.batch_norm(maker.conv("x", 4, 4, 3, pads=[1] * 4), 4))
    second = maker.batch_norm(maker.conv(first, 4, 4, 3, pads=[1] * 4), 4)
    maker.node("Relu", maker.node("Add", second, "x"))
    names = op_names(prove(maker.save(tmp_path)).graph)
    assert names == ["Fork", "Conv2d", "Relu", "Conv2d", "Add", "Relu"]


def test_weights_of_a_folded_batch_norm_are_exact(tmp_path: Path) -> None:
    maker = ModelMaker((1, 2, 2))
    conv = maker.node("Conv", "x", maker.constant([[[[3.0]]]]), maker.constant([5.0]))
    one = [maker.constant([value]) for value in (2.0, 7.0, 1.0, 4.0)]  # scale, shift, mean, var
    maker.node("BatchNormalization", conv, *one, epsilon=0.0)
    weights = prove(maker.save(tmp_path)).weights
    # 2 * (3x + 5 - 1) / sqrt(4) + 7
    assert float(weights["Conv_0.weight"].reshape(())) == 3.0
    np.testing.assert_array_equal(weights["Conv_0.bias"], [11.0])


@pytest.mark.parametrize(
    ("opset", "op", "attributes", "function"),
    [
        (18, "Mish", {}, ops.Function.MISH),
        (20, "Gelu", {}, ops.Function.GELU),
        (20, "Gelu", {"approximate": "tanh"}, ops.Function.GELU_TANH),
    ],
)
def test_functions_of_newer_operator_sets(
    opset: int, op: str, attributes: dict[str, str], function: ops.Function, tmp_path: Path
) -> None:
    maker = ModelMaker(opset=opset)
    maker.node(op, "x", **attributes)
    assert prove(maker.save(tmp_path)).graph.layers[1].op == ops.Curve(function)


@pytest.mark.parametrize("function", ops.Function)
def test_a_curve_that_is_written_is_read_again(function: ops.Function, tmp_path: Path) -> None:
    alpha = 1.75 if function in (ops.Function.SILU, ops.Function.ELU) else 1.0
    draft = Draft("curved")
    draft.add("input", ops.Input(), [], out=FeatureMap(5, 3, 2))
    draft.add("curve", ops.Curve(function, alpha), ["input"])
    draft.add("output", ops.Output(), ["curve"])
    path = tmp_path / "model.onnx"
    path.write_bytes(write_model(*draft.build()))
    assert [layer.op for layer in read_model(path).graph.layers] == [
        ops.Input(),
        ops.Curve(function, alpha),
        ops.Output(),
    ]


@pytest.mark.parametrize(
    ("size", "attributes"),
    [
        (5, {}),
        (3, {"alpha": 0.5, "beta": 0.5, "bias": 2.0}),
        (1, {"alpha": 0.3, "beta": 1.0}),
        (19, {"alpha": 0.9}),
    ],
)
def test_local_response_normalisation(
    size: int, attributes: dict[str, float], tmp_path: Path
) -> None:
    maker = ModelMaker((7, 5, 3))
    maker.node("LRN", "x", size=size, **attributes)
    graph = prove(maker.save(tmp_path)).graph
    expected = ["Fork", "Mul", "Conv2d", "Curve", "Mul"]
    if "bias" in attributes:
        expected.append("Conv2d")
    assert op_names(graph) == expected
