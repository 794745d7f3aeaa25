"""MnasNet-B1 for 224x224 images (Tan et al., arXiv 1807.11626). Names match torchvision's."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from .blocks import Builder, conv_norm

# The paper's figure 7, without squeeze-and-excitation: kernel, expansion, channels, blocks, stride.
_STAGES = (
    (3, 3, 24, 3, 2),
    (5, 3, 40, 3, 2),
    (5, 6, 80, 3, 2),
    (3, 6, 96, 2, 1),
    (5, 6, 192, 4, 2),
    (3, 6, 320, 1, 1),
)
_STEM_CHANNELS = 32
_FIRST_CHANNELS = 16
_LAST_CHANNELS = 1280


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise, linear 1x1 projection; a sum if shapes agree."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = in_channels * expansion
        self.layers = nn.Sequential(
            *conv_norm(in_channels, wide, 1, activation=nn.ReLU),
            *conv_norm(wide, wide, kernel, stride=stride, groups=wide, activation=nn.ReLU),
            *conv_norm(wide, out_channels, 1),
        )
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.residual else y


class MnasNet(nn.Module):
    """A separable stem, six stages of inverted residuals, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        stem = _STEM_CHANNELS
        layers: list[nn.Module] = [
            *conv_norm(3, stem, 3, stride=2, activation=nn.ReLU),
            *conv_norm(stem, stem, 3, groups=stem, activation=nn.ReLU),
            *conv_norm(stem, _FIRST_CHANNELS, 1),
        ]
        channels = _FIRST_CHANNELS
        for kernel, expansion, width, blocks, first_stride in _STAGES:
            stage = []
            for position in range(blocks):
                stride = first_stride if position == 0 else 1
                stage.append(InvertedResidual(channels, width, kernel, stride, expansion))
                channels = width
            layers.append(nn.Sequential(*stage))
        layers += conv_norm(channels, _LAST_CHANNELS, 1, activation=nn.ReLU)
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(_LAST_CHANNELS, 1000))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        logits: torch.Tensor = self.classifier(self.layers(x).mean([2, 3]))
        return logits


BUILDERS: Mapping[str, Builder] = {"mnasnet1_0": MnasNet}
