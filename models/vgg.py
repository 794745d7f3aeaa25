"""VGG-16 for 224x224 images (Simonyan and Zisserman, arXiv 1409.1556, configuration D).

Names match torchvision's weights, in which layers without parameters count too.
"""

from __future__ import annotations

import torch
from torch import nn

# Table 1 of the paper: output channels of the 3x3 convolutions of each stage.
_STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_HIDDEN = 4096
_CLASSES = 1000
_LAST_SIDE = 7  # of the map behind the last stage


class VGG(nn.Module):
    """Stages of 3x3 convolutions, each ended by a 2x2 maximum, and three fully connected layers."""

    def __init__(self, stages: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage in stages:
            for width in stage:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2, stride=2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(channels * _LAST_SIDE * _LAST_SIDE, _HIDDEN),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(_HIDDEN, _HIDDEN),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(_HIDDEN, _CLASSES),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, 224, 224) to logits (N, 1000)."""
        logits: torch.Tensor = self.classifier(self.features(x).flatten(1))
        return logits


def vgg16() -> nn.Module:
    """VGG-16: 138.4 M parameters, 15.5 G MACs."""
    return VGG(_STAGES)
