"""GoogLeNet for 224x224 images (Szegedy et al., arXiv 1409.4842), without the training heads.

Names match torchvision's, whose weights were trained with normalised convolutions, with 3x3 where
the paper has 5x5, and on images normalised with mean 0.5 and deviation 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Builder, ConvNorm, classified


class Inception(nn.Module):
    """Four branches beside each other: 1x1; 1x1 and 3x3; 1x1 and 3x3; maximum and 1x1.

    ``widths`` as in table 1 of the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, behind the pool.
    """

    def __init__(self, in_channels: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, pooled = widths
        self.branch1 = ConvNorm(in_channels, one, 1)
        self.branch2 = nn.Sequential(
            ConvNorm(in_channels, reduce3, 1), ConvNorm(reduce3, three, 3, padding=1)
        )
        self.branch3 = nn.Sequential(
            ConvNorm(in_channels, reduce5, 1), ConvNorm(reduce5, five, 3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1), ConvNorm(in_channels, pooled, 1)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, the branches' channels, H, W)."""
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


# Table 1 of the paper; a pool stands in front of the first block of each stage.
_STAGES: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "3": ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)),
    "4": (
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    "5": ((256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)),
}
_pool = partial(nn.MaxPool2d, stride=2, ceil_mode=True)


class GoogLeNet(nn.Module):
    """A stem of three convolutions, nine Inception blocks, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvNorm(3, 64, 7, stride=2, padding=3)
        self.maxpool1 = _pool(3)
        self.conv2 = ConvNorm(64, 64, 1)
        self.conv3 = ConvNorm(64, 192, 3, padding=1)
        channels = 192
        self.trunk: list[str] = []
        for stage, blocks in _STAGES.items():
            name = f"maxpool{int(stage) - 1}"
            self.add_module(name, _pool(2 if stage == "5" else 3))
            self.trunk.append(name)
            for letter, widths in zip("abcde", blocks, strict=False):
                name = f"inception{stage}{letter}"
                self.add_module(name, Inception(channels, widths))
                self.trunk.append(name)
                one, _, three, _, five, pooled = widths
                channels = one + three + five + pooled
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        x = self.conv3(self.conv2(self.maxpool1(self.conv1(x))))
        for name in self.trunk:
            x = self.get_submodule(name)(x)
        return classified(x, self.avgpool, self.fc)


BUILDERS: Mapping[str, Builder] = {"googlenet": GoogLeNet}
