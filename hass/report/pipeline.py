"""The pipeline as a graph: layers, the streams between them, the FIFOs in the streams."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from math import log2

from ..cost.foldings import EngineKind, MemoryKind
from ..cost.result import FifoEstimate
from ..design import Design
from . import svg
from .lanes import Lanes, Wire, in_lanes
from .layer_plots import ENGINE_COLOURS, LABEL_LENGTH, ROWS_PER_PICTURE, folding_words
from .limits import critical_layers
from .tables import Table
from .words import number, short, shown

# pixels
_ROW, _LANE, _MARGIN, _HEAD = 20.0, 22.0, 12.0, 26.0
_NAMES, _FOLDINGS, _FIFOS = 250.0, 190.0, 430.0
_DOT = 5.0

FIFO_HEAD = ("from", "to", "streams", "entries", "in", "LUT", "FF", "BRAM18", "URAM")


def deep_fifos(design: Design) -> Table:
    """The FIFOs that need a memory, the largest first."""
    deep = [fifo for fifo in design.plan.estimate.fifos if fifo.memory is not MemoryKind.NONE]
    deep.sort(key=lambda fifo: (-fifo.streams * fifo.depth_words, fifo.edge))
    return Table(
        f"FIFOs in memories: {len(deep)} of {len(design.plan.estimate.fifos)}; the others are a "
        "port's registers",
        FIFO_HEAD,
        tuple(
            (
                shown(fifo.src),
                shown(fifo.dst),
                number(fifo.streams),
                number(fifo.depth_words),
                fifo.memory.value,
                *(
                    number(amount)
                    for amount in (
                        fifo.resources.lut,
                        fifo.resources.ff,
                        fifo.resources.bram18,
                        fifo.resources.uram,
                    )
                ),
            )
            for fifo in deep
        ),
    )


def pipeline_pictures(design: Design) -> tuple[str, ...]:
    """The pipeline in pictures of ``ROWS_PER_PICTURE`` layers, as SVG elements; none where the
    design says nothing of its streams."""
    estimate = design.plan.estimate
    names = list(estimate.layers)
    if not estimate.fifos:
        return ()
    lanes = in_lanes(names, [fifo.edge for fifo in estimate.fifos])
    return tuple(
        _picture(design, names, lanes, start, part)
        for part, start in enumerate(range(0, len(names), ROWS_PER_PICTURE))
    )


def _picture(design: Design, names: Sequence[str], lanes: Lanes, start: int, part: int) -> str:
    end = min(start + ROWS_PER_PICTURE, len(names))
    text_at = 2 * _MARGIN + _LANE * lanes.count
    width = text_at + _NAMES + _FOLDINGS + _FIFOS
    height = _HEAD + _ROW * (end - start) + _MARGIN
    key = f"pipeline{part}"
    root = ET.Element(
        "svg",
        {
            "xmlns": svg.SVG,
            "width": f"{width:g}",
            "height": f"{height:g}",
            "viewBox": f"0 0 {width:g} {height:g}",
            "role": "img",
            "aria-labelledby": f"{key}-title {key}-desc",
            "font-size": "11",
        },
    )
    title = ET.SubElement(root, "title", {"id": f"{key}-title"})
    title.text = f"Pipeline, {short(names[start])} to {short(names[end - 1])}"
    words = ET.SubElement(root, "desc", {"id": f"{key}-desc"})
    words.text = (
        "One row a layer, streams as lines from layer to layer, wider ones thicker; dots on lines "
        "are FIFOs in memories. The tables of layers and of FIFOs give the same as text."
    )
    for x, head in (
        (text_at, "layer"),
        (text_at + _NAMES, "in·out·group × fine"),
        (text_at + _NAMES + _FOLDINGS, "reads: streams × FIFO entries"),
    ):
        _text(root, x, _HEAD - 12, head, bold=True)
    fifos = {fifo.edge: fifo for fifo in design.plan.estimate.fifos}
    for wire in lanes.wires:
        if wire.first_row < end and wire.last_row >= start:
            _wire(root, wire, fifos[wire.edge], start, end)
    critical = set(critical_layers(design))
    for row in range(start, end):
        reads = [fifo for fifo in design.plan.estimate.fifos if fifo.dst == names[row]]
        _layer(root, design, names[row], lanes.lanes[row], row - start, text_at, reads, critical)
    return ET.tostring(root, encoding="unicode") + "\n"


def _x(lane: int) -> float:
    return _MARGIN + _LANE * (lane + 0.5)


def _y(row: float) -> float:
    return _HEAD + _ROW * (row + 0.5)


def _text(root: ET.Element, x: float, y: float, text: str, *, bold: bool = False) -> ET.Element:
    attributes = {"x": f"{x:g}", "y": f"{y:g}"}
    if bold:
        attributes["font-weight"] = "bold"
    element = ET.SubElement(root, "text", attributes)
    element.text = text
    return element


def _tip(element: ET.Element, text: str) -> None:
    ET.SubElement(element, "title").text = shown(text)


def _wire(root: ET.Element, wire: Wire, fifo: FifoEstimate, start: int, end: int) -> None:
    """A line from layer to layer; of those that leave the picture, the part inside."""
    first, last = wire.first_row - start, wire.last_row - start
    x0, x, x1 = _x(wire.first_lane), _x(wire.lane), _x(wire.last_lane)
    top, bottom = _HEAD - 4, _y(end - start - 1) + _ROW / 2 + 4
    points = []
    if first >= 0:
        points.append(f"M{x0:g} {_y(first):g}")
        if x != x0:
            points.append(f"C{x0:g} {_y(first + 0.6):g} {x:g} {_y(first + 0.4):g} ")
            points[-1] += f"{x:g} {_y(first + 1):g}"
    else:
        points.append(f"M{x:g} {top:g}")
    if last <= end - start - 1:
        # a wire between neighbouring rows has bent already
        turn = last - 1 if last - 1 > first + (x != x0) else max(first + (x != x0), -1)
        points.append(f"L{x:g} {max(_y(turn), top):g}")
        if x1 != x:
            points.append(f"C{x:g} {_y(last - 0.4):g} {x1:g} {_y(last - 0.6):g} ")
            points[-1] += f"{x1:g} {_y(last):g}"
        else:
            points.append(f"L{x1:g} {_y(last):g}")
    else:
        points.append(f"L{x:g} {bottom:g}")
    group = ET.SubElement(root, "g")
    _tip(group, _fifo_words(fifo))
    thick = 1.2 + 0.6 * log2(fifo.streams)
    ET.SubElement(
        group,
        "path",
        {
            "d": " ".join(points),
            "fill": "none",
            "stroke": svg.GREY,
            "stroke-width": f"{thick:.2f}",
        },
    )
    if fifo.memory is not MemoryKind.NONE and 0 <= last <= end - start - 1:
        side = 7.0
        middle = _y(last - 0.5)
        near = x if last - first > 1 or x1 == x else (x + x1) / 2
        ET.SubElement(
            group,
            "rect",
            {
                "x": f"{near - side / 2:g}",
                "y": f"{middle - side / 2:g}",
                "width": f"{side:g}",
                "height": f"{side:g}",
                "fill": svg.BLUE,
            },
        )


def _fifo_words(fifo: FifoEstimate) -> str:
    where = "registers" if fifo.memory is MemoryKind.NONE else fifo.memory.value
    return (
        f"{fifo.src} to {fifo.dst}: {fifo.streams} words a beat, FIFO of {fifo.depth_words:,} "
        f"entries in {where}"
    )


def _layer(
    root: ET.Element,
    design: Design,
    name: str,
    lane: int,
    row: int,
    text_at: float,
    reads: Sequence[FifoEstimate],
    critical: set[str],
) -> None:
    layer = design.plan.estimate.layers[name]
    engine = layer.folding.engine
    group = ET.SubElement(root, "g")
    kind = "no engine" if engine is EngineKind.NONE else f"{engine.value} engine"
    _tip(
        group,
        f"{name}: {kind}, {layer.frame_ii_cycles:,} cycles per frame, starts at cycle "
        f"{layer.start_cycles:,}",
    )
    ET.SubElement(
        group,
        "circle",
        {
            "cx": f"{_x(lane):g}",
            "cy": f"{_y(row):g}",
            "r": f"{_DOT:g}",
            "fill": "#ffffff" if engine is EngineKind.NONE else ENGINE_COLOURS[engine],
            "stroke": svg.RED if name in critical else "#444444",
            "stroke-width": "2" if name in critical else "1",
        },
    )
    base = _y(row) + 4
    _text(group, text_at, base, short(name, LABEL_LENGTH), bold=name in critical)
    words = folding_words(layer.folding)
    if engine is not EngineKind.NONE:
        words = f"{engine.value} {words}"
    _text(group, text_at + _NAMES, base, words)
    listed = ", ".join(
        f"{fifo.streams} × {fifo.depth_words:,}"
        + ("" if fifo.memory is MemoryKind.NONE else f" {fifo.memory.value}")
        for fifo in reads
    )
    _text(group, text_at + _NAMES + _FOLDINGS, base, listed)
