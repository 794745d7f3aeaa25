"""VGG for 224x224 images (Simonyan and Zisserman, arXiv 1409.1556).

Names match torchvision's weights, in which layers without parameters count too. The size of the
first fully connected layer follows from that of the image.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Shape, SizedBuilder, flat_words

# Table 1 of the paper, configurations A, B, D and E: 3x3 convolutions of each stage.
_DEPTHS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
_WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Stages of 3x3 convolutions, each ended by a 2x2 maximum, and three fully connected layers."""

    def __init__(
        self,
        depths: tuple[int, ...],
        shape: Shape,
        *,
        norms: bool,
        hidden: int = 4096,
        classes: int = 1000,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels, height, width = shape
        for depth, out_channels in zip(depths, _WIDTHS, strict=True):
            for _ in range(depth):
                layers.append(nn.Conv2d(channels, out_channels, 3, padding=1))
                if norms:
                    layers.append(nn.BatchNorm2d(out_channels))
                layers.append(nn.ReLU())
                channels = out_channels
            layers.append(nn.MaxPool2d(2, stride=2))
            height, width = height // 2, width // 2
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Linear(flat_words(channels, height, width), hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(hidden, classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Frames (N, *shape) to logits (N, classes)."""
        logits: torch.Tensor = self.classifier(self.features(x).flatten(1))
        return logits


SIZED_BUILDERS: Mapping[str, SizedBuilder] = {
    **{name: partial(VGG, depths, norms=False) for name, depths in _DEPTHS.items()},
    **{f"{name}_bn": partial(VGG, depths, norms=True) for name, depths in _DEPTHS.items()},
    # as trained on CIFAR-10 (github.com/chenyaofo/pytorch-cifar-models, whose names these are)
    "cifar_vgg16_bn": partial(VGG, _DEPTHS["vgg16"], norms=True, hidden=512, classes=10),
}
