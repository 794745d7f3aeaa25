"""Insert a Fork behind every layer that has several readers."""

from __future__ import annotations

from .. import ops
from ..graph import Graph, Weights
from .draft import Draft


def insert_forks(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """A Fork before every fan-out, so that no other layer has two readers.

    A layer that reads the same stream on two ports counts as two readers.
    """
    draft = Draft.of(graph, weights)
    for name in draft:
        readers = draft.readers(name)
        if len(readers) > 1 and not isinstance(draft.op(name), ops.Fork):
            fork = draft.add(f"{name}.fork", ops.Fork(), [name], after=name)
            draft.redirect(name, fork)
    return draft.build()
