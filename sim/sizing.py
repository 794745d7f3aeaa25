"""FIFO depths: what a deadlock needs to be cured, and what a running pipeline can spare.

What a FIFO must hold shows when frames come no faster than the pipeline takes them: a source that
runs ahead fills every FIFO there is. Depths found that way are proved by running again with the
real source.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from hass.cost import Estimate
from hass.cost.depths import with_depths
from hass.cost.result import Edge
from hass.graph import Graph
from hass.values import WordLengths
from hass.word_lengths import arithmetic_by_layer

from .result import SimResult, Sizes
from .run import ProgressCallback, Setup, simulate

ROUNDS = 8  # of deepening; each doubles what is too shallow


def cure(graph: Graph, estimate: Estimate, stuck: SimResult, setup: Setup) -> dict[Edge, int]:
    """The smallest depths that end a deadlock: of each FIFO alone, the others as cured.

    Args:
        graph, estimate, setup: of the simulation that ended in a deadlock.
        stuck: its result.

    Returns:
        Edge -> entries, only of FIFOs that must be deeper.
    """
    short = replace(setup, frames=2)  # a deadlock comes while the pipeline fills, or never

    def run(deep: Mapping[Edge, int]) -> SimResult:
        return simulate(graph, estimate, replace(short, depths={**setup.depths, **deep}))

    shallow: dict[Edge, int] = {}
    deep: dict[Edge, int] = {}
    result = stuck
    while result.deadlock is not None:
        for fifo in result.deadlock.full:
            edge = (fifo.src, fifo.dst, fifo.port)
            if len(graph.in_edges(fifo.dst)) > 1:  # the others only pass on that it is full
                shallow.setdefault(edge, fifo.depth)
                deep[edge] = 2 * fifo.depth
        result = run(deep)
    for edge, low in shallow.items():
        high = deep[edge]
        while high - low > 1:
            middle = (low + high) // 2
            if run({**deep, edge: middle}).deadlock is None:
                high = middle
            else:
                low = middle
        deep[edge] = high
    return deep


def sized(
    graph: Graph,
    estimate: Estimate,
    before: SimResult,
    setup: Setup,
    arithmetic: WordLengths,
    *,
    progress: ProgressCallback | None = None,
) -> Sizes:
    """Depths at which the pipeline is as fast as with those it has.

    Args:
        graph, estimate, setup: of a simulation without a deadlock.
        before: its result.
        arithmetic: for what FIFOs cost.
        progress: called after each simulation.

    Raises:
        ValueError: if ``before`` ended in a deadlock.
    """
    target = before.simulated_frame_ii_cycles
    if target is None:
        raise ValueError("a pipeline in a deadlock has no frame II to keep")
    have = {(f.src, f.dst, f.port): f.depth for f in before.fifos}
    slow = max(setup.pace_cycles, math.ceil(target))
    paced = simulate(graph, estimate, replace(setup, pace_cycles=slow))
    needed = {(f.src, f.dst, f.port): max(2, f.peak) for f in paced.fifos}
    for turn in range(ROUNDS):
        if progress is not None:
            progress(turn + 1, ROUNDS + 1)
        result = simulate(graph, estimate, replace(setup, depths=needed))
        if (result.simulated_frame_ii_cycles or math.inf) <= target:
            break
        needed = {edge: min(have[edge], 2 * depth) for edge, depth in needed.items()}
    else:
        needed, result = have, before
    if progress is not None:
        progress(ROUNDS + 1, ROUNDS + 1)
    lengths = arithmetic_by_layer(graph, arithmetic)
    before_it, after = (with_depths(estimate, d, lengths).resources for d in (have, needed))
    return Sizes(
        have,
        needed,
        result.simulated_frame_ii_cycles or target,
        before_it.lut - after.lut,
        before_it.ff - after.ff,
        before_it.bram18 - after.bram18,
    )
