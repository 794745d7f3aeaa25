"""From a choice that nearly fits to one that fits: single swaps, best first."""

from __future__ import annotations

import numpy as np

from .choice import FloatArray, IndexArray, Options

_MAX_SWAPS = 200


def overuse(shares: FloatArray) -> FloatArray:
    """(..., 5) shares of the budget -> (...) summed excess over it."""
    return np.asarray(np.maximum(shares - 1.0, 0.0).sum(axis=-1))


def repaired(options: Options, chosen: IndexArray) -> IndexArray | None:
    """A choice that fits, reached by swapping one layer's option at a time, or None.

    Each swap is the one that leaves the least excess; the first row wins a tie. None proves
    nothing.
    """
    shares = options.shares()
    layer_of = options.layer_of_rows()
    chosen = chosen.copy()
    for _ in range(_MAX_SWAPS):
        if options.fits(chosen):
            return chosen
        total = shares[chosen].sum(axis=0)
        excess = overuse(shares + (total - shares[chosen])[layer_of])
        best = int(excess.argmin())
        if excess[best] >= overuse(total) - 1e-12:
            return None
        chosen[layer_of[best]] = best
    return None


def cheapest(options: Options) -> IndexArray:
    """Each layer's option with the smallest summed share of the budget, the first of equals."""
    totals = options.shares().sum(axis=1)
    least = np.minimum.reduceat(totals, options.starts[:-1])
    hits = np.flatnonzero(totals == np.repeat(least, np.diff(options.starts)))
    return np.asarray(hits[np.searchsorted(hits, options.starts[:-1])])
