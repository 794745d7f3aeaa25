"""Two equal convolutions whose work lies unevenly over real frames."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from profiles import random_profile

from hass import ops
from hass.graph import Edge, Graph, Layer, build_graph
from hass.sparsity import SparsityProfile
from hass.values import FeatureMap
from hass.work_shares import WorkShares

MAP = FeatureMap(16, 16, 8)
IMAGES, PARTS = 6, 64


def chain() -> Graph:
    """Two equal convolutions."""
    conv = ops.Conv2d(8, (3, 3), pads=(1, 1, 1, 1))
    layers = [
        Layer("in", ops.Input(), MAP),
        Layer("first", conv, MAP),
        Layer("second", conv, MAP),
        Layer("out", ops.Output(), MAP),
    ]
    names = [layer.name for layer in layers]
    return build_graph("chain", layers, [Edge(*pair) for pair in itertools.pairwise(names)])


def profile_of(graph: Graph, first: np.ndarray, second: np.ndarray) -> SparsityProfile:
    """Both layers alike but for where in a frame their work is, (images, parts)."""
    profile = random_profile(graph, seed=3)
    alike = profile.layers["first"]
    work = {"first": first, "second": second}
    layers = {
        name: replace(alike, work=WorkShares(levels.astype(np.uint8)))
        for name, levels in work.items()
    }
    return replace(profile, layers=layers)


def in_turns() -> tuple[np.ndarray, np.ndarray]:
    """Whole images are light or heavy, never of both layers at once."""
    heavy = np.where(np.arange(IMAGES) % 2 == 0, 200, 40)
    return (np.repeat(w[:, None], PARTS, axis=1) for w in (heavy, 240 - heavy))  # type: ignore[return-value]
