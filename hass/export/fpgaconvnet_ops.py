"""A network in the operators that fpgaConvNet has: the others as convolutions of constants.

It has no Slice, no Pad, no Shuffle, no average over less than the whole map, and it drops poolings
of a single element. All five are convolutions whose weights are zeros and ones, or equal shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from .. import ops
from ..errors import Mistake, SpecError
from ..graph import FloatArray, Graph, Layer, Weights
from ..moves import shuffled_channels
from ..values import FeatureMap


@dataclass(frozen=True, slots=True, eq=False)
class LoweredGraph:
    """A network in fpgaConvNet's operators.

    Attributes:
        graph: the same layers under the same names, some with another op.
        weights: of its Conv2d layers.
        rewritten: layer with another op -> what it is now, in words; what is said of it.
    """

    graph: Graph
    weights: Weights
    rewritten: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rewritten", MappingProxyType(dict(self.rewritten)))


@dataclass(frozen=True, slots=True, eq=False)
class _AsConv:
    op: ops.Conv2d
    weight: FloatArray
    what: str


def _axis(span: ops.Span, size: int) -> tuple[int, int]:
    """The shortest kernel and the tap in it that, with the span's step as stride, take exactly the
    span's places of so many."""
    return max(span.start + 1, size - span.count * span.step + 1), span.start


def _slice_as_conv(op: ops.Slice, source: FeatureMap) -> _AsConv:
    (rows, row), (columns, column) = _axis(op.rows, source.height), _axis(op.columns, source.width)
    taken = np.arange(op.channels.start, op.channels.stop, op.channels.step)
    kernel, stride = (rows, columns), (op.rows.step, op.columns.step)
    what = "a convolution that picks the slice's words: the same numbers"
    if len(taken) == source.channels:
        weight = np.zeros((source.channels, 1, *kernel), dtype=np.float32)
        weight[:, :, row, column] = 1.0
        groups = source.channels
        return _AsConv(ops.Conv2d(source.channels, kernel, stride, groups=groups), weight, what)
    weight = np.zeros((len(taken), source.channels, *kernel), dtype=np.float32)
    weight[np.arange(len(taken)), taken, row, column] = 1.0
    return _AsConv(ops.Conv2d(len(taken), kernel, stride), weight, what)


def _pad_as_conv(op: ops.Pad, source: FeatureMap) -> _AsConv:
    what = "a convolution that copies words into zeros: the same numbers"
    channels = op.channels_front + source.channels + op.channels_back
    if channels == source.channels:
        weight = np.ones((channels, 1, 1, 1), dtype=np.float32)
        return _AsConv(ops.Conv2d(channels, (1, 1), pads=op.pads, groups=channels), weight, what)
    weight = np.zeros((channels, source.channels, 1, 1), dtype=np.float32)
    weight[op.channels_front + np.arange(source.channels), np.arange(source.channels)] = 1.0
    return _AsConv(ops.Conv2d(channels, (1, 1), pads=op.pads), weight, what)


def _shuffle_as_conv(op: ops.Shuffle, channels: int) -> _AsConv:
    weight = np.zeros((channels, channels, 1, 1), dtype=np.float32)
    weight[np.arange(channels), shuffled_channels(op, channels)] = 1.0
    what = "a convolution that puts channels in another order: the same numbers"
    return _AsConv(ops.Conv2d(channels, (1, 1)), weight, what)


def check_ops(graph: Graph) -> None:
    """Refuse a network with operators that neither it nor its convolutions have.

    Raises:
        SpecError: with all layers that it cannot take.
    """
    mistakes = []
    for layer in graph:
        wanted = ""
        match layer.op:
            case ops.Upsample() | ops.DepthToSpace():
                wanted = "a network whose maps do not grow"
            case ops.Conv2d(dilation=dilation) | ops.MaxPool2d(dilation=dilation):
                wanted = "" if dilation == (1, 1) else "a window without dilation"
            case _:
                pass
        if wanted:
            where = f"--to fpgaconvnet, layer {layer.name!r}"
            mistakes.append(Mistake(where, ops.op_name(layer.op), wanted))
    if mistakes:
        raise SpecError(mistakes)


def _window_as_conv(op: ops.MaxPool2d | ops.AvgPool2d, source: FeatureMap, what: str) -> _AsConv:
    share = 1.0 / (op.kernel[0] * op.kernel[1])
    weight = np.full((source.channels, 1, *op.kernel), share, dtype=np.float32)
    groups = source.channels
    return _AsConv(ops.Conv2d(groups, op.kernel, op.stride, op.pads, groups), weight, what)


def _as_conv(op: ops.Op, source: FeatureMap) -> _AsConv | None:
    match op:
        case ops.Slice():
            return _slice_as_conv(op, source)
        case ops.Pad():
            return _pad_as_conv(op, source)
        case ops.Shuffle():
            return _shuffle_as_conv(op, source.channels)
        case ops.AvgPool2d():
            what = "a depthwise convolution with equal weights: near numbers"
            if op.divisor is ops.Divisor.INSIDE and any(op.pads):
                what += "; at the edges too small, as it divides by the whole window there too"
            return _window_as_conv(op, source, what)
        case ops.MaxPool2d() if op.kernel == (1, 1):
            what = "a depthwise convolution by one: its parser drops poolings of one element"
            return _window_as_conv(op, source, what)
        case _:
            return None


def nearest_activation(op: ops.LeakyRelu | ops.PRelu | ops.Curve) -> ops.Op:
    """Of fpgaConvNet's activations the one that costs about as much."""
    match op:
        case ops.LeakyRelu() | ops.PRelu():
            return ops.Relu()
        case ops.Curve(
            ops.Function.TANH | ops.Function.ERF | ops.Function.SOFTPLUS | ops.Function.DECAY
        ):
            return ops.Sigmoid()
        case ops.Curve():
            return ops.HardSwish()


def covers_map(op: ops.MaxPool2d | ops.AvgPool2d, source: FeatureMap) -> bool:
    """Whether a window is as large as the map; its parser then makes the pooling a global one."""
    return op.kernel == (source.height, source.width)


def lower_ops(graph: Graph, weights: Weights) -> LoweredGraph:
    """Replace what fpgaConvNet has not; layers, edges and maps stay."""
    layers: list[Layer] = []
    arrays: dict[str, FloatArray] = {}
    rewritten: dict[str, str] = {}
    for layer in graph:
        maps = graph.in_maps(layer.name)
        whole = isinstance(layer.op, ops.AvgPool2d) and covers_map(layer.op, maps[0])
        if isinstance(layer.op, ops.AvgPool2d) and whole and not any(layer.op.pads):
            layers.append(replace(layer, op=ops.GlobalAvgPool()))
            continue
        if isinstance(layer.op, ops.LeakyRelu | ops.PRelu | ops.Curve):
            nearest = nearest_activation(layer.op)
            layers.append(replace(layer, op=nearest))
            own = layer.op.function if isinstance(layer.op, ops.Curve) else ops.op_name(layer.op)
            stands = f"{ops.op_name(nearest)} in the place of {own}, which it "
            rewritten[layer.name] = f"{stands}has not: near cost, other numbers"
            continue
        found = _as_conv(layer.op, maps[0]) if maps else None
        if found is None:
            layers.append(layer)
            continue
        layers.append(replace(layer, op=found.op))
        arrays[f"{layer.name}.weight"] = found.weight
        arrays[f"{layer.name}.bias"] = np.zeros(found.op.out_channels, dtype=np.float32)
        rewritten[layer.name] = f"{found.what}; hass needs no multipliers for it"
    return LoweredGraph(
        Graph(graph.name, tuple(layers), graph.edges), weights.replace(arrays), rewritten
    )
