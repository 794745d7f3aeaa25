"""What is nearly right is answered with what was probably meant: values, keys, files."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from hass.cli import main
from hass.measure.data_spec import ImageFolderSpec

DIGITS = Path(__file__).parents[2] / "models" / "digits"
MODEL, DATA = str(DIGITS / "digits.onnx"), str(DIGITS)
SEARCH = ("search", MODEL, "--data", DATA, "--device", "zcu104", "-o", "out")
FOLD = ("fold", MODEL, "--device", "zcu104")


def _refused(*argv: str) -> str:
    """The last line on stderr of a command whose fault is the user's."""
    result = CliRunner().invoke(main, argv)
    assert result.exit_code == 2, result.output
    return result.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        ((*SEARCH, "--strategy", "tpee"), "default, tpe, hill-climb; did you mean tpe?"),
        ((*SEARCH, "--objective", "througput"), "did you mean throughput?"),
        ((*SEARCH, "--front", "accuracy,dps"), "'dps' is not one of accuracy, "),
        ((*SEARCH, "--clips", "filtr"), "did you mean filter?"),
        ((*SEARCH, "--bits", "16,7"), "'7': expected of 16, 8, 4"),
        ((*SEARCH, "--accuracy-drop", "1 point"), "'1 point' is not a valid number."),
        ((*SEARCH, "--accuracy-drop", "-1"), "-1.0 is not in the range 0<=x<=100."),
        ((*SEARCH, "--trials", "many"), "'many' is not a valid integer."),
        ((*FOLD, "--engines", "dens"), "broadcast, dense, dynamic, static; did you mean dense?"),
        ((*FOLD, "--objective", "latncy"), "did you mean latency"),
        ((*FOLD, "--weights", "onchip"), "did you mean on-chip?"),
        ((*FOLD, "--solver", "exakt"), "greedy, exact; did you mean exact?"),
        ((*FOLD, "--bits", "15"), "'15' is not one of 16, 8, 4"),
        (("emit", "none.json", "-o", "hw", "--split", "tst"), "did you mean test?"),
        (("models", "export", "resnet81", "-o", "x.onnx"), "no 'resnet81'; did you mean resnet"),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
)
def test_values(
    argv: tuple[str, ...], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert hint in _refused(*argv)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        (("estimate", "desing.json"), "an ONNX model; did you mean design.json?"),
        (("sim", "desing.json"), "did you mean design.json?"),
        ((*FOLD, "--profile", "prof.json"), "did you mean profile.json?"),
        (("profile", MODEL, "--data", "dat"), "did you mean data?"),
        (("report", "digit"), "did you mean digits?"),
        (("compare", "design.json", "digit"), "did you mean digits?"),
        (("fidelity", "case.toml"), "did you mean cases.toml?"),
        (("bench", "search", "case.toml", "-o", "x"), "did you mean cases.toml?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_files(
    argv: tuple[str, ...], hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("design.json", "profile.json", "cases.toml"):
        (tmp_path / name).write_text("{}", "utf-8")
    for name in ("data", "digits"):
        (tmp_path / name).mkdir()
    assert hint in _refused(*argv)


def test_a_folder_to_write_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    result = CliRunner().invoke(main, ["import", MODEL, "-o", "result/graph.json"])
    assert result.exit_code == 6
    assert "result is not an existing folder; did you mean results?" in result.stderr


NPZ = 'kind = "npz"\nlayout = "NHWC"\nmean = [0]\nstd = [16]\nclasses = 10\nfile = "digits.npz"\n'
FOLDER = 'kind = "image-folder"\nmean = [0]\nstd = [1]\nclasses = 10\n'


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (NPZ.replace("classes", "clases"), "no such key; did you mean classes"),
        (NPZ.replace("digits.npz", "digit.npz"), "did you mean digits.npz?"),
        (FOLDER + 'folder = "."\nlabels = "l.csv"\nrezise = 8\n', "did you mean resize?"),
        (FOLDER + 'folder = "."\nlabels = "label.csv"\n', "did you mean labels.csv?"),
        (FOLDER + 'folder = "image"\nlabels = "labels.csv"\n', "did you mean images?"),
    ],
)
def test_descriptions_of_data(text: str, hint: str, tmp_path: Path) -> None:
    shutil.copy(DIGITS / "digits.npz", tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "labels.csv").write_text("file,label\na.png,1\n", "utf-8")
    (tmp_path / "dataset.toml").write_text(text, "utf-8")
    result = CliRunner().invoke(main, ["profile", MODEL, "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert hint in result.stderr


@pytest.mark.parametrize(
    ("name", "text", "argv", "hint"),
    [
        ("part.toml", "clok_mhz = 200\n", ("fold", MODEL, "--device", "part.toml"), "clock_mhz"),
        (
            "clips.json",
            '{"stem_stem.0_Conv": {"weight_sparsty": 0.5}}',
            ("profile", MODEL, "--data", DATA, "--settings", "clips.json"),
            "weight_sparsity",
        ),
        (
            "foldings.json",
            '{"stem_stem.0_Conv": {"coarse_ouT": 2}}',
            ("estimate", MODEL, "--device", "zcu104", "--foldings", "foldings.json"),
            "coarse_out",
        ),
        ("cases.toml", '[[case]]\nmodle = "x"\n', ("fidelity", "cases.toml"), "model"),
    ],
)
def test_keys_of_files(
    name: str,
    text: str,
    argv: tuple[str, ...],
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(text, "utf-8")
    result = CliRunner().invoke(main, argv)
    assert result.exit_code == 2
    assert f"no such key; did you mean {hint}" in result.stderr


def test_a_part_instead_of_a_device() -> None:
    assert "did you mean pynq-z2 (xc7z020clg400-1)?" in _refused("devices", "XC7Z020")
    assert "did you mean zcu104 or zcu102" in _refused("devices", "zcu10")


def test_images_without_a_description(tmp_path: Path) -> None:
    told = _refused("profile", MODEL, "--data", str(tmp_path))
    assert "a folder with dataset.toml (`hass profile --help` shows one)" in told
    helped = CliRunner().invoke(main, ["profile", "--help"]).stdout
    shown = helped[helped.index('kind = "image-folder"') : helped.index("settings.json:")]
    text = "".join(f"{line.strip()}\n" for line in shown.splitlines())
    assert set(tomllib.loads(text)) < set(ImageFolderSpec.model_fields)
