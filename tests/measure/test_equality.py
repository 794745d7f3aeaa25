"""The proof that the IR computes what the file computes, and that it can fail."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from measured_networks import conv_relu_file
from onnx import TensorProto
from onnx_models import ModelMaker

from hass.errors import GraphError, SpecError
from hass.measure import equality, prove, prove_equal
from hass.onnx_io import fits_one_file, read_model, write_model
from hass.values import FeatureMap


@pytest.mark.parametrize("batch", ["N", 1, 3])
def test_equal_networks_whatever_the_batch_of_the_file(tmp_path, batch) -> None:
    model = read_model(conv_relu_file(tmp_path / "x.onnx", batch))
    assert prove_equal(model) < 1e-5


@pytest.mark.parametrize(
    ("kind", "runs"),
    [(TensorProto.FLOAT16, True), (TensorProto.BFLOAT16, False), (TensorProto.DOUBLE, False)],
)
def test_a_file_of_another_type(tmp_path, kind: int, runs: bool) -> None:
    proof = prove(read_model(conv_relu_file(tmp_path / "x.onnx", kind=kind)))
    assert proof.error < 1e-6
    assert (proof.type_error is not None) == runs
    assert 0 <= (proof.type_error or 0) < 4 * 2**-11  # three layers and the input


@pytest.mark.parametrize("factor", [1.001, 1.1])
def test_a_changed_weight_is_found(tmp_path, factor) -> None:
    model = read_model(conv_relu_file(tmp_path / "x.onnx"))
    (name,) = [key for key in model.weights if key.endswith(".weight")]
    changed = model.weights.replace({name: model.weights[name] * np.float32(factor)})
    with pytest.raises(GraphError, match=r"x\.onnx: the lowered graph differs"):
        prove_equal(dataclasses.replace(model, weights=changed))


def test_a_file_that_is_gone(tmp_path) -> None:
    model = read_model(conv_relu_file(tmp_path / "x.onnx"))
    (tmp_path / "x.onnx").unlink()
    with pytest.raises(SpecError, match="an ONNX model"):
        prove_equal(model)


def test_a_network_too_large_for_one_file(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("hass.onnx_io.LARGEST_FILE_BYTES", 1 << 24)
    model = read_model(conv_relu_file(tmp_path / "x.onnx"))
    assert not fits_one_file(model.weights)
    with pytest.raises(GraphError, match="bytes of weights, a model in one piece holds at most"):
        write_model(model.graph, model.weights)
    assert prove_equal(model) < 1e-5


@pytest.mark.parametrize(("shape", "batch"), [((64, 1 << 11, 1 << 10), 1), ((1, 64, 64), 1 << 12)])
def test_what_would_take_all_memory_is_not_run(
    shape: tuple[int, ...], batch: int, tmp_path: Path
) -> None:
    maker = ModelMaker(shape, batch=batch)
    maker.node("Relu", "x")
    with pytest.raises(GraphError, match=r"too large to be proved.*--no-prove"):
        prove_equal(read_model(maker.save(tmp_path)))


def test_frames_of_many_words_are_few() -> None:
    few, many = equality._frames(FeatureMap(1 << 12, 1 << 10, 1)), FeatureMap(1 << 12, 1025, 1)
    assert [len(images) for images in few] == [2, 2]
    for images in equality._frames(many):
        assert images.shape == (1, 1, 1 << 12, 1025)
        assert images.dtype == np.float32
