"""The accuracy that trials have to keep, in images."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hass.measure import Hits, certainly_lost

from .evaluation import Stopped, accuracy_of

ROUNDING = 1e-9  # of shares that are compared with the floor


@dataclass(frozen=True, slots=True, eq=False)
class Floor:
    """What trials may lose of the images of the selection split.

    Attributes:
        dense: (n,) what the network gets right with nothing clipped, in the order of trials.
        allowed: images that a trial may lose more than it wins.
    """

    dense: Hits
    allowed: int

    def missed(self, hits: Hits) -> bool:
        """Whether a trial with so many hits misses the floor, whatever those are that follow."""
        return certainly_lost(self.dense, hits) > self.allowed

    def stopped(self, hits: Hits) -> Stopped:
        """What is known of such a trial."""
        return Stopped(accuracy_of(self.dense), certainly_lost(self.dense, hits), len(hits))


def floor_of(dense: Hits, accuracy_drop: float) -> Floor:
    """The floor that lies so many points of top-1 below the dense network."""
    return Floor(dense, math.floor(accuracy_drop / 100 * len(dense) + ROUNDING))


def accuracy_shortfall(top1: float | None, floor: float | None) -> float:
    """By how much an accuracy misses the floor; at most 0 if it keeps it or is unknown."""
    if top1 is None or floor is None:
        return 0.0
    shortfall = floor - top1
    return 0.0 if abs(shortfall) <= ROUNDING else shortfall
