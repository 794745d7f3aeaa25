"""What the networks share. Indices inside a Sequential are part of the weights' names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import nn

Norm: TypeAlias = Callable[[int], nn.Module]
Shape: TypeAlias = tuple[int, ...]  # of one frame, without the batch: (C, H, W), (C, L) or (words,)
Builder: TypeAlias = Callable[[], nn.Module]
SizedBuilder: TypeAlias = Callable[[Shape], nn.Module]


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    norm: Norm = nn.BatchNorm2d,
    activation: type[nn.Module] | None = None,
) -> nn.Sequential:
    """Same-padded convolution (name ``0``), normalisation (``1``) and, if given, an activation."""
    layers: list[nn.Module] = [
        nn.Conv2d(
            in_channels,
            out_channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        ),
        norm(out_channels),
    ]
    if activation is not None:
        layers.append(activation())
    return nn.Sequential(*layers)


class ConvNorm(nn.Module):
    """Convolution ``conv``, normalisation ``bn`` and an activation."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        activation: type[nn.Module] = nn.ReLU,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel, stride=stride, padding=padding, bias=False
        )
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)
        self.act = activation()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, in_channels, H, W) to (N, out_channels, H', W')."""
        y: torch.Tensor = self.act(self.bn(self.conv(x)))
        return y


class SqueezeExcitation(nn.Module):
    """Scales each channel by a gate in [0, 1] computed from the mean of all channels."""

    def __init__(
        self,
        channels: int,
        squeezed: int,
        activation: type[nn.Module] = nn.ReLU,
        gate: type[nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)
        self.activation = activation()
        self.scale_activation = gate()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W) to the same shape."""
        squeezed = self.activation(self.fc1(self.avgpool(x)))
        scaled: torch.Tensor = x * self.scale_activation(self.fc2(squeezed))
        return scaled


def divisible_by_8(channels: float) -> int:
    """The nearest multiple of 8, at least 8, and never less than nine tenths of ``channels``."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


def flat_words(channels: int, height: int, width: int) -> int:
    """Words of a map as a vector.

    Raises:
        ValueError: if nothing is left of the map.
    """
    if min(height, width) < 1:
        raise ValueError(f"no position is left of a map of {height}x{width}")
    return channels * height * width


def classified(features: torch.Tensor, pool: nn.Module, classifier: nn.Module) -> torch.Tensor:
    """Feature maps, pooled and as a vector, through a classifier: logits (N, classes)."""
    logits: torch.Tensor = classifier(pool(features).flatten(1))
    return logits
