"""Whole networks, many foldings at once, are what each is alone."""

from __future__ import annotations

import numpy as np
import pytest
from folding_cases import chain
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from profiles import random_profile
from strategies import graphs

from hass import ops
from hass.cost import EngineKind, Folding, estimate
from hass.device import Resources, load_device
from hass.errors import SpecError
from hass.folding import FoldingPlan, estimate_many, folding_space, solve
from hass.graph import Graph, Weights
from hass.values import FeatureMap

DEVICE = load_device("zcu104")
NET = chain(
    FeatureMap(12, 10, 4), ops.Conv2d(8, (3, 3)), ops.Relu(), ops.Relu(), ops.Conv2d(4, (1, 1))
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=graphs(5), sparse=st.booleans(), seed=st.integers(0, 99))
def test_each_is_what_estimate_says(case: tuple[Graph, Weights], sparse: bool, seed: int) -> None:
    graph, weights = case
    profile = random_profile(graph, weights, seed=seed) if sparse else None
    space = folding_space(graph, DEVICE, profile=profile)
    places = space.draw(6, np.random.default_rng(seed))
    many = estimate_many(space, places)
    for index, row in enumerate(places):
        foldings = space.foldings(row)
        assert np.array_equal(space.places(foldings), row)
        alone = estimate(graph, foldings, DEVICE, profile=profile)
        assert many.frame_ii_cycles[index] == alone.frame_ii_cycles
        assert Resources(*many.resources[index].tolist()) == alone.resources
    assert many.fits(DEVICE.budget).tolist() == [
        Resources(*row.tolist()).fits(DEVICE.budget) for row in many.resources
    ]


def test_a_plan_has_its_place_and_no_folding_drawn_beats_it() -> None:
    plan = solve(NET, DEVICE)
    assert isinstance(plan, FoldingPlan)
    space = folding_space(NET, DEVICE)
    found = estimate_many(space, space.places(plan.foldings)[None])
    assert found.frame_ii_cycles[0] == plan.estimate.frame_ii_cycles
    drawn = estimate_many(space, space.draw(20_000, np.random.default_rng(0)))
    assert drawn.frame_ii_cycles[drawn.fits(DEVICE.budget)].min() >= plan.proved_bound_cycles


def test_what_is_not_there_is_refused() -> None:
    space = folding_space(NET, DEVICE)
    with pytest.raises(ValueError, match="places must be"):
        estimate_many(space, np.zeros((2, 3), dtype=np.int64))
    with pytest.raises(ValueError, match="not below"):
        estimate_many(space, np.tile(space.sizes, (1, 1)))
    with pytest.raises(ValueError, match="not legal"):
        space.place(space.names[0], Folding(coarse_in=3, coarse_out=3))
    with pytest.raises(ValueError, match="no folding for"):
        space.places({})
    with pytest.raises(SpecError, match="an engine for"):
        folding_space(NET, DEVICE, engines=frozenset({EngineKind.DYNAMIC}))
    assert len(estimate_many(space, np.zeros((0, len(space.names)), dtype=np.int64))) == 0
