"""Pictures as values: they show themselves, go into files, and say what the designs say."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from made_designs import made_design, write_run
from matplotlib.colors import to_rgba

from hass import report
from hass.cost.pipeline import frame_bits
from hass.design import Design
from hass.errors import GraphError, OutputError, SpecError
from hass.graph import Graph
from hass.onnx_io import read_model
from hass.report.bound_plots import off_chip_bytes
from hass.report.series import DENSE, SEARCHED, series_styles

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def _words(picture: report.Picture) -> str:
    return " ".join(ET.fromstring(picture.svg()).itertext())


@pytest.fixture(scope="module")
def graph(tiny_model: Path) -> Graph:
    return read_model(tiny_model).graph


def _of(graph: Graph, **asked: int) -> Design:
    design = made_design(**asked)
    return replace(design, model=replace(design.model, graph_digest=graph.digest))


def test_a_picture_shows_itself_and_is_saved_by_its_name(tmp_path: Path) -> None:
    picture = report.device_picture(made_design())
    data, size = picture._repr_png_()
    assert data.startswith(PNG_HEAD)
    pixels = int.from_bytes(data[16:20], "big")
    assert size == {"width": round(pixels / 1.5)}
    picture.save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == data
    picture.save(tmp_path / "a.SVG")
    assert (tmp_path / "a.SVG").read_text(encoding="utf-8") == picture.svg()
    assert "figure" not in repr(picture)


def test_other_formats_and_places_are_refused(tmp_path: Path) -> None:
    picture = report.device_picture(made_design())
    with pytest.raises(SpecError, match=r"got '.gif', expected a name that ends in .png or .svg"):
        picture.save(tmp_path / "a.gif")
    with pytest.raises(OutputError, match="cannot write"):
        picture.save(tmp_path / "none" / "a.png")


def test_pictures_below_each_other_are_one() -> None:
    layers = report.layer_pictures(made_design())
    shown = layers._repr_html_()
    assert shown.count("<img ") == len(layers.pictures) == 1
    assert 'alt="Layers ' in shown and "data:image/png;base64,iVBOR" in shown


def test_the_roofline_has_points_below_their_roofs(graph: Graph) -> None:
    slow, fast = _of(graph, frame_ii_cycles=40_000), _of(graph, frame_ii_cycles=20_000)
    words = _words(report.roofline_picture({"slow": slow, "fast": fast}, graph))
    for name, design in (("slow", slow), ("fast", fast)):
        share = design.summary.multiplier_bound_share
        assert f"{name}: {design.plan.estimate.multipliers} multipliers" in words
        assert f"{100 * share:.1f} % of their bound" in words and share < 1
    assert "17 GB/s (zcu104)" in words
    assert off_chip_bytes(slow, graph) == frame_bits(graph, slow.arithmetic) / 8


def test_a_roofline_of_another_network_is_refused(graph: Graph) -> None:
    with pytest.raises(GraphError, match="is not the design's network"):
        report.roofline_picture({"made": made_design()}, graph)


def test_shares_of_the_multiplier_bound_add_up() -> None:
    design = made_design()
    words = _words(report.bound_picture({"made": design}))
    shares = [float(word) for word in words.split() if word.count(".") == 1 and word[-1].isdigit()]
    assert f"{100 * design.summary.multiplier_bound_share:.1f}" in words
    assert {"active", "lost", "waiting"} <= set(words.replace(":", "").split()) and shares


def test_fronts_of_several_searches(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_run(tmp_path / name)
    runs = [report.load_run(tmp_path / name) for name in ("one", "two")]
    words = _words(report.fronts_picture(runs))
    for run in runs:
        assert f"{run.name}, {len(run.front)} trials on its front" in words


def _edges(picture: report.Picture) -> dict[str, str]:
    """Colours of the points' edges by their names in the legend."""
    points, labels = picture.figure.axes[0].get_legend_handles_labels()
    return {
        label.split(":")[0]: point.get_markeredgecolor()
        for point, label in zip(points, labels, strict=True)
    }


def test_a_design_keeps_its_colour_from_picture_to_picture(graph: Graph, tmp_path: Path) -> None:
    """In fronts and rooflines, beside its dense design and without, and in its search's report."""
    runs = []
    for name in ("one", "two"):
        run = report.load_run(write_run(tmp_path / name))
        model = replace(run.best.model, graph_digest=graph.digest)
        assert run.dense is not None
        best, dense = replace(run.best, model=model), replace(run.dense, model=model)
        runs.append(replace(run, best=best, dense=dense))
    bests = {run.name: run.best for run in runs}
    alone = _edges(report.roofline_picture(bests, graph))
    assert len(set(alone.values())) == 2
    beside = _edges(report.roofline_picture({"dense": dense} | bests, graph))
    assert beside == {"dense": DENSE[0].colour} | alone
    fronts = report.fronts_picture(runs).figure.axes[0].lines
    assert {line.get_label(): line.get_color() for line in fronts}.items() >= alone.items()
    picture = report.pareto_picture(runs[0])
    assert picture is not None and _edges(picture)["dense"] == beside["dense"]
    (star,) = (line for line in picture.figure.axes[0].lines if line.get_label() == "best")
    assert star.get_color() == alone["one"]
    part = report.device_picture(runs[0].best, dense.summary).figure.axes[0]
    bars = {bar.get_label(): bar.patches[0].get_edgecolor() for bar in part.containers}
    assert bars["best"] == to_rgba(alone["one"]) and bars["dense"] == to_rgba(beside["dense"])


def test_only_what_others_are_measured_against_is_drawn_as_dense() -> None:
    slow, fast = (made_design(density=1.0, frame_ii_cycles=ii) for ii in (40_000, 30_000))
    assert series_styles([slow, fast]) == SEARCHED[:2]
    of_slow, of_fast = made_design(dense=slow), made_design(dense=fast)
    found = series_styles([fast, of_fast, slow, of_slow, replace(slow, dense=of_slow.dense)])
    assert found == (DENSE[0], SEARCHED[0], DENSE[1], SEARCHED[1], SEARCHED[2])
    assert series_styles([slow] * 8)[7] == SEARCHED[0]
