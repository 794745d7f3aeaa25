"""ConvTranspose: a convolution of the map as it is, whose channels are dealt out to positions.

The usual way to see it, a convolution over a map with zeros between its pixels, multiplies by zeros
all but 1 of s x s times, and needs line buffers of the larger map. Here each of the s x s places
that a pixel becomes has filters of its own, with the taps that meet pixels there: as many products
as the layer has, but for taps that some places have and others lack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .. import ops
from ..graph import FloatArray
from ..shapes import check_map
from ..values import FeatureMap
from .node import Node, describe
from .reorder import spread
from .values import Stream, spatial
from .window import pair

_MOST_STRIDE = 256
_MOST_WEIGHTS = 1 << 28  # of the convolution: 1 GiB as float32


@dataclass(frozen=True, slots=True)
class _Axis:
    """One side of a transposed convolution.

    Attributes:
        size, out: places before and after.
        kernel, stride, pad: of the layer; the kernel as dilated.
    """

    size: int
    out: int
    kernel: int
    stride: int
    pad: int


@dataclass(frozen=True, slots=True)
class _Phases:
    """The same as a convolution that puts out ``stride`` places for each of its positions.

    Attributes:
        kernel: of the convolution.
        before, behind: its pads.
        cut: places at the start of what it puts out that are not the layer's.
        first_tap: tap of the layer at the first place and the first tap of the kernel; a tap
            further is ``stride`` less, a place further one more.
        positions: that it has.
    """

    kernel: int
    before: int
    behind: int
    cut: int
    first_tap: int
    positions: int


def _phases(axis: _Axis, cut: int) -> _Phases | None:
    """With so many places cut off at the start; None where the first pixels would be left out."""
    lead = axis.pad - cut  # tap = place + lead - stride * offset of the pixel
    first = -((axis.kernel - 1 - lead) // axis.stride)
    last = (axis.stride - 1 + lead) // axis.stride
    if first > 0:
        return None
    kernel = last - first + 1
    wanted = -(-(axis.out + cut) // axis.stride)
    behind = max(0, wanted - 1 + kernel - axis.size + first)
    positions = axis.size - first + behind - kernel + 1
    return _Phases(kernel, -first, behind, cut, lead - axis.stride * first, positions)


def _cheapest(axis: _Axis) -> _Phases | None:
    """The one with the fewest products; of several that which cuts off the least."""
    found = [_phases(axis, cut) for cut in range(axis.stride)]
    legal = [phases for phases in found if phases is not None and phases.kernel > 0]
    return min(legal, key=lambda phases: phases.kernel * phases.positions, default=None)


def _taps(axis: _Axis, phases: _Phases, weight: FloatArray, side: int) -> FloatArray:
    """Weights with the taps along a side dealt out: (..., stride, kernel of the convolution)."""
    places = np.arange(axis.stride)[:, None]
    taps = phases.first_tap + places - axis.stride * np.arange(phases.kernel)
    inside = (taps >= 0) & (taps < axis.kernel)
    picked = np.take(weight, np.where(inside, taps, 0), axis=side)
    mask = inside.reshape(*([1] * side), *inside.shape, *([1] * (weight.ndim - side - 1)))
    return np.asarray(picked * mask, np.float32)


def _check_weights(
    node: Node, channels: tuple[int, ...], kernel: ops.Pair, dilations: ops.Pair = (1, 1)
) -> None:
    """Refuse weights that are too many to be made."""
    extent = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    if math.prod((*channels, *extent)) > _MOST_WEIGHTS:
        raise node.refuse(f"a kernel of {extent} on {list(channels)} channels, which is too large")


def _dilated(weight: FloatArray, dilations: ops.Pair) -> FloatArray:
    kernel = [(size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilations, strict=True)]
    result = np.zeros((*weight.shape[:2], *kernel), np.float32)
    result[:, :, :: dilations[0], :: dilations[1]] = weight
    return result


def _axes(node: Node, source: Stream, kernel: ops.Pair, stride: ops.Pair) -> list[_Axis]:
    more = pair(node, "output_padding", (0, 0))
    auto_pad = node.text("auto_pad", "NOTSET")
    shape = node.integers("output_shape")
    pads = node.integers("pads") or (0, 0, 0, 0)
    if len(pads) != 4 or min(pads) < 0 or min(more) < 0 or max(stride) < 1:
        raise node.refuse(f"pads {list(pads)}, output_padding {list(more)}, strides {list(stride)}")
    if shape is not None and len(shape) not in (2, 4):
        raise node.refuse(f"output_shape {list(shape)}, expected two sizes")
    axes = []
    for side, size in enumerate((source.map.height, source.map.width)):
        whole = stride[side] * (size - 1) + more[side] + kernel[side]
        begin, end = pads[side], pads[side + 2]
        if auto_pad == "VALID":
            begin = end = 0
        if shape is not None or auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            total = whole - (size * stride[side] if shape is None else shape[side - 2])
            begin = total // 2 if auto_pad == "SAME_UPPER" else total - total // 2
            end = total - begin
            if total < 0:
                raise node.refuse(f"output_shape {shape} or auto_pad {auto_pad!r} adds to the map")
        axes.append(_Axis(size, whole - begin - end, kernel[side], stride[side], begin))
    return axes


def conv_transpose(node: Node) -> Stream:
    """ConvTranspose (2-D), with groups, strides, dilations, pads and output_padding."""
    weight = node.floats(1)
    source = node.spatial_stream(0)
    groups = node.integer("group", 1)
    if weight.ndim != 4:
        raise node.refuse(f"{weight.ndim - 2}-D transposed convolution, only 2-D is supported")
    if groups < 1 or weight.shape[0] != source.map.channels or source.map.channels % groups:
        raise node.refuse(
            f"weight of {weight.shape[0]} channels, {groups} groups, on {describe(source)}"
        )
    given = (int(weight.shape[2]), int(weight.shape[3]))
    if pair(node, "kernel_shape", given) != given:
        raise node.refuse(f"kernel_shape, but the weight has {list(given)}")
    dilations = pair(node, "dilations", (1, 1))
    stride = pair(node, "strides", (1, 1))
    if min(dilations) < 1 or not 1 <= min(stride) <= max(stride) <= _MOST_STRIDE:
        raise node.refuse(
            f"dilations {list(dilations)}, strides {list(stride)} (at most {_MOST_STRIDE})"
        )
    _check_weights(node, weight.shape[:2], given, dilations)
    weight = _dilated(weight, dilations)
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    axes = _axes(node, source, kernel, stride)
    found = [_cheapest(axis) for axis in axes if axis.out > 0]
    rows, columns = found if len(found) == 2 else (None, None)
    if rows is None or columns is None:
        raise node.refuse(
            f"pads that leave nothing, or more than the kernel, of {describe(source)}"
        )
    check_map(FeatureMap(axes[0].out, axes[1].out, groups * int(weight.shape[1])))
    places = stride[0] * stride[1]
    check_map(FeatureMap(rows.positions, columns.positions, places * groups * weight.shape[1]))
    _check_weights(node, weight.shape[:2], (rows.kernel * stride[0], columns.kernel * stride[1]))
    op, taps, bias = _as_conv(node, weight, (axes[0], axes[1]), (rows, columns), groups)
    cuts = [
        ops.Span(phases.cut, phases.cut + axis.out)
        for axis, phases in zip(axes, (rows, columns), strict=True)
    ]
    return _cropped(node, source, op, taps, bias, (axes[0].stride, axes[1].stride), cuts)


def _as_conv(
    node: Node,
    weight: FloatArray,
    axes: tuple[_Axis, _Axis],
    phases: tuple[_Phases, _Phases],
    groups: int,
) -> tuple[ops.Conv2d, FloatArray, FloatArray]:
    """The convolution; channels of a place together, or, where there are groups, places of a
    channel."""
    down, right = axes[0].stride, axes[1].stride
    filters = int(weight.shape[1])
    bias = np.zeros(groups * filters, np.float32) if node.input(2) is None else node.floats(2)
    if bias.shape != (groups * filters,):
        raise node.refuse(f"a bias of shape {list(bias.shape)} for {groups * filters} channels")
    # (groups, inputs, filters, rows, columns) with both sides dealt out
    grouped = weight.reshape(groups, -1, *weight.shape[1:])
    dealt = _taps(axes[0], phases[0], grouped, 3)
    dealt = _taps(axes[1], phases[1], dealt, 5)
    # (groups, inputs, filters, down, kh, right, kw)
    order = (0, 2, 3, 5, 1, 4, 6) if groups > 1 else (0, 3, 5, 2, 1, 4, 6)
    taps = dealt.transpose(order).reshape(-1, weight.shape[0] // groups, *dealt.shape[4::2])
    places = down * right
    biases = np.repeat(bias, places) if groups > 1 else np.tile(bias, places)
    pads = (phases[0].before, phases[1].before, phases[0].behind, phases[1].behind)
    kernel = (phases[0].kernel, phases[1].kernel)
    op = ops.Conv2d(places * groups * filters, kernel, pads=pads, groups=groups)
    return op, np.ascontiguousarray(taps), biases


def _cropped(
    node: Node,
    source: Stream,
    op: ops.Conv2d,
    weight: FloatArray,
    bias: FloatArray,
    stride: ops.Pair,
    kept: list[ops.Span],
) -> Stream:
    """The convolution, its channels dealt out, and the places that are the layer's."""
    draft = node.draft
    layer = draft.add_conv(node.layer, op, source.layer, weight, bias)
    made = spatial(layer, draft.map(layer), source.shape[0])
    filters = op.out_channels // (stride[0] * stride[1])
    made = spread(node, made, filters if op.groups > 1 else 1, stride, f"{node.layer}.places")
    out = made.map
    if (kept[0].count, kept[1].count) != (out.height, out.width):
        crop = ops.Slice(kept[0], kept[1], ops.Span(0, out.channels))
        layer = draft.add(f"{node.layer}.crop", crop, [made.layer])
        made = spatial(layer, draft.map(layer), source.shape[0])
    return made


HANDLERS = {"ConvTranspose": conv_transpose}
