"""A small design and the project emitted from it, for tests of what surrounds the C++."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from chain_networks import Chain, network
from emit_designs import make_design, random_foldings

from hass import ops
from hass.design import Design
from hass.frames import TestFrames as Frames
from hass.graph import Graph, Weights
from hass.values import FeatureMap

COUNT = 2
CHAIN: Chain = [
    ("first", ops.Conv2d(4, (3, 3), (1, 1), (1, 1, 1, 1)), ["in"]),
    ("relu", ops.Relu(), ["first"]),
    ("second", ops.Conv2d(6, (3, 2), (2, 1)), ["relu"]),
    ("mean", ops.GlobalAvgPool(), ["second"]),
    ("classes", ops.Conv2d(3, (1, 1)), ["mean"]),
]


@lru_cache(maxsize=1)
def small_design() -> tuple[Design, Graph, Weights, Frames]:
    """Engines of all three kinds, and labelled frames."""
    source = FeatureMap(5, 4, 3)
    graph, weights = network(CHAIN, source)
    shape = (COUNT, source.channels, source.height, source.width)
    images = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    frames = Frames(images, tuple(n % 3 for n in range(COUNT)), "Noise.")
    foldings = random_foldings(graph, 0)
    return make_design(graph, weights, foldings, {}, frames.images), graph, weights, frames
