"""The estimate of a design that a simulation judges."""

from __future__ import annotations

from hass.cost import Estimate, even_estimate
from hass.cost.depths import with_depths
from hass.cost.uneven import with_waiting
from hass.design import Design
from hass.graph import Graph
from hass.sparsity import SparsityProfile
from hass.word_lengths import arithmetic_by_layer


def judged_estimate(design: Design, graph: Graph, profile: SparsityProfile) -> Estimate:
    """The design's foldings and FIFO depths at a profile, which may have other clips than it.

    Raises:
        ProfileError: if the profile does not belong to the graph.
    """
    stored = design.plan.estimate
    found = even_estimate(
        graph,
        design.plan.foldings,
        design.device,
        profile=profile,
        arithmetic=design.precision,
        clock_mhz=stored.clock_mhz,
    )
    lengths = arithmetic_by_layer(graph, design.precision)
    resized = with_depths(found, {f.edge: f.depth_words for f in stored.fifos}, lengths)
    return with_waiting(graph, resized, profile)
