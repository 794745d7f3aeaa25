"""A network without some of its channels: smaller, and with the outputs of one that masks them.

To mask a channel is to make the weights and the bias of its filter zero, and those of every filter
that is tied to it (``channels``). What then still comes out of it is a constant: zero, or what a
Sigmoid makes of zero. A constant is added to the biases of the layers that read it, which is exact
where these do not pad; a channel whose constant cannot go there stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from . import curves, ops
from .channels import (
    ChannelClass,
    IndexArray,
    Removed,
    as_removed,
    is_depthwise,
    removed_classes,
    sparing,
)
from .graph import FloatArray, Graph, Layer, Weights
from .moves import shuffled_channels
from .values import FeatureMap
from .verify import verify

Constants = npt.NDArray[np.float64]  # (channels,); not a number where a channel is no constant
NO_PADS = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Narrowed:
    """A network with fewer channels.

    Attributes:
        graph, weights: the network.
        removed: what was removed, as ``as_removed`` writes it; what was asked for and is not in it
            is as it was: its constant cannot be folded, or a layer would have no channel left.
    """

    graph: Graph
    weights: Weights
    removed: Removed


def _masked(weights: Weights, classes: tuple[ChannelClass, ...]) -> Weights:
    filters: dict[str, list[int]] = {}
    for found in classes:
        for name, channel in found.filters:
            filters.setdefault(name, []).append(channel)
    changed: dict[str, FloatArray] = {}
    for name, channels in filters.items():
        for kind in ("weight", "bias"):
            array = weights[f"{name}.{kind}"].copy()
            array[channels] = 0.0
            changed[f"{name}.{kind}"] = array
    return weights.replace(changed) if changed else weights


def masked_weights(graph: Graph, weights: Weights, removed: Removed) -> Weights:
    """The weights with the filters of some channels, and of all tied to them, zero; biases too.

    Raises:
        GraphError: if a channel cannot be removed.
    """
    return _masked(weights, removed_classes(graph, removed))


def _activated(op: ops.Op, values: Constants) -> Constants:
    match op:
        case ops.Relu():
            return np.maximum(values, 0.0)
        case ops.Clip(low, high):
            return np.clip(values, low, high)
        case ops.HardSigmoid(alpha, beta):
            return np.clip(alpha * values + beta, 0.0, 1.0)
        case ops.HardSwish():
            return values * np.clip(values / 6.0 + 0.5, 0.0, 1.0)
        case ops.Sigmoid():
            return 0.5 + 0.5 * np.tanh(0.5 * values)
        case ops.LeakyRelu(alpha):
            return np.where(values < 0.0, alpha * values, values)
        case ops.PRelu(slopes):
            return np.where(values < 0.0, np.array(slopes) * values, values)
        case ops.Curve():
            return curves.value(op, values)
        case _:
            return values


def _zero_only(values: Constants) -> Constants:
    """Zeros where they are, behind padding, which makes all other constants differ at the edge."""
    return np.where(values == 0.0, 0.0, np.nan)


def _conv_constants(
    op: ops.Conv2d, source: Constants, weight: FloatArray, bias: FloatArray
) -> Constants:
    inputs = source if op.pads == NO_PADS else _zero_only(source)
    by_group = inputs.reshape(op.groups, -1).repeat(op.out_channels // op.groups, axis=0)
    used = weight.any(axis=(2, 3))
    sums = weight.sum(axis=(2, 3), dtype=np.float64)
    products = np.where(used, np.where(used, by_group, 0.0) * sums, 0.0)
    return np.asarray(bias + products.sum(axis=1))


def channel_constants(graph: Graph, weights: Weights) -> dict[str, Constants]:
    """Layer -> per channel what it always puts out, whatever the input, at every position; not a
    number where that varies."""
    found: dict[str, Constants] = {}
    for layer in graph:
        sources = [found[edge.src] for edge in graph.in_edges(layer.name)]
        match layer.op:
            case ops.Input():
                values = np.full(layer.out.channels, np.nan)
            case ops.Conv2d() as op:
                kernel, bias = (weights[f"{layer.name}.{kind}"] for kind in ("weight", "bias"))
                values = _conv_constants(op, sources[0], kernel, bias)
            case ops.AvgPool2d() as op:
                inside = op.divisor is ops.Divisor.INSIDE or op.pads == NO_PADS
                values = sources[0] if inside else _zero_only(sources[0])
            case ops.Add():
                values = sources[0] + sources[1]
            case ops.Mul():
                zero = (sources[0] == 0.0) | (sources[1] == 0.0)
                values = np.where(zero, 0.0, sources[0] * sources[1])
            case ops.Concat():
                values = np.concatenate(sources)
            case ops.Slice(channels=span):
                values = sources[0][span.start : span.stop : span.step]
            case ops.Pad() as op:
                values = sources[0] if op.pads == NO_PADS else _zero_only(sources[0])
                values = np.pad(values, (op.channels_front, op.channels_back))
            case ops.DepthToSpace():
                blocks = sources[0].reshape(-1, layer.out.channels)
                values = np.where((blocks == blocks[0]).all(axis=0), blocks[0], np.nan)
            case ops.Shuffle() as op:
                values = sources[0][shuffled_channels(op, layer.out.channels)]
            case _:
                values = _activated(layer.op, sources[0])
        found[layer.name] = values
    return found


def _foldable(graph: Graph, found: ChannelClass, constants: Mapping[str, Constants]) -> bool:
    """Whether a class is constant, and its readers can take the constants into their biases."""
    for name, channel in found.channels:
        value = constants[name][channel]
        if np.isnan(value):
            return False
        if value == 0.0:
            continue
        for edge in graph.out_edges(name):
            op = graph[edge.dst].op
            if not isinstance(op, ops.Conv2d) or op.pads == NO_PADS:
                continue
            if not is_depthwise(op, graph[name].out.channels):
                return False
    return True


def without_channels(graph: Graph, weights: Weights, removed: Removed) -> Narrowed:
    """The network without some channels and those that are tied to them.

    Its outputs are those of the network with ``masked_weights`` of what was removed, up to the
    order in which constants are added. No layer goes; layers keep their names. Channels of the
    network's input and output are never removed. What was removed, asked for again, gives the same.

    Args:
        graph, weights: the network.
        removed: Conv2d layer -> output channels. A class that would leave a layer without channels
            stays; of several the first ones go.

    Raises:
        GraphError: if a channel cannot be removed.
    """
    gone = tuple(sparing(graph, removed_classes(graph, removed)))
    while gone:
        masked = _masked(weights, gone)
        constants = channel_constants(graph, masked)
        foldable = tuple(found for found in gone if _foldable(graph, found, constants))
        if foldable == gone:
            return _without(graph, masked, constants, gone)
        gone = foldable  # what stays is not masked, so that constants may be others
    return Narrowed(graph, weights, {})


def _without(
    graph: Graph,
    masked: Weights,
    constants: Mapping[str, Constants],
    gone: tuple[ChannelClass, ...],
) -> Narrowed:
    kept = _kept(graph, gone)
    layers = tuple(_narrower(graph, layer, kept) for layer in graph)
    arrays: dict[str, FloatArray] = {}
    for layer in graph.convs:
        if isinstance(layer.op, ops.Conv2d):
            source = graph.in_edges(layer.name)[0].src
            taken = _narrower_arrays(layer, kept, source, masked, constants[source])
            arrays[f"{layer.name}.weight"], arrays[f"{layer.name}.bias"] = taken
    smaller, values = Graph(graph.name, layers, graph.edges), Weights(arrays)
    verify(smaller, values)
    return Narrowed(smaller, values, as_removed(gone))


def _kept(graph: Graph, gone: tuple[ChannelClass, ...]) -> dict[str, IndexArray]:
    """Layer -> its channels that stay, ascending."""
    stays = {layer.name: np.ones(layer.out.channels, dtype=np.bool_) for layer in graph}
    for found in gone:
        for name, channel in found.channels:
            stays[name][channel] = False
    return {name: np.flatnonzero(mask) for name, mask in stays.items()}


def _narrower(graph: Graph, layer: Layer, kept: Mapping[str, IndexArray]) -> Layer:
    out = FeatureMap(layer.out.height, layer.out.width, len(kept[layer.name]))
    op = layer.op
    match op:
        case ops.Conv2d():
            (edge,) = graph.in_edges(layer.name)
            depthwise = is_depthwise(op, graph[edge.src].out.channels)
            groups = len(kept[edge.src]) if depthwise else op.groups
            op = replace(op, out_channels=out.channels, groups=groups)
        case ops.Slice(channels=span):
            (edge,) = graph.in_edges(layer.name)
            source = kept[edge.src]
            start, stop = np.searchsorted(source, (span.start, span.stop)).tolist()
            op = replace(op, channels=ops.Span(start, stop, span.step))
        case ops.PRelu(slopes):
            op = replace(op, slopes=tuple(slopes[channel] for channel in kept[layer.name]))
        case ops.Pad():
            last = layer.out.channels - op.channels_back
            front = int(np.count_nonzero(kept[layer.name] < op.channels_front))
            back = int(np.count_nonzero(kept[layer.name] >= last))
            op = replace(op, channels_front=front, channels_back=back)
        case _:
            pass
    return Layer(layer.name, op, out)


def _narrower_arrays(
    layer: Layer,
    kept: Mapping[str, IndexArray],
    source: str,
    weights: Weights,
    constants: Constants,
) -> tuple[FloatArray, FloatArray]:
    """Weight and bias of a Conv2d, with what removed constant channels add in the bias."""
    op = layer.op
    assert isinstance(op, ops.Conv2d)
    weight, bias = weights[f"{layer.name}.weight"], weights[f"{layer.name}.bias"]
    filters = kept[layer.name]
    if is_depthwise(op, len(constants)):
        return weight[filters], bias[filters]
    channels = weight.shape[1]
    stays = kept[source][kept[source] < channels]  # of the first group; the others have the same
    gone = np.setdiff1d(np.arange(channels), stays)
    values = constants.reshape(op.groups, channels)[:, gone]
    values = values.repeat(op.out_channels // op.groups, axis=0)
    added = (values * weight[:, gone].sum(axis=(2, 3), dtype=np.float64)).sum(axis=1)
    total = (bias + added).astype(np.float32)
    return np.ascontiguousarray(weight[filters][:, stays]), total[filters]
