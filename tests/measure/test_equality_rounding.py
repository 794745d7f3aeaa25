"""Networks that make roundings large, or outputs so small that a type has no number for them: the
proof holds, and still finds what is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from onnx_models import ModelMaker
from quantised_models import QuantMaker

from hass.errors import GraphError
from hass.measure import equality, prove
from hass.onnx_io import ImportedModel, read_model

COMMON = 3e4  # what all words of the hidden map have in common, and the matrix behind cancels


def _cancelling(folder: Path, shift: bool) -> Path:
    """Words that are near each other, and differences of them, summed in another order than hass
    sums them: with channels last. With ``shift``, what they have in common is added behind the
    convolution, and folds into its bias."""
    maker = ModelMaker((4, 6, 6), opset=13)
    weight = maker.random(8, 4, 1, 1)
    bias = maker.rng.normal(size=8) if shift else np.full(8, COMMON)
    hidden = maker.node("Conv", "x", weight, maker.constant(bias))
    if shift:
        hidden = maker.node("Add", hidden, maker.constant(np.full((8, 1, 1), COMMON / 3)))
    last = maker.node("Transpose", hidden, perm=[0, 2, 3, 1])
    matrix = maker.rng.normal(size=(288, 10))
    matrix -= matrix.mean(axis=0)
    flat = maker.node("Reshape", last, maker.integers(-1, 288))
    maker.node("MatMul", flat, maker.constant(matrix))
    return maker.save(folder)


def _changed(model: ImportedModel, factor: float) -> ImportedModel:
    """With one weight of the first convolution that is another one."""
    name = next(key for key in model.weights if key.endswith(".weight"))
    array = model.weights[name].copy()
    array[np.unravel_index(np.abs(array).argmax(), array.shape)] *= np.float32(factor)
    return dataclasses.replace(model, weights=model.weights.replace({name: array}))


def test_what_float32_cannot_tell_is_proved_in_float64(tmp_path: Path) -> None:
    model = read_model(_cancelling(tmp_path, shift=False))
    proof = prove(model)
    assert proof.rounding > 1e-5 > proof.error
    with pytest.raises(GraphError, match="differs from the file"):
        prove(_changed(model, 1.01))


def test_folding_may_round_weights(tmp_path: Path) -> None:
    """The bias that takes a shift over is rounded to float32, which is then seen in float64."""
    model = read_model(_cancelling(tmp_path, shift=True))
    assert len(model.graph.convs) == 2
    proof = prove(model)
    assert min(proof.rounding, proof.error) > 1e-5
    with pytest.raises(GraphError, match="differs from the file"):
        prove(_changed(model, 1.1))


def test_what_is_too_large_for_float64_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = read_model(_cancelling(tmp_path, shift=False))
    monkeypatch.setattr(equality, "MOST_DOUBLE_MACS", 1000)
    with pytest.raises(GraphError, match="differs from the file"):
        prove(model)


def test_where_float32_says_nothing_of_the_file_nothing_is_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = read_model(_cancelling(tmp_path, shift=False))
    monkeypatch.setattr(equality, "MOST_ROUNDING", 1e-7)
    with pytest.raises(GraphError, match="differs from the file"):
        prove(model)


def test_quantisers_that_leave_nothing(tmp_path: Path) -> None:
    """A last quantiser so coarse that the file puts out zeros; its loss is said, not judged."""
    maker = QuantMaker((2, 4, 4))
    hidden = maker.node("Conv", maker.qdq("x", 0.05), maker.weights(3, 2, 3, 3))
    maker.qdq(hidden, 1e6)
    proof = prove(read_model(maker.save(tmp_path)))
    assert proof.error < 1e-5
    assert proof.type_error == 1.0


@pytest.mark.parametrize(("size", "wrong"), [(1e-9, 0.0), (1.0, 0.1)])
def test_outputs_below_the_smallest_number_of_a_type(
    size: float, wrong: float, tmp_path: Path
) -> None:
    """Of float16: 6e-8. What it rounds to zero is no error; what it can tell is one."""
    maker = ModelMaker((2, 4, 4))
    for _ in range(2):
        weight = maker.rng.normal(size=(2, 2, 1, 1)) * np.sqrt(size)
        source = maker.nodes[-1].output[0] if maker.nodes else "x"
        maker.node("Conv", source, maker.constant(weight))
    proto = maker.model()
    from onnx import TensorProto, numpy_helper

    for tensor in proto.graph.initializer:
        array = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    for info in (*proto.graph.input, *proto.graph.output):
        info.type.tensor_type.elem_type = TensorProto.FLOAT16
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    model = read_model(path)
    if not wrong:
        assert prove(model).error < 1e-5
        return
    with pytest.raises(GraphError, match="differs from the file"):
        prove(_changed(model, 1 + wrong))


def test_outputs_that_float32_has_no_number_for(tmp_path: Path) -> None:
    """Nothing is proved of a file whose own outputs are not finite; float64 is not asked."""
    maker = ModelMaker((2, 4, 4))
    hidden = "x"
    for _ in range(3):
        hidden = maker.node("Conv", hidden, maker.constant(np.full((2, 2, 1, 1), 1e15)))
    model = read_model(maker.save(tmp_path))
    with pytest.raises(GraphError, match="not finite"):
        prove(model)
