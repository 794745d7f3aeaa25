"""What a search cannot use is told before its first trial."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tiny_network import CLASSES, IMAGES, INPUT_SHAPE

from hass.errors import GraphError, HassError, OutputError, ProfileError
from hass.search import SearchSpec, SilentHooks, run_search
from hass.search.journal import sole_owner


class NoTrial(SilentHooks):
    """Fails where a trial begins."""

    def begun(self, finished: int, wanted: int) -> None:
        raise AssertionError("a trial was begun")


@pytest.fixture
def spec(tiny_model: Path, tiny_data: Path) -> SearchSpec:
    return SearchSpec(str(tiny_model), str(tiny_data), "pynq-z2", trials=2, profile_images=4)


def refusal(spec: SearchSpec, folder: Path) -> HassError:
    with pytest.raises(HassError) as caught:
        run_search(spec, folder / "out", NoTrial())
    return caught.value


@pytest.mark.parametrize("split", ["calibration", "selection", "test"])
def test_an_empty_split(split: str, spec: SearchSpec, tmp_path: Path) -> None:
    others = [name for name in ("calibration", "selection", "test") if name != split]
    np.savez(
        tmp_path / "data.npz",
        images=np.zeros((IMAGES, *INPUT_SHAPE), np.float32),
        labels=np.arange(IMAGES) % CLASSES,
        split=np.array([others[i % 2] for i in range(IMAGES)]),
    )
    error = refusal(replace(spec, data=str(tmp_path / "data.npz")), tmp_path)
    assert isinstance(error, ProfileError)
    assert f"no image in the {split} split" in str(error)


def test_a_network_with_nothing_to_clip(spec: SearchSpec, tmp_path: Path) -> None:
    sizes = ["N", *INPUT_SHAPE]
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["x"], ["y"], "pool")],
        "pool",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [*sizes[:2], 1, 1])],
    )
    path = tmp_path / "pool.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    error = refusal(replace(spec, model=str(path)), tmp_path)
    assert isinstance(error, GraphError)
    assert "pool.onnx" in str(error)
    assert "nothing to clip" in str(error)


def test_a_folder_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(OutputError, match="Permission denied"), sole_owner(tmp_path):
        pass
