"""Near misses of names and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from hass.near import NAMES_SHOWN, near_files, near_names, nearest_or_all, unreadable


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zcu14", "did you mean zcu104 or zcu102?"),
        ("ZCU104", "did you mean zcu104 or zcu102?"),
        ("nothing", ""),
        ("", ""),
    ],
)
def test_near_names(name: str, expected: str) -> None:
    assert near_names(name, ("u250", "zcu102", "zcu104"), cutoff=0.6) == expected


def test_names_come_as_they_are_spelt() -> None:
    assert near_names("conv1", ["Conv1", "fc"]) == "did you mean Conv1?"


def test_of_many_names_the_first_are_shown() -> None:
    known = [f"n{place}" for place in range(40)]
    text = nearest_or_all("something else", known)
    assert text.startswith("one of n0, n1, ") and text.endswith("n11 and 28 more")
    assert text.count(",") == NAMES_SHOWN - 1


def test_files_beside(tmp_path: Path) -> None:
    (tmp_path / "resnet20.onnx").touch()
    assert near_files(tmp_path / "resnet2.onnx") == f"did you mean resnet20.onnx? (in {tmp_path})"
    assert near_files(tmp_path / "other.bin") == ""
    lost = tmp_path / "no" / "where" / "resnet20.onnx"
    assert near_files(lost) == f"there is no folder {tmp_path / 'no'}"


def test_a_file_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("design.json").touch()
    assert near_files(Path("desgin.json")) == "did you mean design.json?"
    assert near_files(Path("no/design.json")) == "there is no folder no"


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    assert near_files(tmp_path / "a\0b") == ""
    assert near_files(tmp_path / ("x" * 5000) / "y") == ""


def test_other_reasons_are_told_as_they_are(tmp_path: Path) -> None:
    error = unreadable(tmp_path, PermissionError(13, "Permission denied"), "a JSON file")
    assert str(error) == f"{tmp_path}: got 'Permission denied', expected a JSON file"
    (tmp_path / "design.json").touch()
    error = unreadable(tmp_path / "desing.json", None, "a JSON file")
    assert str(error).endswith(f"a JSON file; did you mean design.json? (in {tmp_path})")


def test_a_file_that_is_no_text_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"\xe0\n")
    with pytest.raises(UnicodeDecodeError) as caught:
        (tmp_path / "net.onnx").read_text(encoding="utf-8")
    error = unreadable(tmp_path / "net.onnx", caught.value, "a profile (JSON)")
    assert str(error).endswith("net.onnx: got 'no text', expected a profile (JSON)")
