"""Small networks that FPGA papers measure with: FINN's MLP, hls4ml's jets, MLPerf Tiny's ResNet."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from .blocks import Builder, classified


class Mlp(nn.Module):
    """Fully connected layers with a ReLU between them."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for entering, leaving in pairwise(widths):
            layers += [nn.Linear(entering, leaving), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, the first width) to (N, the last width)."""
        logits: torch.Tensor = self.layers(x)
        return logits


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, a 1x1 convolution where the shape changes."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        stride = 1 if in_channels == width else 2
        self.first = nn.Conv2d(in_channels, width, 3, stride=stride, padding=1)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.second_norm = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride == 2:
            self.shortcut = nn.Conv2d(in_channels, width, 1, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, width, H', W')."""
        inner = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


class ResNet8(nn.Module):
    """MLPerf Tiny's ResNet for 32x32 images (arXiv 2106.07597): three blocks, 16 to 64 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(_Block(16, 16), _Block(16, 32), _Block(32, 64))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) to logits (N, 10)."""
        x = self.blocks(torch.relu(self.norm(self.conv(x))))
        return classified(x, self.pool, self.classifier)


BUILDERS: Mapping[str, Builder] = {
    # SFC of FINN (Umuroglu et al., arXiv 1612.07119), for 28x28 digits
    "mlp_mnist": partial(Mlp, (784, 256, 256, 256, 10)),
    # particle jets by 16 quantities (Duarte et al., arXiv 1804.06913)
    "mlp_jets": partial(Mlp, (16, 64, 32, 32, 5)),
    "cifar_resnet8": ResNet8,
}
