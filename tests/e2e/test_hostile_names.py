"""Names that want to be more than names: in an ONNX file, its path, a design from elsewhere."""

from __future__ import annotations

import ast
import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from onnx_models import ModelMaker

from hass.cli import main

PICTURE = "<img src=x onerror=alert(1)>"
HOSTILE = (
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "*/ int x; //",
    "=1+1|' /C calc'!A0",
    "\x1b[31mred\x9b2J",
    "\u202egpj.exe",
    "endmodule `x $display",
    "n" * 100_000,
    "a\"b'c\\",
    "__import__('os')",
    "a\nb\r\nc",
    PICTURE,
)
SAFE = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]*")


def call(*words: object) -> str:
    """What a verb that succeeds prints, all of which may be shown on a terminal."""
    result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    said = result.stdout + result.stderr
    assert all(char.isprintable() or char == "\n" for char in said)
    return result.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a profiled design of a network all of whose names are hostile."""
    maker, x = ModelMaker((2, 6, 5)), "x"
    for name in HOSTILE:
        x = maker.conv(x, 2, 2, name=name)
        x = maker.node("Relu", x, name=f"r{name}")
    maker.node(
        "Gemm", maker.node("Flatten", maker.node("GlobalAveragePool", x)), maker.random(2, 3)
    )
    model = maker.model()
    model.graph.name = model.producer_name = model.producer_version = PICTURE + HOSTILE[4]
    new = {node.output[0]: f"{HOSTILE[i % 12]}{i}" for i, node in enumerate(model.graph.node)}
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[0] = new[node.output[0]]
    model.graph.output[0].name = new[model.graph.output[0].name]
    folder = tmp_path_factory.mktemp("hostile")
    path = folder / "*" / f" int x; {PICTURE}\x1b[31m\n\"'.onnx"
    path.parent.mkdir()
    path.write_bytes(model.SerializeToString())
    rng = np.random.default_rng(0)
    images = rng.standard_normal((8, 2, 6, 5)).astype(np.float32)
    np.savez(folder / "data.npz", images=images, labels=rng.integers(0, 3, 8))
    call("profile", path, "--data", folder / "data.npz", "-o", folder / "profile.json")
    profile = folder / "profile.json"
    call("fold", path, "--device", "zcu104", "--profile", profile, "-o", folder / "design.json")
    return folder


def model_of(folder: Path) -> Path:
    return next((folder / "*").iterdir())


def test_layers_have_safe_names_of_their_own(folder: Path) -> None:
    table = call("import", model_of(folder), "-o", folder / "graph.json")
    names = [layer["name"] for layer in json.loads((folder / "graph.json").read_text())["layers"]]
    assert all(SAFE.fullmatch(name) for name in names)
    assert len(set(names)) == len(names) == 2 * len(HOSTILE) + 4
    assert all(name in table for name in names)
    described = json.loads(call("import", model_of(folder), "--json"))
    assert PICTURE in described["producer"]  # data is what the file says, escaped by JSON


class Tags(HTMLParser):
    """Elements and their attributes, scripts and styles left out."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def assert_harmless(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.seen
    for tag, attributes in tags.seen:
        assert attributes.get("src") != "x"
        assert not any(key.startswith("on") for key in attributes), (tag, attributes)
    assert "<script>alert" not in page
    assert PICTURE not in page


def test_reports_escape_what_a_file_says(folder: Path) -> None:
    call("report", folder / "design.json", "-o", folder / "report.html")
    page = (folder / "report.html").read_text()
    assert "&lt;img src=x onerror=alert(1)&gt;" in page  # in the path
    assert_harmless(page)


def test_reports_escape_the_names_of_a_strangers_design(folder: Path) -> None:
    text = (folder / "design.json").read_text()
    for name, hostile in (("etc_passwd", PICTURE), ("script_alert_1_script", HOSTILE[0])):
        assert f'"{name}"' in text
        text = text.replace(f'"{name}"', f'"{hostile}"')
    (folder / "strange.json").write_text(text)
    call("report", folder / "strange.json", "-o", folder / "strange.html")
    page = (folder / "strange.html").read_text()
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert_harmless(page)
    call("compare", folder / "strange.json", folder / "design.json")


def test_emitted_sources_hold_no_such_name(folder: Path) -> None:
    call("emit", folder / "design.json", "-o", folder / "hls")
    files = [path for path in (folder / "hls").rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert re.fullmatch(r"[A-Za-z0-9_./-]+", str(path.relative_to(folder)))
        if path.suffix in (".h", ".cpp", ".tcl", ".py", ".mk", ".md", ".txt", ""):
            content = path.read_text()
            assert "alert(1)" not in content
            assert "int x; " not in content
            assert all(char.isprintable() or char in "\n\t" for char in content)


@pytest.mark.parametrize("tool", ["csv", "fpgaconvnet", "hls4ml", "onnx"])
def test_exports_hold_no_such_name(tool: str, folder: Path) -> None:
    target = folder / tool
    call("export", folder / "design.json", "--to", tool, "-o", target)
    for path in target.rglob("*"):
        assert SAFE.fullmatch(path.name)
        if path.suffix == ".py":
            ast.parse(path.read_text())
        if path.suffix == ".csv":
            rows = list(csv.reader(path.read_text().splitlines()))
            # a spreadsheet takes a cell that begins so for a formula
            assert not [cell for row in rows for cell in row if re.match(r"[=@\t]|[+-]\D", cell)]
        if path.suffix in (".py", ".csv", ".md", ".yml", ".toml"):
            assert "alert(1)" not in path.read_text()


def test_refusals_show_names_escaped_and_shortened(tmp_path: Path) -> None:
    maker = ModelMaker((2, 6, 5))
    x = "x"
    for name in HOSTILE:
        x = maker.node(name, x, name=name, domain=HOSTILE[4])
    path = maker.save(tmp_path)
    result = CliRunner().invoke(main, ["import", str(path)])
    assert result.exit_code == 4
    assert f"{len(HOSTILE)} unsupported node(s)" in result.stderr
    assert all(char.isprintable() or char == "\n" for char in result.stderr)
    assert max(map(len, result.stderr.splitlines())) < 1200
    assert "this op is not supported" in result.stderr
