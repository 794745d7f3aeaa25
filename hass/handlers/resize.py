"""Resize and Upsample, where the sides grow by whole factors or whole places are taken."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from .. import ops
from ..shapes import check_map
from ..values import FeatureMap
from .node import Node, describe
from .values import Stream, spatial

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NEAR = 1e-5  # of values of size 1: what a float32 scale makes of 1/3 and the like
_VECTORS = 4
_LONGEST = 1 << 20  # rows or columns


@dataclass(frozen=True, slots=True)
class _Pool:
    """An average over neighbours along one side, of those that are inside."""

    kernel: int
    before: int
    behind: int


NO_POOL = _Pool(1, 0, 0)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a resize.

    Attributes:
        size, out: places before and after.
        scale: as the node gives it, or their ratio.
    """

    size: int
    out: int
    scale: float

    @property
    def factor(self) -> int:
        """How often a place is repeated; 0 where that is no whole number."""
        return self.out // self.size if self.out % self.size == 0 else 0


def resize(node: Node) -> Stream:
    """Resize and Upsample by what their numbers say, not by the names of their modes.

    Nearest by whole factors repeats rows and columns, or takes some of them. Linear by whole
    factors is that and averages behind it, exact at the edges too: the mean of as many neighbours
    as a place was repeated is the linear interpolation between places; where that is an even
    number, another mean of two centres it.
    """
    source = node.spatial_stream(0)
    sides = _sides(node, source)
    mode = node.text("mode", "nearest")
    where = _transformation(node)
    for side in sides:
        if not 1 <= side.out <= _LONGEST:
            raise node.refuse(f"of {describe(source)} to {side.out} rows or columns")
    check_map(FeatureMap(sides[0].out, sides[1].out, source.map.channels))
    match mode:
        case "nearest":
            return _nearest(node, source, sides, where)
        case "linear" | "bilinear":
            return _linear(node, source, sides, where)
        case _:
            raise node.refuse(f"mode {mode!r}, only 'nearest' and 'linear' are supported")


def _transformation(node: Node) -> str:
    if node.op == "Upsample" or node.opset < 11:
        return "asymmetric"
    policy = node.text("keep_aspect_ratio_policy", "stretch")
    if policy != "stretch" or node.integer("antialias", 0):
        raise node.refuse(f"keep_aspect_ratio_policy {policy!r}, or with antialias")
    return node.text("coordinate_transformation_mode", "half_pixel")


def _sides(node: Node, source: Stream) -> tuple[_Side, _Side]:
    """Rows and columns."""
    rank = len(source.shape)
    old = node.op == "Upsample" or node.opset < 11
    index = 1 if old else 2
    given = node.constant(index)
    scales = None if given is None or not given.size else node.floats(index).reshape(-1)
    sizes = None if old else node.integer_list(3)
    axes = node.integers("axes") or tuple(range(rank))
    values: list[float] | None = None
    if scales is not None or sizes is not None:
        values = [float(value) for value in (sizes or () if scales is None else scales)]
    if values is None or len(values) != len(axes) or any(not -rank <= a < rank for a in axes):
        raise node.refuse(f"scales or sizes {values} for axes {list(axes)}")
    sides = [_Side(size, size, 1.0) for size in source.shape]
    for axis, value in zip(axes, values, strict=True):
        size = sides[axis % rank].size
        if not math.isfinite(value) or not 0 < value * size < 1 << 31:
            raise node.refuse(f"by {value} along dimension {axis}")
        if scales is None:
            sides[axis % rank] = _Side(size, int(value), value / size)
        else:
            sides[axis % rank] = _Side(size, math.floor(value * size), value)
    if any(side.size != side.out for side in sides[:2]):
        raise node.refuse("of the batch or of channels")
    return sides[2], sides[3]


def _coordinates(node: Node, side: _Side, where: str) -> Floats:
    """(out,) places of the map that the output's places lie at."""
    place = np.arange(side.out, dtype=np.float64)
    match where:
        case "asymmetric":
            return place / side.scale
        case "half_pixel" | "half_pixel_symmetric":
            if where == "half_pixel_symmetric" and side.out != side.size * side.scale:
                raise node.refuse(f"{where} with a scale of {side.scale}")
            return (place + 0.5) / side.scale - 0.5
        case "pytorch_half_pixel":
            return (place + 0.5) / side.scale - 0.5 if side.out > 1 else np.zeros(1)
        case "align_corners":
            return place * ((side.size - 1) / max(side.out - 1, 1))
        case "tf_half_pixel_for_nn":
            return (place + 0.5) / side.scale
        case _:
            raise node.refuse(f"coordinate_transformation_mode {where!r} is not supported")


def _nearest_places(node: Node, side: _Side, where: str) -> Ints:
    """(out,) place of the map that each place of the output takes."""
    at = _coordinates(node, side, where)
    mode = node.text("nearest_mode", "round_prefer_floor")
    if node.op == "Upsample" or node.opset < 11:
        mode = "floor" if side.scale >= 1 else "ceil"
    match mode:
        case "round_prefer_floor":
            at = np.ceil(at - 0.5)
        case "round_prefer_ceil":
            at = np.floor(at + 0.5)
        case "floor":
            at = np.floor(at)
        case "ceil":
            at = np.ceil(at)
        case _:
            raise node.refuse(f"nearest_mode {mode!r} is not known")
    return np.clip(at.astype(np.int64), 0, side.size - 1)


def _nearest(node: Node, source: Stream, sides: tuple[_Side, _Side], where: str) -> Stream:
    factors, spans = [], []
    for side in sides:
        places = _nearest_places(node, side, where)
        factors.append(1)
        spans.append(ops.Span(0, side.size))
        steps = set(np.diff(places).tolist())
        if side.factor and np.array_equal(places, np.arange(side.out) // side.factor):
            factors[-1] = side.factor
        elif len(steps) <= 1 and min(steps, default=1) >= 1:
            step = min(steps, default=1)
            spans[-1] = ops.Span(int(places[0]), int(places[-1]) + 1, step)
        else:
            raise node.refuse(
                f"nearest ({where}) of {describe(source)} to {side.out} places of {side.size}, "
                "only by whole factors is supported"
            )
    layer = source.layer
    if any(span.count != side.size for span, side in zip(spans, sides, strict=True)):
        kept = ops.Slice(spans[0], spans[1], ops.Span(0, source.map.channels))
        layer = node.draft.add(f"{node.layer}.slice", kept, [layer])
    layer = _repeated(node, layer, (factors[0], factors[1]), node.layer)
    return spatial(layer, node.draft.map(layer), source.shape[0])


def _repeated(node: Node, layer: str, factor: ops.Pair, hint: str) -> str:
    return layer if factor == (1, 1) else node.draft.add(hint, ops.Upsample(factor), [layer])


def _interpolated(node: Node, side: _Side, where: str, values: Floats) -> Floats:
    """(out, k) interpolations of (size, k) values; places outside are those at the edge."""
    at = _coordinates(node, side, where)
    low = np.floor(at).astype(np.int64)
    last = side.size - 1
    share = (at - low)[:, None]
    below, above = values[np.clip(low, 0, last)], values[np.clip(low + 1, 0, last)]
    return np.asarray(below * (1 - share) + above * share)


def _averaged(pool: _Pool, values: Floats) -> Floats:
    """(places, k) averages of (size, k) values."""
    size = len(values)
    starts = np.arange(size + pool.before + pool.behind - pool.kernel + 1) - pool.before
    first, last = np.clip(starts, 0, size), np.clip(starts + pool.kernel, 0, size)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return np.asarray((sums[last] - sums[first]) / (last - first)[:, None])


def _pools(side: _Side, where: str) -> tuple[_Pool, ...]:
    """What makes an interpolation of repeated places."""
    factor = side.factor
    if side.size == 1 or factor == 1:
        return ()
    if where == "asymmetric":
        return (_Pool(factor, 0, factor - 1),)
    if factor % 2:
        return (_Pool(factor, factor // 2, factor // 2),)
    return (_Pool(factor, factor // 2, factor // 2), _Pool(2, 0, 0))


def _linear(node: Node, source: Stream, sides: tuple[_Side, _Side], where: str) -> Stream:
    chains = []
    for side in sides:
        pools = _pools(side, where) if side.factor else ()
        # two linear maps that agree on a few random vectors are one
        values = np.random.default_rng(0).normal(size=(side.size, _VECTORS))
        wanted = _interpolated(node, side, where, values)
        made = np.repeat(values, max(side.factor, 1), axis=0)
        made = reduce(lambda x, pool: _averaged(pool, x), pools, made)
        if made.shape != wanted.shape or float(np.abs(made - wanted).max()) > _NEAR:
            raise node.refuse(
                f"linear ({where}) of {describe(source)} to {side.out} places of {side.size}, only "
                "growing by whole factors, with half_pixel (align_corners=False) or asymmetric "
                "coordinates, is supported"
            )
        chains.append(pools)
    layer = _repeated(node, source.layer, (sides[0].factor, sides[1].factor), f"{node.layer}.up")
    count = max(map(len, chains))
    for turn in range(count):
        rows, columns = (chain[turn] if turn < len(chain) else NO_POOL for chain in chains)
        pads = (rows.before, columns.before, rows.behind, columns.behind)
        op = ops.AvgPool2d((rows.kernel, columns.kernel), (1, 1), pads, ops.Divisor.INSIDE)
        hint = node.layer if turn == count - 1 else f"{node.layer}.mean"
        layer = node.draft.add(hint, op, [layer])
    return spatial(layer, node.draft.map(layer), source.shape[0])


HANDLERS = {"Resize": resize, "Upsample": resize}
