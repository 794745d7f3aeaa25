"""U-Net for 128x128 images (Ronneberger et al., arXiv 1505.04597), padded so that sizes stay.

Two ways up: transposed convolutions, as in the paper, and a doubling of each position in front of
a 1x1 convolution. A quarter as wide as the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from torch import nn

from .blocks import Builder, conv_norm

_WIDTHS = (16, 32, 64, 128, 256)
_CLASSES = 2


def _double(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        conv_norm(in_channels, out_channels, 3, activation=nn.ReLU),
        conv_norm(out_channels, out_channels, 3, activation=nn.ReLU),
    )


def transposed(in_channels: int, out_channels: int) -> nn.Module:
    """Twice the height and width by a transposed 2x2 convolution."""
    return nn.ConvTranspose2d(in_channels, out_channels, 2, stride=2)


def resized(in_channels: int, out_channels: int) -> nn.Module:
    """Twice the height and width by repetition, then a 1x1 convolution."""
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(in_channels, out_channels, 1))


class UNet(nn.Module):
    """Down by maxima in four steps and up again, each step joined with the map it came from."""

    def __init__(self, *, resize: bool) -> None:
        super().__init__()
        up = resized if resize else transposed
        steps = range(1, len(_WIDTHS))
        self.first = _double(3, _WIDTHS[0])
        self.pool = nn.MaxPool2d(2)
        self.down = nn.ModuleList(_double(_WIDTHS[step - 1], _WIDTHS[step]) for step in steps)
        back = list(reversed(steps))
        self.up = nn.ModuleList(up(_WIDTHS[step], _WIDTHS[step - 1]) for step in back)
        self.joined = nn.ModuleList(_double(_WIDTHS[step], _WIDTHS[step - 1]) for step in back)
        self.last = nn.Conv2d(_WIDTHS[0], _CLASSES, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W), sides multiples of 16, to logits per pixel (N, 2, H, W)."""
        maps = [self.first(x)]
        for down in self.down:
            maps.append(down(self.pool(maps[-1])))
        x = maps.pop()
        for up, joined in zip(self.up, self.joined, strict=True):
            x = joined(torch.cat([maps.pop(), up(x)], 1))
        logits: torch.Tensor = self.last(x)
        return logits


BUILDERS: Mapping[str, Builder] = {
    "unet": partial(UNet, resize=False),
    "unet_resize": partial(UNet, resize=True),
}
