"""The co-design search: how much to clip where, and how to fold what is left, together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .hooks import SearchHooks, SilentHooks
from .record import TrialRecord
from .spec import ObjectiveWeights, SearchSpec, read_spec, write_spec

if TYPE_CHECKING:
    from .crew import Crew
    from .run import SearchOutcome, run_search
    from .show import LineHooks

__all__ = [
    "Crew",
    "LineHooks",
    "ObjectiveWeights",
    "SearchHooks",
    "SearchOutcome",
    "SearchSpec",
    "SilentHooks",
    "TrialRecord",
    "read_spec",
    "run_search",
    "write_spec",
]


def __getattr__(name: str) -> object:
    # Optuna and onnxruntime take seconds to load, and `hass search --help` needs neither.
    if name == "LineHooks":
        from . import show

        return show.LineHooks
    if name in ("Crew", "SearchOutcome", "run_search"):
        from . import run

        return getattr(run, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
