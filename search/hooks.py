"""How a search tells what it is doing, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .record import TrialRecord


class SearchHooks(Protocol):
    """Called by a search, in its own thread; must return quickly."""

    def begun(self, finished: int, total: int) -> None:
        """The search begins with ``finished`` of ``total`` trials already in its journal."""

    def stage(self, what: str, done: int, total: int) -> None:
        """Inside a trial: ``done`` of ``total`` steps of something."""

    def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
        """A trial has finished; ``best`` is the best so far, this one included."""


class SilentHooks:
    """Tells nobody."""

    def begun(self, finished: int, total: int) -> None:
        """Nothing."""

    def stage(self, what: str, done: int, total: int) -> None:
        """Nothing."""

    def tried(self, record: TrialRecord, best: TrialRecord | None) -> None:
        """Nothing."""


def stage_progress(hooks: SearchHooks, what: str) -> Callable[[int, int], None]:
    """A ``ProgressCallback`` that tells the hooks."""

    def progress(done: int, total: int) -> None:
        hooks.stage(what, done, total)

    return progress
