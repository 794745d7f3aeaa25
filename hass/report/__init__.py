"""A search, or one design, as one self-contained HTML page, and its pictures one by one."""

from __future__ import annotations

from .bound_plots import bound_picture, roofline_picture
from .fronts_plot import fronts_picture
from .layer_plots import layer_pictures
from .page import render_report, write_report
from .picture import Picture, Pictures
from .pipeline import pipeline_pictures
from .run import Run, Trial, load_run
from .run_plots import device_picture, pareto_picture

__all__ = [
    "Picture",
    "Pictures",
    "Run",
    "Trial",
    "bound_picture",
    "device_picture",
    "fronts_picture",
    "layer_pictures",
    "load_run",
    "pareto_picture",
    "pipeline_pictures",
    "render_report",
    "roofline_picture",
    "write_report",
]
