"""MobileNet (Howard et al., arXiv 1704.04861), at full width and as MLPerf Tiny has it.

MLPerf Tiny's visual wake words (arXiv 2106.07597) are a quarter as wide: 96x96 images, two classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Builder, classified, conv_norm

_STEM_CHANNELS = 32
# Table 1 of the paper: output channels and stride of each depthwise separable convolution.
_ROWS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)


def separable(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """A 3x3 depthwise and a 1x1 convolution, each normalised and followed by a ReLU."""
    depthwise = conv_norm(
        in_channels, in_channels, 3, stride=stride, groups=in_channels, activation=nn.ReLU
    )
    return nn.Sequential(depthwise, conv_norm(in_channels, out_channels, 1, activation=nn.ReLU))


class MobileNetV1(nn.Module):
    """A strided 3x3 convolution, 13 depthwise separable ones, and a classifier."""

    def __init__(self, quarters: int, classes: int) -> None:
        super().__init__()
        channels = _STEM_CHANNELS * quarters // 4
        layers: list[nn.Module] = [conv_norm(3, channels, 3, stride=2, activation=nn.ReLU)]
        for full_width, stride in _ROWS:
            width = full_width * quarters // 4
            layers.append(separable(channels, width, stride))
            channels = width
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, classes)."""
        return classified(self.features(x), self.pool, self.classifier)


BUILDERS: Mapping[str, Builder] = {
    "mobilenet_v1": partial(MobileNetV1, 4, 1000),
    "mobilenet_v1_025": partial(MobileNetV1, 1, 2),
}
