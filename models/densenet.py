"""DenseNet for 224x224 images (Huang et al., arXiv 1608.06993). Names match torchvision's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Builder, classified

_GROWTH = 32
_BOTTLENECK = 4 * _GROWTH
_STEM_CHANNELS = 64
# Published files still say norm.1, which torch no longer allows as a name.
_OLD_NAME = re.compile(r"(\.denselayer\d+\.(?:norm|conv))\.([12])\.")


def current_name(name: str) -> str:
    """The name here of a tensor in a weight file; most are the same."""
    return _OLD_NAME.sub(r"\1\2.", name)


class DenseLayer(nn.Module):
    """Normalised 1x1 and 3x3 convolutions; 32 channels beside all those that came in."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, _BOTTLENECK, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(_BOTTLENECK)
        self.conv2 = nn.Conv2d(_BOTTLENECK, _GROWTH, 3, padding=1, bias=False)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Maps of in_channels channels in all to (N, 32, H, W)."""
        x = self.conv1(torch.relu(self.norm1(torch.cat(maps, 1))))
        grown: torch.Tensor = self.conv2(torch.relu(self.norm2(x)))
        return grown


class DenseBlock(nn.Module):
    """Layers that each read what came in and what all layers before them put out."""

    def __init__(self, depth: int, in_channels: int) -> None:
        super().__init__()
        for index in range(depth):
            self.add_module(f"denselayer{index + 1}", DenseLayer(in_channels + index * _GROWTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, in_channels + 32 * depth, H, W)."""
        maps = [x]
        for layer in self.children():
            maps.append(layer(maps))
        return torch.cat(maps, 1)


def _transition(channels: int) -> nn.Sequential:
    """Half as many channels, and half the height and width."""
    layers = nn.Sequential()
    layers.add_module("norm", nn.BatchNorm2d(channels))
    layers.add_module("relu", nn.ReLU())
    layers.add_module("conv", nn.Conv2d(channels, channels // 2, 1, bias=False))
    layers.add_module("pool", nn.AvgPool2d(2, stride=2))
    return layers


class DenseNet(nn.Module):
    """A stem, four dense blocks with transitions between them, and a classifier."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        features = nn.Sequential()
        stem = nn.Conv2d(3, _STEM_CHANNELS, 7, stride=2, padding=3, bias=False)
        features.add_module("conv0", stem)
        features.add_module("norm0", nn.BatchNorm2d(_STEM_CHANNELS))
        features.add_module("relu0", nn.ReLU())
        features.add_module("pool0", nn.MaxPool2d(3, stride=2, padding=1))
        channels = _STEM_CHANNELS
        for number, depth in enumerate(depths, start=1):
            features.add_module(f"denseblock{number}", DenseBlock(depth, channels))
            channels += depth * _GROWTH
            if number < len(depths):
                features.add_module(f"transition{number}", _transition(channels))
                channels //= 2
        features.add_module("norm5", nn.BatchNorm2d(channels))
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        return classified(torch.relu(self.features(x)), self.avgpool, self.classifier)


BUILDERS: Mapping[str, Builder] = {
    "densenet121": partial(DenseNet, (6, 12, 24, 16)),
    "densenet169": partial(DenseNet, (6, 12, 32, 32)),
}
