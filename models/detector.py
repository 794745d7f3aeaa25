"""A detector in the style of YOLO for 640x640 images: three maps of boxes and classes.

Widths and depths are those published for YOLOv8n; what turns the maps into boxes is left to the
host. Split halves of the channels, SiLU, maxima without stride, doubled maps joined with earlier
ones, several outputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from .blocks import Builder, ConvNorm

_CLASSES = 80
_BOX_WORDS = 64  # four sides, each a distribution over 16 distances


def _conv(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1) -> ConvNorm:
    return ConvNorm(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, activation=nn.SiLU
    )


class Inner(nn.Module):
    """Two 3x3 convolutions, beside the identity where they are part of the backbone."""

    def __init__(self, channels: int, *, residual: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(_conv(channels, channels, 3), _conv(channels, channels, 3))
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to the same shape."""
        y: torch.Tensor = self.layers(x)
        return x + y if self.residual else y


class Partial(nn.Module):
    """A 1x1 convolution, split; one half through ``depth`` blocks, all that they put out joined."""

    def __init__(
        self, in_channels: int, out_channels: int, depth: int, *, residual: bool = False
    ) -> None:
        super().__init__()
        half = out_channels // 2
        self.enter = _conv(in_channels, out_channels)
        self.inner = nn.ModuleList(Inner(half, residual=residual) for _ in range(depth))
        self.leave = _conv((2 + depth) * half, out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H, W)."""
        maps = list(self.enter(x).chunk(2, 1))
        for inner in self.inner:
            maps.append(inner(maps[-1]))
        joined: torch.Tensor = self.leave(torch.cat(maps, 1))
        return joined


class Pyramid(nn.Module):
    """5x5 maxima of maxima, joined: windows of 5, 9 and 13."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = _conv(channels, channels // 2)
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.leave = _conv(2 * channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to the same shape."""
        maps = [self.enter(x)]
        for _ in range(3):
            maps.append(self.pool(maps[-1]))
        joined: torch.Tensor = self.leave(torch.cat(maps, 1))
        return joined


class Head(nn.Module):
    """Boxes and classes of one map, side by side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.boxes = nn.Sequential(
            _conv(channels, _BOX_WORDS, 3),
            _conv(_BOX_WORDS, _BOX_WORDS, 3),
            nn.Conv2d(_BOX_WORDS, _BOX_WORDS, 1),
        )
        self.classes = nn.Sequential(
            _conv(channels, _CLASSES, 3),
            _conv(_CLASSES, _CLASSES, 3),
            nn.Conv2d(_CLASSES, _CLASSES, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to (N, 64 + 80, H, W)."""
        return torch.cat([self.boxes(x), self.classes(x)], 1)


class Detector(nn.Module):
    """Down to a 32nd of the image, up to an eighth, down again; a head at each of three sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.to_eighth = nn.Sequential(
            _conv(3, 16, 3, 2),
            _conv(16, 32, 3, 2),
            Partial(32, 32, 1, residual=True),
            _conv(32, 64, 3, 2),
            Partial(64, 64, 2, residual=True),
        )
        self.to_16th = nn.Sequential(_conv(64, 128, 3, 2), Partial(128, 128, 2, residual=True))
        self.to_32nd = nn.Sequential(
            _conv(128, 256, 3, 2), Partial(256, 256, 1, residual=True), Pyramid(256)
        )
        self.doubled = nn.Upsample(scale_factor=2)
        self.up_16th = Partial(256 + 128, 128, 1)
        self.up_eighth = Partial(128 + 64, 64, 1)
        self.down_16th = _conv(64, 64, 3, 2)
        self.out_16th = Partial(64 + 128, 128, 1)
        self.down_32nd = _conv(128, 128, 3, 2)
        self.out_32nd = Partial(128 + 256, 256, 1)
        self.heads = nn.ModuleList(Head(channels) for channels in (64, 128, 256))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """(N, 3, H, W), sides multiples of 32, to (N, 144, H / s, W / s) for s = 8, 16, 32."""
        eighth = self.to_eighth(x)
        sixteenth = self.to_16th(eighth)
        last = self.to_32nd(sixteenth)
        middle = self.up_16th(torch.cat([self.doubled(last), sixteenth], 1))
        first = self.up_eighth(torch.cat([self.doubled(middle), eighth], 1))
        second = self.out_16th(torch.cat([self.down_16th(first), middle], 1))
        third = self.out_32nd(torch.cat([self.down_32nd(second), last], 1))
        maps = (first, second, third)
        return tuple(head(each) for head, each in zip(self.heads, maps, strict=True))


BUILDERS: Mapping[str, Builder] = {"yolo_v8n": Detector}
