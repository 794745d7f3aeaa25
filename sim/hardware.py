"""What the simulated hardware is where the cost model leaves it open: one place to change it."""

from __future__ import annotations

GATHERED_WINDOWS = 2  # one that the engine works on, one that is gathered meanwhile
