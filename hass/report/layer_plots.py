"""Pictures per layer: one row a layer, the same row in four panels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..cost.foldings import EngineKind, Folding
from ..design import Design
from ..device import RESOURCE_NAMES
from . import svg
from .limits import critical_layers
from .picture import Picture, Pictures
from .series import DENSE
from .words import number, percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS_PER_PICTURE = 36  # at most: half a printed page

ENGINE_COLOURS = {
    EngineKind.DENSE: svg.SKY,
    EngineKind.DYNAMIC: svg.ORANGE,
    EngineKind.STATIC: svg.GREEN,
    EngineKind.BROADCAST: svg.PINK,
    EngineKind.NONE: svg.GREY,
}
# hatching and its colour: what is skipped must not be told by colour alone
ENGINE_HATCHES = {
    EngineKind.DYNAMIC: ("////", "#7a5500"),
    EngineKind.STATIC: ("....", "#00503a"),
    EngineKind.BROADCAST: ("xxxx", "#6b2f4f"),
}

LABEL_LENGTH = 32  # characters

# inches
_GAP, _TOP, _BOTTOM, _ROW = 0.22, 0.62, 0.42, 0.2
_WIDTHS = (2.0, 2.5, 2.4, 2.6)
_CHARACTER = 0.078  # of a name, as wide as they get in bold, in common fonts


def folding_words(folding: Folding) -> str:
    """A folding in short: lanes (in·out·group), multipliers in each, channels per segment.

    >>> folding_words(Folding(coarse_in=4, coarse_out=2))
    '4·2·1'
    """
    lanes = f"{folding.coarse_in}·{folding.coarse_out}·{folding.coarse_group}"
    if folding.engine is EngineKind.NONE:
        return lanes
    packed = f", {folding.packed} ch" if folding.packed > 1 else ""
    return f"{lanes} × {folding.fine}{packed}"


def picture_rows(rows: int) -> Iterator[tuple[int, int]]:
    """The first row of each picture and the one behind its last, as many in each as can be.

    >>> list(picture_rows(38))
    [(0, 19), (19, 38)]
    """
    count = -(-rows // ROWS_PER_PICTURE)
    yield from ((part * rows // count, (part + 1) * rows // count) for part in range(count))


def layer_pictures(design: Design, dense: Design | None = None) -> Pictures:
    """The layers in their order, at most ``ROWS_PER_PICTURE`` a picture, all on the same scales.

    Args:
        design: whose layers are drawn.
        dense: the dense design of the same network, for its cycles; or None.
    """
    names = list(design.plan.estimate.layers)
    pictures = []
    with svg.drawing():
        for part, (start, end) in enumerate(picture_rows(len(names))):
            pictures.append(_picture(design, dense, names[start:end], part))
    return Pictures(tuple(pictures))


def _picture(design: Design, dense: Design | None, names: Sequence[str], part: int) -> Picture:
    longest = max(len(short(name, LABEL_LENGTH)) for name in design.plan.estimate.layers)
    labels = 0.25 + _CHARACTER * longest
    height = _TOP + _ROW * len(names) + _BOTTOM
    width = labels + sum(_WIDTHS) + _GAP * len(_WIDTHS)
    drawn = svg.figure(width, height)
    panels = _panels(drawn, labels, names, design)
    tips: dict[str, str] = {}
    _densities(panels[0], design, names)
    _multipliers(panels[1], design, names, tips)
    _cycles(panels[2], design, dense, names, tips)
    _resources(panels[3], design, names)
    first, last = short(names[0]), short(names[-1])
    return Picture(
        drawn,
        f"layers{part}",
        f"Layers {first} to {last}: density, folding, cycles and resources",
        "One row a layer. From left to right: weight, activation and pair density; multipliers by "
        "kind of engine; frame II in cycles against that of the pipeline; share of the design's "
        "resources. The table of layers gives the same figures as text.",
        tips,
        crop=False,
    )


def _panels(drawn: Figure, labels: float, names: Sequence[str], design: Design) -> list[Axes]:
    panels: list[Axes] = []
    all_width, height = drawn.get_size_inches()
    left = labels
    critical = set(critical_layers(design))
    for width in _WIDTHS:
        box = (left / all_width, _BOTTOM / height, width / all_width, _ROW * len(names) / height)
        axes = drawn.add_axes(box)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.spines["left"].set_visible(False)
        axes.tick_params(left=False, labelleft=False, labelsize=7.5, length=2)
        for row in range(0, len(names), 2):
            axes.axhspan(row - 0.5, row + 0.5, color="#f3f5f7", linewidth=0, zorder=0)
        panels.append(axes)
        left += width + _GAP
    panels[0].set_yticks(range(len(names)), [short(name, LABEL_LENGTH) for name in names])
    panels[0].tick_params(labelleft=True)
    for label, name in zip(panels[0].get_yticklabels(), names, strict=True):
        label.set_fontsize(8)
        if name in critical:
            label.set_fontweight("bold")
    return panels


def _head(axes: Axes, title: str, entries: int) -> None:
    """Title, and the legend in the line below it."""
    axes.annotate(
        title,
        (0, 1),
        xycoords="axes fraction",
        xytext=(0, 26),
        textcoords="offset points",
        fontsize=9.5,
        fontweight="bold",
    )
    if entries:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(-0.02, 1.0),
            ncols=entries,
            fontsize=7.5,
            borderaxespad=0.2,
            borderpad=0,
            columnspacing=0.9,
            handletextpad=0.3,
            handlelength=1.2,
        )


def _densities(axes: Axes, design: Design, names: Sequence[str]) -> None:
    rows = [row for row, name in enumerate(names) if name in design.densities]
    values = [design.densities[names[row]] for row in rows]
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x")
    axes.set_xticks([0, 0.5, 1.0], ["0", "0.5", "1"])
    axes.set_xlabel("share that is not zero", fontsize=7.5, labelpad=2)
    series = (
        ("weights", [value.weight_density for value in values], "o", svg.BLUE),
        ("activations", [value.act_density for value in values], "^", svg.ORANGE),
        ("pairs", [value.pair_density for value in values], "D", svg.BLACK),
    )
    for label, xs, marker, colour in series:
        size = 4.0 if marker == "D" else 5.0
        axes.plot(xs, rows, marker, color=colour, markersize=size, label=label, linestyle="none")
    if not design.densities:
        axes.text(0.5, 0.5, "no profile", transform=axes.transAxes, ha="center", color="#555555")
    _head(axes, "Density", 3 if design.densities else 0)


def _multipliers(axes: Axes, design: Design, names: Sequence[str], tips: dict[str, str]) -> None:
    layers = design.plan.estimate.layers
    widest = max((layer.folding.multipliers for layer in layers.values()), default=0) or 1
    axes.set_xlim(0, 2 * widest)
    axes.set_xticks([0, widest], ["0", number(widest)])
    axes.set_xlabel("multipliers; in·out·group × fine", fontsize=7.5, labelpad=2, loc="left")
    seen: set[EngineKind] = set()
    for row, name in enumerate(names):
        folding = layers[name].folding
        if folding.multipliers:
            hatch, edge = ENGINE_HATCHES.get(folding.engine, (None, "none"))
            bar = axes.barh(
                row,
                folding.multipliers,
                0.66,
                color=ENGINE_COLOURS[folding.engine],
                label=folding.engine.value if folding.engine not in seen else "_",
                hatch=hatch,
                edgecolor=edge,
                linewidth=0.3,
            )
            seen.add(folding.engine)
            bar.patches[0].set_gid(f"mult{row}")
            tips[f"mult{row}"] = f"{name}: {number(folding.multipliers)} multipliers"
        words = folding_words(folding)
        axes.text(1.06 * widest, row, words, fontsize=7.5, va="center", color="#333333")
    _head(axes, "Folding", len(seen))


def _cycles(
    axes: Axes, design: Design, dense: Design | None, names: Sequence[str], tips: dict[str, str]
) -> None:
    layers = design.plan.estimate.layers
    frame_ii = design.summary.frame_ii_cycles
    before = {} if dense is None else dense.plan.estimate.layers
    longest = max(
        frame_ii,
        max(layer.frame_ii_cycles for layer in layers.values()),
        max((layer.frame_ii_cycles for layer in before.values()), default=0),
    )
    critical = set(critical_layers(design))
    axes.set_xlim(0, 1.04 * longest)
    axes.set_xticks([0, frame_ii], ["0", number(frame_ii)])
    axes.set_xlabel("cycles per frame", fontsize=7.5, labelpad=2)
    for row, name in enumerate(names):
        cycles = layers[name].frame_ii_cycles
        colour = svg.RED if name in critical else svg.SKY
        bar = axes.barh(row, cycles, 0.66, color=colour)
        bar.patches[0].set_gid(f"ii{row}")
        share = percent(cycles / frame_ii)
        tips[f"ii{row}"] = f"{name}: {number(cycles)} cycles, {share} of the pipeline's frame II"
    axes.axvline(frame_ii, color=svg.BLACK, linewidth=1.2, label="pipeline")
    rows = [row for row, name in enumerate(names) if name in before]
    if rows:
        xs = [before[names[row]].frame_ii_cycles for row in rows]
        axes.plot(
            xs, rows, "|", color=DENSE[0].colour, markersize=7, linestyle="none", label="dense"
        )
    _head(axes, "Frame II", 2 if rows else 1)


def _resources(axes: Axes, design: Design, names: Sequence[str]) -> None:
    layers, total = design.plan.estimate.layers, list(design.summary.resources)
    every = [
        [need / have if have else 0.0 for need, have in zip(layer.resources, total, strict=True)]
        for layer in layers.values()
    ]
    darkest = max((share for row in every for share in row), default=0.0) or 1.0
    shares = dict(zip(layers, every, strict=True))
    columns = len(RESOURCE_NAMES)
    axes.set_xlim(0, columns)
    axes.pcolormesh(
        [float(edge) for edge in range(columns + 1)],
        [row - 0.5 for row in range(len(names) + 1)],
        [shares[name] for name in names],
        cmap="Blues",
        vmin=0,
        vmax=1.25 * darkest,  # the darkest cell keeps enough contrast for its number
        edgecolors="white",
        linewidth=0.8,
    )
    for row, name in enumerate(names):
        for column, share in enumerate(shares[name]):
            text = "·" if share == 0 else "<0.1" if share < 0.001 else f"{100 * share:.1f}"
            colour = "white" if share > 0.7 * darkest else "#222222"
            axes.text(column + 0.5, row, text, fontsize=7, ha="center", va="center", color=colour)
    axes.set_xticks([column + 0.5 for column in range(columns)])
    axes.set_xticklabels([name.upper() for name in RESOURCE_NAMES])
    axes.tick_params(axis="x", top=False, bottom=False, labeltop=True, labelbottom=False, pad=1)
    axes.spines["bottom"].set_visible(False)
    _head(axes, "Share of the design's resources, %", 0)
