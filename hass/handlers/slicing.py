"""Slice, Split, Pad and Concat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .. import ops
from .node import Node, describe
from .values import Stream, spatial

_NO_END = 2**31 - 1  # exporters write this or INT64_MAX where a slice has no end


def _rank4(source: Stream) -> Stream:
    """A vector (N, C) of a 1x1 map as (N, C, 1, 1); other streams as they are."""
    if source.map.pixels == 1 and source.is_vector and len(source.shape) == 2:
        return replace(source, shape=(*source.shape, 1, 1))
    return source


def _cut(node: Node, source: Stream, spans: list[ops.Span], hint: str) -> Stream:
    """Keep ``spans`` of (channels, rows, columns); nothing to do where they keep all."""
    sizes = (source.map.channels, source.map.height, source.map.width)
    if all(span.count == size for span, size in zip(spans, sizes, strict=True)):
        return source
    op = ops.Slice(rows=spans[1], columns=spans[2], channels=spans[0])
    name = node.draft.add(hint, op, [source.layer])
    out = node.draft.map(name)
    if len(source.shape) == 2:
        return Stream(name, out, (source.shape[0], out.channels))
    return spatial(name, out, source.shape[0])


def _whole(source: Stream) -> list[ops.Span]:
    sizes = (source.map.channels, source.map.height, source.map.width)
    return [ops.Span(0, size) for size in sizes]


def slice_(node: Node) -> Stream:
    """Slice of rows, columns and channels with positive steps."""
    source = node.stream(0)
    if not _rank4(source).is_spatial:
        raise node.refuse(f"of {describe(source)}, expected (N, C, H, W)")
    if node.opset < 10:
        starts, ends, axes = (node.integers(name) for name in ("starts", "ends", "axes"))
        steps = None
    else:
        starts, ends, axes, steps = (node.integer_list(index) for index in range(1, 5))
    if starts is None or ends is None:
        raise node.refuse("has no starts or ends")
    axes = tuple(range(len(starts))) if axes is None else axes
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise node.refuse("starts, ends, axes and steps differ in length")
    spans = _whole(source)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        rank = len(source.shape)
        if not -rank <= axis < rank or step < 1:
            raise node.refuse(f"axis {axis} of {rank} dimensions, step {step}")
        size = source.shape[axis % rank]
        first, stop, _ = slice(start, end).indices(size)
        if first >= stop:
            raise node.refuse(f"keeps nothing of dimension {axis % rank}")
        if axis % rank == 0:
            # 1 stands for a symbolic batch too, of which an end of 1 would keep one frame only
            whole = end >= _NO_END if size == 1 else stop == size
            if first != 0 or step != 1 or not whole:
                raise node.refuse("of the batch dimension")
            continue
        count = -(-(stop - first) // step)  # a canonical stop: just behind the last one kept
        spans[axis % rank - 1] = ops.Span(first, first + (count - 1) * step + 1, step)
    return _cut(node, source, spans, node.layer)


def split(node: Node) -> tuple[Stream, ...]:
    """Split of channels, rows or columns: one Slice for every part."""
    source = node.stream(0)
    axis = node.integer("axis", 0)
    if not _rank4(source).is_spatial or not -len(source.shape) <= axis < len(source.shape):
        raise node.refuse(f"of {describe(source)} along axis {axis}")
    axis %= len(source.shape)
    count = len(node.used_outputs)
    sizes = node.integers("split") if node.opset < 13 else node.integer_list(1)
    if sizes is None:
        chunk = -(-source.shape[axis] // count)
        sizes = (*(chunk,) * (count - 1), source.shape[axis] - chunk * (count - 1))
    if axis == 0 or len(sizes) != count or min(sizes) < 1 or sum(sizes) != source.shape[axis]:
        raise node.refuse(f"into {list(sizes)} along axis {axis} of {describe(source)}")
    parts = []
    start = 0
    for index, size in enumerate(sizes):
        spans = _whole(source)
        spans[axis - 1] = ops.Span(start, start + size)
        parts.append(_cut(node, source, spans, f"{node.layer}.{index}"))
        start += size
    return tuple(parts)


def _pad_amounts(node: Node, rank: int) -> tuple[int, ...]:
    """Begins of all dimensions, then ends."""
    if node.opset < 11:
        pads, value, axes = node.integers("pads"), node.floating("value", 0.0), None
    else:
        constant = None if node.input(2) is None else node.constant(2)
        value = 0.0 if constant is None or not constant.size else float(np.max(np.abs(constant)))
        pads, axes = node.integer_list(1), node.integer_list(3)
    mode = node.text("mode", "constant")
    if mode != "constant" or value != 0:
        raise node.refuse(f"mode {mode!r} with value {value}, only constant zeros are supported")
    axes = tuple(range(rank)) if axes is None else axes
    if pads is None or len(pads) != 2 * len(axes) or any(not -rank <= a < rank for a in axes):
        raise node.refuse(f"pads {pads} for axes {list(axes)} of {rank} dimensions")
    amounts = [0] * (2 * rank)
    for index, axis in enumerate(axes):
        amounts[axis % rank] = pads[index]
        amounts[axis % rank + rank] = pads[index + len(axes)]
    return tuple(amounts)


def pad(node: Node) -> Stream:
    """Pad with zeros: rows, columns and channels."""
    source = node.stream(0)
    view = _rank4(source)
    if not view.is_spatial:
        raise node.refuse(f"of {describe(source)}, expected (N, C, H, W)")
    rank = len(source.shape)
    amounts = _pad_amounts(node, rank)
    begins = (*amounts[:rank], 0, 0)[:4]
    ends = (*amounts[rank:], 0, 0)[:4]
    if min(amounts) < 0 or begins[0] or ends[0]:
        raise node.refuse(f"pads {list(amounts)}: negative, or of the batch dimension")
    if not any(amounts):
        return source
    op = ops.Pad((begins[2], begins[3], ends[2], ends[3]), begins[1], ends[1])
    name = node.draft.add(node.layer, op, [source.layer])
    out = node.draft.map(name)
    if rank == 2:
        return Stream(name, out, (source.shape[0], out.channels))
    return spatial(name, out, source.shape[0])


def concat(node: Node) -> Stream:
    """Concat of channels; also of flattened maps of equal height and width."""
    sources = [node.stream(index) for index in range(len(node.inputs))]
    first = sources[0]
    rank = len(first.shape)
    axis = node.integer("axis", 1)
    if not -rank <= axis < rank or axis % rank != 1:
        raise node.refuse(f"along axis {axis} of {rank} dimensions, only along channels")
    for source in sources:
        is_vector = rank == 2 and source.is_vector and not source.axes
        same_view = source.is_spatial if rank == 4 else is_vector
        pixels = (source.map.height, source.map.width)
        if not same_view or pixels != (first.map.height, first.map.width):
            raise node.refuse(f"of {describe(first)} and {describe(source)}")
    if len(sources) == 1:
        return first
    name = node.draft.add(node.layer, ops.Concat(), [source.layer for source in sources])
    out = node.draft.map(name)
    if rank == 2:
        return Stream(name, out, (first.shape[0], out.words))
    return spatial(name, out, first.shape[0])


HANDLERS: dict[str, Callable[[Node], Stream | tuple[Stream, ...]]] = {
    "Slice": slice_,
    "Split": split,
    "Pad": pad,
    "Concat": concat,
}
