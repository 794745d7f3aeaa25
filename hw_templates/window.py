"""The sliding window that convolutions and poolings share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hass import ops
from hass.cost import MemoryKind
from hass.cost.even_flow import WindowOp, reorder_flow, window_flow
from hass.cost.primitives import home_of
from hass.cost.window import kept_words, rolling_rows, window_stores
from hass.values import FeatureMap

from .blocks import ACT, Stage

MEMORY_KINDS = {
    MemoryKind.NONE: "hass::IN_ANY",
    MemoryKind.LUTRAM: "hass::IN_LUTRAM",
    MemoryKind.BRAM: "hass::IN_BRAM",
    MemoryKind.URAM: "hass::IN_URAM",
}
_WIRE_ENTRIES = 2  # of a stream that holds nothing: one that comes while one goes


@dataclass(frozen=True, slots=True)
class WindowBuffers:
    """What a sliding window holds, as the model counts it, and where that lies; NONE leaves a
    memory to the tool.

    Attributes:
        rolling: rows of which one is written while others are read; 0: a window that keeps pace
            with its words holds one row less than it is high.
        kept: windows of one pixel that wait for their work, or words for their turn, in beats.
        lines, columns: memories of the rows (or of the kept windows) and of the columns.
    """

    rolling: int
    kept: int
    lines: MemoryKind
    columns: MemoryKind


def window_buffers(
    op: WindowOp,
    source: FeatureMap,
    out: FeatureMap,
    streams: int,
    act_bits: int,
    memory: MemoryKind = MemoryKind.NONE,
    haste: int = 1,
) -> WindowBuffers:
    """Those of a layer.

    Args:
        op, source, out, haste: the layer; see ``hass.cost.even_flow``.
        streams, act_bits: words of a beat, bits of a word.
        memory: where those buffers lie that are deep.
    """
    held = window_flow(op, source, out, haste).held_pixels
    homes = [MemoryKind.NONE, MemoryKind.NONE]
    for place, store in enumerate(window_stores(op, source, np.array([streams]), act_bits, held)):
        words, bits = (int(np.ravel(size)[0]) for size in (store.depth_words, store.width_bits))
        if words and bits:
            homes[place] = home_of(words, bits, memory)
    if op.kernel == (1, 1):
        kept = int(kept_words(op, source, np.asarray(streams), held))
        return WindowBuffers(0, kept, *homes)
    return WindowBuffers(rolling_rows(op, source, held), 0, *homes)


def reorder_buffers(
    op: ops.Reordering,
    source: FeatureMap,
    out: FeatureMap,
    streams: int,
    act_bits: int,
    memory: MemoryKind = MemoryKind.NONE,
) -> WindowBuffers:
    """Those of a layer that puts out its words in another order; args as of ``window_buffers``."""
    kept = reorder_flow(op, source, out).held_pixels * (source.channels // streams)
    return WindowBuffers(0, kept, home_of(kept, streams * act_bits, memory), MemoryKind.NONE)


def is_window(op: WindowOp) -> bool:
    """Whether an op asks for more than its pixels one by one."""
    return (op.kernel, op.stride, op.pads) != ((1, 1), (1, 1), (0, 0, 0, 0))


def head_columns(op: WindowOp, source: FeatureMap) -> int:
    """Columns of the map in the first window of a row."""
    return min(max(0, op.extent[1] - op.pads[1]), source.width)


def window_stages(
    op: WindowOp,
    source: FeatureMap,
    streams: int,
    fill: int,
    buffers: WindowBuffers,
    waiting: int = 0,
) -> tuple[Stage, Stage]:
    """The sliding window of a layer whose constants are those of ``window_constants``; ``waiting``
    windows wait behind it besides what ``buffers`` says."""
    rows: tuple[str | int, ...] = (ACT, "HEIGHT", "WIDTH", "CHANNELS", "STREAMS_IN")
    rows = (*rows, "KERNEL_H", op.dilation[0], "STRIDE_H", "PAD_TOP", "OUT_H")
    lines = MEMORY_KINDS[MemoryKind.NONE if buffers.kept else buffers.lines]
    name = "line_buffer"
    if buffers.rolling:
        name = "rolling_rows"
        rows = (*rows, head_columns(op, source), fill, "LINES", lines)
    else:
        rows = (*rows, fill, lines)
    columns = (
        *(ACT, "OUT_H", "WIDTH", "CHANNELS", "STREAMS_IN", "KERNEL_H", "KERNEL_W"),
        *(
            op.dilation[1],
            "STRIDE_W",
            "PAD_LEFT",
            "OUT_W",
            fill,
            "true" if buffers.rolling else "false",
        ),
        MEMORY_KINDS[buffers.columns],
    )
    last = Stage(
        "column_buffer",
        "column_buffer",
        columns,
        streams * op.kernel[0] * op.kernel[1],
        depth=max(buffers.kept, _WIRE_ENTRIES + waiting),
        memory=buffers.lines if buffers.kept else MemoryKind.NONE,
    )
    return Stage(name, name, rows, streams * op.kernel[0]), last


def window_constants(
    op: WindowOp, source: FeatureMap, out: FeatureMap, buffers: WindowBuffers
) -> tuple[tuple[str, int], ...]:
    """Names that ``window_stages`` uses."""
    return (
        ("HEIGHT", source.height),
        ("WIDTH", source.width),
        ("CHANNELS", source.channels),
        ("KERNEL_H", op.kernel[0]),
        ("KERNEL_W", op.kernel[1]),
        ("TAPS", op.kernel[0] * op.kernel[1]),
        ("STRIDE_H", op.stride[0]),
        ("STRIDE_W", op.stride[1]),
        ("PAD_TOP", op.pads[0]),
        ("PAD_LEFT", op.pads[1]),
        ("OUT_H", out.height),
        ("OUT_W", out.width),
        *((("LINES", buffers.rolling),) if buffers.rolling else ()),
    )
