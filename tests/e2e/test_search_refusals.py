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
from hass.files import write_text_atomic
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


def contents(folder: Path) -> dict[Path, bytes]:
    """All files but the journal, which notes every opening."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.name != "study.journal"}


def test_a_refused_resumption_changes_no_file(
    spec: SearchSpec, tiny_data: Path, tmp_path: Path
) -> None:
    data, out = tmp_path / "data.npz", tmp_path / "out"
    data.write_bytes(tiny_data.read_bytes())
    asked = replace(spec, data=str(data))
    run_search(asked, out)
    before = contents(out)
    with np.load(tiny_data) as arrays:
        np.savez(data, images=arrays["images"] + 1, labels=arrays["labels"])
    refusal(replace(asked, trials=9), tmp_path)
    assert contents(out) == before


def test_what_a_killed_process_was_writing_is_removed(
    spec: SearchSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise SystemExit  # no cleaning up, as by SIGKILL

    folder = tmp_path / "out"
    (folder / "designs").mkdir(parents=True)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", killed)
        for name in ("spec.toml", "designs/trial-0000.json"):
            with pytest.raises(SystemExit):
                write_text_atomic(folder / name, "half")
    assert len(list(folder.rglob(".*"))) == 2
    run_search(spec, folder)
    assert list(folder.rglob(".*")) == []
