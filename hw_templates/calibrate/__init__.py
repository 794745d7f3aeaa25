"""Calibration: hw_templates/rtl through real synthesis, and what the model says of it.

Runs yosys as a program; the core never imports this package, it only reads the coefficients that
come out of it.
"""

from .fidelity import SECTION, SUMMARY_COLUMNS, fidelity_page, summary
from .fit import FITS, Fit, FitResult, fitted, measured, rows_of
from .model import modelled
from .points import Block, Point, SynthesisFamily, grid, unseen
from .table import Counts, Row, append_row, read_rows, shipped_rows, sort_file
from .yosys import rtl_digest, synthesise, yosys_version

__all__ = [
    "FITS",
    "SECTION",
    "SUMMARY_COLUMNS",
    "Block",
    "Counts",
    "Fit",
    "FitResult",
    "Point",
    "Row",
    "SynthesisFamily",
    "append_row",
    "fidelity_page",
    "fitted",
    "grid",
    "measured",
    "modelled",
    "read_rows",
    "rows_of",
    "rtl_digest",
    "shipped_rows",
    "sort_file",
    "summary",
    "synthesise",
    "unseen",
    "yosys_version",
]
