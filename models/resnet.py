"""ResNet, ResNeXt and Wide ResNet for 224x224 images (arXiv 1512.03385, 1611.05431, 1605.07146).

The strided convolution of a bottleneck is its 3x3, as in torchvision's weights; names match those.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Builder, classified


def _conv(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    return nn.Conv2d(
        in_channels,
        out_channels,
        kernel,
        stride=stride,
        padding=kernel // 2,
        groups=groups,
        bias=False,
    )


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module | None:
    """The projection of a shortcut, or None (which has no weights to name) for the identity."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(_conv(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels))


class Basic(nn.Module):
    """Two 3x3 convolutions beside a shortcut: ``width`` channels out."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(in_channels, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(in_channels, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, width, H / stride, W / stride)."""
        skip = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(x)) + skip)


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut: four times ``width`` channels out.

    The 3x3 has ``groups`` groups; it and what enters it are ``width`` times ``inner`` wide.
    """

    expansion = 4

    def __init__(
        self, in_channels: int, width: int, stride: int, groups: int = 1, inner: int = 1
    ) -> None:
        super().__init__()
        out_channels, middle = width * self.expansion, width * inner
        self.conv1 = _conv(in_channels, middle, 1)
        self.bn1 = nn.BatchNorm2d(middle)
        self.conv2 = _conv(middle, middle, 3, stride, groups)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3 = _conv(middle, out_channels, 1)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = _shortcut(in_channels, out_channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, 4 * width, H / stride, W / stride)."""
        skip = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return torch.relu(self.bn3(self.conv3(x)) + skip)


class ResNet(nn.Module):
    """A stem, four stages of blocks of 64, 128, 256 and 512 channels, and a classifier."""

    def __init__(
        self,
        block: type[Basic] | type[Bottleneck],
        depths: tuple[int, ...],
        **options: int,  # of the bottlenecks
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        self.stages = [f"layer{number}" for number in range(1, len(depths) + 1)]
        for index, (name, depth) in enumerate(zip(self.stages, depths, strict=True)):
            width = 64 << index
            blocks = []
            for position in range(depth):
                stride = 2 if index > 0 and position == 0 else 1
                blocks.append(block(channels, width, stride, **options))
                channels = width * block.expansion
            self.add_module(name, nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for name in self.stages:
            x = self.get_submodule(name)(x)
        return classified(x, self.avgpool, self.fc)


class CifarResNet(nn.Module):
    """6 n + 2 layers for 32x32 images (section 4.2 of the paper): n blocks of 16, 32, 64 channels.

    Shortcuts that change the shape are projections; names match the weights of
    github.com/chenyaofo/pytorch-cifar-models.
    """

    def __init__(self, blocks_a_stage: int) -> None:
        super().__init__()
        self.conv1 = _conv(3, 16, 3)
        self.bn1 = nn.BatchNorm2d(16)
        channels = 16
        for index in range(3):
            blocks = []
            for position in range(blocks_a_stage):
                stride = 2 if index > 0 and position == 0 else 1
                blocks.append(Basic(channels, 16 << index, stride))
                channels = 16 << index
            self.add_module(f"layer{index + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 10)."""
        x = torch.relu(self.bn1(self.conv1(x)))
        for index in range(3):
            x = self.get_submodule(f"layer{index + 1}")(x)
        return classified(x, self.avgpool, self.fc)


BUILDERS: Mapping[str, Builder] = {
    "resnet18": partial(ResNet, Basic, (2, 2, 2, 2)),
    "resnet34": partial(ResNet, Basic, (3, 4, 6, 3)),
    "resnet50": partial(ResNet, Bottleneck, (3, 4, 6, 3)),
    "resnet101": partial(ResNet, Bottleneck, (3, 4, 23, 3)),
    "resnet152": partial(ResNet, Bottleneck, (3, 8, 36, 3)),
    "resnext50_32x4d": partial(ResNet, Bottleneck, (3, 4, 6, 3), groups=32, inner=2),
    "wide_resnet50_2": partial(ResNet, Bottleneck, (3, 4, 6, 3), inner=2),
    "cifar_resnet20": partial(CifarResNet, 3),
    "cifar_resnet56": partial(CifarResNet, 9),
}
