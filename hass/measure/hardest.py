"""Images in an order in which it shows early that a network is worse than another.

First those that the other network gets wrong, of which the worse one may win some; then those that
it gets right, by how surely. Behind the first ones nothing can be won any more, so that what is
lost by then is lost, and those that are lost stand in front.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .accuracy import Hits


def hardest_first(margins: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """The order, (n,), for the margins of the other network, (n,): see ``margins_of``."""
    right = margins > 0
    return np.lexsort((margins, right)).astype(np.int64)


def certainly_lost(first: Hits, second: Hits) -> int:
    """How many images the second network loses at least, more than it wins, of all.

    Args:
        first: (n,) of the other network, on all images.
        second: (m,) of the second, m <= n, on the first images in any order.
    """
    seen = len(second)
    lost = int(np.count_nonzero(first[:seen])) - int(np.count_nonzero(second))
    return lost - int(np.count_nonzero(~first[seen:]))
