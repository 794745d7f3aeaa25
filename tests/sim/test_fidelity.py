"""``hass fidelity``: the list of cases, what is simulated, and the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hass.cli import main
from hass.page import Section, markdown_table

SECTION = Section("simulation", "hass fidelity --page")


def run(*argv: object) -> Result:
    return CliRunner().invoke(main, ["fidelity", *(str(word) for word in argv)])


def _cases(tmp_path: Path, *texts: str) -> Path:
    path = tmp_path / "cases.toml"
    path.write_text("\n".join(f"[[case]]\n{text}" for text in texts))
    return path


def _case(model: Path, more: str = 'engines = "dense"') -> str:
    return f'network = "tiny"\nmodel = "{model.name}"\ndevice = "pynq-z2"\n{more}\n'


def test_dense_and_sparse_designs_are_set_against_simulation(
    tiny_model: Path, tiny_data: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Fidelity\n\nwords\n\n" + SECTION.wrap(["old"]) + "\nmore words\n")
    sparse = f'data = "{tiny_data.name}"\nweight_sparsity = 0.5\nact_share = 0.2\nimages = 8'
    cases = _cases(tmp_path, _case(tiny_model), _case(tiny_model, sparse))
    roots = [word for path in (tiny_model, tiny_data) for word in ("--root", path.parent)]
    done = run(cases, *roots, "--page", page, "--json")
    assert done.exit_code == 0, done.stderr
    dense, clipped = json.loads(done.stdout)["cases"]
    assert dense["frame_ii_error"] == 0.0
    assert abs(dense["latency_error"]) < 0.02
    assert dense["layer_errors"] == []
    assert abs(clipped["frame_ii_error"]) < 0.1
    assert len(clipped["layer_errors"]) > 0
    text = page.read_text()
    assert text.startswith("# Fidelity\n\nwords\n")
    assert text.endswith("\nmore words\n")
    assert text.count("| tiny | pynq-z2 |") == 2
    assert "old" not in text


def test_what_does_not_fit_is_said(tiny_model: Path, tmp_path: Path) -> None:
    device = tmp_path / "small.toml"
    original = Path("hass/parts/pynq-z2.toml").read_text()
    device.write_text(original.replace("dsp = 220", "dsp = 1"))
    text = _case(tiny_model).replace("pynq-z2", str(device))
    done = run(_cases(tmp_path, text), "--root", tiny_model.parent, "--json")
    assert done.exit_code == 0, done.stderr
    (case,) = json.loads(done.stdout)["cases"]
    assert case["fits"] is False
    assert case["frame_ii_error"] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nonsense", "TOML"),
        ("[[case]]\nnetwork = 1", "case.0.network"),
        (
            '[[case]]\nnetwork = "a"\nmodel = "no.onnx"\ndevice = "u250"\nengines = "dense"',
            "no.onn",
        ),
        ('[[case]]\nnetwork = "a"\nmodel = "no.onnx"\ndevice = "u250"', "data, where engines"),
        ('[[case]]\nnetwork = "a"\nmodel = "m"\ndevice = "u250"\nlanes = 3', "no such key"),
    ],
)
def test_a_bad_list_is_refused(text: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(text)
    done = run(path)
    assert done.exit_code == 2
    assert "cases.toml" in done.stderr
    assert expected in done.stderr


def test_a_section_is_added_where_there_is_none() -> None:
    text = SECTION.wrap(["one"])
    assert SECTION.merged("", text, "Page") == "# Page\n\n" + text
    assert SECTION.merged("# Mine\n", text, "Page") == "# Mine\n\n" + text
    again = SECTION.wrap(["two"])
    assert SECTION.merged("# Mine\n\n" + text, again, "Page") == "# Mine\n\n" + again


def test_no_cell_breaks_a_table() -> None:
    *_, row = markdown_table(("a", "b"), [("x | y", "two\nlines")])
    assert row == "| x \\| y | two lines |"
