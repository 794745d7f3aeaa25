"""Inception-v3 for 299x299 images (Szegedy et al., arXiv 1512.00567), without the training head.

Names match torchvision's, whose weights were trained on images normalised with mean 0.5 and
deviation 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from .blocks import Builder, ConvNorm, classified


def _same(in_channels: int, out_channels: int, kernel: tuple[int, int]) -> ConvNorm:
    padding = (kernel[0] // 2, kernel[1] // 2)
    return ConvNorm(in_channels, out_channels, kernel, padding=padding)


class MixedA(nn.Module):
    """Figure 5 of the paper: 1x1, 5x5, two 3x3 and a pool beside each other."""

    def __init__(self, in_channels: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = ConvNorm(in_channels, 64, 1)
        self.branch5x5_1 = ConvNorm(in_channels, 48, 1)
        self.branch5x5_2 = ConvNorm(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = ConvNorm(in_channels, 64, 1)
        self.branch3x3dbl_2 = ConvNorm(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = ConvNorm(96, 96, 3, padding=1)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = ConvNorm(in_channels, pooled, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, 224 + pooled, H, W)."""
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, double, self.branch_pool(self.pool(x))], 1)


class MixedB(nn.Module):
    """Figure 10: halves the map; strided 3x3 convolutions beside a strided pool."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.branch3x3 = ConvNorm(in_channels, 384, 3, stride=2)
        self.branch3x3dbl_1 = ConvNorm(in_channels, 64, 1)
        self.branch3x3dbl_2 = ConvNorm(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = ConvNorm(96, 96, 3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, 480 + in_channels, H', W')."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, self.pool(x)], 1)


class MixedC(nn.Module):
    """Figure 6: 7x7 convolutions as a row and a column."""

    def __init__(self, middle: int) -> None:
        super().__init__()
        row, column, channels = (1, 7), (7, 1), 768
        self.branch1x1 = ConvNorm(channels, 192, 1)
        self.branch7x7_1 = ConvNorm(channels, middle, 1)
        self.branch7x7_2 = _same(middle, middle, row)
        self.branch7x7_3 = _same(middle, 192, column)
        self.branch7x7dbl_1 = ConvNorm(channels, middle, 1)
        self.branch7x7dbl_2 = _same(middle, middle, column)
        self.branch7x7dbl_3 = _same(middle, middle, row)
        self.branch7x7dbl_4 = _same(middle, middle, column)
        self.branch7x7dbl_5 = _same(middle, 192, row)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = ConvNorm(channels, 192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 768, H, W) to the same shape."""
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), single, double, self.branch_pool(self.pool(x))], 1)


class MixedD(nn.Module):
    """Halves the map: strided 3x3 convolutions, one behind a row and a column of seven."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = ConvNorm(768, 192, 1)
        self.branch3x3_2 = ConvNorm(192, 320, 3, stride=2)
        self.branch7x7x3_1 = ConvNorm(768, 192, 1)
        self.branch7x7x3_2 = _same(192, 192, (1, 7))
        self.branch7x7x3_3 = _same(192, 192, (7, 1))
        self.branch7x7x3_4 = ConvNorm(192, 192, 3, stride=2)
        self.pool = nn.MaxPool2d(3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 768, H, W) to (N, 1280, H', W')."""
        long = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat(
            [self.branch3x3_2(self.branch3x3_1(x)), self.branch7x7x3_4(long), self.pool(x)], 1
        )


class MixedE(nn.Module):
    """Figure 7: rows and columns of three beside each other."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        row, column = (1, 3), (3, 1)
        self.branch1x1 = ConvNorm(in_channels, 320, 1)
        self.branch3x3_1 = ConvNorm(in_channels, 384, 1)
        self.branch3x3_2a = _same(384, 384, row)
        self.branch3x3_2b = _same(384, 384, column)
        self.branch3x3dbl_1 = ConvNorm(in_channels, 448, 1)
        self.branch3x3dbl_2 = ConvNorm(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = _same(384, 384, row)
        self.branch3x3dbl_3b = _same(384, 384, column)
        self.pool = nn.AvgPool2d(3, stride=1, padding=1)
        self.branch_pool = ConvNorm(in_channels, 192, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, 2048, H, W)."""
        single = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return torch.cat(
            [
                self.branch1x1(x),
                self.branch3x3_2a(single),
                self.branch3x3_2b(single),
                self.branch3x3dbl_3a(double),
                self.branch3x3dbl_3b(double),
                self.branch_pool(self.pool(x)),
            ],
            1,
        )


class InceptionV3(nn.Module):
    """A stem of five convolutions and two pools, eleven mixed blocks, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        layers: dict[str, nn.Module] = {
            "Conv2d_1a_3x3": ConvNorm(3, 32, 3, stride=2),
            "Conv2d_2a_3x3": ConvNorm(32, 32, 3),
            "Conv2d_2b_3x3": ConvNorm(32, 64, 3, padding=1),
            "maxpool1": nn.MaxPool2d(3, stride=2),
            "Conv2d_3b_1x1": ConvNorm(64, 80, 1),
            "Conv2d_4a_3x3": ConvNorm(80, 192, 3),
            "maxpool2": nn.MaxPool2d(3, stride=2),
            "Mixed_5b": MixedA(192, 32),
            "Mixed_5c": MixedA(256, 64),
            "Mixed_5d": MixedA(288, 64),
            "Mixed_6a": MixedB(288),
            "Mixed_6b": MixedC(128),
            "Mixed_6c": MixedC(160),
            "Mixed_6d": MixedC(160),
            "Mixed_6e": MixedC(192),
            "Mixed_7a": MixedD(),
            "Mixed_7b": MixedE(1280),
            "Mixed_7c": MixedE(2048),
        }
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.trunk = tuple(layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        for name in self.trunk:
            x = self.get_submodule(name)(x)
        return classified(x, self.avgpool, self.fc)


BUILDERS: Mapping[str, Builder] = {"inception_v3": InceptionV3}
