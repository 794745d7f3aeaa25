"""``hass models``, run as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner, Result

from hass.cli import main
from hass.models.registry import BY_NAME

NO_TORCH = "import sys; sys.modules['torch'] = None; from hass.cli import main; main()"


def _hass(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", *map(str, arguments)])


def _without_torch(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NO_TORCH, *arguments], capture_output=True, text=True, check=False
    )


def test_list_shows_every_network() -> None:
    result = _hass("list")
    assert result.exit_code == 0
    for name in ("digits", *BY_NAME):
        assert name in result.stdout


def test_list_json_gives_paths_and_sizes() -> None:
    networks = json.loads(_hass("list", "--json").stdout)
    assert Path(networks["digits"]["model"]).is_file()
    assert Path(networks["digits"]["data"]).is_file()
    assert networks["resnet18"]["parameters"] == 11_689_512


def test_list_and_help_work_without_torch() -> None:
    assert "resnet50" in _without_torch("models", "list").stdout
    assert "--weights" in _without_torch("models", "export", "--help").stdout


def test_export_without_torch_says_what_to_install(tmp_path: Path) -> None:
    done = _without_torch("models", "export", "resnet18", "-o", str(tmp_path / "x.onnx"))
    assert done.returncode == 2
    assert "pip install '.[torch]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_random_weights_are_said_aloud_and_seeded(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch defines the networks: make test installs it")
    contents = []
    for number, seed in enumerate((5, 5, 6)):
        path = tmp_path / f"{number}.onnx"
        result = _hass("export", "mobilenet_v3_small", "--seed", seed, "-o", path)
        assert result.exit_code == 0, result.stderr
        assert f"RANDOM weights (seed {seed})" in result.stderr
        assert result.stdout == ""
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] != contents[2]
    shape = onnx.load_from_string(contents[0]).graph.input[0].type.tensor_type.shape
    assert [dimension.dim_value for dimension in shape.dim] == [0, 3, 224, 224]


def test_given_weights_are_not_called_random(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="torch defines the networks: make test installs it")
    from hass.models.networks import random_network

    weights = tmp_path / "weights.pth"
    torch.save(random_network("mobilenet_v3_small", 5).state_dict(), weights)
    given, drawn = tmp_path / "given.onnx", tmp_path / "drawn.onnx"
    result = _hass("export", "mobilenet_v3_small", "--weights", weights, "-o", given)
    assert result.exit_code == 0, result.stderr
    assert "RANDOM" not in result.stderr
    _hass("export", "mobilenet_v3_small", "--seed", 5, "-o", drawn)
    assert given.read_bytes() == drawn.read_bytes()


def test_bad_weights_end_with_exit_code_2_and_no_file(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch defines the networks: make test installs it")
    weights = tmp_path / "weights.pth"
    weights.write_text("no weights")
    output = tmp_path / "x.onnx"
    result = _hass("export", "resnet18", "--weights", weights, "-o", output)
    assert result.exit_code == 2
    assert "weights.pth" in result.stderr
    assert not output.exists()


def test_an_unknown_network_ends_with_exit_code_2_and_the_nearest(tmp_path: Path) -> None:
    result = _hass("export", "resnet-50", "-o", tmp_path / "x.onnx")
    assert result.exit_code == 2
    assert "no 'resnet-50'; did you mean resnet50" in result.stderr


@pytest.mark.parametrize("size", ["3x0x8", "3,8,8", "x", "3x99999999x8"])
def test_a_size_that_is_none_ends_with_exit_code_2(size: str, tmp_path: Path) -> None:
    result = _hass("export", "resnet18", "--input", size, "-o", tmp_path / "x.onnx")
    assert result.exit_code == 2
    assert "expected sizes like 3x96x96" in result.stderr


def test_a_network_can_be_exported_for_other_frames(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch defines the networks: make test installs it")
    path = tmp_path / "x.onnx"
    result = _hass("export", "vgg11", "--input", "3x40x16", "-o", path)
    assert result.exit_code == 2
    assert "no position is left" in result.stderr
    result = _hass("export", "squeezenet1_1", "--input", "3x40x48", "--batch", "one", "-o", path)
    assert result.exit_code == 0, result.stderr
    shape = onnx.load(path).graph.input[0].type.tensor_type.shape
    assert [dimension.dim_value for dimension in shape.dim] == [1, 3, 40, 48]


def test_the_newer_exporter_computes_the_same(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch defines the networks: make test installs it")
    pytest.importorskip("onnxscript", reason="torch's newer exporter needs it")
    frames = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    answers = []
    for exporter in ("trace", "dynamo"):
        path = tmp_path / f"{exporter}.onnx"
        flags = ("--input", "3x32x32", "--exporter", exporter)
        result = _hass("export", "mobilenet_v1", *flags, "-o", path)
        assert result.exit_code == 0, result.stderr
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        answers.append(session.run(["output"], {"input": frames})[0])
    np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-6)


def test_an_output_that_cannot_be_written_ends_with_exit_code_6(tmp_path: Path) -> None:
    result = _hass("export", "resnet18", "-o", tmp_path / "absent" / "x.onnx")
    assert result.exit_code == 6
    assert "cannot write" in result.stderr
