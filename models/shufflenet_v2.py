"""ShuffleNetV2 for 224x224 images (Ma et al., arXiv 1807.11164). Names match torchvision's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Builder, conv_norm

_STEM_CHANNELS = 24
_REPEATS = (4, 8, 4)
# Table 5 of the paper: channels of the three stages, and of the last convolution.
_X0_5 = ((48, 96, 192), 1024)
_X1_0 = ((116, 232, 464), 1024)


def _shuffled(x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) with the channels of both halves in turn."""
    batch, channels, height, width = x.shape
    halves = x.view(batch, 2, channels // 2, height, width)
    return halves.transpose(1, 2).reshape(batch, channels, height, width)


class InvertedResidual(nn.Module):
    """Figure 3 of the paper: half of the channels pass by, or a strided branch takes all."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.stride = stride
        self.branch1 = nn.Sequential()
        if stride > 1:
            self.branch1 = nn.Sequential(
                *conv_norm(in_channels, in_channels, 3, stride=stride, groups=in_channels),
                *conv_norm(in_channels, half, 1, activation=nn.ReLU),
            )
        self.branch2 = nn.Sequential(
            *conv_norm(in_channels if stride > 1 else half, half, 1, activation=nn.ReLU),
            *conv_norm(half, half, 3, stride=stride, groups=half),
            *conv_norm(half, half, 1, activation=nn.ReLU),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        if self.stride == 1:
            first, second = x.chunk(2, dim=1)
            return _shuffled(torch.cat([first, self.branch2(second)], 1))
        return _shuffled(torch.cat([self.branch1(x), self.branch2(x)], 1))


class ShuffleNetV2(nn.Module):
    """A strided convolution and pool, three stages, a 1x1 convolution, and a classifier."""

    def __init__(self, widths: tuple[int, ...], last: int) -> None:
        super().__init__()
        channels = _STEM_CHANNELS
        self.conv1 = conv_norm(3, channels, 3, stride=2, activation=nn.ReLU)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        for number, (repeats, width) in enumerate(zip(_REPEATS, widths, strict=True), start=2):
            blocks = [InvertedResidual(channels, width, 2)]
            blocks += [InvertedResidual(width, width, 1) for _ in range(repeats - 1)]
            self.add_module(f"stage{number}", nn.Sequential(*blocks))
            channels = width
        self.conv5 = conv_norm(channels, last, 1, activation=nn.ReLU)
        self.fc = nn.Linear(last, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 1000)."""
        x = self.maxpool(self.conv1(x))
        for number in range(2, 2 + len(_REPEATS)):
            x = self.get_submodule(f"stage{number}")(x)
        logits: torch.Tensor = self.fc(self.conv5(x).mean([2, 3]))
        return logits


BUILDERS: Mapping[str, Builder] = {
    "shufflenet_v2_x0_5": partial(ShuffleNetV2, *_X0_5),
    "shufflenet_v2_x1_0": partial(ShuffleNetV2, *_X1_0),
}
