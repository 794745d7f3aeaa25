"""Let a concatenation read another one that begins with the same layers."""

from __future__ import annotations

from collections import defaultdict

from .. import ops
from ..graph import Graph, Weights
from .draft import Draft
from .insert_forks import insert_forks


def chain_concats(graph: Graph, weights: Weights) -> tuple[Graph, Weights]:
    """``Concat(a, b, c, d)`` becomes ``Concat(Concat(a, b, c), d)`` where ``Concat(a, b, c)`` is
    there anyway.

    A DenseNet as torch writes it reads each layer in all concatenations of its block. The FIFO in
    front of each would hold what comes from that layer on to the last one of the concatenation; of
    a chain each holds what comes from one concatenation to the next.
    """
    draft = Draft.of(graph, weights)
    # a tree of sources in their order; the concatenation that ends at a node, if one does
    nodes: defaultdict[tuple[int, str], int] = defaultdict(lambda: len(nodes) + 1)
    ending: dict[int, str] = {}
    for name in draft:
        if not isinstance(draft.op(name), ops.Concat):
            continue
        sources = draft.sources(name)
        node, known = 0, (0, "")
        for count, source in enumerate(sources, 1):
            node = nodes[node, source]
            if node in ending and count < len(sources):
                known = count, ending[node]
        ending.setdefault(node, name)
        count, before = known
        if count > 1:
            forks = (r for r in draft.readers(before) if isinstance(draft.op(r), ops.Fork))
            draft.set_sources(name, [next(forks, before), *sources[count:]])
    return insert_forks(*draft.build())
