"""A convolution as a chain of blocks, its weights in the order of the engines' memories.

The order of work: output position, group step, channel step, filter step; lanes (group, output,
input) side by side. A segment holds ``packed`` neighbouring channels of one group. The filters of a
step may be exchanged among the lanes; the last stage then puts its words back in order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hass.cost import EngineKind, Folding, MemoryKind
from hass.cost.engines import PAIR_SHIFT_BITS
from hass.cost.foldings import DATA_DEPENDENT
from hass.fixed_point import IntArray
from hass.intmath import ceil_div
from hass.ops import Conv2d
from hass.values import Arithmetic, FeatureMap

from .blocks import ACC, ACT, WEIGHT, Block, Stage, Table, chain, word_type
from .static_rows import index_bits, static_rows
from .window import (
    WindowBuffers,
    head_columns,
    is_window,
    window_constants,
    window_stages,
)


@dataclass(frozen=True, slots=True)
class ConvPlan:
    """One convolution in integers.

    Attributes:
        op, source, out, folding: what it is and how it is folded.
        arithmetic: its word lengths.
        filters: (filter steps, coarse_out) filters of a group that the lanes work on.
        weight: (out_channels, in_channels / groups, kh, kw) integers.
        bias: (out_channels,) integers in the accumulator's format.
        shift_bits: fractional bits of the accumulator minus those of the output.
        clip_limit: inputs with |x| <= clip_limit become zero; 0 clips nothing.
        paired: whether engines of two filters share their multipliers.
        buffers: of its window.
    """

    op: Conv2d
    source: FeatureMap
    out: FeatureMap
    folding: Folding
    arithmetic: Arithmetic
    filters: IntArray
    weight: IntArray
    bias: IntArray
    shift_bits: int
    clip_limit: int
    paired: bool
    buffers: WindowBuffers

    @property
    def result(self) -> str:
        """C++ type of its output's words."""
        return word_type(self.arithmetic.out_bits, self.arithmetic.act_bits)

    @property
    def taps(self) -> int:
        """kh * kw."""
        return self.op.kernel[0] * self.op.kernel[1]

    @property
    def products(self) -> int:
        """M: products of a segment."""
        return self.taps * self.folding.packed

    @property
    def group_steps(self) -> int:
        """Groups that a lane works through in turn."""
        return self.op.groups // self.folding.coarse_group

    @property
    def filter_steps(self) -> int:
        """Filters of a group that a lane works through in turn."""
        return self.op.out_channels // self.op.groups // self.folding.coarse_out

    @property
    def channel_steps(self) -> int:
        """Segments that make one result."""
        channels = self.source.channels // self.op.groups
        return channels // (self.folding.coarse_in * self.folding.packed)

    @property
    def places(self) -> IntArray:
        """(filter steps, coarse_out) lane that each word of a filter step comes from."""
        return np.argsort(self.filters, axis=1)

    @property
    def exchanges(self) -> bool:
        """Whether the lanes' filters are not in the order of the output's words."""
        return bool((self.places != np.arange(self.folding.coarse_out)).any())

    @property
    def rows(self) -> int:
        """Segments of one lane for one output position."""
        return self.group_steps * self.filter_steps * self.channel_steps


def folding_mistake(op: Conv2d, source: FeatureMap, folding: Folding) -> str | None:
    """Why a folding cannot be emitted, or None."""
    channels, filters = source.channels // op.groups, op.out_channels // op.groups
    if folding.engine is EngineKind.NONE:
        return f"engine {folding.engine.value!r} has no template"
    if folding.weight_memory is MemoryKind.OFF_CHIP:
        return "weights off chip have no template; fold with --weights on-chip"
    if op.groups % folding.coarse_group:
        return f"coarse_group {folding.coarse_group} does not divide {op.groups} groups"
    if channels % (folding.coarse_in * folding.packed):
        return (
            f"coarse_in {folding.coarse_in} * packed {folding.packed} does not divide "
            f"{channels} channels of a group"
        )
    if filters % folding.coarse_out:
        return f"coarse_out {folding.coarse_out} does not divide {filters} filters of a group"
    return None


def _by_lane(plan: ConvPlan, values: IntArray, inner: tuple[int, ...]) -> IntArray:
    """(group steps, coarse_group, filter steps, coarse_out, *inner) values of the filters that the
    lanes work on, from (out_channels, ...)."""
    by_group = values.reshape(plan.op.groups, plan.filters.size, *inner)
    groups = (plan.group_steps, plan.folding.coarse_group)
    return by_group[:, plan.filters].reshape(*groups, *plan.filters.shape, *inner)


def lane_weights(plan: ConvPlan) -> IntArray:
    """(lanes, rows, M): the segments of each lane's filters, (group, filter, channel) steps."""
    fold = plan.folding
    inner = (plan.channel_steps, fold.coarse_in, plan.products)
    by_lane = _by_lane(plan, plan.weight, inner)
    ordered = by_lane.transpose(1, 3, 5, 0, 2, 4, 6)
    return np.ascontiguousarray(ordered.reshape(fold.lanes, plan.rows, plan.products))


def window_weights(plan: ConvPlan) -> IntArray:
    """(lanes, windows, filter steps, M): what each lane multiplies the windows of a position by,
    in (group, channel) steps; it works through its filters with each."""
    steps = (plan.group_steps, plan.filter_steps, plan.channel_steps, plan.products)
    ordered = lane_weights(plan).reshape(plan.folding.lanes, *steps).swapaxes(2, 3)
    return np.ascontiguousarray(
        ordered.reshape(plan.folding.lanes, -1, plan.filter_steps, plan.products)
    )


def memory_words(plan: ConvPlan) -> IntArray:
    """The weights as the memories hold them: (lanes, depth, words side by side).

    A dynamic engine reads a segment's M weights at once; a dense one ``fine`` a cycle. Broadcast
    engines, (coarse_group, coarse_in) of them, read what an activation meets in all filters.
    """
    if plan.folding.engine is EngineKind.BROADCAST:
        fold = plan.folding
        lanes = (fold.coarse_group, fold.coarse_out, fold.coarse_in)
        by_lane = window_weights(plan).reshape(*lanes, plan.rows * plan.products)
        by_row = by_lane.transpose(0, 2, 3, 1)
        engines = fold.coarse_group * fold.coarse_in
        return np.ascontiguousarray(by_row.reshape(engines, -1, fold.coarse_out))
    weights = window_weights(plan).reshape(plan.folding.lanes, plan.rows, plan.products)
    if plan.folding.engine is EngineKind.DYNAMIC:
        return weights
    fine = plan.folding.fine
    turns = ceil_div(plan.products, fine)
    padded = np.pad(weights, ((0, 0), (0, 0), (0, turns * fine - plan.products)))
    return padded.reshape(plan.folding.lanes, plan.rows * turns, fine)


def _weight_tables(plan: ConvPlan) -> tuple[Table, ...]:
    """What the engines read: arguments of their template, in its order."""
    fold = plan.folding
    if fold.engine is not EngineKind.STATIC:
        return (Table("weights", WEIGHT, memory_words(plan), fold.weight_memory),)
    rows = static_rows(window_weights(plan).transpose(1, 0, 2, 3), fold.fine)
    word = f"hass::rom_word<WEIGHT_BITS + {index_bits(plan.products)}>::type"
    return (
        Table("weights", word, rows.words, fold.weight_memory),
        Table("marks", "bool", rows.marks, fold.weight_memory),
    )


def bias_rows(plan: ConvPlan) -> IntArray:
    """(group steps * filter steps, words side by side at the output)."""
    fold = plan.folding
    ordered = _by_lane(plan, plan.bias, ()).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(ordered.reshape(-1, fold.coarse_group * fold.coarse_out))


def _waiting_windows(plan: ConvPlan, rows: int) -> int:
    """Windows that wait for their work while the first ones of a row are read, a column a cycle, so
    that engines which are faster than that do not wait; none where they have time to catch up.

    Args:
        plan: the convolution.
        rows: cycles of a position, of engines that depend on data at the least.
    """
    if not plan.buffers.rolling:
        return 0
    beats = plan.source.channels // (plan.folding.coarse_in * plan.folding.coarse_group)
    positions, words = plan.out.pixels, plan.source.pixels * beats
    busy = rows * positions  # cycles of a frame
    if plan.folding.engine in DATA_DEPENDENT:
        busy = max(busy, words)
    # cycles of a row in which there is nothing to work on, times positions
    idle = head_columns(plan.op, plan.source) * beats * positions - busy
    idle -= max(0, words - busy) * plan.out.width
    return max(0, ceil_div(beats * idle, busy))


def _front(plan: ConvPlan, rows: int) -> list[Stage]:
    """From the input stream to whole segments of all lanes."""
    fold, op = plan.folding, plan.op
    streams = fold.coarse_in * fold.coarse_group
    stages = []
    if plan.clip_limit:
        template: tuple[str | int, ...] = (ACT, "IN_WORDS", "STREAMS_IN", "CLIP_LIMIT")
        stages.append(Stage("clip_threshold", "clip_threshold", template, streams))
    if fold.coarse_group > 1 and plan.channel_steps > 1:
        blocks = plan.source.pixels * plan.group_steps
        template = (ACT, blocks, "COARSE_GROUP", plan.source.channels // op.groups)
        template = (*template, fold.coarse_in * fold.packed, "STREAMS_IN")
        stages.append(Stage("group_order", "deal_groups", template, streams))
    if is_window(op):
        waiting = _waiting_windows(plan, rows)
        stages.extend(window_stages(op, plan.source, streams, 0, plan.buffers, waiting))
    if fold.packed > 1:
        beats = plan.out.pixels * plan.group_steps * plan.channel_steps
        wide = streams * plan.products
        template = (ACT, beats, "STREAMS_IN * TAPS", "STREAMS_IN * PRODUCTS")
        stages.append(Stage("width", "widen", template, wide))
    return stages


def _place_word(plan: ConvPlan) -> str:
    """C++ type of a lane's number."""
    return f"ap_uint<{max(1, (plan.folding.coarse_out - 1).bit_length())}>"


def _engine(plan: ConvPlan) -> Stage:
    fold = plan.folding
    lanes: tuple[str | int, ...] = ("COARSE_GROUP", "COARSE_OUT", "COARSE_IN", "PRODUCTS", "FINE")
    if fold.engine is EngineKind.STATIC:
        bits = index_bits(plan.products)
        word = f"hass::rom_word<WEIGHT_BITS + {bits}>::type"
        static: tuple[str | int, ...] = (ACT, WEIGHT, ACC, word, *lanes, bits)
        static = (*static, "WEIGHT_ROWS", "OUT_PIXELS", "FILTER_STEPS", "CHANNEL_STEPS", "RESULTS")
        tables = ("weights", "marks")
        return Stage("engine_static", "engine_static", static, fold.lanes, ACC, tables)
    template: tuple[str | int, ...] = (ACT, WEIGHT, ACC, *lanes, "WEIGHT_ROWS")
    template = (*template, "OUT_PIXELS * GROUP_STEPS", "CHANNEL_STEPS", "FILTER_STEPS")
    if fold.engine is EngineKind.BROADCAST:
        shared: tuple[str | int, ...] = (ACT, WEIGHT, ACC, *lanes[:-1], *template[-4:])
        shared = (*shared, "LANE_FIFO_DEPTH")
        return Stage("engine_broadcast", "engine_broadcast", shared, fold.lanes, ACC, ("weights",))
    name = "engine_dense"
    if plan.paired:
        name = "engine_pair"
        template = (*template, PAIR_SHIFT_BITS)
    if fold.engine is EngineKind.DYNAMIC:
        name = "engine_dynamic"
        template = (*template, "LANE_FIFO_DEPTH")
    return Stage(name, name, template, fold.lanes, ACC, ("weights",))


def _back(plan: ConvPlan) -> list[Stage]:
    """From segments to output words."""
    fold = plan.folding
    streams = fold.coarse_out * fold.coarse_group
    stages = [_engine(plan)]
    if fold.coarse_in > 1:
        template: tuple[str | int, ...] = (ACC, "STREAMS_OUT", "COARSE_IN", "RESULTS")
        stages.append(Stage("adder_tree", "adder_tree", template, streams, ACC))
    out_bits = "ACT_BITS" if plan.result == ACT else plan.arithmetic.out_bits
    template = ("ACC_BITS", out_bits, "STREAMS_OUT", "GROUP_STEPS * FILTER_STEPS")
    template = (*template, "OUT_PIXELS", "SHIFT")
    finish = Stage(
        "bias_requantise", "bias_requantise", template, streams, plan.result, ("biases",)
    )
    stages.append(finish)
    if plan.exchanges:
        template = (plan.result, _place_word(plan), "STREAMS_OUT", "GROUP_STEPS * FILTER_STEPS")
        template = (*template, "OUT_PIXELS")
        stages.append(Stage("exchange", "exchange", template, streams, plan.result, ("places",)))
    if fold.coarse_group > 1 and plan.filter_steps > 1:
        blocks = plan.out.pixels * plan.group_steps
        filters = plan.filter_steps * fold.coarse_out
        template = (plan.result, blocks, "COARSE_GROUP", filters, "COARSE_OUT", "STREAMS_OUT")
        stages.append(Stage("group_order", "collect_groups", template, streams, plan.result))
    return stages


def conv_block(plan: ConvPlan) -> Block:
    """The hardware of one convolution."""
    fold, op = plan.folding, plan.op
    results = plan.out.pixels * plan.group_steps * plan.filter_steps
    weights = _weight_tables(plan)
    rows = weights[0].values.shape[0 if fold.engine is EngineKind.STATIC else 1]
    least = plan.rows if fold.engine is EngineKind.BROADCAST else rows
    wires, calls = chain((*_front(plan, least), *_back(plan)))
    tables = (*weights, Table("biases", ACC, bias_rows(plan)))
    if plan.exchanges:
        tables = (*tables, Table("places", _place_word(plan), plan.places))
    constants = (
        *window_constants(op, plan.source, plan.out, plan.buffers),
        ("IN_WORDS", plan.source.words),
        ("OUT_PIXELS", plan.out.pixels),
        ("COARSE_GROUP", fold.coarse_group),
        ("COARSE_IN", fold.coarse_in),
        ("COARSE_OUT", fold.coarse_out),
        ("FINE", fold.fine),
        ("LANE_FIFO_DEPTH", max(2, fold.lane_fifo_depth)),
        ("STREAMS_IN", fold.coarse_in * fold.coarse_group),
        ("STREAMS_OUT", fold.coarse_out * fold.coarse_group),
        ("PRODUCTS", plan.products),
        ("GROUP_STEPS", plan.group_steps),
        ("FILTER_STEPS", plan.filter_steps),
        ("CHANNEL_STEPS", plan.channel_steps),
        ("RESULTS", results),
        ("WEIGHT_ROWS", rows),
        ("SHIFT", plan.shift_bits),
        ("CLIP_LIMIT", plan.clip_limit),
    )
    kind = "depthwise " if op.groups == plan.source.channels == op.out_channels > 1 else ""
    title = (
        f"{kind}convolution {op.kernel[0]}x{op.kernel[1]}, stride {op.stride[0]}x{op.stride[1]}, "
        f"{op.groups} group(s): {plan.source} to {plan.out}, {fold.engine.value} engines"
    )
    return Block(
        title=title,
        constants=constants,
        inputs=(fold.coarse_in * fold.coarse_group,),
        output=fold.coarse_out * fold.coarse_group,
        wires=wires,
        calls=calls,
        tables=tables,
        result=plan.result,
    )
