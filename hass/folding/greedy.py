"""The greedy baseline: widen the slowest layer while something fits."""

from __future__ import annotations

import numpy as np

from .choice import IndexArray, Options


def widened(options: Options, start: IndexArray) -> IndexArray:
    """A choice reached from one that fits by single steps.

    A step gives the slowest layer (the first of equals) the faster option that fits and adds the
    least to the budget's shares, each share weighed by how scarce the resource is by then; of
    equals the fastest. It ends when the slowest layer has no such option.
    """
    shares = options.shares()
    chosen = start.copy()
    used = options.usage(chosen)
    while True:
        slowest = int(options.cycles[chosen].argmax())
        now = int(chosen[slowest])
        rows = options.rows_of(slowest)
        faster = int(np.searchsorted(options.cycles[rows], options.cycles[now]))
        candidates = np.arange(rows.start, rows.start + faster)
        after = used - options.use[now] + options.use[candidates]
        candidates = candidates[(after <= options.allowed).all(axis=1)]
        if len(candidates) == 0:
            return chosen
        left = 1.0 - shares[chosen].sum(axis=0)
        added = (shares[candidates] - shares[now]) @ (1.0 / np.maximum(left, 1e-3))
        chosen[slowest] = candidates[int(added.argmin())]
        used = options.usage(chosen)
