"""The bundled network: a small residual CNN for 8x8 handwritten digits."""

from __future__ import annotations

import torch
from torch import nn


def _conv(
    in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Convolution with same padding and BatchNormalization."""
    return nn.Sequential(
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut: the identity, or 1x1 where the shape changes."""

    def __init__(self, in_channels: int, middle: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.first = _conv(in_channels, middle, 3, stride=stride)
        self.second = _conv(middle, out_channels, 3)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = _conv(in_channels, out_channels, 1, stride=stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        inner = self.second(torch.relu(self.first(x)))
        return torch.relu(inner + self.shortcut(x))


class DigitsNet(nn.Module):
    """Ten convolutions and a fully connected layer; 8x8x1 in, 10 classes out.

    It holds one of each thing that the hardware model treats apart: 3x3, strided 3x3, 1x1 strided
    shortcut, depthwise, pointwise, identity and projected residual sums, global pooling.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv(1, 24, 3)
        self.wide = Residual(24, 24, 24)
        self.down = Residual(24, 48, 48, stride=2)
        self.depthwise = _conv(48, 48, 3, groups=48)
        self.pointwise = _conv(48, 96, 1)
        self.deep = Residual(96, 48, 96)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(96, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1, 8, 8) to logits (N, 10)."""
        x = torch.relu(self.stem(x))
        x = self.down(self.wide(x))
        x = torch.relu(self.pointwise(torch.relu(self.depthwise(x))))
        x = self.deep(x)
        logits: torch.Tensor = self.classifier(self.pool(x).flatten(1))
        return logits
