"""Files that are no models, data outside the file, names that are no names."""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from onnx_models import ModelMaker, assert_close, frames_of, run

from hass.errors import HassError, SpecError
from hass.onnx_io import read_model, write_model, write_model_file


def _network() -> ModelMaker:
    maker = ModelMaker((2, 5, 3))
    maker.node("Relu", maker.conv("x", 2, 3, 2))
    return maker


def _write(path: Path, model: onnx.ModelProto) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def test_file_that_is_no_model(tmp_path: Path) -> None:
    whole = _network().model().SerializeToString()
    for name, content in {
        "empty": b"",
        "text": b"this is not a model, it is a sentence",
        "zeros": bytes(1000),
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "half": whole[: len(whole) // 2],
        "without its tail": whole[:-8],
        "without a graph": onnx.ModelProto(ir_version=8).SerializeToString(),
    }.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(SpecError) as caught:
            read_model(path)
        assert str(caught.value).startswith(str(path))
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 2


def test_every_truncation_is_an_error_of_ours(tmp_path: Path) -> None:
    whole = _network().model().SerializeToString()
    path = tmp_path / "cut.onnx"
    for size in range(0, len(whole), 7):
        path.write_bytes(whole[:size])
        with pytest.raises(HassError):
            read_model(path)


def test_every_damaged_byte_is_read_or_an_error_of_ours(tmp_path: Path) -> None:
    whole = _network().model().SerializeToString()
    path = tmp_path / "damaged.onnx"
    outcomes = set()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x15
        path.write_bytes(damaged)
        try:
            read_model(path)
        except HassError as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"SpecError", "GraphError", "UnsupportedOpError"}


@pytest.mark.parametrize("name", ["missing.onnx", ".", "nul\0.onnx"])
def test_path_that_is_no_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected an ONNX model"):
        read_model(tmp_path / name)


def _with_external_weight(location: str, **entries: str) -> onnx.ModelProto:
    model = _network().model()
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        weight.external_data.add(key=key, value=value)
    return model


def test_external_data_inside_the_folder_is_read(tmp_path: Path) -> None:
    raw = _network().model().graph.initializer[0].raw_data
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "weights.bin").write_bytes(b"head" + raw + b"tail")
    (tmp_path / "link.bin").symlink_to(tmp_path / "sub" / "weights.bin")
    for location in ("sub/weights.bin", "link.bin", "./sub/../sub/weights.bin"):
        entries = {"offset": "4", "length": str(len(raw))}
        model = _with_external_weight(location, **entries)
        found = read_model(_write(tmp_path / "model.onnx", model)).weights["Conv_0.weight"]
        np.testing.assert_array_equal(found.reshape(-1), np.frombuffer(raw, np.float32))


def test_external_data_outside_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    secret = tmp_path / "secret.bin"
    secret.write_bytes(_network().model().graph.initializer[0].raw_data)
    (folder / "link.bin").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    for location in (
        "../secret.bin", str(secret), "link.bin", "up/secret.bin", "..\\secret.bin", "", "loop",
        "a\0b", "missing.bin", "up", ".",
    ):  # fmt: skip
        path = _write(folder / "model.onnx", _with_external_weight(location))
        with pytest.raises(SpecError, match="external data"):
            read_model(path)


def test_external_data_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(bytes(12))
    for entries in ({}, {"length": "96"}, {"offset": "-5"}, {"offset": "x"}, {"length": "-9"}):
        path = _write(tmp_path / "model.onnx", _with_external_weight("weights.bin", **entries))
        with pytest.raises(SpecError, match="tensor"):
            read_model(path)


def test_names_of_layers_are_safe_unique_and_stable(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 3))
    source = "x"
    names = ["/a/b c/Conv", "../../etc/passwd", "", "same", "same", "output", "<script>", "é" * 9]
    names += ["n" * 300, "x.fork", "input"]
    for name in names:
        source = maker.node("Relu", maker.conv(source, 2, 2), name=name)
        source = maker.node("Sigmoid", source)
    model = read_model(maker.save(tmp_path))
    graph = model.graph
    found = [layer.name for layer in graph]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,104}", name) for name in found)
    assert found == [layer.name for layer in read_model(maker.save(tmp_path)).graph]
    relus = [name for name in found if graph[name].op.__class__.__name__ == "Relu"]
    assert relus[:5] == ["a_b_c_Conv", "etc_passwd", "Relu_7", "same", "same_2"]
    assert relus[5:7] == ["output_2", "script"]
    for node in maker.nodes:  # onnxruntime refuses two nodes of one name
        node.name = ""
    frames = frames_of(graph)
    (expected,) = run(maker.save(tmp_path), frames)
    assert_close(run(write_model(graph, model.weights), frames)[0], expected)


def test_all_missing_and_short_files_are_named_at_once(tmp_path: Path) -> None:
    maker = _network()
    maker.conv(maker.conv("t1", 3, 3), 3, 3)
    model = maker.model()
    (tmp_path / "short.bin").write_bytes(bytes(20))
    places = {0: "missing.bin", 1: "missing.bin", 2: "short.bin", 4: "../other.bin"}
    for index, location in places.items():
        tensor = model.graph.initializer[index]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    with pytest.raises(SpecError) as caught:
        read_model(_write(tmp_path / "model.onnx", model))
    values = [mistake.value for mistake in caught.value.mistakes]
    assert values == ["'missing.bin'", "'20 bytes in short.bin'", "'../other.bin'"]


def test_a_folder_or_pipe_in_place_of_the_weights(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for location in ("folder", "pipe"):
        path = _write(tmp_path / "model.onnx", _with_external_weight(location))
        with pytest.raises(SpecError, match="a file in the folder"):
            read_model(path)


def test_weights_far_inside_a_huge_file_are_mapped(tmp_path: Path) -> None:
    raw = _network().model().graph.initializer[0].raw_data
    start = 3 << 30
    with (tmp_path / "weights.bin").open("wb") as stream:  # sparse: holds one page
        stream.seek(start)
        stream.write(raw)
    model = _with_external_weight("weights.bin", offset=str(start))
    array: object = read_model(_write(tmp_path / "model.onnx", model)).weights["Conv_0.weight"]
    np.testing.assert_array_equal(np.ravel(array), np.frombuffer(raw, np.float32))
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    assert isinstance(array, np.memmap | mmap.mmap)


def test_a_model_of_more_than_2_gib_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with path.open("wb") as stream:
        stream.truncate(1 << 31)
    with pytest.raises(SpecError, match="weights in other files beside it"):
        read_model(path)


def test_weights_are_written_beside_the_model(tmp_path: Path) -> None:
    maker = ModelMaker((2, 5, 3))
    hidden = maker.node("Relu", maker.conv("x", 2, 30, 3))
    maker.node("Gemm", maker.node("Flatten", hidden), maker.random(90, 7))
    model = read_model(maker.save(tmp_path))
    target = tmp_path / "written.onnx"
    write_model_file(model.graph, model.weights, target)
    assert target.stat().st_size < (tmp_path / "written.onnx.data").stat().st_size
    again = read_model(target)
    assert again.weights.digest == model.weights.digest
    frames = frames_of(model.graph)
    assert_close(run(target, frames)[0], run(tmp_path / "model.onnx", frames)[0])


def test_what_the_file_says_of_itself(tmp_path: Path) -> None:
    maker = _network()
    model = maker.model()
    model.producer_name, model.producer_version = "maker", "1.2"
    path = _write(tmp_path / "model.onnx", model)
    imported = read_model(path)
    assert (imported.producer, imported.opset, imported.path) == ("maker 1.2", 17, str(path))
    assert len(imported.sha256) == 64
    assert imported.graph.name == "made"
