"""What is told while a network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class EpochLoss:
    """How far the network is from the dense one.

    Attributes:
        epoch: the number of passes over the images that train; 0: before the first.
        nats: mean divergence on the images that are held out, not varied.
    """

    epoch: int
    nats: float


class Listener(Protocol):
    """Is told about progress."""

    def stepped(self, done: int, total: int) -> None:
        """A batch of images has been trained on."""

    def judged(self, loss: EpochLoss, epochs: int) -> None:
        """An epoch has ended."""

    def measuring(self, what: str, done: int, total: int) -> None:
        """A measurement of the trained network goes on."""
