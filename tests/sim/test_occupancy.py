"""What FIFOs hold over time, against a simulation that looks at them in every cycle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from chain_networks import Chain, network
from cycle_reference import held_entries
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sim_cases import DEVICE, dense_pipelines, pace_of, setup_of

from hass import ops
from hass.cost import Estimate, estimate
from hass.graph import Graph
from hass.sim.kernel import advance
from hass.sim.run import Setup, simulate
from hass.user_files import smallest_foldings
from hass.values import FeatureMap

JOINED: Chain = [
    ("fork", ops.Fork(), ["in"]),
    ("first", ops.Conv2d(4, (3, 3), (1, 1), (1, 1, 1, 1)), ["fork"]),
    ("add", ops.Add(), ["first", "fork"]),
]


def _most(entries: list[int], interval: int, count: int) -> tuple[int, ...]:
    """The most in each interval, that at its beginning included; nothing is held at first."""
    begins = [0, *entries]
    padded = [*entries, *[entries[-1]] * (interval * count)]
    return tuple(
        max(begins[min(at, len(entries))], *padded[at : at + interval])
        for at in range(0, interval * count, interval)
    )


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=dense_pipelines(max_layers=4), intervals=st.sampled_from([1, 6, 31, 4000]))
def test_each_interval_has_what_was_held_most(case: tuple[Graph, Estimate], intervals: int) -> None:
    graph, modelled = case
    assume(modelled.latency_cycles < 1000)
    setup = replace(setup_of(graph, modelled, frames=2), intervals=intervals)
    result = simulate(graph, modelled, setup, advance=advance)
    found = result.occupancy
    assert found is not None and found.interval_cycles & (found.interval_cycles - 1) == 0
    expected = held_entries(graph, modelled, 2, pace_of(graph, modelled))
    assert len(found.entries) == len(expected) == len(result.fifos)
    for fifo, row, entries in zip(result.fifos, found.entries, expected, strict=True):
        assert 1 <= len(row) <= intervals + intervals % 2
        assert row == _most(entries, found.interval_cycles, len(row)), str(fifo)
        assert max(row) == fifo.peak == max(entries)


def test_recording_changes_nothing_else() -> None:
    graph, _ = network(JOINED, FeatureMap(6, 5, 4))
    modelled = estimate(graph, smallest_foldings(graph), DEVICE)
    plain = simulate(graph, modelled, setup_of(graph, modelled))
    recorded = simulate(graph, modelled, replace(setup_of(graph, modelled), intervals=16))
    assert plain.occupancy is None and recorded.occupancy is not None
    assert replace(recorded, occupancy=None) == plain


def test_in_a_deadlock_the_full_fifo_is_seen_full_at_the_end() -> None:
    graph, _ = network(JOINED, FeatureMap(6, 5, 4))
    modelled = estimate(graph, smallest_foldings(graph), DEVICE)
    setup = replace(setup_of(graph, modelled), depths={("fork", "add", 1): 2}, intervals=8)
    result = simulate(graph, modelled, setup)
    assert result.deadlock is not None and result.occupancy is not None
    (full,) = result.deadlock.full
    row = result.occupancy.entries[result.fifos.index(full)]
    assert row[-1] == full.depth == full.peak == 2


def test_a_negative_number_of_intervals_is_refused() -> None:
    with pytest.raises(ValueError, match="intervals must be at least 0, got -1"):
        Setup(intervals=-1)
