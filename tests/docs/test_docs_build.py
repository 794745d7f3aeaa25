"""docs/ builds without a warning, and has every public name.

A type that a public function or record mentions and that no page describes is a warning ("reference
target not found"): add it to docs/reference/types.md.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import hass
from hass import ops
from hass.cli.schema import file_formats, schema_of

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages, built as `make docs` does; in a process of its own, as Sphinx changes docutils."""
    for name in ("sphinx", "myst_parser", "furo", "sphinx_click"):
        pytest.importorskip(name, reason="pip install '.[docs]'")
    out = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "--quiet"),
            *("-d", str(out / "doctrees"), str(ROOT / "docs"), str(out / "html")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "html"


def test_every_public_name_is_described(built: Path) -> None:
    page = (built / "reference" / "api.html").read_text(encoding="utf-8")
    ids = set(re.findall(r'id="hass\.(\w+)"', page))
    spaces = {name for name in hass.__all__ if isinstance(getattr(hass, name), ModuleType)}
    assert set(hass.__all__) - ids == spaces, "add them to docs/reference/api.md"
    page = (built / "reference" / "applications.html").read_text(encoding="utf-8")
    for space in spaces:
        names = getattr(getattr(hass, space), "__all__", ())
        assert f'id="module-hass.{space}"' in page
        for name in names:
            found = f"hass.{space}.{name}"
            assert found in page, f"add {found} to docs/reference/applications.md"
    operators = (built / "reference" / "ops.html").read_text(encoding="utf-8")
    for kind in ops.OP_TYPES:
        assert f'id="hass.ops.{kind.__name__}"' in operators


def test_every_verb_has_a_page_with_its_options(built: Path) -> None:
    for entry in metadata.entry_points(group="hass.verbs"):
        page = (built / "howto" / f"{entry.name}.html").read_text(encoding="utf-8")
        assert f'id="hass-{entry.name}' in page
        assert 'class="std option"' in page


def test_every_schema_lies_beside_the_pages(built: Path) -> None:
    page = (built / "file-formats.html").read_text(encoding="utf-8")
    for name in file_formats():
        text = (built / "schemas" / f"{name}.json").read_text(encoding="utf-8")
        assert json.loads(text) == json.loads(json.dumps(schema_of(name)))
        assert f'href="schemas/{name}.json"' in page


def test_the_pages_fetch_nothing(built: Path) -> None:
    """They are read on machines without a network."""
    for page in built.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        fetched = re.findall(r'<(?:script|link|img)\b[^>]*(?:src|href)="(https?:[^"]+)"', text)
        assert not fetched, page
