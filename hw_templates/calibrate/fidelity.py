"""docs/fidelity.md's part on synthesis: modelled against synthesised, made from the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .fit import FITS, fitted, rows_of
from .model import modelled
from .points import Block
from .table import Row

BEGIN = "<!-- synthesis: made by `hass calibrate --page`; do not edit -->"
END = "<!-- end of synthesis -->"

SUMMARY_COLUMNS = ("block", "resource", "points", "mean", "median of abs.", "worst", "exact")

Cells = Sequence[str]

# What the numbers below mean, by block; the numbers themselves are computed.
_REMARKS = {
    Block.DYNAMIC: "Values and cycles of this RTL are held to numpy and to the model in "
    "tests/hw_templates/test_rtl_engines.py. The model's DSPs at 8 bits are half of what is found: "
    "it packs two products into a DSP, which needs an operand in common; multipliers behind "
    "selectors have none, and this RTL packs nothing.",
    Block.STATIC: "By the dense engine's coefficients, with a multiplexer over the segment "
    "instead of over the turns. No packing at 8 bits either.",
    Block.DENSE: "With the counter of turns. Wrong where a multiplexer has 5, 7 or 25 words: yosys "
    "pads it to a power of two and does not find the savings. No packing at 8 bits, which dense "
    "lanes that share their activations could have.",
    Block.FIFO: "Memory, two pointers and a count of words. The FFs that are found and not "
    "modelled here are the word at the output, which the model counts with the port.",
    Block.WINDOW: "One stream. Right in memory; the model's counters are fewer than those of the "
    "stride's grid, and its column buffers in LUTs larger where there are one or two channels.",
    Block.MEMORY: "UltraScale+. The LUTs are what joins banks of a deep memory, which the model "
    "leaves out. yosys mixes aspect ratios (19 BRAM18 for 20), and puts four 16-bit words beside "
    "each other into UltraRAM, which vendors' tools do not do by themselves.",
}


def fidelity_page(rows: Sequence[Row]) -> str:
    """Markdown between ``BEGIN`` and ``END``."""
    origin = sorted({f"{row.tool}, yosys {row.version}, {row.date}" for row in rows})
    lines = [
        BEGIN,
        "",
        "## Synthesis",
        "",
        f"Modelled against synthesised resources of {len(rows)} blocks "
        f"({'; '.join(origin)}; each block alone, LUT, FF and DSP on 7-series, memories on "
        "UltraScale+). Errors are (modelled - synthesised) / synthesised, of the shipped "
        "coefficients. SRLs and LUTRAM count as LUTs; a RAMB36 as two BRAM18. No place and route.",
        "",
        *_table(SUMMARY_COLUMNS, summary(rows)),
        "",
        "Coefficients fitted anew to the same table, each point judged by a fit to all others:",
        "",
        *_table(
            ("fit", "resource", "points", "median", "worst", "coefficients"),
            _refits(rows),
        ),
    ]
    for block in Block:
        lines += ["", f"### hass_{block}", "", _REMARKS[block], ""]
        header = ("parameters", "LUT", "error", "FF", "error", "DSP", "BRAM18", "URAM")
        lines += _table(header, _points(block, rows))
    return "\n".join([*lines, "", END, ""])


def merged(page: str, section: str) -> str:
    """A page with its synthesis section replaced, or added at the end."""
    if BEGIN in page and END in page:
        before, rest = page.split(BEGIN, 1)
        after = rest.split(END, 1)[1].removeprefix("\n")
        return before + section + after
    return (page.rstrip("\n") + "\n\n" if page.strip() else "# Fidelity\n\n") + section


def _table(header: Cells, body: Iterable[Cells]) -> list[str]:
    def line(cells: Cells) -> str:
        return "| " + " | ".join(cells) + " |"

    return [line(header), line(["---"] * len(header)), *map(line, body)]


def _error(said: int, found: int) -> float | None:
    """Relative; None where neither has any, infinite where only the model has."""
    if found == 0:
        return None if said == 0 else float("inf")
    return said / found - 1.0


def _percent(error: float | None) -> str:
    if error is None:
        return ""
    return "none found" if error == float("inf") else f"{error:+.1%}"


def summary(rows: Sequence[Row]) -> list[Cells]:
    """A row of ``SUMMARY_COLUMNS`` per block and resource that any of its points has."""
    return list(_summary(rows))


def _summary(rows: Sequence[Row]) -> Iterable[Cells]:
    for block in Block:
        own = [row for row in rows if row.point.block is block]
        for resource in ("lut", "ff", "dsp", "bram18", "uram"):
            pairs = [
                (getattr(modelled(row.point), resource), getattr(row.counts, resource))
                for row in own
            ]
            pairs = [pair for pair in pairs if pair != (0, 0)]
            if not pairs:
                continue
            exact = f"{sum(said == found for said, found in pairs)} of {len(pairs)}"
            errors = [said / found - 1.0 for said, found in pairs if found]
            figures = ["", "", ""]
            if errors:
                worst = max(errors, key=abs)
                middle = float(np.median(np.abs(errors)))
                figures = [f"{np.mean(errors):+.1%}", f"{middle:.1%}", f"{worst:+.1%}"]
            yield (str(block), resource.upper(), str(len(pairs)), *figures, exact)


def _refits(rows: Sequence[Row]) -> Iterable[Cells]:
    for fit in FITS:
        own = rows_of(fit, rows)
        if len(own) <= len(fit.names) + 1:
            continue
        result = fitted(fit, rows)
        values = ", ".join(
            f"{name} {value:.3g} (shipped {old:.3g})"
            for name, value, old in zip(fit.names, result.coefficients, fit.shipped(), strict=True)
        )
        errors = (f"{result.median_error:.1%}", f"{result.worst_error:.1%}")
        yield (fit.section, fit.resource.upper(), str(len(own)), *errors, values)


def _points(block: Block, rows: Sequence[Row]) -> Iterable[Cells]:
    for row in sorted(rows, key=lambda row: row.point):
        if row.point.block is not block:
            continue
        said, found = modelled(row.point), row.counts
        cells = [row.point.text()]
        for resource in ("lut", "ff"):
            pair = getattr(said, resource), getattr(found, resource)
            cells += [_against(*pair), _percent(_error(*pair))]
        cells += [
            _against(getattr(said, resource), getattr(found, resource))
            for resource in ("dsp", "bram18", "uram")
        ]
        yield cells


def _against(said: int, found: int) -> str:
    """``modelled / synthesised``, or nothing where neither has any."""
    return "" if said == found == 0 else f"{said} / {found}"
