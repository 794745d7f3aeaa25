"""The notebooks run, show what they promise, use the public face only, and hold no outputs."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hass

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 600  # a machine that hangs; no judgement of speed
LAYERS = "density, folding, cycles and resources"  # what the picture of layers says of itself
PIPELINE = 'alt="Pipeline, input to output"'
PNG, HTML, TEXT = "image/png", "text/html", "text/plain"

Notebook = Any  # nbformat's dictionaries, or JSON


def _read(path: Path) -> Notebook:
    return json.loads(path.read_text(encoding="utf-8"))


def _code(notebook: Notebook) -> list[str]:
    return ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]


def _python(source: str) -> ast.Module:
    """A cell without what IPython adds."""
    return ast.parse(re.sub(r"^[!%].*$", "pass", source, flags=re.MULTILINE))


def test_all_four_are_there() -> None:
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04"]


def test_the_first_search_takes_ten_cells() -> None:
    assert len(_code(_read(NOTEBOOKS[0]))) == 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_as_it_should_be(path: Path) -> None:
    """Format 4 with cell ids, no outputs, no counts, nothing of the machine it was written on."""
    notebook = _read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    assert notebook["cells"][0]["cell_type"] == "markdown"
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, cell["id"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_uses_the_public_face_only(path: Path) -> None:
    for source in _code(_read(path)):
        for node in ast.walk(_python(source)):
            if isinstance(node, ast.ImportFrom):
                pytest.fail(f"{path.name}: from {node.module} import ...")
            if isinstance(node, ast.Import):
                assert [alias.name for alias in node.names] == ["hass"]
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id == "hass"
            ):
                assert node.attr in hass.__all__, f"{path.name}: hass.{node.attr}"


def _executed(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Notebook:
    """The notebook after a run in ``folder``/notebooks, with the bundled models beside that."""
    wanted = "pip install -e '.[notebook]', or make test, runs the notebooks"
    pytest.importorskip("pandas", reason=wanted)
    nbclient = pytest.importorskip("nbclient", reason=wanted)
    pytest.importorskip("ipykernel", reason=wanted)
    import nbformat

    place = folder / "notebooks"
    place.mkdir()
    shutil.copytree(ROOT / "models" / "digits", folder / "models" / "digits")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("IPYTHONDIR", str(folder / "ipython"))  # nobody's own start-up files
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(place)}},
    )
    client.execute()
    if kept := os.environ.get("HASS_NOTEBOOKS_OUT"):
        nbformat.write(notebook, Path(kept) / path.name)
    return notebook


def _outputs(notebook: Notebook, kind: str) -> Iterator[str]:
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            if kind in output.get("data", {}):
                yield output["data"][kind]


def _printed(notebook: Notebook, stream: str) -> str:
    return "".join(
        output["text"]
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if output["output_type"] == "stream" and output["name"] == stream
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "pictures", "shown"),
    [
        (NOTEBOOKS[0], 2, ("The dense design against the best", "pair_density", LAYERS)),
        (
            NOTEBOOKS[1],
            4,
            ("multiplier_bound_share", "pynq-z2-dense", LAYERS, "hypervolume", PIPELINE),
        ),
        (
            NOTEBOOKS[2],
            0,
            ("error of the model", "input_stall_cycles", "deadlock at cycle", PIPELINE),
        ),
        (NOTEBOOKS[3], 0, ("8-bit integers", "fpgaconvnet", "approximated")),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_it_runs(
    path: Path,
    pictures: int,
    shown: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    notebook = _executed(path, tmp_path, monkeypatch)
    assert len(list(_outputs(notebook, PNG))) == pictures
    told = "".join([*_outputs(notebook, HTML), *_outputs(notebook, TEXT)])
    for words in shown:
        assert words in told
    assert re.sub("^trial .*\n", "", _printed(notebook, "stderr"), flags=re.MULTILINE) == ""
    if path is NOTEBOOKS[3]:
        assert "mismatches: 0" in _printed(notebook, "stdout")
        assert "16 of 16 frames equal bit for bit" in _printed(notebook, "stdout")
