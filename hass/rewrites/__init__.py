"""Passes over the IR, one a file, and the driver that verifies the graph after each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ..errors import GraphError
from ..graph import Graph, Weights
from ..verify import verify
from .chain_concats import chain_concats
from .drop_identity import drop_identity
from .fold_affine import fold_affine
from .fold_blocks import fold_blocks
from .fold_pad import fold_pad
from .fold_shuffle import fold_shuffle
from .fuse_curves import fuse_curves
from .fuse_hard_sigmoid import fuse_hard_sigmoid
from .fuse_hard_swish import fuse_hard_swish
from .hoist_scale import hoist_scale
from .insert_forks import insert_forks
from .merge_bounds import merge_bounds

Pass: TypeAlias = Callable[[Graph, Weights], tuple[Graph, Weights]]

# Order matters: the activations are recognised by their scales and shifts, so before these fold
# into convolutions; what folding makes an identity goes last.
IMPORT_PASSES: tuple[Pass, ...] = (
    insert_forks,
    merge_bounds,
    fuse_hard_sigmoid,
    fuse_curves,
    hoist_scale,
    fuse_hard_swish,
    fold_affine,
    fold_pad,
    fold_shuffle,
    fold_blocks,
    drop_identity,
    fold_affine,
    chain_concats,
)


def run_passes(
    graph: Graph, weights: Weights, passes: Sequence[Pass] = IMPORT_PASSES
) -> tuple[Graph, Weights]:
    """Run passes in order; the graph is verified after each that changes it.

    Raises:
        GraphError: naming the pass whose result is not a legal graph.
    """
    verified: tuple[Graph, Weights] | None = None
    for step in passes:
        try:
            graph, weights = step(graph, weights)
            if verified is None or graph is not verified[0] or weights is not verified[1]:
                verify(graph, weights)
                verified = graph, weights
        except GraphError as error:
            name = getattr(step, "__name__", repr(step))
            raise GraphError(f"after pass {name}: {error}") from None
    return graph, weights
