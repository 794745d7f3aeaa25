"""SqueezeNet 1.0 and 1.1 for 224x224 images (Iandola et al., arXiv 1602.07360).

Names match torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from .blocks import Builder

_CLASSES = 1000


class Fire(nn.Module):
    """A 1x1 convolution that squeezes, and 1x1 and 3x3 ones beside each other that expand."""

    def __init__(self, in_channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, 2 * expanded, H, W)."""
        x = torch.relu(self.squeeze(x))
        return torch.cat([torch.relu(self.expand1x1(x)), torch.relu(self.expand3x3(x))], 1)


@dataclass(frozen=True, slots=True)
class Plan:
    """A version of the network.

    Attributes:
        stem: channels and kernel of the first convolution.
        stages: of each the Fire modules (squeezed, expanded), behind a 3x3 maximum.
    """

    stem: tuple[int, int]
    stages: tuple[tuple[tuple[int, int], ...], ...]


_V1_0 = Plan(  # table 1 of the paper
    (96, 7),
    (
        ((16, 64), (16, 64), (32, 128)),
        ((32, 128), (48, 192), (48, 192), (64, 256)),
        ((64, 256),),
    ),
)
_V1_1 = Plan(  # earlier pools, narrower stem (github.com/forresti/SqueezeNet)
    (64, 3),
    (
        ((16, 64), (16, 64)),
        ((32, 128), (32, 128)),
        ((48, 192), (48, 192), (64, 256), (64, 256)),
    ),
)


class SqueezeNet(nn.Module):
    """A strided convolution, eight Fire modules, and a 1x1 convolution averaged over positions."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        channels, kernel = plan.stem
        layers: list[nn.Module] = [nn.Conv2d(3, channels, kernel, stride=2), nn.ReLU()]
        for stage in plan.stages:
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
            for squeezed, expanded in stage:
                layers.append(Fire(channels, squeezed, expanded))
                channels = 2 * expanded
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(channels, _CLASSES, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        logits: torch.Tensor = self.classifier(self.features(x)).flatten(1)
        return logits


BUILDERS: Mapping[str, Builder] = {
    "squeezenet1_0": partial(SqueezeNet, _V1_0),
    "squeezenet1_1": partial(SqueezeNet, _V1_1),
}
