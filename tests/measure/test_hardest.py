"""Images in an order in which it shows early that a network is worse."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hass.measure import certainly_lost, hardest_first
from hass.measure.hardest import Hits

BOTH = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)


def hits(pairs: list[tuple[bool, bool]]) -> tuple[Hits, Hits]:
    first, second = np.array(pairs, dtype=np.bool_).T
    return first, second


@given(BOTH)
def test_what_is_certainly_lost_is_lost(pairs: list[tuple[bool, bool]]) -> None:
    first, second = hits(pairs)
    lost = int(first.sum()) - int(second.sum())
    known = [certainly_lost(first, second[:seen]) for seen in range(len(pairs) + 1)]
    assert known == sorted(known)  # more images never take it back
    assert known[-1] == lost
    for seen, least in enumerate(known):  # the rest may all be right: nothing more is certain
        rest = np.ones(len(pairs) - seen, dtype=np.bool_)
        assert certainly_lost(first, np.concatenate([second[:seen], rest])) == least


@given(st.lists(st.floats(-3, 3, width=32), min_size=1, max_size=40))
def test_the_hardest_come_first(margins: list[float]) -> None:
    order = hardest_first(np.array(margins))
    assert sorted(order.tolist()) == list(range(len(margins)))
    ordered = np.array(margins)[order]
    wrong = int((ordered <= 0).sum())
    assert (ordered[:wrong] <= 0).all()
    assert (np.diff(ordered[wrong:]) >= 0).all()


def test_a_worse_network_is_known_before_its_last_image() -> None:
    """One that loses the four least sure of 90 images that were right, of 100."""
    margins = np.random.default_rng(0).permutation(np.arange(-10, 90)) + 0.5
    order = hardest_first(margins)
    first = margins[order] > 0
    second = margins[order] > 4
    looks = [seen for seen in range(101) if certainly_lost(first, second[:seen]) > 3]
    assert looks[0] == 14
