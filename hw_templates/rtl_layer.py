"""A convolution's hardware in SystemVerilog: the numbers of its module, and its memories.

Windows are the outer loop, as in the cost model: position, group step, channel step, filter step.
A lane computes its filters of a window one after the other, and keeps their sums until the last
channel step; so no window is sent twice, and static and other engines work in one order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hass.cost import EngineKind, Folding, MemoryKind
from hass.cost.engines import PAIR_SHIFT_BITS
from hass.cost.foldings import DATA_DEPENDENT
from hass.cost.primitives import bram18_banks
from hass.fixed_point import IntArray
from hass.intmath import ceil_div
from hass.values import Arithmetic

from .conv_block import ConvPlan, bias_rows, lane_weights, memory_words
from .rtl_words import Fields, words_text
from .static_rows import StaticRows, index_bits, static_rows


@dataclass(frozen=True, slots=True)
class RtlMemory:
    """The weight memories of a layer.

    Attributes:
        copies: one that all lanes share, or one a lane; of broadcast engines one for all filters.
        depth, width_bits: of each.
        bank: words of a bank; of the last one fewer may be left.
        block: 1 for block RAM, 0 for LUTs.
        files: what the first bank of each copy is filled from.
    """

    copies: int
    depth: int
    width_bits: int
    bank: int
    block: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class RtlLayer:
    """What the module of a convolution says.

    Attributes:
        ident: name of the module.
        plan: the layer in integers.
    """

    ident: str
    plan: ConvPlan

    @property
    def arithmetic(self) -> Arithmetic:
        """Word lengths."""
        return self.plan.arithmetic

    @property
    def fold(self) -> Folding:
        """How it is folded."""
        return self.plan.folding

    @property
    def ahead(self) -> int:
        """Windows that a lane may be ahead; 1 in lockstep."""
        return self.fold.lane_fifo_depth if self.fold.engine in DATA_DEPENDENT else 1

    @property
    def broadcasts(self) -> bool:
        """Whether engines broadcast activations, and read weights by their indices."""
        return self.fold.engine is EngineKind.BROADCAST

    @property
    def paired(self) -> int:
        """Whether engines of two filters share their multipliers."""
        return int(self.plan.paired)

    @property
    def pair_shift_bits(self) -> int:
        """How far apart the weights of a pair lie."""
        return PAIR_SHIFT_BITS

    @property
    def streams_in(self) -> int:
        """Segments of a beat at the input."""
        return self.fold.coarse_group * self.fold.coarse_in

    @property
    def streams_out(self) -> int:
        """Words of a beat at the output."""
        return self.fold.coarse_group * self.fold.coarse_out

    @property
    def in_bits(self) -> int:
        """Of a beat at the input."""
        return self.streams_in * self.plan.products * self.arithmetic.act_bits

    @property
    def out_bits(self) -> int:
        """Of a beat at the output."""
        return self.streams_out * self.arithmetic.out_bits

    @property
    def result_rows(self) -> int:
        """Beats of a position at the output."""
        return self.plan.group_steps * self.plan.filter_steps

    @property
    def place_bits(self) -> int:
        """Of a lane's number."""
        return max(1, (self.fold.coarse_out - 1).bit_length())

    @property
    def loads(self) -> bool:
        """Whether weights are loaded, as their memory cannot be filled by a bitstream."""
        return self.fold.weight_memory is MemoryKind.URAM

    @cached_property
    def windows(self) -> IntArray:
        """(group steps, channel steps, lanes, filters, M) weights in the order of the work."""
        steps = (self.plan.group_steps, self.plan.filter_steps, self.plan.channel_steps)
        by_lane = lane_weights(self.plan).reshape(self.fold.lanes, *steps, self.plan.products)
        return np.ascontiguousarray(by_lane.transpose(1, 3, 0, 2, 4))

    @cached_property
    def rows(self) -> StaticRows:
        """What static engines read."""
        return static_rows(self.windows.reshape(-1, *self.windows.shape[2:]), self.fold.fine)

    @cached_property
    def _contents(self) -> tuple[tuple[Fields, ...], ...]:
        """The words of each weight memory."""
        kind, bits = self.fold.engine, self.arithmetic.weight_bits
        if kind is EngineKind.STATIC:
            words = self.rows.words.reshape(len(self.rows.words), -1)
            width = bits + index_bits(self.plan.products)
            return ((Fields(words, width), Fields(self.rows.marks, 1)),)
        if kind is EngineKind.BROADCAST:
            return tuple((Fields(words, bits),) for words in memory_words(self.plan))
        # (windows, filters, lanes, M)
        ordered = self.windows.reshape(-1, *self.windows.shape[2:]).transpose(0, 2, 1, 3)
        if kind is EngineKind.DYNAMIC:
            flat = ordered.reshape(-1, self.fold.lanes, self.plan.products)
            if self.ahead == 1 and self.plan.filter_steps == 1:  # lanes take their weights together
                return ((Fields(flat.reshape(len(flat), -1), bits),),)
            return tuple((Fields(flat[:, lane], bits),) for lane in range(self.fold.lanes))
        turns = ceil_div(self.plan.products, self.fold.fine)
        room = ((0, 0), (0, 0), (0, 0), (0, turns * self.fold.fine - self.plan.products))
        cut = np.pad(ordered, room).reshape(*ordered.shape[:3], turns, self.fold.fine)
        by_turn = cut.transpose(0, 1, 3, 2, 4).reshape(-1, self.fold.lanes * self.fold.fine)
        return ((Fields(by_turn, bits),),)

    @cached_property
    def memory(self) -> RtlMemory:
        """The weight memories."""
        words = self._contents[0]
        depth, width = len(words[0].values), sum(part.width_bits for part in words)
        in_blocks = self.fold.weight_memory is MemoryKind.BRAM
        bank = _bank_words(depth, width) if in_blocks else depth
        files = tuple(f"{stem}_00000.mem" for stem in self._stems)
        return RtlMemory(len(files), depth, width, bank, int(in_blocks), files)

    @property
    def _stems(self) -> tuple[str, ...]:
        """Names of the weight memories' files, without a bank's number."""
        if len(self._contents) == 1:
            return (f"{self.ident}_weights",)
        return tuple(f"{self.ident}_lane{lane:05d}" for lane in range(len(self._contents)))

    def memory_files(self) -> Mapping[str, str]:
        """Name -> words in hexadecimal of all that its memories are filled from."""
        bank, depth = self.memory.bank, self.memory.depth
        files = {}
        for stem, words in zip(self._stems, self._contents, strict=True):
            for place, start in enumerate(range(0, depth, bank)):
                parts = [Fields(part.values[start : start + bank], part.bits) for part in words]
                files[f"{stem}_{place:05d}.mem"] = words_text(*parts)
        biases = Fields(bias_rows(self.plan), self.arithmetic.acc_bits)
        files[f"{self.ident}_biases_00000.mem"] = words_text(biases)
        if self.plan.exchanges:
            places = np.tile(self.plan.places, (self.plan.group_steps, 1))
            files[f"{self.ident}_places_00000.mem"] = words_text(Fields(places, self.place_bits))
        return files


def _bank_words(depth: int, width_bits: int) -> int:
    """Words of the banks that ``bram18_banks`` counts: a power of two, and what is left over."""
    banks = int(bram18_banks(depth, width_bits)[1])
    if banks == 1:
        return depth
    return next(
        1 << bits for bits in range(depth.bit_length()) if ceil_div(depth, 1 << bits) == banks
    )
