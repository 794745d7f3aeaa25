"""docs/models.md: what hass makes of every network of the zoo."""

from __future__ import annotations

from collections.abc import Sequence

from hass.page import Section, markdown_table

from .zoo import Row
from .zoo_probe import WORD_BITS

SECTION = Section("networks", "hass models table --page")
COLUMNS = (
    *("network", "input", "layers", "parameters", "MACs", "operators", "imported"),
    *("newer exporter", "frame II (cycles)", "frames/s", "simulated"),
)


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def cells(row: Row) -> tuple[str, ...]:
    """A row of the table."""
    found = row.finding
    if found.refused:
        reasons = "no: " + "; ".join(found.refused)
        facts = (_count(row.parameters), _count(row.macs), " ".join(found.ops))
        return (row.name, row.frame, "-", *facts, reasons, row.newer, "-", "-", "-")
    folded = found.frame_ii_cycles is not None and found.fps is not None
    words = "" if found.bits == WORD_BITS[0] else f" ({found.bits} bit)"
    return (
        row.name,
        row.frame,
        f"{found.layers:,}",
        f"{found.parameters:,}",
        f"{found.macs:,}",
        " ".join(found.ops),
        "yes",
        row.newer,
        f"{found.frame_ii_cycles:,}{words}" if folded else f"does not fit ({found.unfolded})",
        f"{found.fps:,.0f}" if folded else "-",
        row.simulated,
    )


def summary(rows: Sequence[Row]) -> str:
    """How many of the networks get how far."""
    imported = [row for row in rows if not row.finding.refused]
    folded = [row for row in imported if row.finding.frame_ii_cycles is not None]
    equal = [row for row in folded if row.simulated == "equal"]
    return (
        f"Of {len(rows)} networks {len(imported)} are imported, {len(folded)} fold, and "
        f"{len(equal)} are simulated with exactly the modelled frame II."
    )


def section_text(
    tables: Sequence[tuple[str, Sequence[Row]]],
    device: str,
    seconds: float,
    left_out: Sequence[str],
) -> str:
    """The section, in Markdown.

    Args:
        tables: a heading and its rows each.
        device: that was folded for.
        seconds: of processor time that each step of a network may take.
        left_out: names of networks that were not taken through the flow.
    """
    lines = [
        "Every definition of `hass models`, with random weights, and the light models that come "
        f"with onnx, through `hass import`, `hass fold --device {device} --engines dense` and "
        "`hass sim --frames 2`, in words of 16 bit, or of 8 where these do not fit. Imported: "
        "outputs equal onnxruntime's of the file (1e-4, relative); or else every operator that is "
        "refused, and why. Layers, parameters, MACs and operators are those that arrive, "
        "normalisations folded; of a network that is refused, the "
        "definition's and the file's. Newer exporter: what is imported of the file that torch's "
        "newer exporter writes, compared with the older one's. Simulated: frame II of the design, "
        f"compared with the modelled one. Each step may take {seconds:g} s of processor time "
        "(`--seconds`).",
    ]
    for heading, rows in tables:
        if rows:
            lines += ["", f"## {heading}", "", summary(rows), ""]
            lines += markdown_table(COLUMNS, [cells(row) for row in rows])
    if left_out:
        lines += ["", f"Not taken through the flow: {', '.join(left_out)}."]
    return SECTION.wrap(lines)
