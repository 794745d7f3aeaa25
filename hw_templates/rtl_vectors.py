"""What a layer's bench feeds and expects: windows of a frame, sums, words, and cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hass.cost import EngineKind
from hass.fixed_point import IntArray, wrap
from hass.intmath import ceil_div
from hass.reference import clip
from hass.reference_ops import windows
from hass.segment_cycles import segment_cycles

from .conv_block import ConvPlan
from .rtl_layer import RtlLayer
from .rtl_words import Fields, words_text

# All of a small map, and seconds of a simulator that interprets.
MOST_POSITIONS = 200
MOST_WORK = 1 << 20  # cycles x activation bits that lanes choose from
MOST_BITS = 1 << 21  # of windows: 512 KiB of hexadecimal digits
_SLACK_CYCLES = 1000  # to reset, and to fill every pipeline
_SLOWEST = 8  # times the modelled cycles, where a bench stalls the layer
BEGIN_BITS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Of positions that are spread over a frame.

    Attributes:
        positions: how many.
        segments: (windows + 1, streams, M) activations; the last window is the first once more.
        sums: (beats, words) accumulators before the bias. words: (beats, words) of the output.
        begins: (windows + 1,) cycle in which the last lane begins each window, from that of the
            first one on; the last is thus what all windows take.
    """

    positions: int
    segments: IntArray
    sums: IntArray
    words: IntArray
    begins: IntArray

    @property
    def windows(self) -> int:
        """That are compared."""
        return len(self.segments) - 1

    @property
    def results(self) -> int:
        """Beats at the output."""
        return len(self.sums)

    @property
    def limit_cycles(self) -> int:
        """After which a bench waits no longer."""
        return _SLACK_CYCLES + _SLOWEST * int(self.begins[-1])

    def files(self, layer: RtlLayer) -> Mapping[str, str]:
        """Name -> words in hexadecimal."""
        bits = layer.arithmetic
        segments = self.segments.reshape(len(self.segments), -1)
        return {
            "windows.hex": words_text(Fields(segments, bits.act_bits)),
            "sums.hex": words_text(Fields(self.sums, bits.acc_bits)),
            "words.hex": words_text(Fields(self.words, bits.out_bits)),
            "begins.hex": words_text(Fields(self.begins[:, None], BEGIN_BITS)),
        }


def layer_vectors(layer: RtlLayer, source: IntArray, out: IntArray) -> Vectors:
    """Vectors of a layer from a frame of the reference.

    Args:
        layer: the layer.
        source: (channels, height, width) in the format of its operands.
        out: (out_channels, height, width) at its output.
    """
    plan = layer.plan
    op, fold = plan.op, plan.folding
    per_position = plan.group_steps * plan.channel_steps
    clipped = clip(source, plan.clip_limit)
    taken = windows(clipped[None], op)[0]
    pixels = plan.out.pixels
    positions = _positions(layer, pixels)
    chosen = (2 * np.arange(positions) + 1) * pixels // (2 * positions)
    place = np.unravel_index(chosen, taken.shape[1:3])
    flat = taken[:, *place].reshape(len(taken), positions, plan.taps).transpose(1, 0, 2)
    groups = (plan.group_steps, fold.coarse_group)
    shape = (positions, *groups, plan.channel_steps, fold.coarse_in, plan.products)
    segments = flat.reshape(shape).transpose(0, 1, 3, 2, 4, 5)
    segments = segments.reshape(positions * per_position, fold.coarse_group, fold.coarse_in, -1)
    sums = _sums(layer, segments, positions)
    filters = op.out_channels // op.groups
    words = out.reshape(op.out_channels, -1)[:, chosen].T
    words = words.reshape(positions, *groups, plan.filter_steps, filters // plan.filter_steps)
    words = words.transpose(0, 1, 3, 2, 4).reshape(len(sums), -1)
    begins = _begins(_lane_cycles(layer, segments, positions), layer.ahead)
    beats = segments.reshape(len(segments), -1, plan.products)
    return Vectors(positions, np.concatenate([beats, beats[:1]]), sums, words, begins)


def _positions(layer: RtlLayer, most: int) -> int:
    """How many positions fit what a bench may take."""
    plan = layer.plan
    per_position = plan.group_steps * plan.channel_steps
    bits = per_position * layer.in_bits
    turns = ceil_div(plan.products, plan.folding.fine)
    cycles = per_position * plan.filter_steps * turns  # the most, where all is dense
    work = cycles * plan.folding.lanes * plan.products * layer.arithmetic.act_bits
    return max(1, min(most, MOST_POSITIONS, MOST_WORK // work, MOST_BITS // bits))


def _by_position(plan: ConvPlan, segments: IntArray, positions: int) -> IntArray:
    """(positions, group steps, channel steps, coarse_group, coarse_in, M)."""
    steps = (positions, plan.group_steps, plan.channel_steps)
    return segments.reshape(*steps, *segments.shape[1:])


def _lane_weights(layer: RtlLayer) -> IntArray:
    """(group steps, channel steps, coarse_group, coarse_out, coarse_in, filters, M)."""
    fold, found = layer.plan.folding, layer.windows
    lanes = (fold.coarse_group, fold.coarse_out, fold.coarse_in)
    return found.reshape(*found.shape[:2], *lanes, *found.shape[3:])


def _sums(layer: RtlLayer, segments: IntArray, positions: int) -> IntArray:
    """(beats, words) of exact sums in the order of the output, as accumulators hold them."""
    plan = layer.plan
    acts = _by_position(plan, segments, positions)
    total = np.einsum("pxcgim,xcgoifm->pxfgo", acts, _lane_weights(layer), optimize=True)
    flat = total.reshape(positions * layer.result_rows, layer.streams_out)
    return wrap(flat, layer.arithmetic.acc_bits)


def _lane_cycles(layer: RtlLayer, segments: IntArray, positions: int) -> IntArray:
    """(windows, lanes) modelled cycles of each lane's filters of a window. Lanes that take as long
    are one: of static ones, which go on together, the fullest, of broadcast ones all filters'."""
    plan, fold = layer.plan, layer.plan.folding
    count = len(segments)
    if fold.engine is EngineKind.STATIC:
        ends = np.flatnonzero(layer.rows.marks[:, -1])
        return np.resize(np.diff(ends, prepend=-1), (count, 1))
    if fold.engine is EngineKind.DENSE:
        turns = ceil_div(plan.products, fold.fine)
        return np.full((count, 1), plan.filter_steps * turns)
    acts = _by_position(plan, segments, positions) != 0
    table = segment_cycles(plan.products, np.array([fold.fine]))[:, 0].astype(np.int64)
    if fold.engine is EngineKind.BROADCAST:  # a filter takes as long as another
        alone = table[acts.sum(axis=-1)] * plan.filter_steps
        return np.asarray(alone.reshape(count, -1))
    weights = _lane_weights(layer) != 0
    active = np.einsum(
        "pxcgim,xcgoifm->pxcgoif",
        acts.astype(np.float32),
        weights.astype(np.float32),
        optimize=True,
    )
    cycles = table[active.astype(np.int64)].sum(axis=-1)
    return np.asarray(cycles.reshape(count, fold.lanes))


def _begins(cycles: IntArray, ahead: int) -> IntArray:
    """(windows + 1,) cycle in which the last lane begins each window: no lane begins one before all
    have ended the one ``ahead`` before it."""
    count, lanes = cycles.shape
    begins = np.zeros(count + 1, dtype=np.int64)
    ends = np.zeros((count + 1, lanes), dtype=np.int64)  # of each window, the row above it
    for window in range(count):
        free = ends[window - ahead + 1].max() if window >= ahead else 0
        begun = np.maximum(ends[window], free)
        begins[window] = begun.max()
        ends[window + 1] = begun + cycles[window]
    begins[count] = ends[count].max()
    return begins
