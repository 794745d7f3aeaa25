"""The proof that the IR computes what the file computes, and that it can fail."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from measured_networks import conv_relu_file
from onnx import TensorProto
from onnx_models import ModelMaker

from hass.errors import GraphError, ProfileError
from hass.measure import equality, prove_equal
from hass.onnx_io import read_model
from hass.values import FeatureMap


@pytest.mark.parametrize("batch", ["N", 1, 3])
def test_equal_networks_whatever_the_batch_of_the_file(tmp_path, batch) -> None:
    model = read_model(conv_relu_file(tmp_path / "x.onnx", batch))
    assert prove_equal(model) < 1e-5


def test_a_file_of_lower_precision(tmp_path) -> None:
    error = prove_equal(read_model(conv_relu_file(tmp_path / "x.onnx", kind=TensorProto.FLOAT16)))
    assert 0 < error < 1e-2


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
    with pytest.raises(ProfileError, match="cannot load"):
        prove_equal(model)


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
