"""A search, or one design, as one self-contained HTML page."""

from __future__ import annotations

from .page import render_report, write_report

__all__ = ["render_report", "write_report"]
