"""What holds of every graph. Run after every pass."""

from __future__ import annotations

from . import ops
from .errors import GraphError
from .graph import Graph, Weights
from .shapes import output_map


def _fail(graph: Graph, layer: str, text: str) -> None:
    raise GraphError(f"{graph.name}: layer {layer!r}: {text}")


def verify(graph: Graph, weights: Weights) -> None:
    """Check a graph and its weights.

    One Input, one Output or several; ports 0..n-1; topological order; shapes as inferred; one
    reader per layer unless it is a Fork; a weight and a bias of the right shape for every Conv2d,
    finite, and none left over.

    Raises:
        GraphError: naming the layer and what was expected.
    """
    seen: set[str] = set()
    expected_weights: set[str] = set()
    if len(graph.of_type(ops.Input)) != 1:
        raise GraphError(f"{graph.name}: expected one Input, got {len(graph.of_type(ops.Input))}")
    if not graph.outputs:
        raise GraphError(f"{graph.name}: expected an Output, got none")
    for layer in graph:
        sources = graph.in_edges(layer.name)
        if [edge.port for edge in sources] != list(range(len(sources))):
            _fail(graph, layer.name, f"ports are {[edge.port for edge in sources]}")
        if any(edge.src not in seen for edge in sources):
            _fail(graph, layer.name, "stands before one of its inputs")
        seen.add(layer.name)
        if not isinstance(layer.op, ops.Input):
            inferred = output_map(layer.op, graph.in_maps(layer.name))
            if inferred != layer.out:
                _fail(graph, layer.name, f"says it makes {layer.out}, but makes {inferred}")
        readers = len(graph.out_edges(layer.name))
        if isinstance(layer.op, ops.Output):
            if readers:
                _fail(graph, layer.name, "is an Output with a reader")
        elif isinstance(layer.op, ops.Fork):
            if readers < 2:
                _fail(graph, layer.name, f"is a Fork with {readers} reader(s)")
        elif readers != 1:
            _fail(graph, layer.name, f"has {readers} readers, expected 1 (a Fork may have more)")
        if isinstance(layer.op, ops.Conv2d):
            expected_weights |= _verify_conv(graph, layer.name, layer.op, weights)
    extra = set(weights) - expected_weights
    if extra:
        raise GraphError(f"{graph.name}: weights without a layer: {', '.join(sorted(extra))}")


def _verify_conv(graph: Graph, name: str, op: ops.Conv2d, weights: Weights) -> set[str]:
    shapes = {
        f"{name}.weight": (
            op.out_channels,
            graph.in_maps(name)[0].channels // op.groups,
            *op.kernel,
        ),
        f"{name}.bias": (op.out_channels,),
    }
    for key, shape in shapes.items():
        if key not in weights:
            _fail(graph, name, f"has no {key}")
        if weights[key].shape != shape:
            _fail(graph, name, f"{key} has shape {weights[key].shape}, expected {shape}")
        if not _finite(weights, key):
            _fail(graph, name, f"{key} has values that are not finite")
    return set(shapes)


def _finite(weights: Weights, key: str) -> bool:
    array = weights[key]
    # max - min is finite exactly if all values are (up to overflow), without a mask of their size
    return bool(abs(float(array.max())) < float("inf") and abs(float(array.min())) < float("inf"))
