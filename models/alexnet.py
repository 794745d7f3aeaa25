"""AlexNet for 224x224 images (Krizhevsky, arXiv 1404.5997: one column). Names match torchvision's.

The largest part are its fully connected layers, whose size follows from that of the image.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from .blocks import Shape, SizedBuilder, flat_words

_HIDDEN = 4096
_CLASSES = 1000


def _side(side: int) -> int:
    """Height or width of the map behind the features."""
    side = (side + 4 - 11) // 4 + 1  # the first convolution
    for _ in range(3):
        side = (side - 3) // 2 + 1  # the pools; the other convolutions keep the size
    return side


class AlexNet(nn.Module):
    """Five convolutions, of which three are followed by a 3x3 maximum; three linear layers."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        channels, height, width = shape
        self.features = nn.Sequential(
            nn.Conv2d(channels, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(flat_words(256, _side(height), _side(width)), _HIDDEN),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Linear(_HIDDEN, _CLASSES),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Frames (N, *shape) to logits (N, 1000)."""
        logits: torch.Tensor = self.classifier(self.features(x).flatten(1))
        return logits


SIZED_BUILDERS: Mapping[str, SizedBuilder] = {"alexnet": AlexNet}
