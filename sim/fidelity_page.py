"""docs/fidelity.md's part on simulation."""

from __future__ import annotations

from collections.abc import Sequence

from hass.page import Section, markdown_table

from .fidelity import FidelityRow, median_layer_error, worst_layer_error

SECTION = Section("simulation", "hass fidelity --page")
COLUMNS = (
    *(
        "network",
        "part",
        "clips w/a",
        "dense/dynamic/static/broadcast",
        "frame II modelled",
        "simulated",
    ),
    *("error", "layers: median", "worst", "latency modelled", "simulated", "error"),
)


def _signed(error: float | None) -> str:
    return "" if error is None else f"{100 * error:+.2f}%"


def _count(cycles: float | None) -> str:
    return "deadlock" if cycles is None else f"{cycles:,.0f}"


def cells(row: FidelityRow) -> tuple[str, ...]:
    """A row of the table."""
    case, result = row.case, row.result
    clips = f"{100 * case.weight_sparsity:.0f}/{100 * case.act_share:.0f}"
    if case.design is not None:
        clips = "searched"
    elif case.data is None:
        clips = "none"
    if result is None:
        return (case.network, case.device, clips, "does not fit", *[""] * (len(COLUMNS) - 4))
    median = median_layer_error(row)
    return (
        case.network,
        case.device,
        clips,
        "/".join(str(count) for _, count in row.engines),
        _count(result.modelled_frame_ii_cycles),
        _count(result.simulated_frame_ii_cycles),
        _signed(row.frame_ii_error),
        "" if median is None else f"{100 * median:.2f}%",
        _signed(worst_layer_error(row)),
        _count(result.modelled_latency_cycles),
        _count(result.first_frame_cycles),
        _signed(row.latency_error),
    )


def section_text(rows: Sequence[FidelityRow], cases_file: str) -> str:
    """The section, in Markdown."""
    return SECTION.wrap(
        [
            "## Simulation",
            "",
            f"Modelled against simulated cycles of whole designs (`{cases_file}`). Frame II is the "
            "mean over the later half of the frames, latency one frame through an empty pipeline. "
            "Errors are (modelled - simulated) / simulated; of layers, those with a sparse "
            "engine, by the cycles that they work per frame. Sparse designs are profiled on "
            "calibration images and simulated on images of the selection split, in order, so the "
            "error has in it what the images differ by. Clips w/a: the share of each layer's "
            "weights, and of its non-zero activations, that is clipped, in percent. Line buffers "
            "and FIFOs are those that the model charges for.",
            "",
            *markdown_table(COLUMNS, [cells(row) for row in rows]),
        ]
    )
