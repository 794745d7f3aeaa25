"""Networks for sound: MLPerf Tiny's keyword spotting and anomaly detection, and a 1-D CNN.

MLPerf Tiny: Banbury et al., arXiv 2106.07597. M5: Dai et al., arXiv 1610.00087.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import nn

from .blocks import Builder, classified

_CHANNELS = 64
_KEYWORDS = 12


def _normalised(conv: nn.Module) -> list[nn.Module]:
    return [conv, nn.BatchNorm2d(_CHANNELS), nn.ReLU()]


class DsCnn(nn.Module):
    """49 frames of 10 coefficients: a strided 10x4 convolution and four separable ones."""

    def __init__(self) -> None:
        super().__init__()
        layers = _normalised(nn.Conv2d(1, _CHANNELS, (10, 4), stride=2, padding=(5, 1)))
        for _ in range(4):
            depthwise = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1, groups=_CHANNELS)
            layers += _normalised(depthwise) + _normalised(nn.Conv2d(_CHANNELS, _CHANNELS, 1))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(_CHANNELS, _KEYWORDS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1, 49, 10) to logits (N, 12)."""
        return classified(self.features(x), self.pool, self.classifier)


# Table 1 of the paper, M5: kernel, stride, channels of each convolution; a pool of 4 behind each.
_M5_ROWS = ((80, 4, 128), (3, 1, 128), (3, 1, 256), (3, 1, 512))


class M5(nn.Module):
    """A second of sound at 8 kHz: four 1-D convolutions, and the mean over what is left of time."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for kernel, stride, width in _M5_ROWS:
            conv = nn.Conv1d(channels, width, kernel, stride=stride, padding=(kernel - 1) // 2)
            layers += [conv, nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(4)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool1d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1, 8000) to logits (N, 10)."""
        return classified(self.features(x), self.pool, self.classifier)


_SPECTRUM = 640  # five frames of 128 bands
_CODE = 8


class AutoEncoder(nn.Module):
    """Five frames of a spectrum through eight values and back; what differs is an anomaly."""

    def __init__(self) -> None:
        super().__init__()
        widths = (_SPECTRUM, *(128,) * 4, _CODE, *(128,) * 4)
        layers: list[nn.Module] = []
        for entering, leaving in pairwise(widths):
            layers += [nn.Linear(entering, leaving), nn.BatchNorm1d(leaving), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], _SPECTRUM))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 640) to (N, 640)."""
        spectrum: torch.Tensor = self.layers(x)
        return spectrum


BUILDERS: Mapping[str, Builder] = {
    "ds_cnn": DsCnn,
    "m5": M5,
    "autoencoder": AutoEncoder,
}
