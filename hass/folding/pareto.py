"""Which of many options are worth keeping: the exact Pareto front, without an O(n^2) pass."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Columns = npt.NDArray[np.integer]
IndexArray = npt.NDArray[np.intp]

_BLOCK_ROWS = 256
_PROBE_ROWS = 32
_PROBED_ROWS = 4096


def _dominated(rows: Columns, by: Columns) -> npt.NDArray[np.bool_]:
    """(k, n) and (k, m) columns of costs: (n,) whether some column of ``by`` is nowhere higher."""
    result = np.ones((by.shape[1], rows.shape[1]), dtype=np.bool_)
    for mine, other in zip(rows, by, strict=True):
        result &= other[:, None] <= mine[None, :]
    return np.asarray(result.any(axis=0))


def _first_in_block(rows: Columns) -> npt.NDArray[np.bool_]:
    """(k, n) sorted columns: (n,) whether no earlier column is nowhere higher."""
    count = rows.shape[1]
    below = np.ones((count, count), dtype=np.bool_)
    for mine in rows:
        below &= mine[:, None] <= mine[None, :]
    # a dominating column sorts in front, so only the upper triangle can be set
    return ~np.asarray(np.triu(below, 1).any(axis=0))


def _probes(rows: Columns) -> IndexArray:
    """Columns that are likely to dominate many: smallest in weighted sums of logarithms.

    The weights are a fixed low-discrepancy sequence, so that the answer is the same every time;
    which columns are chosen changes only the speed.
    """
    step = -(-rows.shape[1] // _PROBED_ROWS)
    logs = np.log1p(rows[:, ::step].astype(np.float64))
    spans = np.ptp(logs, axis=1)
    logs = logs[spans > 0] / spans[spans > 0, None]
    steps = np.sqrt(np.array([2, 3, 5, 7, 11, 13, 17], dtype=np.float64))[: len(logs)]
    weights = (np.arange(1, _PROBE_ROWS + 1)[:, None] * steps[None, :]) % 1.0
    if len(logs) == 0:
        return np.zeros(1, dtype=np.intp)
    return np.asarray(np.unique(np.argmin(weights**2 @ logs, axis=1)) * step)


def pareto_front(costs: Columns) -> IndexArray:
    """Rows that no other row beats or equals in every column.

    Of equal rows the first is kept.

    Args:
        costs: (n, k) non-negative, k <= 7; smaller is better in every column.

    Returns:
        Indices of the kept rows, sorted by the first column, then the second, and so on.
    """
    if len(costs) == 0:
        return np.zeros(0, dtype=np.intp)
    order = np.lexsort([*costs.T[::-1]])
    columns: Columns = np.ascontiguousarray(costs[order].T)
    if costs.max() < 2**31:
        columns = columns.astype(np.int32)  # twice as fast to compare
    probes = _probes(columns)
    alive = ~_dominated(columns, columns[:, probes])
    # a probe "dominates" itself: settle probes among themselves (they are sorted as columns are)
    alive[probes] = _first_in_block(columns[:, probes])
    order, columns = order[alive], columns[:, alive]
    kept: list[IndexArray] = []
    front = columns[:, :0]
    for start in range(0, columns.shape[1], _BLOCK_ROWS):
        block = columns[:, start : start + _BLOCK_ROWS]
        inside = np.flatnonzero(_first_in_block(block))
        inside = inside[~_dominated(block[:, inside], front)]
        kept.append(order[start + inside])
        front = np.concatenate([front, block[:, inside]], axis=1)
    return np.concatenate(kept)
