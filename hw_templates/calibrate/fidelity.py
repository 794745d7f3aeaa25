"""docs/fidelity.md's part on synthesis: modelled against synthesised, made from the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hass.page import Cells, Section, markdown_table

from .fit import FITS, fitted, rows_of
from .model import modelled
from .points import RESOURCES, Block, unseen
from .table import Row

SECTION = Section("synthesis", "hass calibrate --page")

SUMMARY_COLUMNS = ("block", "resource", "points", "mean", "median of abs.", "worst", "exact")

# What the numbers below mean, by block; the numbers themselves are computed.
_REMARKS = {
    Block.DYNAMIC: "Values and cycles of this RTL are held to numpy and to the model in "
    "tests/hw_templates/test_rtl_engines.py, as those of all engines. Fitted: zero check and "
    "arbiter. One DSP a multiplier at any width: products behind selectors share no operand.",
    Block.STATIC: "By the dense engine's coefficients, with a multiplexer over the segment instead "
    "of over the turns.",
    Block.DENSE: "Fitted: the counter of turns. Everything else is counted.",
    Block.PAIR: "Two filters that share their activations, N DSPs for 2 * N products a cycle; the "
    "model has them on UltraScale+ at 8 bits or fewer, with up to 7 multipliers at 8. yosys "
    "moves registers and pre-adders into DSP48E1 but not into DSP48E2, so LUT and FF are those of "
    "7-series with the filters 16 bits apart, all that a DSP48E1 has room for: the same fabric, "
    "though sums of more than one product may overflow there. The points on UltraScale+, 18 bits "
    "apart, count for their DSPs alone.",
    Block.BROADCAST: "Skips zero activations; one selector for OUTS filters, each with a "
    "multiplier of its own. Values and cycles of this RTL are held to numpy and to the model as "
    "well. Fitted: zero checks, the index of the first activation, and control.",
    Block.FIFO: "Memory, the register that it is read into, two addresses and a count of words.",
    Block.WINDOW: "One stream. Fitted: counters of the position, of the stride's grid and of the "
    "memories' addresses.",
    Block.MEMORY: "BRAM and URAM on UltraScale+, memories in LUTs on 7-series. Nothing is fitted. "
    "Memories are cut into banks by the RTL, and narrow words put side by side into UltraRAM.",
}


def fidelity_page(rows: Sequence[Row]) -> str:
    """The section, in Markdown."""
    origin = sorted({f"{row.tool}, yosys {row.version}, {row.date}" for row in rows})
    lines = [
        "## Synthesis",
        "",
        f"Modelled against synthesised resources of {len(rows)} blocks "
        f"({'; '.join(origin)}; each block alone, LUT, FF and DSP on 7-series, memories on "
        "UltraScale+). Errors are (modelled - synthesised) / synthesised, of the shipped "
        "coefficients. SRLs and LUTRAM count as LUTs; a RAMB36 as two BRAM18. No place and route.",
        "",
        *markdown_table(SUMMARY_COLUMNS, summary(rows)),
        "",
        "Of these, the points that neither formulas nor coefficients were made from:",
        "",
        *markdown_table(
            SUMMARY_COLUMNS, summary([row for row in rows if row.point in set(unseen())])
        ),
        "",
        "LUT coefficients fitted anew to the same table, each point judged by a fit to all others "
        "(all other resources are counted, without coefficients):",
        "",
        *markdown_table(
            ("fit", "points", "median", "worst", "coefficients"),
            _refits(rows),
        ),
    ]
    for block in Block:
        lines += ["", f"### hass_{block}", "", _REMARKS[block], ""]
        header = ("parameters", "LUT", "error", "FF", "error", "DSP", "BRAM18", "URAM")
        lines += markdown_table(header, _points(block, rows))
    return SECTION.wrap(lines)


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
        for resource in RESOURCES:
            pairs = [
                (getattr(modelled(row.point), resource), getattr(row.counts, resource))
                for row in own
                if resource in row.point.judged
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
        yield (fit.section, str(len(own)), *errors, values)


def _points(block: Block, rows: Sequence[Row]) -> Iterable[Cells]:
    for row in sorted(rows, key=lambda row: row.point):
        if row.point.block is not block:
            continue
        said, found = modelled(row.point), row.counts
        cells = [row.point.text()]
        for resource in ("lut", "ff"):
            pair = getattr(said, resource), getattr(found, resource)
            judged = resource in row.point.judged
            cells += [_against(*pair), _percent(_error(*pair))] if judged else ["", ""]
        cells += [
            _against(getattr(said, resource), getattr(found, resource))
            for resource in ("dsp", "bram18", "uram")
        ]
        yield cells


def _against(said: int, found: int) -> str:
    """``modelled / synthesised``, or nothing where neither has any."""
    return "" if said == found == 0 else f"{said} / {found}"
