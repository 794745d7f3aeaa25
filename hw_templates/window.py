"""The sliding window that convolutions and poolings share."""

from __future__ import annotations

from hass.values import FeatureMap

from .blocks import ACT, Stage


def window_stage(streams: int, taps: int, fill: int) -> Stage:
    """The sliding window of a layer whose constants are those of ``window_constants``."""
    template = (
        *(ACT, "HEIGHT", "WIDTH", "CHANNELS", "STREAMS_IN", "KERNEL_H", "KERNEL_W"),
        *("STRIDE_H", "STRIDE_W", "PAD_TOP", "PAD_LEFT", "OUT_H", "OUT_W", fill),
    )
    return Stage("sliding_window", "sliding_window", template, streams * taps)


def window_constants(
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pads: tuple[int, int, int, int],
    source: FeatureMap,
    out: FeatureMap,
) -> tuple[tuple[str, int], ...]:
    """Names that ``window_stage`` uses."""
    return (
        ("HEIGHT", source.height),
        ("WIDTH", source.width),
        ("CHANNELS", source.channels),
        ("KERNEL_H", kernel[0]),
        ("KERNEL_W", kernel[1]),
        ("TAPS", kernel[0] * kernel[1]),
        ("STRIDE_H", stride[0]),
        ("STRIDE_W", stride[1]),
        ("PAD_TOP", pads[0]),
        ("PAD_LEFT", pads[1]),
        ("OUT_H", out.height),
        ("OUT_W", out.width),
    )
