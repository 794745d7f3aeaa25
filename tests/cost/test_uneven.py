"""What layers wait for each other: by hand, against a plain recurrence, and its order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uneven_chain import IMAGES, PARTS, chain, in_turns, profile_of

from hass.cost import EngineKind, Estimate, Folding, MemoryKind, estimate
from hass.cost.kernels.waves import finish_times
from hass.cost.uneven import follows, passed, waves_of, with_waiting
from hass.device import load_device
from hass.graph import Graph
from hass.sparsity import SegmentHistogram, SparsityProfile


def estimated(graph: Graph, profile: SparsityProfile, engine: EngineKind) -> Estimate:
    one = Folding(engine, coarse_in=8, weight_memory=MemoryKind.LUTRAM)
    foldings = {layer.name: one if layer.name in profile.layers else Folding() for layer in graph}
    foldings["in"] = foldings["out"] = Folding(coarse_in=8, coarse_out=8)
    return estimate(graph, foldings, load_device("zcu104"), profile=profile)


def test_even_work_waits_for_nothing() -> None:
    graph = chain()
    even = np.full((IMAGES, PARTS), 100)
    assert estimated(graph, profile_of(graph, even, even), EngineKind.DYNAMIC).waiting_cycles == 0


@pytest.mark.parametrize("engine", [EngineKind.DENSE, EngineKind.STATIC])
def test_even_engines_wait_for_nothing(engine: EngineKind) -> None:
    graph = chain()
    assert estimated(graph, profile_of(graph, *in_turns()), engine).waiting_cycles == 0


def test_a_frame_takes_the_mean_of_the_largest() -> None:
    graph = chain()
    profile = profile_of(graph, *in_turns())
    found = estimated(graph, profile, EngineKind.DYNAMIC)
    slope = follows(profile.layers["first"].histogram(1), found.layers["first"].folding.fine)
    assert slope > 0.5
    waves = waves_of(graph, found, profile)
    assert waves is not None
    assert waves.slowest_cycles == found.layers["first"].frame_ii_cycles
    none = passed(waves, np.zeros(len(found.fifos)))
    # one layer always has a heavy frame, but where they change turns: so late is the second one,
    # and both have a light one every other time; a part of a frame may be ahead
    late = round(found.layers["second"].lead_frames * PARTS)
    expected = waves.slowest_cycles * slope * (200 / 120 - 1.0) * (1.0 - late / PARTS)
    assert expected * (1.0 - 3 / PARTS) < none.waiting_cycles <= expected + 1
    assert none.blocked_cycles[0] > 0.0  # in front of the first layer
    endless = passed(waves, np.full(len(found.fifos), 1e6))
    assert endless.waiting_cycles == 0
    assert (endless.blocked_cycles == 0.0).all()


def test_broadcast_engines_wait_for_activations() -> None:
    graph = chain()
    even = np.full((IMAGES, PARTS), 100)
    profile = profile_of(graph, even, even)
    layers = dict(profile.layers)
    for name, uneven in profile_of(graph, *in_turns()).layers.items():
        assert uneven.acts is not None
        acts = replace(uneven.acts, work=uneven.work)
        layers[name] = replace(layers[name], acts=acts)
    profile = replace(profile, layers=layers)
    assert estimated(graph, profile, EngineKind.DYNAMIC).waiting_cycles == 0
    found = estimated(graph, profile, EngineKind.BROADCAST)
    assert 0 < found.waiting_cycles < found.slowest_cycles


def test_deeper_fifos_wait_less_and_endless_ones_not_at_all() -> None:
    graph = chain()
    rng = np.random.default_rng(1)
    profile = profile_of(graph, *rng.integers(40, 200, (2, IMAGES, PARTS)))
    found = estimated(graph, profile, EngineKind.DYNAMIC)
    waits = []
    for times in (1, 2, 4, 16, 10_000):
        deeper = tuple(replace(f, depth_words=f.depth_words * times) for f in found.fifos)
        waits.append(with_waiting(graph, replace(found, fifos=deeper), profile).waiting_cycles)
    assert waits == sorted(waits, reverse=True)
    assert waits[0] > 0
    # of six images again and again, the slower layer's own unevenness is all that there is
    assert waits[-1] <= 0.01 * found.slowest_cycles


def test_it_replaces_what_was_there() -> None:
    graph = chain()
    profile = profile_of(graph, *in_turns())
    found = estimated(graph, profile, EngineKind.DYNAMIC)
    assert found.waiting_cycles > 0
    assert with_waiting(graph, found, profile) == found
    without = with_waiting(graph, found, None)
    assert without.waiting_cycles == 0
    assert without.frame_ii_cycles == found.slowest_cycles


def plainly(work: np.ndarray, ends: np.ndarray, room: np.ndarray) -> np.ndarray:
    """As ``finish_times`` is defined, for rooms of whole parts."""
    layers, parts = work.shape
    done = np.zeros((layers, parts + 1))
    for part in range(1, parts + 1):
        for layer in range(layers):
            before = [done[layer, part - 1] + work[layer, part - 1]]
            before += [done[src, part] for src, dst in ends if dst == layer]
            before += [
                done[dst, part - int(ahead)]
                for (src, dst), ahead in zip(ends, room, strict=True)
                if src == layer and part > ahead
            ]
            done[layer, part] = max(before)
    return done


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_the_kernel_is_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    layers, parts = rng.integers(2, 6), rng.integers(1, 30)
    ends = [(a, b) for b in range(1, layers) for a in range(b) if a == b - 1 or rng.random() < 0.3]
    edges = np.array(ends, dtype=np.int64)
    room = rng.integers(1, 5, len(edges)).astype(np.float64)
    work = rng.integers(0, 9, (layers, parts)).astype(np.float64)
    done = np.empty((layers, parts + 1))
    finish_times(work, edges, room, done, np.empty(len(edges)))
    np.testing.assert_array_equal(done, plainly(work, edges, room))


def test_cycles_follow_products_as_far_as_rounding_lets_them() -> None:
    even = SegmentHistogram(1, np.eye(10, dtype=np.int64)[[7]])
    assert follows(even, 2) == 0.0  # always seven products: nothing to learn from
    spread = SegmentHistogram(1, np.array([[0, *[5] * 9]]))
    assert follows(spread, 1) == pytest.approx(1.0)  # a cycle a product
    assert 0.0 <= follows(spread, 9) < 1e-9  # always one cycle
    assert 0.5 < follows(spread, 2) < 1.0
