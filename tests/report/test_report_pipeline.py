"""The pipeline as a picture: lanes that keep apart, and all that it shows as text."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_designs import layer_names, made_design

from hass.cost.result import Edge
from hass.report.lanes import in_lanes
from hass.report.picture import Picture, Pictures
from hass.report.pipeline import deep_fifos, pipeline_pictures

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def pipelines(draw: st.DrawFn) -> tuple[list[str], list[Edge]]:
    """Layers that read from one to three earlier ones."""
    count = draw(st.integers(1, 25))
    names = [f"n{place}" for place in range(count)]
    edges = []
    for place in range(1, count):
        sources = draw(st.lists(st.integers(0, place - 1), min_size=1, max_size=3))
        edges += [(names[s], names[place], port) for port, s in enumerate(sources)]
    return names, edges


@given(pipelines())
def test_streams_keep_apart(pipeline: tuple[list[str], list[Edge]]) -> None:
    names, edges = pipeline
    lanes = in_lanes(names, edges)
    assert [wire.edge for wire in lanes.wires] == edges
    assert lanes.count == 1 + max([*lanes.lanes, *(wire.lane for wire in lanes.wires)])
    for wire in lanes.wires:
        assert names[wire.first_row] == wire.edge[0] and names[wire.last_row] == wire.edge[1]
        assert wire.first_lane == lanes.lanes[wire.first_row]
        assert wire.last_lane == lanes.lanes[wire.last_row]
        between = range(wire.first_row + 1, wire.last_row)
        assert all(lanes.lanes[row] != wire.lane for row in between)
    for row in range(len(names) - 1):  # what runs between two rows has a lane for itself
        here = [wire.lane for wire in lanes.wires if wire.first_row <= row < wire.last_row]
        assert len(set(here)) == len(here)


def test_a_chain_is_a_straight_line() -> None:
    names = [f"n{place}" for place in range(9)]
    chain = [(a, b, 0) for a, b in itertools.pairwise(names)]
    assert in_lanes(names, chain).lanes == (0,) * 9


@pytest.mark.parametrize("count", [1, 12, 100])
def test_every_layer_and_stream_is_in_a_picture(count: int) -> None:
    design = made_design(layer_names(count))
    pictures = pipeline_pictures(design).pictures
    fifos = design.plan.estimate.fifos
    assert len(pictures) == (0 if count == 1 else -(-count // 36))
    assert len({picture.key for picture in pictures}) == len(pictures)
    roots = [ET.fromstring(picture.svg()) for picture in pictures]
    tips = [element.text or "" for one in roots for element in one.iter(f"{SVG}title")]
    for fifo in fifos:
        words = f"{fifo.src} to {fifo.dst}: {fifo.streams} words a beat, FIFO of "
        assert any(tip.startswith(f"{words}{fifo.depth_words:,} entries") for tip in tips)
    for name, layer in design.plan.estimate.layers.items() if fifos else ():
        assert any(f"{name}: " in tip and f"{layer.frame_ii_cycles:,}" in tip for tip in tips)
    assert _drawn(pictures, "Circle") == (count if fifos else 0)
    assert _drawn(pictures, "Rectangle") == len(deep_fifos(design).rows)


def _drawn(pictures: Sequence[Picture], kind: str) -> int:
    patches = [patch for one in pictures for axes in one.figure.axes for patch in axes.patches]
    return sum(type(patch).__name__ == kind for patch in patches)


def test_lines_stay_inside_the_picture() -> None:
    for picture in pipeline_pictures(made_design(layer_names(100))).pictures:
        (axes,) = picture.figure.axes
        width, height = axes.get_xlim()[1], axes.get_ylim()[0]
        for patch in axes.patches:
            points = patch.get_patch_transform().transform(patch.get_path().vertices)
            assert (points >= 0).all() and (points <= (width, height)).all()


def test_a_notebook_shows_it() -> None:
    shown = pipeline_pictures(made_design(layer_names(50)))._repr_html_()
    assert shown.count('src="data:image/png;base64,') == 2


def test_the_largest_fifo_comes_first() -> None:
    table = deep_fifos(made_design(layer_names(12)))
    assert [row[3] for row in table.rows] == ["611", "608", "605", "602"]
    assert table.caption.startswith("FIFOs in memories: 4 of 15")


def test_a_design_without_streams_has_no_picture() -> None:
    design = made_design()
    bare = replace(design.plan.estimate, fifos=())
    assert pipeline_pictures(replace(design, plan=replace(design.plan, estimate=bare))) == Pictures(
        ()
    )
