"""``hass models table``: rows, limits, results that are kept, and the page in docs/."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hass.cli import main
from hass.design_file import read_design
from hass.errors import UnsupportedNode
from hass.models import table_cli, zoo
from hass.models.registry import BY_NAME
from hass.models.zoo import Limits, Row, keep_row, kept_row, light_models, run_within
from hass.models.zoo_page import cells, section_text, summary
from hass.models.zoo_probe import Finding, probe, reasons

DOCS = Path(__file__).parent.parent.parent / "docs"
FOLDED = Finding(ops=("Conv2d", "Relu"), layers=1234, macs=5, frame_ii_cycles=2500, fps=1e5)
REFUSED = Finding(refused=("LRN (2 nodes): no", "Sum: no"), ops=("Conv", "LRN", "Sum"))
UNFOLDED = Finding(layers=3, unfolded="bram18: 9,000 needed, 5,376 allowed")


def _row(finding: Finding, simulated: str = "-", name: str = "net") -> Row:
    return Row(
        key="k",
        name=name,
        frame="3x8x8",
        parameters=7,
        macs=None,
        finding=finding,
        newer="same",
        simulated=simulated,
    )


def _hass(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["models", "table", *map(str, arguments)])


def test_a_row_says_how_far_a_network_gets() -> None:
    folded = cells(_row(FOLDED, "equal"))
    assert folded[2:] == (
        "1,234",
        "0",
        "5",
        "Conv2d Relu",
        "yes",
        "same",
        "2,500",
        "100,000",
        "equal",
    )
    refused = cells(_row(REFUSED))
    assert refused[2:7] == ("-", "7", "-", "Conv LRN Sum", "no: LRN (2 nodes): no; Sum: no")
    assert "does not fit (bram18: 9,000 needed" in cells(_row(UNFOLDED))[8]
    text = summary([_row(FOLDED, "equal"), _row(FOLDED, "deadlock"), _row(REFUSED), _row(UNFOLDED)])
    assert text.startswith("Of 4 networks 3 are imported, 2 fold, and 1 are simulated")
    page = section_text([("Ours", [_row(REFUSED)]), ("Theirs", [])], "u250", 90.0, ["x", "y"])
    assert "## Ours" in page
    assert "Theirs" not in page
    assert "Not taken through the flow: x, y." in page


def test_what_does_not_fit_in_words_of_16_bit_is_folded_in_words_of_8(tmp_path: Path) -> None:
    part = (resources.files("hass.parts") / "pynq-z2.toml").read_text(encoding="utf-8")
    digits = Path(__file__).parents[2] / "models" / "digits" / "digits.onnx"
    design = tmp_path / "design.json"
    findings = {}
    for lut in (53_200, 6_000, 2_000):
        device = tmp_path / f"lut{lut}.toml"
        device.write_text(part.replace("lut = 53_200", f"lut = {lut}"), encoding="utf-8")
        findings[lut] = probe(digits, str(device), design)
    ample, small, tiny = findings.values()
    assert (ample.bits, ample.unfolded) == (16, "")
    assert (small.bits, tiny.bits) == (8, 8)
    assert small.unfolded and tiny.unfolded
    assert ample.frame_ii_cycles and small.frame_ii_cycles and tiny.frame_ii_cycles is None
    assert read_design(design).precision.default.act_bits == 8  # tiny wrote none
    assert cells(_row(small, "equal"))[8] == f"{small.frame_ii_cycles:,} (8 bit)"
    assert "does not fit" in cells(_row(tiny))[8]


def test_an_operator_is_refused_once() -> None:
    nodes = [UnsupportedNode("LRN", f"n{number}", 9, f"reason {number}") for number in range(3)]
    nodes.insert(1, UnsupportedNode("Sum", "s", 9, "unknown"))
    assert reasons(nodes) == ("LRN (3 nodes): reason 0", "Sum: unknown")


def test_a_process_that_takes_too_much_is_ended() -> None:
    endless = run_within(["-c", "while True: pass"], Limits(1, 4))
    assert endless.code is None
    greedy = run_within(["-c", "bytes(3 << 30)"], Limits(60, 2))
    assert greedy.code == 1
    assert greedy.why == "MemoryError"
    killed = run_within(["-c", "import os; os.kill(os.getpid(), 9)"], Limits(60, 2))
    assert killed.why == "ended by SIGKILL"
    assert run_within(["-c", "print(3)"], Limits(60, 2)).stdout == "3\n"


def test_a_kept_row_counts_only_if_it_was_made_alike(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    assert kept_row(path, "k") is None
    row = _row(FOLDED, "equal")
    keep_row(row, path)
    assert kept_row(path, "k") == row
    assert kept_row(path, "another device") is None
    path.write_text(path.read_text().replace('"newer"', '"older"'))
    assert kept_row(path, "k") is None
    path.write_bytes(b"\xff\xfe")
    assert kept_row(path, "k") is None


def test_simulations_are_judged_by_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def simulated(code: int | None, stdout: str, stderr: str) -> str:
        monkeypatch.setattr(zoo, "run_within", lambda *_: zoo._Done(code, stdout, stderr))
        return zoo._simulated(Path("design.json"), Limits(5, 1))

    result = {"modelled_frame_ii_cycles": 200, "simulated_frame_ii_cycles": 200.0}
    assert simulated(0, json.dumps(result), "") == "equal"
    slower = json.dumps({**result, "simulated_frame_ii_cycles": 205.0})
    assert simulated(0, slower, "") == "+2.50 %"
    assert simulated(None, "", "simulate ...\ndeadlock at cycle 3") == "deadlock"
    assert simulated(None, "", "simulate ...") == "takes more than 5 s"
    assert simulated(1, "", "noise\nMemoryError") == "MemoryError"


def test_networks_go_through_the_flow_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="torch defines the networks: make test installs it")
    monkeypatch.setattr(table_cli, "find_spec", lambda _: None)  # the newer exporter takes long
    page, results = tmp_path / "models.md", tmp_path / "results"
    names = ("--only", "ds_cnn", "--only", "light_zfnet512")
    arguments = ("--device", "u250", *names, "--results", results, "--page", page, "--json")
    first = _hass(*arguments)
    assert first.exit_code == 0, first.stderr
    ds_cnn, zfnet = json.loads(first.stdout)["networks"]
    assert ds_cnn["finding"]["macs"] == BY_NAME["ds_cnn"].macs
    assert ds_cnn["finding"]["relative_error"] < 1e-4
    assert ds_cnn["simulated"] == "equal"
    assert zfnet["name"] == "light_zfnet512"
    written = page.read_text(encoding="utf-8")
    assert re.search(r"Not taken through the flow: digits, .*light_bvlc_alexnet", written)
    assert "| ds_cnn | 1x49x10 |" in written
    assert sorted(path.name for path in results.iterdir()) == ["ds_cnn.json", "light_zfnet512.json"]

    def never(*_: object) -> Row:
        raise AssertionError("made again")

    monkeypatch.setattr(zoo, "row_of", never)
    again = _hass(*arguments)
    assert again.exit_code == 0, again.stderr
    assert again.stdout == first.stdout
    assert page.read_text(encoding="utf-8") == written


def test_a_network_that_is_not_there_is_named(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch defines the networks: make test installs it")
    result = _hass("--device", "u250", "--only", "lenet", "--only", "vgg16")
    assert result.exit_code == 2
    assert "lenet" in result.stderr
    assert "vgg16" not in result.stderr


def test_the_page_has_every_network() -> None:
    page = (DOCS / "models.md").read_text(encoding="utf-8")
    for name in (*BY_NAME, *(entry.name for entry in light_models())):
        assert re.search(rf"\b{name}\b", page), f"{name}: hass models table --page docs/models.md"
