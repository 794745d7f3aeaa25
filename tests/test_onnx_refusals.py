"""What the import refuses, and the words it finds for it (goldens)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from onnx_models import ModelMaker

from hass.errors import GraphError, ModelError, UnsupportedOpError
from hass.onnx_io import read_model

Golden = Callable[[str, str], None]


def _vector(m: ModelMaker) -> str:
    return m.node("Flatten", "x")


def _kept_above_zero(m: ModelMaker) -> str:
    return m.node("Add", m.node("Mul", "x", "x"), m.constant(0.1))


UNSUPPORTED: dict[str, Callable[[ModelMaker], object]] = {
    "dilation": lambda m: m.conv("x", 3, 4, 3, dilations=[0, 2]),
    "conv 1-D on a map": lambda m: m.node("Conv", "x", m.random(4, 3, 3)),
    "conv 3-D": lambda m: m.node("Conv", "x", m.random(4, 3, 3, 3, 3)),
    "conv channels": lambda m: m.node("Conv", "x", m.random(4, 2, 3, 3)),
    "conv groups": lambda m: m.node("Conv", "x", m.random(4, 1, 3, 3), group=3),
    "conv kernel_shape": lambda m: m.conv("x", 3, 4, 3, kernel_shape=[2, 2]),
    "conv attribute type": lambda m: m.conv("x", 3, 4, 3, strides=[1.0, 2.0]),
    "conv auto_pad": lambda m: m.conv("x", 3, 4, 3, auto_pad="SOME"),
    "conv weights from the frame": lambda m: m.node("Conv", "x", "x"),
    "conv on a vector": lambda m: m.node("Conv", _vector(m), m.random(4, 3, 3, 3)),
    "conv integer weights": lambda m: m.node("Conv", "x", m.constant([[[[1]]]], "int8")),
    "average pool dilation": lambda m: m.node(
        "AveragePool", "x", kernel_shape=[2, 2], dilations=[2, 2]
    ),
    "pool 1-D on a map": lambda m: m.node("MaxPool", "x", kernel_shape=[2]),
    "reduce the batch": lambda m: m.node("ReduceMean", "x", axes=[0, 2, 3]),
    "reduce rows": lambda m: m.node("ReduceMean", "x", axes=[2]),
    "reduce channels and rows": lambda m: m.node("ReduceMax", m.conv("x", 3, 3), axes=[1, 2]),
    "gemm transA": lambda m: m.node("Gemm", _vector(m), m.random(105, 2), transA=1),
    "gemm size": lambda m: m.node("Gemm", _vector(m), m.random(104, 2)),
    "matmul on a map": lambda m: m.node("MatMul", m.conv("x", 3, 3), m.random(5, 2)),
    "mul by positions": lambda m: m.node("Relu", m.node("Mul", m.conv("x", 3, 3), m.random(7, 5))),
    "add of different maps": lambda m: m.node("Add", "x", m.conv("x", 3, 3, 3)),
    "one over x": lambda m: m.node("Div", m.constant(1), "x"),
    "x over zero": lambda m: m.node("Div", "x", m.constant(0)),
    "reshape of the batch": lambda m: m.node("Reshape", "x", m.integers(3, 35)),
    "reshape to another map": lambda m: m.conv(
        m.node("Reshape", m.conv("x", 3, 3), m.integers(0, 5, 7, 3)), 5, 2
    ),
    "transpose": lambda m: m.conv(
        m.node("Transpose", m.conv("x", 3, 3), perm=[0, 2, 3, 1]), 7, 2
    ),
    "transpose of the batch": lambda m: m.node("Transpose", "x", perm=[1, 0, 2, 3]),
    "reshape across a transpose": lambda m: m.node(
        "Reshape", m.node("Transpose", m.conv("x", 3, 3), perm=[0, 3, 2, 1]), m.integers(0, 7, 15)
    ),
    "slice backwards": lambda m: m.node(
        "Slice", "x", m.integers(-1), m.integers(-9), m.integers(2), m.integers(-1)
    ),
    "slice of the batch": lambda m: m.node("Slice", "x", m.integers(1), m.integers(2)),
    "slice of the first frame": lambda m: m.node("Slice", "x", m.integers(0), m.integers(1)),
    "slice of nothing": lambda m: m.node(
        "Slice", "x", m.integers(3), m.integers(3), m.integers(2)
    ),
    "pad with ones": lambda m: m.node("Pad", "x", m.integers(*[0] * 7, 1), m.constant(1)),
    "pad by reflection": lambda m: m.node("Pad", "x", m.integers(*[0] * 7, 1), mode="reflect"),
    "pad negative": lambda m: m.node("Pad", "x", m.integers(*[0] * 7, -1)),
    "concat of rows": lambda m: m.node("Concat", "x", "x", axis=2),
    "clip bounds crossed": lambda m: m.node("Clip", "x", m.constant(2), m.constant(1)),
    "layer norm over a row": lambda m: m.node("LayerNormalization", m.conv("x", 3, 3), m.random(5)),
    "mean variance norm": lambda m: m.node("MeanVarianceNormalization", "x"),
    "root": lambda m: m.node("Sqrt", "x"),
    "power of a half": lambda m: m.node("Pow", "x", m.constant(0.5)),
    "powers of channels": lambda m: m.node("Pow", "x", m.random(3, 1, 1)),
    "minimum of two streams": lambda m: m.node("Min", "x", m.node("Relu", "x")),
    "root read": lambda m: m.node("Relu", m.node("Sqrt", _kept_above_zero(m))),
    "root divided": lambda m: m.node("Div", m.node("Sqrt", _kept_above_zero(m)), m.constant(2)),
    "reciprocal": lambda m: m.node("Reciprocal", "x"),
    "function of TensorFlow": lambda m: m.node("StatefulPartitionedCall", "x", m.random(3)),
    "left by a converter": lambda m: m.node("Bessel", "x"),
    "gelu by erfc": lambda m: m.node("Erfc", "x"),
    "bound not a number": lambda m: m.node("Max", "x", m.constant(np.nan)),
    "quotient of two streams": lambda m: m.node("Div", "x", m.node("Sigmoid", "x")),
    "norm over positions": lambda m: m.node("ReduceL2", "x", axes=[2, 3]),
    "leak of no curve": lambda m: m.node("Elu", "x", alpha=99.0),
    "slope per position": lambda m: m.node("PRelu", "x", m.random(1, 7, 5)),
    "softmax inside": lambda m: m.node("Relu", m.node("Softmax", "x", axis=1)),
    "softmax of one channel": lambda m: m.node("Softmax", m.conv("x", 3, 1), axis=1),
    "softmax over a row": lambda m: m.node("LogSoftmax", m.conv("x", 3, 3)),
    "softmax over an axis that is not there": lambda m: m.node("Softmax", "x", axis=4),
    "lrn of an even size": lambda m: m.node("LRN", "x", size=4),
    "quantised": lambda m: m.node("QuantizeLinear", "x", m.constant(1), m.constant(0, "uint8")),
    "dropout in training": lambda m: m.node("Dropout", "x", m.constant(0.5), m.constant(1, "bool")),
    "other domain": lambda m: m.node("Gelu", "x", domain="com.microsoft"),
    "shape of the frame": lambda m: m.node("Gather", "x", m.integers(0), axis=1),
    "bad constant": lambda m: m.node(
        "Reshape", "x", m.node("Concat", m.integers(1), m.constant([[1]], "int64"), axis=0)
    ),
}  # fmt: skip


def _message(path: Path, error: ModelError) -> str:
    return str(error).replace(str(path), "model.onnx")


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_node_is_named(case: str, tmp_path: Path) -> None:
    maker = ModelMaker()
    UNSUPPORTED[case](maker)
    with pytest.raises(UnsupportedOpError) as caught:
        read_model(maker.save(tmp_path))
    (node,) = caught.value.nodes
    assert node.opset == 17
    assert node.reason
    assert caught.value.exit_code == 4


def test_messages_of_unsupported_nodes(golden: Golden, tmp_path: Path) -> None:
    lines = []
    for case, make in UNSUPPORTED.items():
        maker = ModelMaker()
        make(maker)
        path = maker.save(tmp_path)
        with pytest.raises(UnsupportedOpError) as caught:
            read_model(path)
        lines.append(f"# {case}\n{_message(path, caught.value)}\n")
    golden("unsupported_nodes.txt", "".join(lines))


def test_all_unsupported_nodes_are_listed_at_once(tmp_path: Path) -> None:
    maker = ModelMaker()
    first = maker.node("Exp", maker.conv("x", 3, 4), name="odd")
    second = maker.node("LSTM", first)
    maker.node("Relu", maker.conv(second, 4, 4, 3, dilations=[2, 2]))
    with pytest.raises(UnsupportedOpError) as caught:
        read_model(maker.save(tmp_path))
    # the convolution behind them cannot be judged, as what it reads is not known
    assert [(node.op, node.node) for node in caught.value.nodes] == [
        ("Exp", "odd"),
        ("LSTM", "LSTM_2"),
    ]


def _dims(*dims: int | str | None) -> Callable[[ModelMaker, Path], Path]:
    def make(m: ModelMaker, folder: Path) -> Path:
        m.node("Relu", "x")
        m.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)
        return m.save(folder)

    return make


def _made(make: Callable[[ModelMaker], object]) -> Callable[[ModelMaker, Path], Path]:
    def build(m: ModelMaker, folder: Path) -> Path:
        make(m)
        return m.save(folder)

    return build


def _two_inputs(m: ModelMaker, folder: Path) -> Path:
    m.node("Add", "x", "second")
    model = m.model()
    model.graph.input.append(helper.make_tensor_value_info("second", TensorProto.FLOAT, [1]))
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _lost_constants(m: ModelMaker, folder: Path) -> Path:
    """As tf2onnx writes Keras' Normalization when it does not freeze the model."""
    m.node("Div", m.node("Sub", "x", "normalization/Sub/y:0"), m.random(3, 1, 1))
    model = m.model()
    info = helper.make_tensor_value_info("normalization/Sub/y:0", TensorProto.FLOAT, [3, 1, 1])
    model.graph.input.append(info)
    model.producer_name = "tf2onnx"
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _integer_input(m: ModelMaker, folder: Path) -> Path:
    m.node("Relu", "x")
    m.input = helper.make_tensor_value_info("x", TensorProto.UINT8, ["N", 3, 7, 5])
    return m.save(folder)


def _opset(version: int) -> Callable[[ModelMaker, Path], Path]:
    def make(m: ModelMaker, folder: Path) -> Path:
        m.node("Relu", "x")
        m.opset = version
        return m.save(folder)

    return make


def _constant_output(m: ModelMaker, folder: Path) -> Path:
    return m.save(folder, m.node("Constant", value_float=1.0))


MALFORMED: dict[str, Callable[[ModelMaker, Path], Path]] = {
    "two inputs": _two_inputs,
    "constants that tf2onnx lost": _lost_constants,
    "symbolic height": _dims("N", 3, "height", 5),
    "missing width": _dims("N", 3, 7, None),
    "zero channels": _dims(1, 0, 7, 5),
    "five dimensions": _dims(1, 3, 2, 7, 5),
    "no dimensions": _dims(),
    "integer input": _integer_input,
    "operator set 6": _opset(6),
    "unknown tensor": _made(lambda m: m.node("Relu", "nowhere")),
    "tensor before it is made": _made(
        lambda m: (m.node("Relu", "t1"), m.node("Relu", "x"), m.node("Add", "t0", "t1"))
    ),
    "cycle": _made(lambda m: (m.node("Add", "x", "t1"), m.node("Relu", "t0"))),
    "window larger than the map": _made(lambda m: m.conv("x", 3, 2, 9)),
    "constant output": _constant_output,
    "output is a root": _made(lambda m: m.node("Sqrt", _kept_above_zero(m))),
    "output scaled by positions": _made(lambda m: m.node("Mul", m.conv("x", 3, 3), m.random(7, 5))),
    "weight not finite": _made(lambda m: m.node("Conv", "x", m.constant([[[[np.inf]]] * 3]))),
}  # fmt: skip


def test_messages_of_malformed_graphs(golden: Golden, tmp_path: Path) -> None:
    lines = []
    for case, make in MALFORMED.items():
        path = make(ModelMaker(), tmp_path)
        with pytest.raises(GraphError) as caught:
            read_model(path)
        assert str(caught.value).startswith(str(path))
        lines.append(f"# {case}\n{_message(path, caught.value)}\n")
    golden("malformed_graphs.txt", "".join(lines))


def test_operator_set_of_the_future_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="opset 9999, expected 7 to"):
        read_model(_opset(9999)(ModelMaker(), tmp_path))
