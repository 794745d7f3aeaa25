"""EfficientNet-B0 to -B4 (Tan and Le, arXiv 1905.11946). Names match torchvision's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Builder, SqueezeExcitation, classified, conv_norm, divisible_by_8

# Table 1 of the paper: expansion, kernel, stride, channels, blocks.
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_STEM_CHANNELS = 32
_LAST_TIMES = 4  # the last convolution is so many times as wide as the last stage


class MBConv(nn.Module):
    """1x1 expansion (absent for 1), depthwise, squeeze, linear 1x1 projection; perhaps a sum.

    What is squeezed has a quarter of the channels that enter the block.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = divisible_by_8(in_channels * expansion)
        layers: list[nn.Module] = []
        if wide != in_channels:
            layers.append(conv_norm(in_channels, wide, 1, activation=nn.SiLU))
        layers += [
            conv_norm(wide, wide, kernel, stride=stride, groups=wide, activation=nn.SiLU),
            SqueezeExcitation(wide, max(1, in_channels // 4), activation=nn.SiLU),
            conv_norm(wide, out_channels, 1),
        ]
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        y: torch.Tensor = self.block(x)
        return x + y if self.residual else y


class EfficientNet(nn.Module):
    """B0 with its channels times ``width`` and its blocks times ``depth``."""

    def __init__(self, width: float, depth: float) -> None:
        super().__init__()
        channels = divisible_by_8(_STEM_CHANNELS * width)
        features: list[nn.Module] = [conv_norm(3, channels, 3, stride=2, activation=nn.SiLU)]
        for expansion, kernel, first_stride, base, blocks in _STAGES:
            out_channels = divisible_by_8(base * width)
            stage = []
            for position in range(math.ceil(blocks * depth)):
                stride = first_stride if position == 0 else 1
                stage.append(MBConv(channels, out_channels, kernel, stride, expansion))
                channels = out_channels
            features.append(nn.Sequential(*stage))
        last = _LAST_TIMES * channels
        features.append(conv_norm(channels, last, 1, activation=nn.SiLU))
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(last, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        return classified(self.features(x), self.avgpool, self.classifier)


BUILDERS: Mapping[str, Builder] = {
    "efficientnet_b0": partial(EfficientNet, 1.0, 1.0),
    "efficientnet_b1": partial(EfficientNet, 1.0, 1.1),
    "efficientnet_b2": partial(EfficientNet, 1.1, 1.2),
    "efficientnet_b3": partial(EfficientNet, 1.2, 1.4),
    "efficientnet_b4": partial(EfficientNet, 1.4, 1.8),
}
