"""MobileNetV3-Small and -Large for 224x224 images (Howard et al., arXiv 1905.02244).

Names match torchvision's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from .blocks import Builder, SqueezeExcitation, classified, conv_norm, divisible_by_8

_STEM_CHANNELS = 16
_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the paper's tables: the block's kernel, widths and features."""

    kernel: int
    expanded: int
    out_channels: int
    squeeze: bool
    activation: type[nn.Module]
    stride: int


_RE, _HS = nn.ReLU, nn.Hardswish
_LARGE = (  # table 1
    Row(3, 16, 16, False, _RE, 1),
    Row(3, 64, 24, False, _RE, 2),
    Row(3, 72, 24, False, _RE, 1),
    Row(5, 72, 40, True, _RE, 2),
    Row(5, 120, 40, True, _RE, 1),
    Row(5, 120, 40, True, _RE, 1),
    Row(3, 240, 80, False, _HS, 2),
    Row(3, 200, 80, False, _HS, 1),
    Row(3, 184, 80, False, _HS, 1),
    Row(3, 184, 80, False, _HS, 1),
    Row(3, 480, 112, True, _HS, 1),
    Row(3, 672, 112, True, _HS, 1),
    Row(5, 672, 160, True, _HS, 2),
    Row(5, 960, 160, True, _HS, 1),
    Row(5, 960, 160, True, _HS, 1),
)
_SMALL = (  # table 2
    Row(3, 16, 16, True, _RE, 2),
    Row(3, 72, 24, False, _RE, 2),
    Row(3, 88, 24, False, _RE, 1),
    Row(5, 96, 40, True, _HS, 2),
    Row(5, 240, 40, True, _HS, 1),
    Row(5, 240, 40, True, _HS, 1),
    Row(5, 120, 48, True, _HS, 1),
    Row(5, 144, 48, True, _HS, 1),
    Row(5, 288, 96, True, _HS, 2),
    Row(5, 576, 96, True, _HS, 1),
    Row(5, 576, 96, True, _HS, 1),
)


class InvertedResidual(nn.Module):
    """1x1 expansion (absent if it does not widen), depthwise, squeeze, linear 1x1 projection."""

    def __init__(self, in_channels: int, row: Row) -> None:
        super().__init__()
        conv = partial(conv_norm, norm=_norm)
        wide = row.expanded
        layers: list[nn.Module] = []
        if wide != in_channels:
            layers.append(conv(in_channels, wide, 1, activation=row.activation))
        layers.append(
            conv(wide, wide, row.kernel, stride=row.stride, groups=wide, activation=row.activation)
        )
        if row.squeeze:
            squeezed = divisible_by_8(wide // 4)
            layers.append(SqueezeExcitation(wide, squeezed, gate=nn.Hardsigmoid))
        layers.append(conv(wide, row.out_channels, 1))
        self.block = nn.Sequential(*layers)
        self.residual = row.stride == 1 and in_channels == row.out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        y: torch.Tensor = self.block(x)
        return x + y if self.residual else y


class MobileNetV3(nn.Module):
    """Width 1.0, 1000 classes; the last convolution has six times the last block's channels."""

    def __init__(self, rows: tuple[Row, ...], classifier_channels: int) -> None:
        super().__init__()
        conv = partial(conv_norm, norm=_norm, activation=nn.Hardswish)
        features: list[nn.Module] = [conv(3, _STEM_CHANNELS, 3, stride=2)]
        channels = _STEM_CHANNELS
        for row in rows:
            features.append(InvertedResidual(channels, row))
            channels = row.out_channels
        features.append(conv(channels, 6 * channels, 1))
        self.features = nn.Sequential(*features)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * channels, classifier_channels),
            nn.Hardswish(),
            nn.Dropout(0.2),
            nn.Linear(classifier_channels, 1000),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        return classified(self.features(x), self.avgpool, self.classifier)


BUILDERS: Mapping[str, Builder] = {
    "mobilenet_v3_small": partial(MobileNetV3, _SMALL, 1024),
    "mobilenet_v3_large": partial(MobileNetV3, _LARGE, 1280),
}
