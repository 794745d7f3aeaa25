"""Repair and trimming do as their plain definitions say, with less work."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hass.folding import repair
from hass.folding.choice import Budget, IndexArray, Options, join_options
from hass.folding.repair import overuse, repaired, trimmed


@st.composite
def choices(draw: st.DrawFn) -> tuple[Options, IndexArray]:
    """Options of a few layers, a budget near what they need, and any choice."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    layers, resources, most = draw(
        st.tuples(st.integers(1, 12), st.integers(2, 6), st.sampled_from([2, 9, 5000]))
    )
    parts = []
    for _ in range(layers):
        rows = int(rng.integers(1, 9))
        use = rng.integers(0, most, (rows, resources))
        parts.append((np.sort(rng.integers(1, 50, rows)), use, np.arange(rows)))
    middle = sum(use.mean(axis=0) for _, use, _ in parts)
    budget = (middle * rng.uniform(0.8, 1.4, resources)).astype(np.int64)
    options = join_options(parts, Budget(budget), 1)
    chosen = rng.integers(options.starts[:-1], options.starts[1:])
    return options, chosen


def plainly_swapped(options: Options, chosen: IndexArray) -> IndexArray:
    """As ``repaired``, while one swap helps, with every excess computed from its own choice."""
    shares, layer_of = options.shares(), options.layer_of_rows()
    while not options.fits(chosen):
        total = shares[chosen].sum(axis=0)
        own = shares[chosen][layer_of]
        after = [overuse(total + (new - old)) for new, old in zip(shares, own, strict=True)]
        best = int(np.argmin(after))
        if after[best] >= overuse(total) - 1e-12:
            break
        chosen = np.where(np.arange(options.layers) == layer_of[best], best, chosen)
    return chosen


@given(choices())
@settings(max_examples=200, deadline=None)
def test_repair_swaps_what_leaves_the_least_excess(case: tuple[Options, IndexArray]) -> None:
    options, chosen = case
    expected = plainly_swapped(options, chosen)
    assume(options.fits(expected))
    found = repaired(options, chosen)
    assert found is not None
    assert options.fits(found)
    np.testing.assert_array_equal(found, expected)


@given(choices())
@settings(max_examples=50, deadline=None)
def test_trimming_ends_where_no_swap_saves(case: tuple[Options, IndexArray]) -> None:
    options, chosen = case
    enough = np.maximum(options.usage(chosen), options.budget.amounts)
    options = replace(options, budget=Budget(enough))
    lean = trimmed(options, chosen)
    cost = options.shares().sum(axis=1)
    assert cost[lean].sum() <= cost[chosen].sum() + 1e-12
    for layer in range(options.layers):
        for row in range(int(options.starts[layer]), int(options.starts[layer + 1])):
            swapped = lean.copy()
            swapped[layer] = row
            assert not options.fits(swapped) or cost[row] >= cost[lean[layer]] - 1e-12


@given(choices(), st.data())
@settings(max_examples=50, deadline=None)
def test_a_swap_brings_its_own_layer_up_to_date_only(
    case: tuple[Options, IndexArray], data: st.DataObject
) -> None:
    options, chosen = case
    shares = options.shares()
    swaps = repair._Swaps(options, shares, chosen)
    for _ in range(3):
        row = data.draw(st.integers(0, len(shares) - 1))
        before = swaps.changes.copy()
        swaps.take(row)
        layer_of = options.layer_of_rows()
        expected = shares - shares[swaps.chosen][layer_of]
        np.testing.assert_array_equal(swaps.changes, expected.T)
        others = layer_of != layer_of[row]
        np.testing.assert_array_equal(swaps.changes[:, others], before[:, others])
        assert (swaps.changes <= swaps.most[:, None]).all()
