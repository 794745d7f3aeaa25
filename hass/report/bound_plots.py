"""What bounds a design's throughput: its multipliers and the off-chip bandwidth (the roofline), and
where the multipliers' cycles go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..cost.pipeline import frame_bits
from ..design import Design
from ..errors import GraphError
from ..graph import Graph
from . import svg
from .limits import idle_share
from .picture import Picture
from .series import series_styles
from .words import number, percent, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROOM = 4.0  # free space around a logarithmic picture's points and ridges, as a factor


def off_chip_bytes(design: Design, graph: Graph) -> float:
    """Bytes that a design moves off chip per frame: the frame, its result, weights off chip.

    Raises:
        GraphError: if the graph is not the design's.
    """
    if graph.digest != design.model.graph_digest:
        raise GraphError(f"{graph.name}: is not the design's network ({design.model.path})")
    return (frame_bits(graph, design.arithmetic) + design.plan.estimate.off_chip_bits) / 8


def roofline_picture(designs: Mapping[str, Design], graph: Graph) -> Picture:
    """The roofline (Williams et al., CACM 2009) of designs of one network.

    A point is what a design computes, in active MACs per second, against its intensity, active MACs
    per byte moved off chip. The flat roof is its own multipliers' (clock * multipliers), the slope
    the bandwidth of its part's memory.

    Args:
        designs: by name, at least one.
        graph: their network.

    Raises:
        GraphError: if a design is of another network, or that has no convolution.
    """
    if not graph.convs:
        raise GraphError(f"{graph.name}: has no convolution, so no multipliers that bound it")
    points = {
        name: (
            design.summary.active_macs_per_frame / off_chip_bytes(design, graph),
            design.summary.active_macs_per_frame * design.summary.throughput_fps / 1e9,
        )
        for name, design in designs.items()
    }
    roofs = {
        name: design.plan.estimate.multipliers * design.plan.estimate.clock_mhz / 1e3
        for name, design in designs.items()
    }  # in 10^9 MACs per second
    slopes: dict[float, list[str]] = {}
    for design in designs.values():
        parts = slopes.setdefault(design.device.off_chip_gbytes_per_s, [])
        if design.device.name not in parts:
            parts.append(design.device.name)
    ridges = [roof / slope for roof in roofs.values() for slope in slopes]
    right = ROOM * max([x for x, _ in points.values()] + ridges)
    left = min([x for x, _ in points.values()] + ridges) / ROOM
    with svg.drawing():
        drawn = svg.figure(9.6, 4.6)
        axes = drawn.add_subplot()
        for slope, parts in slopes.items():
            top = 1.5 * max(roofs.values()) / slope
            axes.plot([left, top], [left * slope, top * slope], color=svg.GREY, linewidth=1.4)
            axes.annotate(
                f"{slope:g} GB/s ({', '.join(parts)})",
                (left, left * slope),
                (6, 0),
                textcoords="offset points",
                fontsize=8,
                va="center",
                color=svg.DARK_GREY,
            )
        styles = series_styles(list(designs.values()))
        for index, (name, design) in enumerate(designs.items()):
            colour, marker, face = styles[index]
            roof, (x, y) = roofs[name], points[name]
            ridge = roof / design.device.off_chip_gbytes_per_s
            thick = 1.4 + (len(designs) - 1 - index)  # equal roofs show inside each other
            axes.plot([ridge, right], [roof, roof], color=colour, linewidth=thick)
            share = percent(design.summary.multiplier_bound_share)
            label = (
                f"{short(name, 32)}: {number(design.plan.estimate.multipliers)} multipliers,\n"
                f"{share} of their bound"
            )
            axes.plot([x, x], [y, roof], color=colour, linewidth=0.9, linestyle=":")
            axes.plot(
                x,
                y,
                marker,
                color=face,
                markeredgecolor=colour,
                markersize=8,
                linestyle="none",
                label=label,
            )
        lowest = min([y for _, y in points.values()] + [left * slope for slope in slopes])
        _roofline_axes(axes, (left, right), (lowest / 2, 2 * max(roofs.values())))
        return Picture(
            drawn,
            "roofline",
            "Roofline: throughput bound by multipliers and by off-chip bandwidth",
            "; ".join(
                f"{name}: {number(y)} of {number(roofs[name])} billion active MACs per second, at "
                f"{number(x)} active MACs per byte"
                for name, (x, y) in points.items()
            ),
        )


def _roofline_axes(axes: Axes, width: tuple[float, float], height: tuple[float, float]) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(*width)
    axes.set_ylim(*height)
    for axis, marks in ((axes.xaxis, (1.0,)), (axes.yaxis, (1.0, 2.0, 5.0))):
        axis.set_major_locator(LogLocator(subs=marks))
        axis.set_major_formatter(lambda value, _: number(value))
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("intensity, active MACs per byte moved off chip")
    axes.set_ylabel("active MACs per second, 10⁹/s")
    axes.grid(True)
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0,
        fontsize=8.5,
        labelspacing=0.8,
    )


def bound_picture(designs: Mapping[str, Design]) -> Picture:
    """Where the multipliers' cycles go, one row a design: active MACs (the share of the multiplier
    bound), losses inside the layers, and waiting for the slowest layer.

    Args:
        designs: by name.
    """
    rows = []
    for name, design in designs.items():
        active, idle = design.summary.multiplier_bound_share, idle_share(design) or 0.0
        rows.append((name, (active, max(0.0, 1 - active - idle), idle)))
    parts = (
        ("active MACs: the share of the multiplier bound", svg.BLUE),
        ("lost inside the layers: rounding up, lanes that wait", svg.ORANGE),
        ("waiting for the slowest layer", "#d0d0d0"),
    )
    with svg.drawing():
        drawn = svg.figure(9.6, 1.2 + 0.42 * len(rows))
        axes = drawn.add_subplot()
        for place, (label, colour) in enumerate(parts):
            for row, (_, shares) in enumerate(rows):
                left, share = 100 * sum(shares[:place]), 100 * shares[place]
                axes.barh(
                    row, share, 0.66, left=left, color=colour, label=label if row == 0 else "_"
                )
                if share >= 6:  # narrower bars have no room for their number
                    white = colour == svg.BLUE
                    axes.text(
                        left + share / 2,
                        row,
                        f"{share:.1f}",
                        ha="center",
                        va="center",
                        fontsize=8.5,
                        color="white" if white else "#222222",
                    )
        axes.set_yticks(range(len(rows)), [short(name, 32) for name, _ in rows])
        axes.tick_params(left=False)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 100)
        axes.set_xlabel("share of all multipliers' cycles, %")
        axes.legend(
            loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.3, ncols=1, fontsize=8.5
        )
        return Picture(
            drawn,
            "bound",
            "Share of the multiplier bound",
            "; ".join(
                f"{name}: {percent(active)} active MACs, {percent(inside)} lost inside layers, "
                f"{percent(idle)} waiting"
                for name, (active, inside, idle) in rows
            ),
        )
