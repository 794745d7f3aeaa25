"""The sliding window that convolutions and poolings share."""

from __future__ import annotations

from dataclasses import dataclass

from hass.cost import MemoryKind
from hass.cost.primitives import home_of
from hass.cost.window import REGISTER_WORDS
from hass.values import FeatureMap

from .blocks import ACT, Stage

_KINDS = {
    MemoryKind.NONE: "hass::IN_ANY",
    MemoryKind.LUTRAM: "hass::IN_LUTRAM",
    MemoryKind.BRAM: "hass::IN_BRAM",
    MemoryKind.URAM: "hass::IN_URAM",
}


@dataclass(frozen=True, slots=True)
class WindowMemories:
    """Where a sliding window's line buffers and column buffers lie; NONE leaves it to the tool."""

    lines: MemoryKind = MemoryKind.NONE
    columns: MemoryKind = MemoryKind.NONE


def window_memories(
    kernel: tuple[int, int], source: FeatureMap, streams: int, act_bits: int, memory: MemoryKind
) -> WindowMemories:
    """Where they lie if those that are deep are to lie in ``memory``."""
    rows, columns = kernel
    beats = source.channels // streams
    bits = streams * act_bits

    def home(words: int, word_bits: int) -> MemoryKind:
        few = words <= REGISTER_WORDS or word_bits == 0
        return MemoryKind.NONE if few else home_of(words, word_bits, memory)

    return WindowMemories(
        home(source.width * beats, bits * (rows - 1)), home(beats, bits * rows * (columns - 1))
    )


def window_stage(streams: int, taps: int, fill: int, memories: WindowMemories) -> Stage:
    """The sliding window of a layer whose constants are those of ``window_constants``."""
    template = (
        *(ACT, "HEIGHT", "WIDTH", "CHANNELS", "STREAMS_IN", "KERNEL_H", "KERNEL_W"),
        *("STRIDE_H", "STRIDE_W", "PAD_TOP", "PAD_LEFT", "OUT_H", "OUT_W", fill),
        *(_KINDS[memories.lines], _KINDS[memories.columns]),
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
