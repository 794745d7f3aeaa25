"""Whether a network that is still being measured has lost too much already.

Both networks see the same images, in an order that is a random one. Only images on which exactly
one of the two is right tell them apart (McNemar). Say the changed network may be wrong on at most
a images more than the other, of all N: of the M images in N that tell them apart, at most
(M + a) / 2 then speak against it. The m seen are a random sample of the M, and M >= m, so that at
most a share

    p = (m + a) / (2 m)

of them is expected to speak against it. Hoeffding's bound on the chance that b or more of m do, in
its sharp form (the relative entropy), holds for samples without replacement too (his theorem 4).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Hits = npt.NDArray[np.bool_]  # image -> whether its class was found

MISTAKEN = 0.01  # chance that a network that keeps the floor is given up, over all looks together


def chance_within(worse: int, better: int, allowed: int) -> float:
    """A bound on the chance to see what was seen if no more than ``allowed`` are lost in all.

    Args:
        worse: images seen that only the first network got right.
        better: images seen that only the second got right.
        allowed: images that the second may lose more than it wins, of all.
    """
    told = worse + better
    if told == 0:
        return 1.0
    expected = min(1.0, max(0.0, (told + allowed) / (2 * told)))
    share = worse / told
    if share <= expected:
        return 1.0
    if expected <= 0.0:
        return 0.0
    entropy = share * math.log(share / expected)
    if share < 1.0:
        entropy += (1 - share) * math.log((1 - share) / (1 - expected))
    return math.exp(-told * entropy)


def surely_lost(first: Hits, second: Hits, total: int, allowed: int, looks: int) -> bool:
    """Whether the second network loses more than ``allowed`` images, by all that is likely.

    Args:
        first: (n,) of the first network, on all ``total`` images or on the first n.
        second: (m,) of the second, m <= n.
        total: images in all.
        allowed: images that the second may lose more than it wins, of all.
        looks: how often this is asked while one network runs.
    """
    before = first[: len(second)]
    worse = int(np.count_nonzero(before & ~second))
    better = int(np.count_nonzero(~before & second))
    if worse - better - (total - len(second)) > allowed:
        return True  # whatever the rest are
    return chance_within(worse, better, allowed) <= MISTAKEN / max(looks, 1)
