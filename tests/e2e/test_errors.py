"""What users get wrong: each ends with its exit code and one clear message, and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper
from tiny_network import INPUT_SHAPE

from hass.cli import main


def run(*argv: object) -> tuple[int, str]:
    """Exit code and stderr; an exception that is not meant to be one fails the test."""
    result = CliRunner().invoke(main, [str(word) for word in argv])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.stdout == ""
    return result.exit_code, result.stderr


def write_model(path: Path, ops: list[str], shape: list[str | int]) -> Path:
    """An ONNX file whose nodes stand in a row, each of one input and no attributes."""
    names = ["x", *(f"t{i}" for i in range(len(ops)))]
    nodes = [
        helper.make_node(op, [names[i]], [names[i + 1]], f"node{i}") for i, op in enumerate(ops)
    ]
    graph = helper.make_graph(
        nodes,
        "odd",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def test_no_such_model(tmp_path: Path) -> None:
    code, message = run("import", tmp_path / "none.onnx")
    assert code == 2
    assert "none.onnx" in message


def test_not_an_onnx_file(tmp_path: Path) -> None:
    path = tmp_path / "words.onnx"
    path.write_text("these are words, not a network\n")
    code, message = run("import", path)
    assert code == 2
    assert "words.onnx" in message
    assert "ONNX" in message


def test_a_truncated_onnx_file(tmp_path: Path, tiny_model: Path) -> None:
    path = tmp_path / "half.onnx"
    data = tiny_model.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    code, message = run("import", path)
    assert code == 2
    assert "half.onnx" in message


def test_unsupported_ops_are_all_listed(tmp_path: Path) -> None:
    path = write_model(tmp_path / "odd.onnx", ["Sin", "Relu", "Cos"], [1, 2, 4, 4])
    code, message = run("import", path)
    assert code == 4
    for word in ("Sin", "node0", "Cos", "node2", "opset 17"):
        assert word in message
    assert "Relu" not in message


def test_dynamic_spatial_shape(tmp_path: Path) -> None:
    path = write_model(tmp_path / "dynamic.onnx", ["Relu"], ["N", 2, "height", "width"])
    code, message = run("import", path)
    assert code == 4
    assert "height" in message


def test_data_of_the_wrong_shape(tmp_path: Path, tiny_model: Path) -> None:
    channels, height, width = INPUT_SHAPE
    path = tmp_path / "wrong.npz"
    np.savez(
        path,
        images=np.zeros((4, channels, width, height), np.float32),
        labels=np.zeros(4, np.int64),
    )
    code, message = run("profile", tiny_model, "--data", path)
    assert code == 2
    assert "wrong.npz" in message
    assert f"({channels}, {height}, {width})".strip("()") in message


def test_no_such_data(tmp_path: Path, tiny_model: Path) -> None:
    code, message = run("profile", tiny_model, "--data", tmp_path / "none.npz")
    assert code == 2
    assert "none.npz" in message


@pytest.mark.parametrize("verb", ["fold", "estimate"])
def test_unknown_device(tiny_model: Path, verb: str) -> None:
    code, message = run(verb, tiny_model, "--device", "ZCU-104")
    assert code == 2
    assert "did you mean zcu104" in message


def test_a_part_too_small(tmp_path: Path, tiny_model: Path) -> None:
    figures = ("available", "budget", "clock_mhz", "off_chip_gbytes_per_s")
    part = tmp_path / "speck.toml"
    part.write_text(
        'schema_version = 1\npart = "speck"\nfamily = "7-series"\nclock_mhz = 100.0\n'
        "off_chip_gbytes_per_s = 1.0\n"
        "[available]\nlut = 50\nff = 50\ndsp = 1\nbram18 = 1\nuram = 0\n"
        "[budget]\nlut = 1.0\nff = 1.0\ndsp = 1.0\nbram18 = 1.0\nuram = 1.0\n"
        "[sources]\n" + "".join(f'{figure} = "made up"\n' for figure in figures)
    )
    design = tmp_path / "design.json"
    code, message = run("fold", tiny_model, "--device", part, "-o", design)
    assert code == 3
    assert "infeasible" in message
    assert "levers" in message
    assert not design.exists()


@pytest.mark.parametrize("verb", ["import", "profile", "fold"])
def test_an_unwritable_output(tmp_path: Path, tiny_model: Path, tiny_data: Path, verb: str) -> None:
    (tmp_path / "file").write_text("")  # below a file: unwritable for root as well
    more = {"profile": ["--data", tiny_data], "fold": ["--device", "zcu104"]}.get(verb, [])
    code, message = run(verb, tiny_model, *more, "-o", tmp_path / "file" / "out.json")
    assert code == 6
    assert "cannot write" in message


def test_settings_with_mistakes(tmp_path: Path, tiny_model: Path, tiny_data: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text('{"conv9": {"weight_sparsity": 0.5}}')
    code, message = run("profile", tiny_model, "--data", tiny_data, "--settings", path)
    assert code == 2
    assert "conv9" in message
    path.write_text('{"a": {"weight_sparsity": 1.5}, "b": {"sparsity": 0.5}}')
    code, message = run("profile", tiny_model, "--data", tiny_data, "--settings", path)
    assert code == 2
    for word in ("2 mistakes", "a.weight_sparsity", "b.sparsity"):
        assert word in message


def test_foldings_that_are_not_legal(tmp_path: Path, tiny_model: Path) -> None:
    path = tmp_path / "foldings.json"
    for foldings, word in (
        ({"nowhere": {}}, "a layer of the model"),
        ({"conv1": {"engine": "dense"}}, "go together"),
        (
            {"conv1": {"engine": "dense", "weight_memory": "bram", "coarse_out": 3}},
            "conv1.coarse_out: got 3, expected a divisor of 4",
        ),
        ({"conv": {}}, "did you mean conv"),
        ({"conv1": {"coarse": 2}}, "conv1.coarse: got 2, expected no such key"),
        ({"conv1": {"coarse_in": 0}}, "conv1.coarse_in: got 0, expected greater than"),
        ({"conv1": {"engine": "dynamic", "weight_memory": "bram"}}, "needs a profile"),
        ({"conv1": {"engine": "static", "weight_memory": "bram"}}, "static engine needs a profile"),
    ):
        path.write_text(json.dumps(foldings))
        code, message = run("estimate", tiny_model, "--device", "zcu104", "--foldings", path)
        assert code == 2
        assert word in message


def test_a_profile_of_another_network(tmp_path: Path, tiny_model: Path, tiny_data: Path) -> None:
    profile = tmp_path / "profile.json"
    argv = ["profile", str(tiny_model), "--data", str(tiny_data), "-o", str(profile), "--json"]
    assert CliRunner().invoke(main, argv).exit_code == 0
    content = json.loads(profile.read_text())
    content["weights_digest"] = "0" * 64
    profile.write_text(json.dumps(content))
    code, message = run("fold", tiny_model, "--device", "zcu104", "--profile", profile)
    assert code == 4
    assert "profile.json" in message
    assert "weights" in message


def test_a_design_whose_model_is_gone_or_changed(tmp_path: Path, tiny_model: Path) -> None:
    model = tmp_path / "here.onnx"
    model.write_bytes(tiny_model.read_bytes())
    design = tmp_path / "design.json"
    argv = ["fold", str(model), "--device", "zcu104", "-o", str(design), "--json"]
    assert CliRunner().invoke(main, argv).exit_code == 0
    model.write_bytes(model.read_bytes() + b"\n")
    code, message = run("estimate", design)
    assert code == 2
    assert "changed since" in message
    model.unlink()
    code, message = run("estimate", design)
    assert code == 2
    assert "here.onnx" in message


def test_a_design_of_another_import_of_its_model(tmp_path: Path, tiny_model: Path) -> None:
    design = tmp_path / "design.json"
    argv = ["fold", str(tiny_model), "--device", "zcu104", "-o", str(design), "--json"]
    assert CliRunner().invoke(main, argv).exit_code == 0
    content = json.loads(design.read_text())
    content["model"]["graph_digest"] = "0" * 64
    design.write_text(json.dumps(content))
    code, message = run("estimate", design)
    assert code == 2
    assert "model.graph_digest" in message
    assert "make the design again" in message


def test_a_sparse_design_elsewhere_needs_its_profile(
    tmp_path: Path, tiny_model: Path, tiny_data: Path
) -> None:
    profile, design = tmp_path / "profile.json", tmp_path / "design.json"
    measure = ["profile", tiny_model, "--data", tiny_data, "-o", profile]
    fold = ["fold", tiny_model, "--device", "zcu104", "--profile", profile, "-o", design]
    for argv in (measure, fold):
        assert CliRunner().invoke(main, [str(word) for word in argv]).exit_code == 0
    code, message = run("estimate", design, "--device", "u250")
    assert code == 4
    assert "needs --profile" in message


@pytest.mark.parametrize(
    "argv", [["fold", "model.onnx"], ["fold", "x", "--device", "zcu104", "--solver", "magic"]]
)
def test_bad_flags(argv: list[str]) -> None:
    code, message = run(*argv)
    assert code == 2
    assert "Usage: " in message


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["import", "words.onnx"], 2),
        (["fold", "words.onnx", "--device", "nonesuch"], 2),
        (["import", "words.onnx", "-o", "words.onnx/out.json"], 6),
    ],
)
def test_no_traceback_in_a_shell(tmp_path: Path, argv: list[str], code: int) -> None:
    (tmp_path / "words.onnx").write_text("words")
    script = "import sys; from hass.cli import main; main(sys.argv[1:], prog_name='hass')"
    result = subprocess.run(
        [sys.executable, "-c", script, *argv], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == code
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert "Traceback" not in result.stderr
