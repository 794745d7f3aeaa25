"""The page in a browser: nothing on its console, so nothing fetched, and small enough to mail.

The page forbids itself every request (its Content-Security-Policy), so that each attempt is told on
the console; ``test_a_request_would_be_told`` holds that.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_designs import layer_names, write_run

from hass.report import render_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
RESNET50_LAYERS = 143  # more than hass makes of torchvision's ResNet-50
MOST_BYTES = 5_000_000
HANGING_SECONDS = 300

needs_browser = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium: the report is not opened in a browser"
)


def _browse(page: Path, profile: Path, *asked: str) -> subprocess.CompletedProcess[str]:
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update"),
            *(f"--user-data-dir={profile}", *asked, page.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGING_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return done


def _console(page: Path, profile: Path) -> list[str]:
    """What the browser says on its console while it shows a page."""
    asked = ("--enable-logging=stderr", "--v=0", "--virtual-time-budget=5000", "--dump-dom")
    done = _browse(page, profile, *asked)
    assert "Made by hass." in done.stdout, done.stderr
    return [line for line in done.stderr.splitlines() if re.search(r"CONSOLE[:(]", line)]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_run(tmp_path_factory.mktemp("runs") / "run", layer_names(RESNET50_LAYERS), 100)
    path = folder / "report.html"
    path.write_text(render_report(folder), encoding="utf-8")
    return path


def test_a_search_of_a_resnet50_can_be_mailed(page: Path) -> None:
    assert page.stat().st_size < MOST_BYTES


@needs_browser
def test_the_console_stays_empty(page: Path, tmp_path: Path) -> None:
    assert _console(page, tmp_path / "profile") == []


@needs_browser
@pytest.mark.parametrize(
    "added",
    ['<img src="https://example.invalid/x.png" alt="">', "<script>throw Error('x')</script>"],
)
def test_a_request_would_be_told(added: str, page: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.html"
    text = page.read_text("utf-8").replace('<main id="main">', f'<main id="main">{added}')
    changed.write_text(text, "utf-8")
    (told,) = _console(changed, tmp_path / "profile")
    assert "Content Security Policy" in told


@needs_browser
def test_it_prints_without_half_empty_pages(page: Path, tmp_path: Path) -> None:
    """16 pages when pictures of layers took one each and numbers broke over lines."""
    printed = tmp_path / "printed.pdf"
    _browse(page, tmp_path / "profile", f"--print-to-pdf={printed}")
    pages = re.findall(rb"/Type\s*/Page\b", printed.read_bytes())
    assert 6 < len(pages) <= 11
