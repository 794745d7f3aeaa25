"""Which of many options are worth keeping: the exact Pareto front, without an O(n^2) pass.

For each row the rows that are nowhere higher are a set of bits, the intersection of one set for
each column; along a sorted column these sets only grow, so that each is the one before and a bit.
64 rows are compared at once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Columns = npt.NDArray[np.integer]
IndexArray = npt.NDArray[np.intp]

_WORD = 64
_BLOCK_ROWS = 16 * _WORD  # that others are compared with at once
_ONE_BIT = np.left_shift(np.uint64(1), np.arange(_WORD, dtype=np.uint64))


def _first_bits() -> npt.NDArray[np.uint64]:
    """(rows of a block, words): of each row the rows before it."""
    before = np.tri(_BLOCK_ROWS, k=-1, dtype=np.bool_)
    # little-endian on every machine: bit i of word w is row 64 w + i
    words = np.packbits(before, axis=1, bitorder="little").view(np.dtype("<u8"))
    return words.astype(np.uint64)


_BEFORE = _first_bits()
_ALL = np.uint64(np.iinfo(np.uint64).max)
_PLACES = np.arange(1, _BLOCK_ROWS + 1)


def _sorted_ranks(columns: Columns) -> tuple[IndexArray, IndexArray]:
    """(k, n) columns, n > 0: the rows by rising value of each, (k, n), and of each row how many of
    its column are at most as high, (k, n)."""
    order = np.argsort(columns, axis=1)
    values = np.take_along_axis(columns, order, axis=1)
    count = columns.shape[1]
    # where a run of equal values ends, all of it counts
    ends = np.full(columns.shape, count, dtype=np.intp)
    places = np.arange(1, count, dtype=np.intp)
    ends[:, :-1] = np.where(values[:, 1:] != values[:, :-1], places, count)
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(columns.shape, dtype=np.intp)
    np.put_along_axis(ranks, order, ends, axis=1)
    return order, ranks


def _dominated(order: IndexArray, ranks: IndexArray, count: int) -> npt.NDArray[np.bool_]:
    """Of n rows: (n,) whether one of the first ``count`` that is before it is nowhere higher.

    Args:
        order: rows by rising value of each column, (k, n).
        ranks: of each row how many of its column are at most as high, (k, n).
        count: of rows, 1.._BLOCK_ROWS.
    """
    words = -(-count // _WORD)
    by = np.empty((ranks.shape[1], words), dtype=np.uint64)
    by[:count] = _BEFORE[:count, :words]
    by[count:] = _ALL
    for rising, rank in zip(order, ranks, strict=True):
        if count < len(rank):
            first = rising < count
            rising, rank = rising[first], np.cumsum(first)[rank - 1]
        # (count + 1, words): the lowest 0, 1, ... of the first rows
        lowest = np.zeros((count + 1, words), dtype=np.uint64)
        lowest[_PLACES[:count], rising // _WORD] = _ONE_BIT[rising % _WORD]
        np.bitwise_or.accumulate(lowest, axis=0, out=lowest)
        by &= lowest[rank]
    return np.asarray(by.any(axis=1))


def pareto_front(costs: Columns) -> IndexArray:
    """Rows that no other row beats or equals in every column.

    Of equal rows the first is kept.

    Args:
        costs: (n, k); smaller is better in every column.

    Returns:
        Indices of the kept rows, ascending.
    """
    kept: list[IndexArray] = []
    left = np.arange(len(costs), dtype=np.intp)
    while len(left):
        columns: Columns = np.ascontiguousarray(costs[left].T)
        columns = columns[columns.min(axis=1) < columns.max(axis=1)]  # others decide nothing
        order, ranks = _sorted_ranks(columns)
        # what dominates a row has lower ranks in sum; of equal rows the first stays the first
        rows = np.argsort(ranks.sum(axis=0), kind="stable")
        place = np.empty(len(rows), dtype=np.intp)
        place[rows] = np.arange(len(rows))
        count = min(len(left), _BLOCK_ROWS)
        alive = ~_dominated(place[order], ranks[:, rows], count)
        left = left[rows]
        kept.append(left[:count][alive[:count]])
        left = np.sort(left[count:][alive[count:]])
    return np.sort(np.concatenate(kept)) if kept else left
