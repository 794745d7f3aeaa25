"""What exporters and converters wrap networks in: functions, branches, computed weights and shapes,
old operator sets; and files that torch's two exporters write."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_models import ModelMaker, op_names, prove

from hass.errors import GraphError, UnsupportedOpError
from hass.onnx_io import read_model


def _save(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _function(name: str, nodes: list[onnx.NodeProto]) -> onnx.FunctionProto:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], nodes, opsets)


def _calling(folder: Path, functions: list[onnx.FunctionProto], called: str) -> Path:
    maker = ModelMaker((2, 5, 3))
    maker.node(called, maker.conv("x", 2, 3, 2), domain="own")
    model = maker.model()
    model.functions.extend(functions)
    model.opset_import.add(domain="own", version=1)
    return _save(folder, model)


def test_functions_are_inlined(tmp_path: Path) -> None:
    inner = _function("Inner", [helper.make_node("Relu", ["a"], ["b"])])
    scale = helper.make_node("Constant", [], ["two"], value_float=2.0)
    outer = _function(
        "Outer",
        [
            scale,
            helper.make_node("Inner", ["a"], ["c"], domain="own"),
            helper.make_node("CastLike", ["two", "c"], ["like"]),
            helper.make_node("Mul", ["c", "like"], ["b"]),
        ],
    )
    model = prove(_calling(tmp_path, [inner, outer], "Outer"))
    assert op_names(model.graph) == ["Conv2d", "Relu", "Conv2d"]


def test_functions_that_call_each_other(tmp_path: Path) -> None:
    ping = _function("Ping", [helper.make_node("Pong", ["a"], ["b"], domain="own")])
    pong = _function("Pong", [helper.make_node("Ping", ["a"], ["b"], domain="own")])
    with pytest.raises(GraphError, match="function 'Ping' calls itself"):
        read_model(_calling(tmp_path, [ping, pong], "Ping"))


def test_functions_deeper_than_onnx_inlines(tmp_path: Path) -> None:
    functions = [_function("F0", [helper.make_node("Relu", ["a"], ["b"])])]
    for level in range(1, 200):
        call = helper.make_node(f"F{level - 1}", ["a"], ["b"], domain="own")
        functions.append(_function(f"F{level}", [call]))
    with pytest.raises(GraphError, match=r"functions that cannot be inlined: .* depth exceeds"):
        read_model(_calling(tmp_path, functions, "F199"))


def test_functions_that_would_copy_a_constant(tmp_path: Path) -> None:
    value = numpy_helper.from_array(np.zeros((1000, 1000), np.float32))
    made = helper.make_node("Constant", [], ["k"], value=value)
    add = helper.make_node("Add", ["a", "k"], ["b"])
    functions = [_function("Large", [made, add])]
    calls = [
        helper.make_node(
            "Large", [f"c{i}" if i else "a"], [f"c{i + 1}" if i < 49 else "b"], domain="own"
        )
        for i in range(50)
    ]
    functions.append(_function("Often", calls))
    with pytest.raises(GraphError, match=r"functions make more than 99\d{6} bytes"):
        read_model(_calling(tmp_path, functions, "Often"))


@pytest.mark.parametrize("levels", [40, 20_000])
def test_functions_that_would_fill_the_memory(levels: int, tmp_path: Path) -> None:
    functions = [_function("F0", [helper.make_node("Relu", ["a"], ["b"])])]
    for level in range(1, levels):
        calls = [
            helper.make_node(f"F{level - 1}", ["a"], ["c"], domain="own"),
            helper.make_node(f"F{level - 1}", ["c"], ["b"], domain="own"),
        ]
        functions.append(_function(f"F{level}", calls))
    with pytest.raises(GraphError, match="functions make more than 65536 nodes"):
        read_model(_calling(tmp_path, functions, f"F{levels - 1}"))


def _branch(name: str, nodes: list[onnx.NodeProto], output: str) -> onnx.GraphProto:
    info = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    return helper.make_graph(nodes, name, [], [info])


def _if(m: ModelMaker, condition: str, source: str) -> str:
    """torch.jit: squeeze only where the dimension is 1."""
    then = [helper.make_node("Relu", [source], ["then_out"])]
    otherwise = [
        helper.make_node("Sigmoid", [source], ["inner"]),
        helper.make_node("Neg", ["inner"], ["else_out"]),
    ]
    return m.node(
        "If",
        condition,
        then_branch=_branch("then", then, "then_out"),
        else_branch=_branch("else", otherwise, "else_out"),
    )


@pytest.mark.parametrize(
    ("size", "expected"), [(4, ["Conv2d", "Relu"]), (5, ["Conv2d", "Sigmoid", "Conv2d"])]
)
def test_if_with_a_constant_condition(size: int, expected: list[str], tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 3))
    hidden = maker.conv("x", 2, 3, 2)
    rows = maker.node("Gather", maker.node("Shape", hidden), maker.integers(2), axis=0)
    _if(maker, maker.node("Equal", rows, maker.integers(size)), hidden)
    assert op_names(prove(maker.save(tmp_path)).graph) == expected


def test_if_that_the_frame_decides(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 3))
    _if(maker, maker.node("ReduceMax", "x", keepdims=0), "x")
    with pytest.raises(UnsupportedOpError):
        read_model(maker.save(tmp_path))


def _weight_norm(m: ModelMaker) -> str:
    """torch.nn.utils.weight_norm, not folded: g * v / |v|."""
    direction = m.random(4, 2, 3, 3)
    norm = m.node("ReduceL2", direction, axes=[1, 2, 3], keepdims=1)
    weight = m.node("Mul", m.node("Div", direction, norm), m.random(4, 1, 1, 1))
    return m.node("Conv", "x", weight)


def _reparameterised(m: ModelMaker) -> str:
    """A weight that is a product of two, and a bias that is a sum."""
    weight = m.node("MatMul", m.random(4, 3), m.random(3, 70))
    bias = m.node("Sum", m.random(4), m.node("Exp", m.random(4)), m.constant([1, 2, 3, 4]))
    return m.node("Gemm", m.node("Flatten", "x"), weight, bias, transB=1)


def _tied(m: ModelMaker) -> str:
    """One weight for two layers, by Identity and Transpose."""
    weight = m.random(6, 70)
    hidden = m.node("Gemm", m.node("Flatten", "x"), m.node("Identity", weight), transB=1)
    return m.node("MatMul", hidden, m.node("Transpose", m.node("Transpose", weight)))


def _expanded(m: ModelMaker) -> str:
    """torch: x * gate.expand_as(x)."""
    hidden = m.conv("x", 2, 4)
    gate = m.node("Sigmoid", m.node("GlobalAveragePool", hidden))
    return m.node("Mul", hidden, m.node("Expand", gate, m.node("Shape", hidden)))


def _relu6(m: ModelMaker) -> str:
    return m.node("Min", m.node("Max", m.conv("x", 2, 3), m.constant(0)), m.constant(6.0))


def _relu6_of_relu(m: ModelMaker) -> str:
    return m.node("Min", m.constant([0.5]), m.node("Relu", m.conv("x", 2, 3)))


def _odd_norms(m: ModelMaker) -> str:
    """BatchNormalization in front of, between and behind everything."""
    first = m.node("Relu", m.batch_norm(m.batch_norm("x", 2), 2))
    pooled = m.batch_norm(m.node("MaxPool", m.batch_norm(first, 2), kernel_shape=[2, 2]), 2)
    flat = m.node("Flatten", m.batch_norm(m.conv(pooled, 2, 3, 2), 3))
    return m.batch_norm(m.node("Gemm", flat, m.random(45, 3)), 3)


def _norm_of_a_flattened_map(m: ModelMaker) -> str:
    """torch: Flatten, BatchNorm1d, Linear: a scale for each word, which the matrix takes over."""
    flat = m.batch_norm(m.node("Flatten", m.conv("x", 2, 3, 2)), 72)
    scaled = m.node("Sub", m.node("Mul", flat, m.random(1, 72)), m.random(72))
    return m.node("Gemm", m.node("Dropout", m.node("Neg", scaled)), m.random(72, 4), m.random(4))


def _split_of_weights(m: ModelMaker) -> str:
    m.node("Split", m.random(4, 2, 1, 1), axis=0, outputs=2)
    return m.node("Add", m.node("Conv", "x", "t0"), m.node("Conv", "x", "t0.1"))


CASES: dict[str, tuple[Callable[[ModelMaker], object], list[str]]] = {
    "weight norm": (_weight_norm, ["Conv2d"]),
    "reparameterised": (_reparameterised, ["Conv2d"]),
    "tied": (_tied, ["Conv2d", "Conv2d"]),
    "expanded": (_expanded, ["Conv2d", "Fork", "GlobalAvgPool", "Sigmoid", "Mul"]),
    "relu6": (_relu6, ["Conv2d", "Clip"]),
    "relu6 of relu": (_relu6_of_relu, ["Conv2d", "Clip"]),
    "odd norms": (_odd_norms, ["Conv2d", "Relu", "Conv2d", "MaxPool2d", "Conv2d", "Conv2d"]),
    "norm of a flattened map": (_norm_of_a_flattened_map, ["Conv2d", "Conv2d"]),
    "split of weights": (_split_of_weights, ["Fork", "Conv2d", "Conv2d", "Add"]),
}


@pytest.mark.parametrize("case", CASES)
def test_what_exporters_write(case: str, tmp_path: Path) -> None:
    make, expected = CASES[case]
    maker = ModelMaker((2, 5, 7))
    make(maker)
    assert op_names(prove(maker.save(tmp_path)).graph) == expected


@pytest.mark.parametrize("opset", [7, 8, 9, 11, 13, 15, 18, 20, 21, 22, 23])
def test_operator_sets(opset: int, tmp_path: Path) -> None:
    maker = ModelMaker((2, 6, 7), opset=opset)
    hidden = maker.node("Relu", maker.batch_norm(maker.conv("x", 2, 4, 3, pads=[1] * 4), 4))
    pooled = maker.node("MaxPool", hidden, kernel_shape=[2, 2], strides=[2, 2])
    flat = maker.node("Reshape", maker.node("Dropout", pooled), maker.integers(0, -1))
    maker.node("Gemm", flat, maker.random(36, 3), maker.random(3))
    model = prove(maker.save(tmp_path))
    assert op_names(model.graph) == ["Conv2d", "Relu", "MaxPool2d", "Conv2d"]


def test_a_scale_for_every_position_of_old_operator_sets(tmp_path: Path) -> None:
    maker = ModelMaker((2, 1, 1), opset=7)
    parameters = [maker.constant(np.ones(2)) for _ in range(4)]
    maker.node("BatchNormalization", "x", *parameters, spatial=0)
    with pytest.raises(UnsupportedOpError, match="spatial = 0"):
        read_model(maker.save(tmp_path))


def test_expanded_values_that_nothing_broadcasts(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 3))
    mean = maker.node("GlobalAveragePool", "x")
    maker.conv(maker.node("Expand", mean, maker.integers(1, 2, 5, 3)), 2, 3)
    with pytest.raises(UnsupportedOpError, match="which only Add and Mul take"):
        read_model(maker.save(tmp_path))


_TORCH = "torch is not installed: what its exporters write is NOT tested"
_DYNAMO = "onnxscript is not installed: what torch's dynamo exporter writes is NOT tested"


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason=_TORCH)
@pytest.mark.filterwarnings("ignore")  # both exporters warn of their own future
@pytest.mark.parametrize("exporter", ["script", "dynamo"])
def test_torch_exporters(exporter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from exported_networks import Convolutions, Keywords, Perceptron

    dynamo = exporter == "dynamo"
    if dynamo and importlib.util.find_spec("onnxscript") is None:
        pytest.skip(_DYNAMO)
    networks = [(Convolutions(), (3, 16, 16))]
    if not dynamo:  # it takes two seconds for each
        networks += [(Keywords(), (4, 33)), (Perceptron(), (12,))]
    monkeypatch.setattr(logging.root.manager, "disable", logging.WARNING)
    for network, shape in networks:
        path = tmp_path / f"{type(network).__name__}.onnx"
        dynamic: dict[str, object] = {"dynamic_axes": {"x": {0: "N"}}}
        if dynamo:
            dynamic = {"dynamic_shapes": ({0: torch.export.Dim("N")},)}
        torch.onnx.export(
            network.eval(), (torch.randn(2, *shape),), path, dynamo=dynamo, input_names=["x"],
            opset_version=18, verbose=False, **dynamic,
        )  # fmt: skip
        assert len(prove(path).graph.convs) == network.CONVOLUTIONS
