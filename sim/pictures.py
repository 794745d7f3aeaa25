"""Pictures of a simulation: where layers wait, and what FIFOs hold over time."""

from __future__ import annotations

from collections.abc import Sequence

from hass.report import Picture, Pictures, svg
from hass.report.layer_plots import LABEL_LENGTH, ROWS_PER_PICTURE
from hass.report.words import number, short

from .occupancy import recorded
from .result import FifoRun, LayerRun, SimResult

# inches
_WIDTH, _ROW, _FRAME = 9.6, 0.22, 1.1
FULL = 0.84  # height of a full FIFO, of its row's


def stall_pictures(result: SimResult) -> Pictures:
    """Where the cycles of a frame go, one row a layer: work, waiting for words, waiting for room;
    a mark at what the model says that the layer needs."""
    parts = _parts(result.layers)
    return Pictures(tuple(_stalls(result, rows, part) for part, rows in enumerate(parts)))


def _parts(rows: Sequence[LayerRun]) -> list[Sequence[LayerRun]]:
    return [rows[at : at + ROWS_PER_PICTURE] for at in range(0, len(rows), ROWS_PER_PICTURE)]


def _stalls(result: SimResult, layers: Sequence[LayerRun], part: int) -> Picture:
    series = (
        ("work, lanes that wait for each other included", svg.BLUE, ""),
        ("waits for words", svg.SKY, "////"),
        ("waits for room", svg.ORANGE, "...."),
    )
    with svg.drawing():
        drawn = svg.figure(_WIDTH, _FRAME + _ROW * len(layers))
        axes = drawn.add_subplot()
        starts = [0.0] * len(layers)
        for (label, colour, hatch), lengths in zip(
            series,
            (
                [layer.simulated_cycles or 0.0 for layer in layers],
                [layer.input_stall_cycles for layer in layers],
                [layer.output_stall_cycles for layer in layers],
            ),
            strict=True,
        ):
            axes.barh(
                range(len(layers)),
                lengths,
                0.7,
                left=starts,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                linewidth=0,
                label=label,
            )
            starts = [start + length for start, length in zip(starts, lengths, strict=True)]
        axes.plot(
            [layer.modelled_frame_ii_cycles for layer in layers],
            range(len(layers)),
            "|",
            color=svg.BLACK,
            markersize=9,
            markeredgewidth=1.6,
            linestyle="none",
            label="work as modelled",
        )
        if result.simulated_frame_ii_cycles is not None:
            axes.axvline(
                result.simulated_frame_ii_cycles,
                color=svg.RED,
                linewidth=1.2,
                label=f"frame II, {number(round(result.simulated_frame_ii_cycles))}",
            )
        axes.set_yticks(
            range(len(layers)), [short(layer.name, LABEL_LENGTH) for layer in layers], fontsize=8
        )
        axes.tick_params(axis="y", left=False)
        axes.set_ylim(len(layers) - 0.5, -0.5)
        axes.xaxis.set_major_formatter(lambda cycles, _: number(round(cycles)))
        axes.set_xlabel(f"cycles per frame, mean of {result.frames} frames, pipeline fill included")
        axes.grid(axis="x")
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=5, fontsize=8, columnspacing=1)
        return Picture(
            drawn,
            f"stalls{part}",
            f"Where layers {layers[0].name} to {layers[-1].name} wait",
            "One row a layer: cycles of work, of waiting for words and of waiting for room.",
        )


def occupancy_pictures(result: SimResult, *, deeper_than: int = 2) -> Pictures:
    """What FIFOs hold over time, one row a FIFO, filled up to its depth where it is full.

    Args:
        result: of a simulation that was asked for ``intervals``.
        deeper_than: FIFOs of no more entries are left out: every stream has at least those of a
            register slice.

    Raises:
        ValueError: if the simulation was not asked for intervals.
    """
    kept = recorded(result)
    rows = [
        (fifo, entries)
        for fifo, entries in zip(result.fifos, kept.entries, strict=True)
        if fifo.depth > deeper_than
    ]
    parts = [rows[at : at + ROWS_PER_PICTURE] for at in range(0, len(rows), ROWS_PER_PICTURE)]
    return Pictures(
        tuple(_held(part, kept.interval_cycles, index) for index, part in enumerate(parts))
    )


def _held(
    rows: Sequence[tuple[FifoRun, tuple[int, ...]]], interval_cycles: int, part: int
) -> Picture:
    with svg.drawing():
        drawn = svg.figure(_WIDTH, _FRAME + 2 * _ROW * len(rows))
        axes = drawn.add_subplot()
        end = interval_cycles * len(rows[0][1])
        for row, (fifo, entries) in enumerate(rows):
            base = row + FULL / 2
            edges = [interval_cycles * index for index in range(len(entries) + 1)]
            axes.stairs(
                [base - FULL * held / fifo.depth for held in entries],
                edges,
                baseline=base,
                fill=True,
                color=svg.BLUE,
            )
            axes.plot([0, end], [base - FULL] * 2, color=svg.GREY, linewidth=0.6, linestyle=":")
            axes.plot([0, end], [base] * 2, color=svg.GREY, linewidth=0.6)
            axes.annotate(
                f"{number(fifo.peak)} of {number(fifo.depth)} × {fifo.streams}",
                (1.0, row),
                (6, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                fontsize=8,
                va="center",
                color=svg.RED if fifo.peak == fifo.depth else "#333333",
            )
        axes.annotate(
            "peak of entries × words",
            (1.0, 1.0),
            (6, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8,
        )
        names = [f"{short(f.src, 20)} → {short(f.dst, 20)}" for f, _ in rows]
        axes.set_yticks(range(len(rows)), names, fontsize=8)
        axes.tick_params(axis="y", left=False)
        axes.set_xlim(0, end)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.xaxis.set_major_formatter(lambda cycles, _: number(round(cycles)))
        axes.set_xlabel(
            f"cycle; most entries in each {number(interval_cycles)} cycles, dotted line: full"
        )
        return Picture(
            drawn,
            f"occupancy{part}",
            f"What {len(rows)} FIFOs hold over time",
            "; ".join(f"{fifo}: at most {fifo.peak} of {fifo.depth} entries" for fifo, _ in rows),
        )
