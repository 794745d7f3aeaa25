"""From a choice that nearly fits to one that fits: single swaps, best first."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .choice import FloatArray, IndexArray, Options

Amounts: TypeAlias = npt.NDArray[np.number[Any]]  # shares of the budget, or resources

_MAX_SWAPS = 200
_MAX_PAIRED_ROWS = 700


class _Swaps:
    """A choice, and what every row would change if it took its layer's place in it.

    A swap changes the rows of one layer only, so nothing else is computed anew.
    """

    def __init__(self, options: Options, amounts: Amounts, chosen: IndexArray) -> None:
        """Of (n, k) amounts of each row."""
        self._options = options
        self._layer_of = options.layer_of_rows()
        self._amounts = np.ascontiguousarray(amounts.T)
        self.chosen = chosen.copy()
        self.changes = self._amounts - self._amounts[:, chosen][:, self._layer_of]  # (k, n)
        self.most = self._amounts.max(axis=1) - self._amounts.min(axis=1)  # (k,) none is larger

    def take(self, row: int) -> None:
        """Let a row take its layer's place."""
        layer = int(self._layer_of[row])
        self.chosen[layer] = row
        rows = self._options.rows_of(layer)
        self.changes[:, rows] = self._amounts[:, rows] - self._amounts[:, row, None]


def overuse(shares: FloatArray) -> float:
    """Summed excess of (k,) shares over the budget."""
    return float(np.maximum(shares - 1.0, 0.0).sum())


def _overuse_after(total: FloatArray, swaps: _Swaps) -> FloatArray:
    """(n,) summed excess over the budget after each swap, of (k,) total shares before it."""
    excess = np.zeros(swaps.changes.shape[1])
    for used, changes, most in zip(total, swaps.changes, swaps.most, strict=True):
        if used + most > 1.0:  # otherwise this resource never runs over
            over = used + changes
            over -= 1.0
            excess += np.maximum(over, 0.0, out=over)
    return excess


def repaired(options: Options, chosen: IndexArray) -> IndexArray | None:
    """A choice that fits, reached by swapping options of one layer or of two at a time, or None.

    Each swap is the one that leaves the least excess; the first row wins a tie. Two layers are
    tried together where one does not help and the rows are few. None proves nothing.
    """
    shares = options.shares()
    swaps = _Swaps(options, shares, chosen)
    for _ in range(_MAX_SWAPS):
        if options.fits(swaps.chosen):
            return swaps.chosen
        total = shares[swaps.chosen].sum(axis=0)
        now = overuse(total) - 1e-12
        excess = _overuse_after(total, swaps)
        best = int(excess.argmin())
        if excess[best] < now:
            swaps.take(best)
            continue
        if len(shares) > _MAX_PAIRED_ROWS:
            return None
        pairs = _pair_overuse(total, swaps.changes, options.layer_of_rows())
        first, second = divmod(int(pairs.argmin()), len(shares))
        if pairs[first, second] >= now:
            return None
        swaps.take(first)
        swaps.take(second)
    return None


def _pair_overuse(total: FloatArray, changes: Amounts, layer_of: IndexArray) -> FloatArray:
    """(n, n) excess after two of the (k, n) swaps; infinite for two in one layer."""
    result = np.where(layer_of[:, None] == layer_of[None, :], np.inf, 0.0)
    for used, change in zip(total, changes, strict=True):
        if used + 2 * change.max() > 1.0:  # otherwise this resource never runs over
            result += np.maximum(change[:, None] + (change[None, :] + (used - 1.0)), 0.0)
    return result


def cheapest(options: Options) -> IndexArray:
    """Each layer's option with the smallest summed share of the budget, the first of equals."""
    totals = options.shares().sum(axis=1)
    least = np.minimum.reduceat(totals, options.starts[:-1])
    hits = np.flatnonzero(totals == np.repeat(least, np.diff(options.starts)))
    return np.asarray(hits[np.searchsorted(hits, options.starts[:-1])])


def trimmed(options: Options, chosen: IndexArray) -> IndexArray:
    """From a choice that fits to one that fits with a smaller sum of the budget's shares, by
    swapping one layer's option at a time, the largest saving first."""
    swaps = _Swaps(options, options.use, chosen)
    costs = _Swaps(options, options.shares().sum(axis=1)[:, None], chosen)
    while True:
        free = options.allowed - options.usage(swaps.chosen)
        fitting = np.ones(len(options.use), dtype=np.bool_)
        for left, changes, most in zip(free, swaps.changes, swaps.most, strict=True):
            if most > left:
                fitting &= changes <= left
        saved = np.where(fitting, -costs.changes[0], 0.0)
        best = int(saved.argmax())
        if saved[best] <= 1e-12:
            return swaps.chosen
        swaps.take(best)
        costs.take(best)
