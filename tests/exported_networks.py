"""Small torch networks written as people write them, for its exporters."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn


class Convolutions(nn.Module):
    """Views by size, gates that are expanded, pads, dropout, functional activations."""

    CONVOLUTIONS = 6

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.squeeze, self.excite = nn.Linear(8, 4), nn.Linear(4, 8)
        self.last = nn.Conv2d(8, 8, 1)
        self.classes = nn.Linear(8 * 5 * 5, 5)
        self.norm.running_mean = torch.linspace(-1, 1, 8)
        self.norm.running_var = torch.linspace(0.5, 2, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.norm(self.first(x)))
        x = F.relu6(self.depthwise(x)) + x
        batch, channels, _, _ = x.size()
        gate = F.adaptive_avg_pool2d(x, 1).view(batch, channels)
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(gate))))
        x = x * gate.view(batch, channels, 1, 1).expand_as(x)
        x = F.avg_pool2d(F.pad(self.last(x), (0, 2, 1, 1)), 2)
        return self.classes(F.dropout(x.reshape(x.shape[0], -1), training=self.training))


class Keywords(nn.Module):
    """One dimension."""

    CONVOLUTIONS = 2

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(4, 8, 5, 2, 2), nn.BatchNorm1d(8)
        self.pool, self.mean = nn.MaxPool1d(2), nn.AdaptiveAvgPool1d(1)
        self.classes = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.norm(self.conv(x))))
        return self.classes(self.mean(x).squeeze(-1))


class Perceptron(nn.Module):
    """An autoencoder of vectors."""

    CONVOLUTIONS = 2

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.norm, self.decoder = (
            nn.Linear(12, 4),
            nn.BatchNorm1d(4),
            nn.Linear(4, 12),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.decoder(F.relu(self.norm(self.encoder(x)))))
