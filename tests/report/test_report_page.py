"""The page: whole, self-contained, harmless, and the same for the same run."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_designs import layer_names, made_design, write_run

from hass.cli import main
from hass.design_file import write_design
from hass.errors import OutputError, SpecError
from hass.folding import Goal, Objective
from hass.pareto import Measure
from hass.report import render_report, write_report
from hass.report.run import load_run
from hass.report.run_plots import pareto_picture

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "$\\frac{1",
    "a\x00b\x1b[31m\u202ec",
    "卷积层🙂",
    "lone\ud800surrogate",
    "%n{{ 7 * 7 }}",
    "very/long/" * 30,
]
VOID = {"meta", "link", "br", "img", "hr", "input"}


class _Page(HTMLParser):
    """Collects what the checks need, and fails on tags that do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for found, attrs in self.tags if found == tag]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "first-run")


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return render_report(run)


@pytest.fixture(scope="module")
def page(text: str) -> _Page:
    return _Page(text)


def test_sections(page: _Page) -> None:
    ids = [attrs["id"] for attrs in page.named("section")]
    assert ids == ["summary", "pareto", "limits", "device", "layers", "pipeline", "reproduce"]
    targets = {attrs.get("id") for _, attrs in page.tags}
    links = [attrs["href"] for attrs in page.named("a")]
    assert len(links) == len(ids) + 1
    assert all(link is not None and link[1:] in targets for link in links)


def test_summary_shows_dense_against_best_with_both_kinds_of_speed(page: _Page) -> None:
    for words in (
        "10,000 frames/s in steady state on zcu104, 1.50× the dense design",
        "Throughput, steady state (frames/s) 6,667 10,000 1.50×",
        "Frame II (cycles between frames, steady state) 30,000 20,000 0.67×",
        "Latency of one frame alone, fill included (µs) 195 145 0.74×",
        "94.00 % ± 1.06 (470 of 500) 91.20 % ± 1.27 (456 of 500) −2.80 points",
        "93.30 % ± 0.79 (933 of 1,000) 90.50 % ± 0.93 (905 of 1,000)",
        "Images per cycle per DSP",
    ):
        assert words in page.words


def test_front_limits_and_origin(page: _Page) -> None:
    for words in (
        "3 (best) sampler 91.20 % 10,000 20,000",
        "29 finished trials, 1 failed",
        "layer0.0.conv sets the frame II of 20,000 cycles",
        "No legal folding that fits has a frame II below 19,600 cycles",
        "at most 2.04 % above the best",
        "Seed 7",
        "Search strategy default",
        "numpy 2.0.0",
        "a" * 64,
        'model = "made.onnx"',
        "DS891",
    ):
        assert words in page.words


def test_the_first_sentence_is_about_the_objective(tmp_path: Path) -> None:
    dense = made_design(density=1.0, frame_ii_cycles=30_000, correct=470)
    best = made_design(dense=dense)
    lean = replace(best, plan=replace(best.plan, objective=Objective(Goal.LATENCY), bound=1.0))
    write_design(lean, tmp_path / "early.json")
    words = _Page(render_report(tmp_path / "early.json")).words
    assert "145 us on zcu104, 1.34 times better than the dense design, at 10,000 frames/s" in words
    assert "Objective latency" in words


def test_nothing_is_fetched(page: _Page, text: str) -> None:
    namespaces = {'xmlns="http://www.w3.org/2000/svg"'}
    rest = text
    for namespace in namespaces:
        rest = rest.replace(namespace, "")
    assert not re.search(r"https?:|//[a-z]|@import|data:|javascript:", rest)
    assert not {tag for tag, _ in page.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "image",
    }
    for _, attrs in page.tags:
        assert not any(name.startswith("on") for name in attrs)
        assert (attrs.get("href") or "#").startswith("#")
    policies = [attrs["content"] for attrs in page.named("meta") if "http-equiv" in attrs]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_references_inside_the_page_lead_somewhere(page: _Page, text: str) -> None:
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids)), "two elements share an id"
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', text))
    used |= {
        word
        for _, attrs in page.tags
        for key in ("aria-labelledby",)
        for word in (attrs.get(key) or "").split()
    }
    assert used <= set(ids)


def test_pictures_and_tables_can_be_read_without_seeing_them(page: _Page) -> None:
    pictures = page.named("svg")
    assert len(pictures) == 4  # Pareto, part, layers, pipeline
    assert all(svg["role"] == "img" and svg["aria-labelledby"] for svg in pictures)
    assert len(page.named("caption")) == len(page.named("table")) == 7
    assert all(attrs["scope"] in ("row", "col") for attrs in page.named("th"))
    regions = [attrs for _, attrs in page.tags if attrs.get("role") == "region"]
    assert all(attrs["tabindex"] == "0" and attrs["aria-label"] for attrs in regions)
    assert page.named("html") == [{"lang": "en"}]


def test_equal_runs_give_equal_bytes(run: Path, text: str) -> None:
    assert render_report(run) == text
    code = (
        "import sys; from pathlib import Path; from hass.report import render_report;"
        "sys.stdout.reconfigure(encoding='utf-8');"
        "sys.stdout.write(render_report(Path(sys.argv[1])))"
    )
    again = subprocess.run(
        [sys.executable, "-c", code, str(run)], capture_output=True, check=True, timeout=120
    )
    assert again.stdout.decode() == text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    # a design file cannot hold a lone surrogate, a value can
    design = made_design([name for name in HOSTILE if "\ud800" not in name])
    write_design(design, tmp_path / "hostile.json")
    page = _Page(render_report(tmp_path / "hostile.json"))
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert "<script>alert(1)</script>" in page.words
    assert "卷积层🙂" in page.words
    assert "{{ 7 * 7 }}" in page.words
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e]", page.words)


@pytest.mark.parametrize("count", [1, 5, 200])
def test_any_number_of_layers(tmp_path: Path, count: int) -> None:
    names = [f"block{i}.conv" for i in range(count)]
    write_design(made_design(names), tmp_path / "design.json")
    page = _Page(render_report(tmp_path / "design.json"))
    pictures = [svg for svg in page.named("svg") if "layers" in str(svg["aria-labelledby"])]
    assert len(pictures) == -(-count // 36)
    assert all(name in page.words for name in names)


def test_a_single_design_without_accuracy_or_dense(tmp_path: Path) -> None:
    write_design(made_design(density=None), tmp_path / "mine.json")
    page = _Page(render_report(tmp_path / "mine.json"))
    ids = [attrs["id"] for attrs in page.named("section")]
    assert ids == ["summary", "limits", "device", "layers", "pipeline", "reproduce"]
    assert "Top-1" not in page.words
    assert "no profile" in page.words
    assert "None" not in page.words


def test_accuracy_in_integers_stands_beside_that_in_floating_point(tmp_path: Path) -> None:
    write_design(made_design(dense=made_design(correct=460)), tmp_path / "mine.json")
    page = _Page(render_report(tmp_path / "mine.json"))
    assert "held out) in 16-bit integers, as the hardware computes" in page.words
    assert "90.30 % ± 0.94 (903 of 1,000)" in page.words  # and of the dense design:
    assert "91.10 % ± 0.90 (911 of 1,000)" in page.words
    assert "in 16-bit integers (1,000 images)" in page.words


def test_a_design_that_has_no_multiplier(tmp_path: Path) -> None:
    write_design(made_design(["add0", "add1"], density=None), tmp_path / "adds.json")
    page = _Page(render_report(tmp_path / "adds.json"))
    assert "Images per cycle per DSP –" in page.words
    assert "Multiplier bound" not in page.words


def test_write_report(run: Path, text: str, tmp_path: Path) -> None:
    write_report(run, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
    with pytest.raises(OutputError, match="cannot write"):
        write_report(run, tmp_path / "none" / "report.html")


def test_nothing_is_written_when_the_run_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(SpecError):
        write_report(tmp_path, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_the_users_matplotlib_settings_change_nothing(run: Path, text: str) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.grid": True}):
        assert render_report(run) == text
        assert mpl.rcParams["font.size"] == 30


def test_thousands_of_trials_stay_one_light_page(tmp_path: Path) -> None:
    page = render_report(write_run(tmp_path / "long", ["a", "b"], trials=1_000))
    assert len(page) < 300_000
    assert _Page(page).words.count("999 finished trials, 1 failed") == 1


def test_matplotlib_is_loaded_only_to_draw() -> None:
    code = "import sys, hass.report, hass.compare; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_layer_names_helper_makes_unique_names() -> None:
    names = layer_names(200)
    assert len(set(names)) == 200


@pytest.mark.parametrize("pair", list(permutations(Measure, 2))[::5])
def test_a_front_of_any_two_measures(run: Path, pair: tuple[Measure, Measure]) -> None:
    picture = pareto_picture(load_run(run, pair))
    if Measure.ENERGY in pair:  # the table has none
        assert picture is None
    else:
        assert picture is not None
        ET.fromstring(picture.svg())
        for measure in pair:
            assert measure.heading in picture.svg()


def test_the_verb_draws_another_front(run: Path, tmp_path: Path) -> None:
    words = ["report", str(run), "--front", "dsp,throughput", "-o", str(tmp_path / "page.html")]
    assert CliRunner().invoke(main, words, catch_exceptions=False).exit_code == 0
    page = _Page((tmp_path / "page.html").read_text("utf-8"))
    for text in ("Dsp and throughput", "right of it or below it", "Hypervolume 0"):
        assert text in page.words
    wrong = CliRunner().invoke(main, [*words[:3], "dsp"])
    assert wrong.exit_code == 2 and "expected two of accuracy, throughput" in wrong.stderr
