"""The networks that ``hass models`` offers, as facts that need no torch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NetworkInfo:
    """A network defined in this package.

    Attributes:
        name: as torchvision names it.
        parameters: trainable ones.
        macs: multiply-accumulates of one frame, dense.
        input_chw: channels, height, width.
    """

    name: str
    parameters: int
    macs: int
    input_chw: tuple[int, int, int] = (3, 224, 224)


# Counted here; they agree with what torchvision's pages publish for the same weights, and
# tests/models/test_networks.py holds the definitions to them.
NETWORKS = (
    NetworkInfo("resnet18", 11_689_512, 1_814_073_344),
    NetworkInfo("resnet50", 25_557_032, 4_089_184_256),
    NetworkInfo("vgg16", 138_357_544, 15_470_264_320),
    NetworkInfo("mobilenet_v2", 3_504_872, 300_774_272),
    NetworkInfo("mobilenet_v3_small", 2_542_856, 56_510_400),
    NetworkInfo("mobilenet_v3_large", 5_483_032, 216_589_760),
)
BY_NAME = {network.name: network for network in NETWORKS}
DIGITS = NetworkInfo("digits", 132_802, 2_602_176, (1, 8, 8))
