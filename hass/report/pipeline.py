"""The pipeline as a graph: layers, the streams between them, the FIFOs in the streams."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import TYPE_CHECKING, SupportsInt

from ..cost.foldings import EngineKind, MemoryKind
from ..cost.result import FifoEstimate
from ..design import Design
from . import svg
from .lanes import Lanes, Wire, in_lanes
from .layer_plots import ENGINE_COLOURS, LABEL_LENGTH, folding_words, picture_rows
from .limits import critical_layers
from .picture import CSS_DPI, Picture, Pictures
from .tables import Table
from .words import number, short, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.path import Path

# a browser's pixels, which are the axes' units, too
_ROW, _LANE, _MARGIN, _HEAD = 20.0, 22.0, 12.0, 26.0
_NAMES, _FOLDINGS, _FIFOS = 250.0, 190.0, 430.0
_DOT, _SQUARE = 5.0, 7.0
_POINTS = 72.0 / CSS_DPI  # a pixel
_TEXT = 11 * _POINTS

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


def pipeline_pictures(design: Design) -> Pictures:
    """The pipeline as a graph, cut as ``layer_pictures``: a row per layer, streams in
    lanes, thicker where more words move per cycle; squares are FIFOs that need a memory. None where
    the design says nothing of its streams.

    Args:
        design: whose pipeline is drawn.
    """
    estimate = design.plan.estimate
    names = list(estimate.layers)
    if not estimate.fifos:
        return Pictures(())
    lanes = in_lanes(names, [fifo.edge for fifo in estimate.fifos])
    with svg.drawing():
        return Pictures(
            tuple(
                _picture(design, names, lanes, rows, part)
                for part, rows in enumerate(picture_rows(len(names)))
            )
        )


def _picture(
    design: Design, names: Sequence[str], lanes: Lanes, rows: tuple[int, int], part: int
) -> Picture:
    start, end = rows
    text_at = 2 * _MARGIN + _LANE * lanes.count
    width = text_at + _NAMES + _FOLDINGS + _FIFOS
    height = _HEAD + _ROW * (end - start) + _MARGIN
    drawn = svg.figure(width / CSS_DPI, height / CSS_DPI)
    axes = drawn.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    tips: dict[str, str] = {}
    for x, head in (
        (text_at, "layer"),
        (text_at + _NAMES, "in·out·group × fine"),
        (text_at + _NAMES + _FOLDINGS, "reads: streams × FIFO entries"),
    ):
        axes.text(x, _HEAD - 12, head, fontsize=_TEXT, fontweight="bold")
    fifos = {fifo.edge: fifo for fifo in design.plan.estimate.fifos}
    for place, wire in enumerate(lanes.wires):
        if wire.first_row < end and wire.last_row >= start:
            tips[f"wire{place}"] = _fifo_words(fifos[wire.edge])
            _wire(axes, wire, fifos[wire.edge], f"wire{place}", start, end)
    critical = set(critical_layers(design))
    for row in range(start, end):
        reads = [fifo for fifo in design.plan.estimate.fifos if fifo.dst == names[row]]
        tips[f"layer{row}"] = _layer_words(design, names[row])
        _layer(axes, design, names[row], lanes.lanes[row], (row, row - start), text_at, critical)
        listed = ", ".join(
            f"{fifo.streams} × {fifo.depth_words:,}"
            + ("" if fifo.memory is MemoryKind.NONE else f" {fifo.memory.value}")
            for fifo in reads
        )
        axes.text(text_at + _NAMES + _FOLDINGS, _y(row - start) + 4, listed, fontsize=_TEXT)
    return Picture(
        drawn,
        f"pipeline{part}",
        f"Pipeline, {short(names[start])} to {short(names[end - 1])}",
        "One row a layer, streams as lines from layer to layer, wider ones thicker; squares on "
        "lines are FIFOs in memories. The tables of layers and of FIFOs give the same as text.",
        tips,
        crop=False,
    )


def _x(lane: int) -> float:
    return _MARGIN + _LANE * (lane + 0.5)


def _y(row: float) -> float:
    return _HEAD + _ROW * (row + 0.5)


def _line(wire: Wire, start: int, end: int) -> Path:
    """From layer to layer; of those that leave the picture, the part inside."""
    from matplotlib.path import Path

    first, last = wire.first_row - start, wire.last_row - start
    x0, x, x1 = _x(wire.first_lane), _x(wire.lane), _x(wire.last_lane)
    top, bottom = _HEAD - 4, _y(end - start - 1) + _ROW / 2 + 4
    points: list[tuple[float, float]] = []
    codes: list[int] = []

    def go(code: SupportsInt, *through: tuple[float, float]) -> None:
        points.extend(through)
        codes.extend([int(code)] * len(through))

    if first >= 0:
        go(Path.MOVETO, (x0, _y(first)))
        if x != x0:
            go(Path.CURVE4, (x0, _y(first + 0.6)), (x, _y(first + 0.4)), (x, _y(first + 1)))
    else:
        go(Path.MOVETO, (x, top))
    if last <= end - start - 1:
        # a wire between neighbouring rows has bent already
        turn = last - 1 if last - 1 > first + (x != x0) else max(first + (x != x0), -1)
        go(Path.LINETO, (x, max(_y(turn), top)))
        if x1 != x:
            go(Path.CURVE4, (x, _y(last - 0.4)), (x1, _y(last - 0.6)), (x1, _y(last)))
        else:
            go(Path.LINETO, (x1, _y(last)))
    else:
        go(Path.LINETO, (x, bottom))
    return Path(points, codes)


def _wire(axes: Axes, wire: Wire, fifo: FifoEstimate, gid: str, start: int, end: int) -> None:
    from matplotlib.patches import PathPatch, Rectangle

    thick = (1.2 + 0.6 * log2(fifo.streams)) * _POINTS
    axes.add_patch(
        PathPatch(
            _line(wire, start, end),
            fill=False,
            edgecolor=svg.GREY,
            linewidth=thick,
            capstyle="butt",
            gid=gid,
            clip_on=False,
        )
    )
    last, lanes = wire.last_row - start, (_x(wire.lane), _x(wire.last_lane))
    if fifo.memory is not MemoryKind.NONE and 0 <= last <= end - start - 1:
        straight = wire.last_row - wire.first_row > 1 or lanes[0] == lanes[1]
        near = lanes[0] if straight else sum(lanes) / 2
        corner = (near - _SQUARE / 2, _y(last - 0.5) - _SQUARE / 2)
        axes.add_patch(
            Rectangle(corner, _SQUARE, _SQUARE, color=svg.BLUE, linewidth=0, clip_on=False)
        )


def _fifo_words(fifo: FifoEstimate) -> str:
    where = "registers" if fifo.memory is MemoryKind.NONE else fifo.memory.value
    return (
        f"{fifo.src} to {fifo.dst}: {fifo.streams} words a beat, FIFO of {fifo.depth_words:,} "
        f"entries in {where}"
    )


def _layer_words(design: Design, name: str) -> str:
    layer = design.plan.estimate.layers[name]
    engine = layer.folding.engine
    kind = "no engine" if engine is EngineKind.NONE else f"{engine.value} engine"
    return (
        f"{name}: {kind}, {layer.frame_ii_cycles:,} cycles per frame, starts at cycle "
        f"{layer.start_cycles:,}"
    )


def _layer(
    axes: Axes,
    design: Design,
    name: str,
    lane: int,
    rows: tuple[int, int],
    text_at: float,
    critical: set[str],
) -> None:
    """A layer's dot, name and folding; ``rows``: in the pipeline and in the picture."""
    from matplotlib.patches import Circle

    folding, slow = design.plan.estimate.layers[name].folding, name in critical
    bare = folding.engine is EngineKind.NONE
    axes.add_patch(
        Circle(
            (_x(lane), _y(rows[1])),
            _DOT,
            facecolor="#ffffff" if bare else ENGINE_COLOURS[folding.engine],
            edgecolor=svg.RED if slow else svg.DARK_GREY,
            linewidth=(2 if slow else 1) * _POINTS,
            gid=f"layer{rows[0]}",
            zorder=2,
            clip_on=False,
        )
    )
    base, weight = _y(rows[1]) + 4, "bold" if slow else "normal"
    axes.text(text_at, base, short(name, LABEL_LENGTH), fontsize=_TEXT, fontweight=weight)
    words = folding_words(folding)
    axes.text(
        text_at + _NAMES,
        base,
        words if bare else f"{folding.engine.value} {words}",
        fontsize=_TEXT,
    )
