"""Folded graphs for the tests of the simulator."""

from __future__ import annotations

from hypothesis import strategies as st
from strategies import graphs

from hass import ops
from hass.cost import (
    EngineKind,
    Estimate,
    Folding,
    MemoryKind,
    estimate,
    layer_shapes,
    off_chip_bound_cycles,
)
from hass.device import load_device
from hass.folding.legal import legal_foldings
from hass.graph import Graph
from hass.sim.hardware import Buffers
from hass.sim.run import Setup
from hass.values import Arithmetic

DENSE = frozenset({EngineKind.DENSE})
DEVICE = load_device("u250")


@st.composite
def dense_foldings(draw: st.DrawFn, graph: Graph) -> dict[str, Folding]:
    """A legal folding of each layer, with dense engines."""
    chosen = {}
    for name, shape in layer_shapes(graph).items():
        (group,) = legal_foldings(shape, DENSE, frozenset({MemoryKind.BRAM}), None)
        chosen[name] = group.row(draw(st.integers(0, len(group) - 1)))
    return chosen


@st.composite
def dense_pipelines(draw: st.DrawFn, max_layers: int = 6) -> tuple[Graph, Estimate]:
    """A random graph (non-square, strided, grouped, residual, gated, concatenated) and its
    estimate with random dense foldings."""
    graph, _ = draw(graphs(max_layers))
    return graph, estimate(graph, draw(dense_foldings(graph)), DEVICE)


def pace_of(graph: Graph, modelled: Estimate) -> int:
    """Cycles per frame that off-chip memory needs."""
    return off_chip_bound_cycles(graph, DEVICE, modelled.clock_mhz, Arithmetic())


def setup_of(
    graph: Graph, modelled: Estimate, *, frames: int = 3, buffers: Buffers = Buffers.EVEN
) -> Setup:
    """A dense simulation."""
    return Setup(frames=frames, pace_cycles=pace_of(graph, modelled), buffers=buffers)


def is_hasty(graph: Graph, modelled: Estimate) -> bool:
    """Whether a layer that must be early (DECISIONS.md 13) sets the modelled frame II."""
    if modelled.bottleneck not in graph:
        return False
    layer = graph[modelled.bottleneck]
    return isinstance(layer.op, ops.Conv2d) and layer_shapes(graph)[layer.name].haste > 1
