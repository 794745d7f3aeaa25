"""Folded graphs for the tests of the simulator."""

from __future__ import annotations

from hypothesis import strategies as st
from profiles import random_profile
from strategies import graphs

from hass.cost import (
    EngineKind,
    Estimate,
    Folding,
    MemoryKind,
    estimate,
    layer_shapes,
    off_chip_bound_cycles,
)
from hass.cost.buffers import settled
from hass.device import load_device
from hass.folding.legal import legal_sets
from hass.graph import Graph
from hass.sim.run import Setup
from hass.sparsity import SparsityProfile
from hass.values import Arithmetic

DENSE = frozenset({EngineKind.DENSE})
FIXED = DENSE | {EngineKind.STATIC}  # engines whose cycles are known offline
DEVICE = load_device("u250")


@st.composite
def foldings(
    draw: st.DrawFn,
    graph: Graph,
    engines: frozenset[EngineKind],
    profile: SparsityProfile | None,
    memory: MemoryKind = MemoryKind.BRAM,
) -> dict[str, Folding]:
    """A legal folding of each layer."""
    chosen = {}
    for name, shape in layer_shapes(graph).items():
        sparsity = None if profile is None else profile.layers.get(name)
        sets = legal_sets(
            shape, engines, frozenset({MemoryKind.BRAM, memory}), sparsity, Arithmetic()
        )
        some = draw(st.sampled_from(sets)).foldings
        row = some.row(draw(st.integers(0, len(some) - 1)))
        chosen[name] = settled(shape, row, Arithmetic())
    return chosen


@st.composite
def dense_pipelines(draw: st.DrawFn, max_layers: int = 6) -> tuple[Graph, Estimate]:
    """A random graph (non-square, strided, grouped, residual, gated, concatenated) and its
    estimate with random dense foldings."""
    graph, _ = draw(graphs(max_layers))
    return graph, estimate(graph, draw(foldings(graph, DENSE, None)), DEVICE)


@st.composite
def streaming_pipelines(draw: st.DrawFn, max_layers: int = 6) -> tuple[Graph, Estimate]:
    """The same, weights on chip or off."""
    graph, _ = draw(graphs(max_layers))
    chosen = draw(foldings(graph, DENSE, None, MemoryKind.OFF_CHIP))
    return graph, estimate(graph, chosen, DEVICE)


@st.composite
def fixed_pipelines(
    draw: st.DrawFn, max_layers: int = 6
) -> tuple[Graph, Estimate, SparsityProfile]:
    """The same with dense and static engines."""
    graph, weights = draw(graphs(max_layers))
    profile = random_profile(graph, weights, seed=draw(st.integers(0, 99)), weight_density=0.5)
    chosen = draw(foldings(graph, FIXED, profile))
    return graph, estimate(graph, chosen, DEVICE, profile=profile), profile


def pace_of(graph: Graph, modelled: Estimate) -> int:
    """Cycles per frame that off-chip memory needs."""
    return off_chip_bound_cycles(
        graph, DEVICE, modelled.clock_mhz, Arithmetic(), modelled.off_chip_bits
    )


def setup_of(graph: Graph, modelled: Estimate, *, frames: int = 3) -> Setup:
    """A dense simulation."""
    return Setup(frames=frames, pace_cycles=pace_of(graph, modelled))


def is_hasty(graph: Graph, modelled: Estimate) -> bool:
    """Whether a layer that must be early (DECISIONS.md 13) sets the modelled frame II."""
    if modelled.bottleneck not in graph:
        return False
    return layer_shapes(graph)[modelled.bottleneck].haste > 1
