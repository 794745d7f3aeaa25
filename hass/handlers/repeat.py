"""Tile and Expand of rows and columns: Keras and torch write nearest upsampling so, a dimension of
one element behind that of the rows or columns, repeated, and a Reshape that joins the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .. import ops
from ..shapes import check_map
from ..values import FeatureMap
from .node import Node, describe
from .values import Stream, frame_dims, spatial
from .views import reshaped, transposed

_ROWS, _COLUMNS = 1, 2  # sides of a map: channels are 0


def tile(node: Node) -> Stream:
    """Tile of dimensions of one element."""
    source, repeats = node.stream(0), node.integer_list(1)
    if repeats is None or len(repeats) != len(source.dims) or min(repeats) < 1:
        raise node.refuse(f"by {repeats} of {describe(source)}")
    return repeated(node, source, repeats)


def expand(node: Node) -> Stream:
    """Expand; of one value per channel to all positions, or of one per position to all channels, it
    is left to the Add or Mul behind it."""
    source, wanted = node.stream(0), node.integer_list(1)
    rank = len(source.dims)
    if wanted is None or any(size < 1 for size in wanted):
        raise node.refuse(f"to {wanted}: not a shape")
    # 1 stands for a symbolic batch too, and for sizes that are to stay
    dims = (1,) * (rank - len(wanted)) + wanted
    if len(dims) > rank or dims[0] not in (1, source.dims[0]):
        raise node.refuse(f"to {list(wanted)} of {describe(source)}: other than positions")
    grown = tuple(max(pair) for pair in zip(dims, source.dims, strict=True))
    if grown == source.dims:
        return source
    if source.map.pixels == 1 and source.has_channel_axis and grown[1] == source.dims[1]:
        return replace(source, grown=grown)
    if source.map.channels == 1 and source.is_spatial and grown[2:] == source.dims[2:]:
        return replace(source, grown=grown)
    if any(old not in (1, new) for old, new in zip(source.dims, grown, strict=True)):
        raise node.refuse(f"to {list(wanted)} of {describe(source)}: sizes differ")
    repeats = [new // old for old, new in zip(source.dims, grown, strict=True)]
    return repeated(node, source, repeats)


def repeated(node: Node, source: Stream, repeats: Sequence[int]) -> Stream:
    """Dimensions of one element repeated: an Upsample of the side of the map that stands in front
    of each, whose factor is then seen as that dimension.

    Whatever comes behind, this is the value of every element; a side that does not fit what comes
    behind is refused there.

    Args:
        source: not folded, nor positional, nor grown.
        repeats: for each of its dimensions, at least 1.
    """
    if max(repeats) == 1:
        return source
    refusal = node.refuse(
        f"of {describe(source)} by {list(repeats)}: only dimensions of one element, one behind "
        "the rows and one behind the columns, are repeated"
    )
    sides = _sides(source)
    if sides is None or repeats[0] != 1:
        raise refusal
    factor = {_ROWS: 1, _COLUMNS: 1}
    pieces: list[int | None] = []  # dimension -> piece of (C, H, factor, W, factor)
    last: int | None = None
    sizes = dict(zip((0, _ROWS, _COLUMNS), frame_dims(source.map), strict=True))
    for axis, (side, times) in enumerate(zip(sides, repeats[1:], strict=True), 1):
        if times == 1:
            pieces.append(None if side is None else (0, 1, 3)[side])
            last = last if side is None else side
            continue
        free = [s for s in factor if factor[s] == 1]
        own = axis - 1 if source.is_spatial else last
        if own not in free:  # a map without rows or columns gets some
            own = next((s for s in free if sizes[s] == 1), None)
        if side is not None or own is None:
            raise refusal
        factor[own] = times
        pieces.append((0, 2, 4)[own])
    out = [size * factor.get(side, 1) for side, size in sizes.items()]
    check_map(FeatureMap(out[_ROWS], out[_COLUMNS], out[0]))
    op = ops.Upsample((factor[_ROWS], factor[_COLUMNS]))
    layer = node.draft.add(node.layer, op, [source.layer])
    whole = spatial(layer, node.draft.map(layer), source.dims[0])
    rows, columns = ((sizes[side], factor[side]) for side in factor)
    split = reshaped(whole, (whole.shape[0], sizes[0], *rows, *columns))
    assert split is not None  # a map in data order is split anywhere
    used = [piece for piece in pieces if piece is not None]
    ones = [piece for piece in range(5) if piece not in used]
    turned = transposed(split, [0, *(1 + piece for piece in (*used, *ones))])
    dims = [size * times for size, times in zip(source.dims, repeats, strict=True)]
    result = reshaped(turned, dims)
    assert result is not None  # only dimensions of one element come and go
    return result


def _sides(source: Stream) -> list[int | None] | None:
    """Which side of the map each dimension behind the batch is, None where it has one element; None
    for all where one is a part of a side, or of two."""
    if source.merged:
        return None
    sides = [(side, size) for side, size in enumerate(frame_dims(source.map)) if size > 1]
    in_order: list[int | None] = [None] * len(source.shape)
    for axis, size in enumerate(source.shape):
        if axis > 0 and size > 1:
            if not sides or sides[0][1] != size:
                return None
            in_order[axis] = sides.pop(0)[0]
    order = source.axes or tuple(range(len(source.shape)))
    return None if sides else [in_order[axis] for axis in order[1:]]


HANDLERS = {"Tile": tile, "Expand": expand}
