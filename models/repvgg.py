"""RepVGG-A0 for 224x224 images (Ding et al., arXiv 2101.03697), as trained and as deployed.

Names are those of the authors' weights (github.com/DingXiaoH/RepVGG).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Builder, classified

# Table 2 of the paper, A0: blocks and channels of each stage; the first block of each halves.
_DEPTHS = (1, 2, 4, 14, 1)
_WIDTHS = (48, 48, 96, 192, 1280)


def _named(conv: nn.Module, channels: int) -> nn.Sequential:
    layers = nn.Sequential()
    layers.add_module("conv", conv)
    layers.add_module("bn", nn.BatchNorm2d(channels))
    return layers


class Trained(nn.Module):
    """3x3 and 1x1 convolutions and, if shapes agree, the identity, normalised and summed."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        alike = stride == 1 and in_channels == out_channels
        self.rbr_identity = nn.BatchNorm2d(in_channels) if alike else None
        dense = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        one = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
        self.rbr_dense = _named(dense, out_channels)
        self.rbr_1x1 = _named(one, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        total = self.rbr_dense(x) + self.rbr_1x1(x)
        return torch.relu(total if self.rbr_identity is None else total + self.rbr_identity(x))


class Deployed(nn.Module):
    """The same as one 3x3 convolution with a bias."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.rbr_reparam = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        return torch.relu(self.rbr_reparam(x))


class RepVGG(nn.Module):
    """Five stages of blocks, and a classifier."""

    def __init__(self, block: type[Trained] | type[Deployed]) -> None:
        super().__init__()
        channels = 3
        for number, (depth, width) in enumerate(zip(_DEPTHS, _WIDTHS, strict=True)):
            blocks = []
            for position in range(depth):
                blocks.append(block(channels, width, 2 if position == 0 else 1))
                channels = width
            self.add_module(f"stage{number}", blocks[0] if number == 0 else nn.Sequential(*blocks))
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(channels, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        for number in range(len(_DEPTHS)):
            x = self.get_submodule(f"stage{number}")(x)
        return classified(x, self.gap, self.linear)


BUILDERS: Mapping[str, Builder] = {
    "repvgg_a0": partial(RepVGG, Deployed),
    "repvgg_a0_train": partial(RepVGG, Trained),
}
