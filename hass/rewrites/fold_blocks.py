"""Fold a space to depth into the convolution behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .. import ops
from ..graph import Graph, Weights
from .draft import Draft


def fold_blocks(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """A Concat of every b-th row and column, from each start, and a convolution (YOLOv5's Focus):
    a convolution with a kernel and strides b times as large, of as many products.

    Slices of slices count as one. Where only some of a convolution's channels come that way,
    nothing is done.
    """
    if not graph.of_type(ops.Slice):
        return graph, weights
    draft = Draft.of(graph, weights)
    for name in draft:
        if name in draft and isinstance(draft.op(name), ops.Concat):
            _fold(draft, name)
    return draft.build()


def _origin(draft: Draft, name: str) -> tuple[str, ops.Slice]:
    """The layer behind Slices and Forks, and what of it is kept."""
    op, source = draft.op(name), draft.sources(name)
    if isinstance(op, ops.Fork):
        return _origin(draft, source[0])
    if not isinstance(op, ops.Slice):
        out = draft.map(name)
        spans = [ops.Span(0, size) for size in (out.height, out.width, out.channels)]
        return name, ops.Slice(*spans)
    origin, before = _origin(draft, source[0])
    rows, columns = _within(before.rows, op.rows), _within(before.columns, op.columns)
    return origin, ops.Slice(rows, columns, _within(before.channels, op.channels))


def _within(outer: ops.Span, inner: ops.Span) -> ops.Span:
    """``inner`` of what ``outer`` keeps."""
    start, step = outer.start + inner.start * outer.step, outer.step * inner.step
    return ops.Span(start, start + (inner.count - 1) * step + 1, step)


def _fold(draft: Draft, name: str) -> None:
    (conv,) = draft.readers(name)
    op = draft.op(conv)
    if not isinstance(op, ops.Conv2d) or op.groups > 1 or op.dilation != (1, 1):
        return
    found = [_origin(draft, source) for source in draft.sources(name)]
    parts, origin = [part for _, part in found], found[0][0]
    block = _block(draft, origin, parts)
    if block is None or any(layer != origin for layer, _ in found):
        return
    channels = draft.map(origin).channels
    old = draft.weight(conv)
    kernel = (op.kernel[0] * block[0], op.kernel[1] * block[1])
    weight = np.zeros((op.out_channels, channels, *kernel), np.float32)
    for number, part in enumerate(parts):
        taps = old[:, number * channels : (number + 1) * channels]
        weight[:, :, part.rows.start :: block[0], part.columns.start :: block[1]] = taps
    pads = (op.pads[0] * block[0], op.pads[1] * block[1])
    pads_behind = (op.pads[2] * block[0], op.pads[3] * block[1])
    stride = (op.stride[0] * block[0], op.stride[1] * block[1])
    draft.set_op(conv, replace(op, kernel=kernel, stride=stride, pads=(*pads, *pads_behind)))
    draft.set_weights(conv, weight, draft.bias(conv))
    forks = [reader for reader in draft.readers(origin) if isinstance(draft.op(reader), ops.Fork)]
    draft.set_sources(conv, [*forks, origin][:1])


def _block(draft: Draft, origin: str, parts: Sequence[ops.Slice]) -> ops.Pair | None:
    """The sides of the blocks whose places are the parts, each once and whole; None otherwise."""
    source = draft.map(origin)
    down, right = parts[0].rows.step, parts[0].columns.step
    if down * right == 1 or source.height % down or source.width % right:
        return None
    places = set()
    for part in parts:
        whole = (part.channels.start, part.channels.step, part.channels.count)
        sizes = (part.rows.step, part.columns.step, part.rows.count, part.columns.count)
        if whole != (0, 1, source.channels):
            return None
        if sizes != (down, right, source.height // down, source.width // right):
            return None
        places.add((part.rows.start, part.columns.start))
    return (down, right) if len(places) == len(parts) == down * right else None
