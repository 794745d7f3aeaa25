"""Quantised models: what their weights stand for, what is left of quantisers, word lengths."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx_models import Array, ModelMaker, op_names
from quantised_models import QONNX, QuantMaker

from hass import ops
from hass.errors import UnsupportedOpError
from hass.handlers.qonnx_ops import rounded
from hass.measure import prove
from hass.onnx_io import ImportedModel, read_model


def _proved(maker: ModelMaker, folder: Path, most: float) -> ImportedModel:
    """Equal to the file without quantisers, and near to the file with them."""
    model = read_model(maker.save(folder))
    proof = prove(model)
    assert proof.error < 1e-5
    assert proof.type_error is not None
    assert 0 < proof.type_error < most
    return model


@pytest.mark.parametrize(("opset", "kind"), [(13, "int8"), (13, "uint8"), (21, "int16")])
def test_quantise_and_dequantise(opset: int, kind: str, tmp_path: Path) -> None:
    maker = QuantMaker((2, 6, 7), opset=opset)
    hidden = maker.node("Relu", maker.node("Conv", maker.qdq("x", 0.05), maker.weights(
        4, 2, 3, 3, kind=kind)))  # fmt: skip
    pooled = maker.node("MaxPool", maker.qdq(hidden, 0.1, -128), kernel_shape=[2, 2])
    flat = maker.node("Flatten", maker.qdq(pooled, 0.1, -128))
    maker.node("Gemm", flat, maker.weights(3, 48, kind=kind), transB=1)
    model = _proved(maker, tmp_path, 0.5)
    assert op_names(model.graph) == ["Conv2d", "Relu", "MaxPool2d", "Conv2d"]
    bits = 16 if kind == "int16" else 8
    assert dict(model.word_bits) == {"Conv_3": bits, "Gemm_12": bits}
    (remark,) = model.remarks
    assert remark.startswith("activations are not rounded to 8 bits any more: ")


def test_a_relu_that_the_quantiser_took_over(tmp_path: Path) -> None:
    """onnxruntime drops a Relu in front of a quantiser that cuts off what is negative."""
    maker = QuantMaker((2, 6, 7))
    hidden = maker.node("Conv", maker.qdq("x", 0.05), maker.weights(4, 2, 3, 3))
    words = maker.qdq(hidden, 6 / 255, 0, "uint8")
    maker.node("Conv", words, maker.weights(3, 4, 1, 1))
    model = _proved(maker, tmp_path, 0.05)
    assert [layer.op for layer in model.graph.layers[2:3]] == [
        ops.Clip(0.0, float(np.float32(255 * float(np.float32(6 / 255)))))
    ]
    assert len(model.graph.convs) == 2


def _integer_weights(m: QuantMaker, *shape: int) -> list[str]:
    scales = m.constant(m.rng.uniform(0.002, 0.004, shape[0]))
    words = m.constant(m.integers_of(*shape), "int8")
    return [words, scales, m.constant(np.zeros(shape[0]), "int8")]


def test_convolution_of_integers(tmp_path: Path) -> None:
    maker = QuantMaker((2, 6, 7))
    step, zero = maker.constant(0.05), maker.constant(128, "uint8")
    words = maker.node("QuantizeLinear", "x", step, zero)
    weights = _integer_weights(maker, 4, 2, 3, 3)
    bias = maker.constant(maker.rng.integers(-500, 500, 4), "int32")
    out_step, out_zero = maker.constant(0.05), maker.constant(0, "uint8")
    hidden = maker.node(
        "QLinearConv", words, step, zero, *weights, out_step, out_zero, bias, pads=[1] * 4
    )
    pooled = maker.node("MaxPool", hidden, kernel_shape=[2, 2], strides=[2, 2])
    flat = maker.node("Reshape", pooled, maker.integers(0, -1))
    matrix = maker.constant(maker.integers_of(36, 3), "int8")
    last_step, last_zero = maker.constant(0.2), maker.constant(131, "uint8")
    product = maker.node(
        "QLinearMatMul", flat, out_step, out_zero, matrix, maker.constant(0.01),
        maker.constant(0, "int8"), last_step, last_zero,
    )  # fmt: skip
    maker.node("DequantizeLinear", product, last_step, last_zero)
    model = _proved(maker, tmp_path, 0.2)
    assert op_names(model.graph) == ["Conv2d", "Clip", "MaxPool2d", "Conv2d"]
    assert list(model.word_bits.values()) == [8, 8]


def test_operators_of_onnxruntime(tmp_path: Path) -> None:
    maker = QuantMaker((2, 6, 6))
    step, zero = maker.constant(0.05), maker.constant(10, "uint8")
    words = maker.node("QuantizeLinear", maker.node("Relu", "x"), step, zero)
    three = maker.constant(70, "uint8")
    added = maker.node(
        "QLinearAdd", words, step, zero, three, step, zero, step, zero, domain="com.microsoft"
    )
    half, none = maker.constant(1 / 256), maker.constant(0, "uint8")
    gate = maker.node("QLinearSigmoid", added, step, zero, half, none, domain="com.microsoft")
    gated = maker.node(
        "QLinearMul", words, step, zero, gate, half, none, step, zero, domain="com.microsoft"
    )
    joined = maker.node(
        "QLinearConcat", step, zero, gated, step, zero, words, step, zero, axis=1,
        domain="com.microsoft",
    )  # fmt: skip
    mean = maker.node(
        "QLinearGlobalAveragePool", joined, step, zero, step, zero, channels_last=0,
        domain="com.microsoft",
    )  # fmt: skip
    maker.node("DequantizeLinear", mean, step, zero)
    model = _proved(maker, tmp_path, 0.1)
    assert set(op_names(model.graph)) >= {"Relu", "Sigmoid", "Mul", "Concat", "GlobalAvgPool"}


def test_scales_that_each_frame_decides(tmp_path: Path) -> None:
    """What onnxruntime's quantize_dynamic writes."""
    maker = QuantMaker((2, 6, 7))
    words = maker.node("DynamicQuantizeLinear", "x", outputs=3)
    kernel = maker.constant(maker.integers_of(4, 2, 3, 3), "int8")
    sums = maker.node("ConvInteger", words, kernel, "t0.2", maker.constant(0, "int8"))
    scale = maker.node("Mul", "t0.1", maker.constant(0.004))
    real = maker.node("Mul", maker.node("Cast", sums, to=1), scale)
    hidden = maker.node("Relu", maker.node("Add", real, maker.random(4, 1, 1)))
    flat = maker.node("Flatten", hidden)
    again = maker.node("DynamicQuantizeLinear", flat, outputs=3)
    matrix = maker.constant(maker.integers_of(80, 3), "int8")
    product = maker.node("MatMulInteger", again, matrix, f"{again}.2")
    last = maker.node("Mul", f"{again}.1", maker.constant(0.01))
    maker.node("Mul", maker.node("Cast", product, to=1), last)
    model = _proved(maker, tmp_path, 0.02)
    assert op_names(model.graph) == ["Conv2d", "Relu", "Conv2d"]
    assert list(model.word_bits.values()) == [8, 8]


def test_integers_of_a_static_scale(tmp_path: Path) -> None:
    maker = QuantMaker((2, 6, 7))
    zero = maker.constant(128, "uint8")
    words = maker.node("QuantizeLinear", "x", maker.constant(0.05), zero)
    kernel = maker.constant(maker.integers_of(4, 2, 3, 3), "int8")
    sums = maker.node("ConvInteger", words, kernel, zero)
    maker.node("Mul", maker.node("Cast", sums, to=1), maker.constant(0.05 * 0.004))
    assert op_names(_proved(maker, tmp_path, 0.05).graph) == ["Conv2d"]


def test_integers_read_on_another_scale(tmp_path: Path) -> None:
    maker = QuantMaker((2, 6, 7))
    zero = maker.constant(100, "uint8")
    words = maker.node("QuantizeLinear", "x", maker.constant(0.05), zero)
    real = maker.node("DequantizeLinear", words, maker.constant(0.1), maker.constant(90, "uint8"))
    maker.conv(real, 2, 3)
    assert op_names(_proved(maker, tmp_path, 0.05).graph) == ["Conv2d"]


def test_qonnx(tmp_path: Path) -> None:
    maker = QuantMaker((2, 6, 7))
    kernel = maker.quant(maker.random(4, 2, 3, 3), 0.125, 4, narrow=1)
    hidden = maker.node("Conv", maker.quant("x", 2**-4, 8), kernel)
    positive = maker.quant(maker.node("Relu", hidden), 2**-3, 4, signed=0)
    scales = maker.rng.uniform(0.1, 0.2, (3, 1, 1, 1))
    last = maker.quant(maker.random(3, 4, 1, 1), scales, 2, narrow=1)
    binary = maker.node("BipolarQuant", maker.random(3, 3, 1, 1), maker.constant(0.5), domain=QONNX)
    maker.node("Conv", maker.node("Conv", positive, last), binary)
    model = read_model(maker.save(tmp_path))
    proof = prove(model)
    assert proof.error < 1e-5
    assert proof.type_error is None  # onnxruntime does not know QONNX
    assert op_names(model.graph) == ["Conv2d", "Relu", "Conv2d", "Conv2d"]
    assert list(model.word_bits.values()) == [8, 4]
    weights = [model.weights[f"{layer.name}.weight"] for layer in model.graph.convs]
    np.testing.assert_array_equal(np.unique(weights[0] / 0.125), np.arange(-7, 8))
    np.testing.assert_allclose(np.unique(np.round(weights[1] / scales, 5)), [-1, 0, 1])
    np.testing.assert_array_equal(np.unique(weights[2]), [-0.5, 0.5])


@pytest.mark.skipif(
    importlib.util.find_spec("qonnx") is None,
    reason="qonnx is not installed: roundings are NOT compared with its own",
)
@pytest.mark.parametrize("mode", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"])
def test_roundings_are_those_of_qonnx(mode: str) -> None:
    from qonnx.custom_op.general.quant import resolve_rounding_mode

    values = np.linspace(-4, 4, 65, dtype=np.float32)
    np.testing.assert_array_equal(rounded(values, mode), resolve_rounding_mode(mode)(values))


def _streamlined(m: QuantMaker) -> None:
    m.node("MultiThreshold", "x", m.random(2, 3), domain=QONNX)


def _signs(m: QuantMaker) -> None:
    m.node("BipolarQuant", "x", m.constant(1.0), domain=QONNX)


def _truncated(m: QuantMaker) -> None:
    m.node("Trunc", "x", *(m.constant(1.0) for _ in range(4)), domain=QONNX)


def _integers_out(m: QuantMaker) -> None:
    m.node("QuantizeLinear", "x", m.constant(1.0), m.constant(0, "int8"))


def _relu_of_integers(m: QuantMaker) -> None:
    m.node("Relu", m.node("QuantizeLinear", "x", m.constant(1.0), m.constant(0, "int8")))


def _scale_per_channel(m: QuantMaker) -> None:
    m.node("QuantizeLinear", "x", m.constant([1.0, 2.0]), m.constant([0, 0], "int8"), axis=1)


def _scale_of_zero(m: QuantMaker) -> None:
    m.qdq("x", 0.0)


def _mode(m: QuantMaker) -> None:
    m.quant("x", 1.0, 4, mode="STOCHASTIC")


REFUSED: dict[str, tuple[Callable[[QuantMaker], None], str]] = {
    "streamlined": (_streamlined, "give the QONNX model it was made of"),
    "signs": (_signs, "Quant of 2 bits is supported"),
    "truncated": (_truncated, "use AveragePool"),
    "integers out": (_integers_out, "end it with DequantizeLinear"),
    "relu of integers": (_relu_of_integers, "dequantise them first"),
    "scale per channel": (_scale_per_channel, "expected one for all channels"),
    "scale of zero": (_scale_of_zero, "expected a positive number"),
    "rounding mode": (_mode, "expected one of ROUND"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(case: str, tmp_path: Path) -> None:
    make, reason = REFUSED[case]
    maker = QuantMaker((2, 6, 7))
    make(maker)
    with pytest.raises(UnsupportedOpError, match=reason):
        read_model(maker.save(tmp_path))


@pytest.mark.filterwarnings("ignore")  # of the quantiser's own imports
@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_what_onnxruntime_quantises(form: str, tmp_path: Path) -> None:
    from onnxruntime import quantization

    maker = ModelMaker((2, 8, 8))
    first = maker.node("Relu", maker.conv("x", 2, 8, 3, pads=[1] * 4))
    added = maker.node("Relu", maker.node("Add", maker.conv(first, 8, 8, 3, pads=[1] * 4), first))
    pooled = maker.node("Flatten", maker.node("GlobalAveragePool", added))
    maker.node("Gemm", pooled, maker.random(5, 8), maker.random(5), transB=1)
    source, target = maker.save(tmp_path), tmp_path / "quantised.onnx"

    class Frames(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            frames = np.random.default_rng(0).normal(size=(16, 1, 2, 8, 8)).astype(np.float32)
            self._frames = iter([{"x": frame} for frame in frames])

        def get_next(self) -> dict[str, Array] | None:
            return next(self._frames, None)

    quantization.quantize_static(
        source, target, Frames(), quant_format=quantization.QuantFormat[form], per_channel=True
    )
    model = read_model(target)
    proof = prove(model)
    assert proof.error < 1e-5
    assert proof.type_error is not None
    assert proof.type_error < 0.1
    assert len(model.word_bits) == len(model.graph.convs) == 3
    # each Relu is taken over by its quantiser, or saturates where that does
    relus = op_names(read_model(source).graph)
    assert op_names(model.graph) == ["Clip" if name == "Relu" else name for name in relus]
