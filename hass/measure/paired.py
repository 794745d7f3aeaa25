"""Whether a network that is still being measured has lost too much already.

Both networks see the same images, in an order that is a random one. Let x be 1 for an image that
only the first gets right, -1 for one that only the second does, else 0. Say the sum over all N
images is at most a. After n of them with sum S the next is drawn at random from the rest, so its x
has a mean of at most

    mu = (a - S) / (N - n)

Whoever bets on more, with a stake r < 1 / (1 + mu) of his fortune, which becomes 1 + r (x - mu)
times as much, then wins nothing on average. So the chance that it ever comes to 1 / c times what
it was is at most c (Ville's inequality), however often one looks. As mu follows from what is left,
bets tell more the fewer images remain. The best stake depends on how much is lost and on how many
images tell the networks apart; so the fortune is dealt out to several. (Waudby-Smith and Ramdas,
"Confidence sequences for sampling without replacement", 2020.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Hits = npt.NDArray[np.bool_]  # image -> whether its class was found

MISTAKEN = 0.01  # chance that a network that keeps the floor is given up, over all looks together
# A stake is best near (mean of x - mu) / (mean of x * x): a twentieth where a network is just below
# the floor, near 1 where it is lost.
STAKES = (0.05, 0.1, 0.2, 0.4, 0.8)
MOST_LOST = 0.9  # of a fortune by one bet: stakes are lowered where it would be more


def fortunes(first: Hits, second: Hits, total: int, allowed: int) -> npt.NDArray[np.float64]:
    """Logarithm of the fortune of who bets that more than ``allowed`` are lost.

    Args:
        first: (n,) of the first network.
        second: (n,) of the second.
        total: images in all, >= n.
        allowed: images that the second may lose more than it wins, of all.

    Returns:
        (n,) after each image; 0 at the beginning.
    """
    lost = first.astype(np.int64) - second
    before = np.cumsum(lost) - lost
    mean = (allowed - before) / (total - np.arange(len(lost)))
    stakes = np.minimum(np.array(STAKES)[:, None], MOST_LOST / (1 + np.maximum(mean, 0.0)))
    shares = np.log1p(stakes * (lost - mean)).cumsum(axis=1)
    return np.asarray(np.logaddexp.reduce(shares, axis=0) - np.log(len(STAKES)))


def surely_lost(first: Hits, second: Hits, total: int, allowed: int) -> bool:
    """Whether the second network loses more than ``allowed`` images, by all that is likely.

    Args:
        first: (n,) of the first network, on all ``total`` images or on the first n.
        second: (m,) of the second, 1 <= m <= n.
        total: images in all.
        allowed: images that the second may lose more than it wins, of all.
    """
    before = first[: len(second)]
    lost = int(np.count_nonzero(before)) - int(np.count_nonzero(second))
    if lost - (total - len(second)) > allowed:
        return True  # whatever the rest are
    return bool(fortunes(before, second, total, allowed).max() >= -np.log(MISTAKEN))
