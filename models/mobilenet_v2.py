"""MobileNetV2 for 224x224 images (Sandler et al., arXiv 1801.04381). Names match torchvision's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from .blocks import Builder, classified, conv_norm

# Table 2 of the paper: expansion, output channels, repeats, stride of the first.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_STEM_CHANNELS = 32
_LAST_CHANNELS = 1280


class InvertedResidual(nn.Module):
    """1x1 expansion (absent for 1), 3x3 depthwise, linear 1x1 projection; a sum if shapes agree."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers.append(conv_norm(in_channels, hidden, 1, activation=nn.ReLU6))
        layers += [
            conv_norm(hidden, hidden, 3, stride=stride, groups=hidden, activation=nn.ReLU6),
            *conv_norm(hidden, out_channels, 1),
        ]
        self.conv = nn.Sequential(*layers)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        y: torch.Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(nn.Module):
    """Width 1.0, 1000 classes."""

    def __init__(self) -> None:
        super().__init__()
        features: list[nn.Module] = [conv_norm(3, _STEM_CHANNELS, 3, stride=2, activation=nn.ReLU6)]
        channels = _STEM_CHANNELS
        for expansion, out_channels, repeats, stride in _STAGES:
            for position in range(repeats):
                features.append(
                    InvertedResidual(
                        channels, out_channels, stride if position == 0 else 1, expansion
                    )
                )
                channels = out_channels
        features.append(conv_norm(channels, _LAST_CHANNELS, 1, activation=nn.ReLU6))
        self.features = nn.Sequential(*features)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(_LAST_CHANNELS, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        return classified(self.features(x), self.pool, self.classifier)


BUILDERS: Mapping[str, Builder] = {"mobilenet_v2": MobileNetV2}
