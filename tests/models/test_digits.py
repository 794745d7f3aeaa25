"""The bundled network: its files agree with each other, with their README and with their script."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from hass.models import digits_paths

LARGEST_BUNDLE_BYTES = 1_000_000
SPLITS = {"calibration": 100, "selection": 400, "test": 400}
SMALLEST_TOP1 = 0.97


def _data() -> tuple[dict[str, np.ndarray], dict[str, object]]:
    _, toml = digits_paths()
    spec = tomllib.loads(toml.read_text(encoding="utf-8"))
    with np.load(toml.parent / str(spec["file"]), allow_pickle=False) as file:
        return dict(file), spec


def _right_by_split() -> dict[str, int]:
    model, _ = digits_paths()
    arrays, spec = _data()
    frames = (arrays["images"].astype(np.float32) - spec["mean"]) / spec["std"]
    frames = frames.transpose(0, 3, 1, 2).astype(np.float32)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    right = session.run(None, {"input": frames})[0].argmax(1) == arrays["labels"]
    return {name: int(right[arrays["split"] == name].sum()) for name in SPLITS}


def test_the_data_are_real_digits_in_three_splits() -> None:
    arrays, spec = _data()
    assert arrays["images"].shape == (900, 8, 8, 1)
    assert arrays["images"].dtype == np.uint8
    assert int(arrays["images"].max()) == 16
    assert arrays["labels"].dtype == np.int64
    assert {name: int((arrays["split"] == name).sum()) for name in SPLITS} == SPLITS
    assert set(arrays["labels"].tolist()) == set(range(10))
    assert spec["kind"] == "npz"
    assert spec["layout"] == "NHWC"
    assert spec["classes"] == 10


def test_no_image_is_in_two_splits() -> None:
    arrays, _ = _data()
    seen: dict[bytes, str] = {}
    for image, split in zip(arrays["images"], arrays["split"], strict=True):
        assert seen.setdefault(image.tobytes(), str(split)) == split


def test_accuracy_is_what_its_readme_says_and_above_97_percent() -> None:
    right = _right_by_split()
    readme = (digits_paths()[0].parent / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| ([\d.]+) % \|$", readme, re.MULTILINE)
    stated = {name: (int(count), int(of), float(top1)) for name, count, of, top1 in rows}
    for name, count in right.items():
        assert stated[name] == (count, SPLITS[name], 100 * count / SPLITS[name])
    assert right["test"] / SPLITS["test"] > SMALLEST_TOP1


def test_the_model_holds_one_of_each_thing_that_is_modelled_apart() -> None:
    model, _ = digits_paths()
    graph = onnx.load(model).graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("Conv") == 10
    assert kinds.count("Add") == 3
    assert kinds.count("Gemm") == kinds.count("GlobalAveragePool") == 1
    groups = [
        attribute.i
        for node in graph.node
        if node.op_type == "Conv"
        for attribute in node.attribute
        if attribute.name == "group"
    ]
    assert sorted(groups)[-2:] == [1, 48]  # one depthwise convolution
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param  # symbolic batch


def test_the_bundle_is_small() -> None:
    folder = digits_paths()[0].parent
    assert sum(file.stat().st_size for file in folder.iterdir()) < LARGEST_BUNDLE_BYTES


def test_the_script_still_makes_the_committed_data(tmp_path: Path) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn holds the digits: pip install '.[torch]'")
    from hass.models.digits_data import npz_bytes, split_digits, toml_text

    digits = split_digits()
    remade = tmp_path / "digits.npz"
    remade.write_bytes(npz_bytes(digits))
    arrays, _ = _data()
    with np.load(remade, allow_pickle=False) as file:
        assert file.files == list(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(file[name], array)
    assert toml_text(digits) == digits_paths()[1].read_text(encoding="utf-8")


def test_data_bytes_are_the_same_twice() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn holds the digits: pip install '.[torch]'")
    from hass.models.digits_data import npz_bytes, split_digits

    first, second = (hashlib.sha256(npz_bytes(split_digits())).hexdigest() for _ in range(2))
    assert first == second


def test_training_leaves_the_untrained_network_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="torch trains the network: make test installs it")
    pytest.importorskip("sklearn", reason="scikit-learn holds the digits: pip install '.[torch]'")
    from hass.models import train_digits
    from hass.models.digits_data import split_digits

    monkeypatch.setattr(train_digits, "EPOCHS", 2)
    threads = torch.get_num_threads()
    digits = split_digits()
    try:
        network = train_digits.train(digits)
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(False)
    assert train_digits.correct(network, digits, "calibration") > 60  # 10 by guessing
