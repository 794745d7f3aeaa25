"""Reshapes and transposes of a frame that move no data: what is left of them is a stream's view.

A view is a list of dimensions, each a run of atoms: pieces of the frame's data order (channel, row,
column), numbered in that order. A Transpose permutes the dimensions, a Reshape regroups the atoms
and splits them where it must. The batch is dimension 0 and stays there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from .values import Stream, frame_dims

_Atom: TypeAlias = tuple[tuple[int, int], int]  # place in the data order, size
_Dim: TypeAlias = tuple[_Atom, ...]


def reshaped(source: Stream, dims: Sequence[int]) -> Stream | None:
    """The same data under other dimensions (batch first, equal size); None where a dimension would
    hold a part of one piece and a part of the next."""
    if not source.axes:
        return replace(source, shape=tuple(dims))
    atoms = [atom for dim in _view(source) for atom in dim]
    view: list[_Dim] = []
    for size in dims[1:]:
        dim: list[_Atom] = []
        rest = size
        while rest > 1:
            (place, step), count = atoms.pop(0)
            part = math.gcd(count, rest)
            if part == 1 or (part < count and part != rest):
                return None
            # the front part of an atom is the slower one; sub-places keep the order
            if part < count:
                atoms.insert(0, ((place, step + part), count // part))
            dim.append(((place, step), part))
            rest //= part
        view.append(tuple(dim))
    return _stream(source, view)


def transposed(source: Stream, perm: Sequence[int]) -> Stream:
    """The dimensions permuted; ``perm[0]`` is 0."""
    view = _view(source)
    return _stream(source, [view[axis - 1] for axis in perm[1:]])


def _view(source: Stream) -> list[_Dim]:
    """Dimensions behind the batch, in the order that ONNX sees."""
    order = source.axes or tuple(range(len(source.shape)))
    atoms = [((axis, 0), source.shape[axis]) for axis in order[1:]]
    if not source.merged:
        return [(atom,) if atom[1] > 1 else () for atom in atoms]
    atoms = [atom for atom in atoms if atom[1] > 1]
    view: list[_Dim] = []
    for size in source.merged[1:]:
        dim: list[_Atom] = []
        while math.prod(count for _, count in dim) < size:
            dim.append(atoms.pop(0))
        view.append(tuple(dim))
    return view


def _stream(source: Stream, view: Sequence[_Dim]) -> Stream:
    """A view in its simplest form: as few atoms as possible, no permutation if it is none."""
    batch = source.shape[0]
    dims = (batch, *(math.prod(count for _, count in dim) for dim in view))
    ranks = {place: rank for rank, (place, _) in enumerate(sorted(a for dim in view for a in dim))}
    joined: list[list[tuple[int, int]]] = []  # per dimension: rank of the first atom, size
    for dim in view:
        runs: list[tuple[int, int]] = []
        last = None
        for place, count in dim:
            if last is not None and ranks[place] == last + 1:
                runs[-1] = (runs[-1][0], runs[-1][1] * count)
            else:
                runs.append((ranks[place], count))
            last = ranks[place]
        joined.append(runs)
    flat = [run for runs in joined for run in runs]
    if flat == sorted(flat):
        return replace(source, shape=dims, axes=(), merged=())
    if all(len(runs) <= 1 for runs in joined):
        order = _places(source, dims, [runs[0][0] if runs else None for runs in joined])
        shape = tuple(dims[axis] for axis in order)
        axes = tuple(order.index(axis) for axis in range(len(dims)))
        return replace(source, shape=shape, axes=axes, merged=())
    in_order = sorted(flat)
    axes = (0, *(1 + in_order.index(run) for run in flat))
    shape = (batch, *(count for _, count in in_order))
    return replace(source, shape=shape, axes=axes, merged=dims)


def _places(source: Stream, dims: tuple[int, ...], ranks: list[int | None]) -> list[int]:
    """Dimensions in data order. Those of one element may stand anywhere: where they make the shape
    (N, C, H, W) of the map, or else in front of the dimension that they precede."""
    last = max(rank for rank in ranks if rank is not None) + 1
    keys: list[tuple[int, int]] = []
    following = last
    for rank in reversed(ranks):
        following = following if rank is None else rank
        keys.insert(0, (following, 0 if rank is None else 1))
    order = [0, *(1 + axis for axis in sorted(range(len(ranks)), key=lambda a: (keys[a], a)))]
    rows_last = (0, 3, 1, 2)  # of (N, H, W, C)
    if len(dims) == len(rows_last):
        known = [rank for axis in rows_last[1:] if (rank := ranks[axis - 1]) is not None]
        wanted = frame_dims(source.map)
        if known == sorted(known) and tuple(dims[axis] for axis in rows_last[1:]) == wanted:
            return list(rows_last)
    return order
