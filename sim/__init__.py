"""Token-level simulator of the pipeline: the judge of the analytic model.

``simulate_design`` simulates a design, ``simulate`` any folded graph; ``sizing`` finds FIFO depths.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .result import Occupancy, SimResult

if TYPE_CHECKING:
    from .designs import simulate_design
    from .occupancy import occupancy_columns
    from .pictures import occupancy_pictures, stall_pictures
    from .run import Setup, simulate

__all__ = [
    "Occupancy",
    "Setup",
    "SimResult",
    "occupancy_columns",
    "occupancy_pictures",
    "simulate",
    "simulate_design",
    "stall_pictures",
]


def __getattr__(name: str) -> object:
    # numba takes a second to load, and `hass sim --help` does not need it
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import designs, occupancy, pictures, run

    return next(
        getattr(home, name) for home in (run, designs, occupancy, pictures) if hasattr(home, name)
    )
