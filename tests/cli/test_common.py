"""Tables, progress, and outputs that are refused early."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hass.cli.common import cell_text, check_writable, percent, print_table, progress
from hass.errors import OutputError


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "-"),
        ("word", "word"),
        (7, "7"),
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (12345.6, "12,346"),
        (float("inf"), "inf"),
    ],
)
def test_cells(cell: str | int | float | None, text: str) -> None:
    assert cell_text(cell) == text


def test_percent() -> None:
    assert [percent(0.1234), percent(None)] == ["12.3 %", "-"]


def test_a_piped_table_is_plain_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x" * 300
    print_table(["name", "count"], [[long, 5], ["b", 1000]], title="T", footer=["", 1005])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "T"
    assert lines[1] == f"{'name'.ljust(300)}  count"
    assert lines[3:] == [f"{long}      5", f"{'b'.ljust(300)}  1,000", f"{' ' * 300}  1,005"]


def test_a_title_may_have_an_empty_line_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name"], [["a"]], title="\nOf \x1b[31mnet")
    assert capsys.readouterr().out.splitlines()[:2] == ["", "Of \\x1b[31mnet"]


def test_an_empty_table_has_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name", "count"], [])
    assert capsys.readouterr().out == "name  count\n----  -----\n"


def test_a_table_on_a_terminal_is_drawn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    print_table(["name", "count"], [["[a]", 5]], footer=["all", 5])
    drawn = capsys.readouterr().out
    assert "│ [a]  │     5 │" in drawn
    print_table(["name"], [["x" * 100]])
    assert "x" * 100 in capsys.readouterr().out  # wider than the terminal: plain again


def test_progress_without_a_terminal_is_one_line_on_stderr(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress("working") as report:
        report(1, 2)
        report(2, 2)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "working ...\n")


def test_progress_on_a_terminal_shows_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    with progress("working") as report:
        report(2, 4)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2/4" in captured.err


def test_outputs_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check_writable(tmp_path / "new.json")
    for path in (tmp_path, tmp_path / "file" / "x.json", tmp_path / "none" / "x.json"):
        with pytest.raises(OutputError, match="cannot write"):
            check_writable(path)
