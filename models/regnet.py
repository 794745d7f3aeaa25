"""RegNet for 224x224 images (Radosavovic et al., arXiv 2003.13678). Names match torchvision's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from .blocks import Builder, SqueezeExcitation, classified, conv_norm

_STEM_CHANNELS = 32


@dataclass(frozen=True, slots=True)
class Stages:
    """The four stages of a network.

    Attributes:
        depths: blocks of each.
        widths: channels of each.
        group_width: channels of a group of the 3x3 convolutions.
        squeeze: whether blocks squeeze and excite, to a quarter of the channels that enter them.
    """

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    group_width: int
    squeeze: bool


# The design space's rounded widths at a group width of 16 and 8, as in torchvision's weights.
_X_400MF = Stages((1, 2, 7, 12), (32, 64, 160, 400), 16, False)
_Y_400MF = Stages((1, 3, 6, 6), (48, 104, 208, 440), 8, True)


class Bottleneck(nn.Module):
    """1x1, grouped 3x3 and 1x1 convolutions of one width, beside a shortcut."""

    def __init__(
        self, in_channels: int, width: int, stride: int, group_width: int, squeeze: bool
    ) -> None:
        super().__init__()
        self.proj: nn.Module | None = None
        if stride != 1 or in_channels != width:
            self.proj = conv_norm(in_channels, width, 1, stride=stride)
        self.f = nn.Sequential()
        self.f.add_module("a", conv_norm(in_channels, width, 1, activation=nn.ReLU))
        groups = width // group_width
        middle = conv_norm(width, width, 3, stride=stride, groups=groups, activation=nn.ReLU)
        self.f.add_module("b", middle)
        if squeeze:
            self.f.add_module("se", SqueezeExcitation(width, round(in_channels / 4)))
        self.f.add_module("c", conv_norm(width, width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, width, H / stride, W / stride)."""
        skip = x if self.proj is None else self.proj(x)
        return torch.relu(skip + self.f(x))


class RegNet(nn.Module):
    """A strided 3x3 convolution, four stages that each halve the map, and a classifier."""

    def __init__(self, stages: Stages) -> None:
        super().__init__()
        self.stem = conv_norm(3, _STEM_CHANNELS, 3, stride=2, activation=nn.ReLU)
        self.trunk_output = nn.Sequential()
        channels = _STEM_CHANNELS
        for number, (depth, width) in enumerate(zip(stages.depths, stages.widths, strict=True), 1):
            stage = nn.Sequential()
            for position in range(depth):
                stride = 2 if position == 0 else 1
                block = Bottleneck(channels, width, stride, stages.group_width, stages.squeeze)
                stage.add_module(f"block{number}-{position}", block)
                channels = width
            self.trunk_output.add_module(f"block{number}", stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        return classified(self.trunk_output(self.stem(x)), self.avgpool, self.fc)


BUILDERS: Mapping[str, Builder] = {
    "regnet_x_400mf": partial(RegNet, _X_400MF),
    "regnet_y_400mf": partial(RegNet, _Y_400MF),
}
