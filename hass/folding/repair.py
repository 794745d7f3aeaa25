"""From a choice that nearly fits to one that fits: single swaps, best first."""

from __future__ import annotations

import numpy as np

from .choice import FloatArray, IndexArray, Options

_MAX_SWAPS = 200
_MAX_PAIRED_ROWS = 700


def overuse(shares: FloatArray) -> FloatArray:
    """(..., 5) shares of the budget -> (...) summed excess over it."""
    return np.asarray(np.maximum(shares - 1.0, 0.0).sum(axis=-1))


def repaired(options: Options, chosen: IndexArray) -> IndexArray | None:
    """A choice that fits, reached by swapping options of one layer or of two at a time, or None.

    Each swap is the one that leaves the least excess; the first row wins a tie. Two layers are
    tried together where one does not help and the rows are few. None proves nothing.
    """
    shares = options.shares()
    layer_of = options.layer_of_rows()
    chosen = chosen.copy()
    for _ in range(_MAX_SWAPS):
        if options.fits(chosen):
            return chosen
        total = shares[chosen].sum(axis=0)
        swaps = shares - shares[chosen][layer_of]
        now = overuse(total) - 1e-12
        excess = overuse(total + swaps)
        best = int(excess.argmin())
        if excess[best] < now:
            chosen[layer_of[best]] = best
            continue
        if len(shares) > _MAX_PAIRED_ROWS:
            return None
        pairs = _pair_overuse(total, swaps, layer_of)
        first, second = divmod(int(pairs.argmin()), len(shares))
        if pairs[first, second] >= now:
            return None
        chosen[layer_of[first]], chosen[layer_of[second]] = first, second
    return None


def _pair_overuse(total: FloatArray, swaps: FloatArray, layer_of: IndexArray) -> FloatArray:
    """(n, n) excess after two swaps; infinite for two in one layer."""
    result = np.where(layer_of[:, None] == layer_of[None, :], np.inf, 0.0)
    for used, change in zip(total, swaps.T, strict=True):
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
    shares = options.shares()
    totals = shares.sum(axis=1)
    layer_of = options.layer_of_rows()
    chosen = chosen.copy()
    while True:
        free = options.allowed - options.usage(chosen)
        fitting = (options.use - options.use[chosen][layer_of] <= free).all(axis=1)
        saved = np.where(fitting, totals[chosen][layer_of] - totals, 0.0)
        best = int(saved.argmax())
        if saved[best] <= 1e-12:
            return chosen
        chosen[layer_of[best]] = best
