"""What is told while a network is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Loss:
    """How far the network is from the dense one.

    Attributes:
        step: batches that had been trained on.
        nats: mean divergence on the images that are held out, not varied.
    """

    step: int
    nats: float


class Listener(Protocol):
    """Is told about progress."""

    def stepped(self, done: int, total: int) -> None:
        """A batch of images has been trained on."""

    def judged(self, loss: Loss, total: int) -> None:
        """The network has been set against the dense one, after so many of ``total`` steps."""

    def measuring(self, what: str, done: int, total: int) -> None:
        """A measurement of the trained network goes on."""
