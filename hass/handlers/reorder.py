"""DepthToSpace, SpaceToDepth, and a Reshape of what a Transpose has turned: the same, or a channel
shuffle, as exporters write them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from .. import ops
from ..rewrites.draft import Draft
from .node import Node, describe
from .values import Stream, spatial

_MOST_PLACES = 256  # of a space to depth, a Slice each
_SUPPORTED = "only channel shuffles, depth to space and space to depth are"


def depth_to_space(node: Node) -> Stream:
    """DepthToSpace; its mode CRD is a shuffle in front."""
    source, block = node.spatial_stream(0), node.integer("blocksize", 0)
    mode = node.text("mode", "DCR")
    if block < 1 or source.map.channels % block**2 or mode not in ("DCR", "CRD"):
        raise node.refuse(f"mode {mode!r}, blocksize {block} of {describe(source)}")
    rows = source.map.channels // block**2 if mode == "CRD" else 1
    return spread(node, source, rows, (block, block), node.layer)


def space_to_depth(node: Node) -> Stream:
    """SpaceToDepth: a Slice for each place in a block, and their Concat."""
    source, block = node.spatial_stream(0), node.integer("blocksize", 0)
    if not 1 <= block**2 <= _MOST_PLACES or source.map.height % block or source.map.width % block:
        raise node.refuse(f"blocksize {block} of {describe(source)}")
    return _gathered(node, source, (block, block), node.layer)


def spread(node: Node, source: Stream, rows: int, factor: ops.Pair, hint: str) -> Stream:
    """A depth to space of channels that are shuffled, as so many rows, first; nothing to do for a
    factor of 1."""
    if factor == (1, 1):
        return source
    layer = _shuffled(node, source.layer, rows, f"{node.layer}.shuffle")
    layer = node.draft.add(hint, ops.DepthToSpace(factor), [layer])
    return spatial(layer, node.draft.map(layer), source.shape[0])


def as_map(node: Node, index: int) -> Node:
    """A node whose input is seen as (N, C, H, W) or (N, C, L) of the words of a vector gets a map
    of that shape, as the decoder of an autoencoder begins with; any other node as it is.

    Frames that come as vectors are no such case: another reading of the input sees them as maps.
    """
    source = node.input(index)
    if not isinstance(source, Stream) or source.folded or source.grown or source.positional:
        return node
    dims = source.dims
    if source.map.pixels > 1 or len(dims) not in (3, 4) or math.prod(dims[2:]) == 1:
        return node
    if _is_frame(node.draft, source.layer):
        return node
    words = np.arange(source.map.words)
    order = source.axes or range(len(source.shape))
    seen = words.reshape(source.shape[1:]).transpose([axis - 1 for axis in order if axis])
    if np.array_equal(seen.reshape(dims[1], -1).T.reshape(-1), words):
        rows = 1
    elif np.array_equal(seen.reshape(-1), words):
        rows = dims[1]
    else:
        return node
    factor = (dims[2], dims[3]) if len(dims) == 4 else (1, dims[2])
    made = spread(node, source, rows, factor, f"{node.layer}.map")
    shaped = replace(made, shape=(dims[0], *dims[1:]))
    inputs = (*node.inputs[:index], shaped, *node.inputs[index + 1 :])
    return replace(node, inputs=inputs)


def _is_frame(draft: Draft, layer: str) -> bool:
    """Whether a layer is the input, or what is made of each of its words alone."""
    while (sources := draft.sources(layer)) and len(sources) == 1:
        op = draft.op(layer)
        if isinstance(op, ops.Conv2d) and op.groups < draft.map(layer).channels:
            return False
        (layer,) = sources
    return isinstance(draft.op(layer), ops.Input)


def _shuffled(node: Node, layer: str, rows: int, hint: str) -> str:
    """Channels, seen as so many rows, column by column."""
    if rows in (1, node.draft.map(layer).channels):
        return layer
    return node.draft.add(hint, ops.Shuffle(rows), [layer])


def _gathered(node: Node, source: Stream, block: ops.Pair, hint: str) -> Stream:
    """A space to depth with the places of a block in rows, channels within each."""
    parts = []
    for row in range(block[0]):
        for column in range(block[1]):
            op = ops.Slice(
                ops.Span(row, source.map.height - block[0] + row + 1, block[0]),
                ops.Span(column, source.map.width - block[1] + column + 1, block[1]),
                ops.Span(0, source.map.channels),
            )
            part = f"{node.layer}.{row * block[1] + column}"
            parts.append(node.draft.add(part, op, [source.layer]))
    if len(parts) == 1:
        return source
    layer = node.draft.add(hint, ops.Concat(), parts)
    return spatial(layer, node.draft.map(layer), source.shape[0])


@dataclass(frozen=True, slots=True)
class _Factor:
    """A part of one side of a map.

    Attributes:
        side: 0: channels, 1: rows, 2: columns.
        place: among the parts of that side.
        size: of it, above 1.
    """

    side: int
    place: int
    size: int


def _factors(source: Stream) -> tuple[list[list[_Factor]], list[_Factor]] | None:
    """The parts of channels, rows and columns in their order, and all as the Transpose left them;
    None where a dimension is of two sides."""
    sizes = (source.map.channels, source.map.height, source.map.width)
    sides: list[list[_Factor]] = [[], [], []]
    side, left = 0, sizes[0]
    by_axis: dict[int, _Factor] = {}
    for axis, size in enumerate(source.shape):
        if axis == 0 or size == 1:
            continue
        while left == 1:
            side, left = side + 1, sizes[side + 1]
        if left % size:
            return None
        left //= size
        by_axis[axis] = _Factor(side, len(sides[side]), size)
        sides[side].append(by_axis[axis])
    return sides, [by_axis[axis] for axis in source.axes if axis in by_axis]


def _dealt(order: list[_Factor], shape: tuple[int, ...]) -> list[list[_Factor]] | None:
    """The parts that each dimension behind the batch is made of."""
    result: list[list[_Factor]] = []
    rest = list(order)
    for size in shape[1:]:
        taken: list[_Factor] = []
        while math.prod(factor.size for factor in taken) < size and rest:
            taken.append(rest.pop(0))
        if math.prod(factor.size for factor in taken) != size:
            return None
        result.append(taken)
    return result


def _rows_of(factors: list[_Factor]) -> int | None:
    """Rows of the shuffle that brings factors 0, 1, ... of one side into this order: the first ones
    go behind the others; None where that is not all."""
    places = [factor.place for factor in factors]
    first = places.index(0) if 0 in places else 0
    if places != [*places[:first], *range(len(places) - first)] or sorted(places) != list(
        range(len(places))
    ):
        return None
    if places[:first] != list(range(len(places) - first, len(places))):
        return None
    return math.prod(factor.size for factor in factors[first:]) if first else 1


def rearranged(node: Node, source: Stream, shape: tuple[int, ...]) -> Stream:
    """A Reshape of a stream with a pending Transpose.

    Raises:
        UnsupportedOpError: where it is none of a channel shuffle, depth to space, space to depth.
    """
    refusal = node.refuse(f"to {list(shape)} of {describe(source)}: {_SUPPORTED} supported")
    found = _factors(source)
    if found is None or len(shape) != 4 or shape[0] != source.shape[0] or source.axes[0] != 0:
        raise refusal
    sides, order = found
    dealt = _dealt(order, shape)
    if dealt is None:
        raise refusal
    channels, rows, columns = dealt
    if rows[: len(sides[1])] == sides[1] and columns[: len(sides[2])] == sides[2]:
        down, right = rows[len(sides[1]) :], columns[len(sides[2]) :]
        shuffle = _rows_of([*down, *right, *channels])
        if shuffle is None or {f.side for f in (*down, *right, *channels)} - {0}:
            raise refusal
        if not down and not right:
            layer = _shuffled(node, source.layer, shuffle, node.layer)
            return spatial(layer, source.map, source.shape[0])
        factor = (math.prod(f.size for f in down), math.prod(f.size for f in right))
        return spread(node, source, shuffle, factor, node.layer)
    below, beside = sides[1][len(rows) :], sides[2][len(columns) :]
    if rows != sides[1][: len(rows)] or columns != sides[2][: len(columns)]:
        raise refusal
    block = (math.prod(f.size for f in below), math.prod(f.size for f in beside))
    if math.prod(block) > _MOST_PLACES:
        raise refusal
    if channels == [*below, *beside, *sides[0]]:
        return _gathered(node, source, block, node.layer)
    if channels == [*sides[0], *below, *beside]:
        gathered = _gathered(node, source, block, f"{node.layer}.concat")
        layer = _shuffled(node, gathered.layer, math.prod(block), node.layer)
        return spatial(layer, node.draft.map(layer), source.shape[0])
    raise refusal


HANDLERS = {"DepthToSpace": depth_to_space, "SpaceToDepth": space_to_depth}
