"""The IR: a frozen DAG of layers in topological order, and the weights beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import networkx as nx
import numpy as np
import numpy.typing as npt

from . import ops
from .errors import GraphError
from .read_only import read_only
from .values import FeatureMap

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """One block of the pipeline: a name, what it does, and the map it puts out."""

    name: str
    op: ops.Op
    out: FeatureMap


@dataclass(frozen=True, slots=True)
class Edge:
    """A stream from layer ``src`` to input ``port`` of layer ``dst``."""

    src: str
    dst: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class Graph:
    """A DAG. ``layers`` is in topological order; ``verify.verify`` states what else holds."""

    name: str
    layers: tuple[Layer, ...]
    edges: tuple[Edge, ...]
    _by_name: Mapping[str, Layer] = field(init=False, repr=False, compare=False)
    _inputs: Mapping[str, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)
    _outputs: Mapping[str, tuple[Edge, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {layer.name: layer for layer in self.layers}
        if len(by_name) != len(self.layers):
            raise GraphError(f"{self.name}: layer names are not unique")
        inputs: dict[str, list[Edge]] = {name: [] for name in by_name}
        outputs: dict[str, list[Edge]] = {name: [] for name in by_name}
        for edge in self.edges:
            if edge.src not in by_name or edge.dst not in by_name:
                raise GraphError(f"{self.name}: {edge} names a layer that does not exist")
            inputs[edge.dst].append(edge)
            outputs[edge.src].append(edge)
        object.__setattr__(self, "_by_name", MappingProxyType(by_name))
        object.__setattr__(
            self,
            "_inputs",
            MappingProxyType(
                {k: tuple(sorted(v, key=lambda e: e.port)) for k, v in inputs.items()}
            ),
        )
        object.__setattr__(
            self, "_outputs", MappingProxyType({k: tuple(v) for k, v in outputs.items()})
        )

    def __getitem__(self, name: str) -> Layer:
        try:
            return self._by_name[name]
        except KeyError:
            raise GraphError(f"{self.name}: no layer named {name!r}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def in_edges(self, name: str) -> tuple[Edge, ...]:
        """Edges into a layer, in port order."""
        return self._inputs[self[name].name]

    def out_edges(self, name: str) -> tuple[Edge, ...]:
        """Edges out of a layer, in the order of ``edges``."""
        return self._outputs[self[name].name]

    def in_maps(self, name: str) -> tuple[FeatureMap, ...]:
        """Input feature maps of a layer, in port order."""
        return tuple(self[edge.src].out for edge in self.in_edges(name))

    def of_type(self, *kinds: type[ops.Op]) -> tuple[Layer, ...]:
        """Layers whose op is one of ``kinds``, in topological order."""
        return tuple(layer for layer in self.layers if isinstance(layer.op, kinds))

    @property
    def frame(self) -> FeatureMap:
        """The map that enters the network."""
        return self.of_type(ops.Input)[0].out

    @property
    def convs(self) -> tuple[Layer, ...]:
        """The layers that multiply by weights: those that sparsity and engines are about."""
        return self.of_type(ops.Conv2d)

    @property
    def outputs(self) -> tuple[Layer, ...]:
        """The layers that leave the network; at least one."""
        return self.of_type(ops.Output)

    @property
    def classifies(self) -> bool:
        """Whether the network puts out one list of numbers, which may be those of classes."""
        return len(self.outputs) == 1 and self.outputs[0].out.pixels == 1

    @property
    def digest(self) -> str:
        """SHA-256 over all that the graph says; equal graphs, and only they, share it."""
        text = repr((self.name, self.layers, self.edges))
        # as it was before windows could be dilated: digests of profiles and designs stay valid
        text = text.replace(", dilation=(1, 1)", "")
        return hashlib.sha256(text.encode()).hexdigest()


def macs_per_frame(graph: Graph, name: str) -> int:
    """MACs of one frame of a Conv2d layer, padding included; 0 for any other op."""
    layer = graph[name]
    if not isinstance(layer.op, ops.Conv2d):
        return 0
    channels = graph.in_maps(name)[0].channels // layer.op.groups
    return layer.out.words * channels * layer.op.kernel[0] * layer.op.kernel[1]


def to_networkx(layers: Sequence[Layer], edges: Sequence[Edge]) -> nx.MultiDiGraph[str]:
    """The same DAG for graph algorithms; node = layer name."""
    result: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    result.add_nodes_from(layer.name for layer in layers)
    result.add_edges_from((edge.src, edge.dst) for edge in edges)
    return result


def build_graph(name: str, layers: Sequence[Layer], edges: Sequence[Edge]) -> Graph:
    """A graph of layers in any order: sorts them topologically, stable in the given order.

    Raises:
        GraphError: on a cycle, naming its layers.
    """
    dag = to_networkx(layers, edges)
    position = {layer.name: index for index, layer in enumerate(layers)}
    try:
        order = list(nx.lexicographical_topological_sort(dag, key=lambda n: position.get(n, -1)))
    except nx.NetworkXUnfeasible:
        cycle = [str(edge[0]) for edge in nx.find_cycle(dag)]
        raise GraphError(f"{name}: the graph has a cycle through {', '.join(cycle)}") from None
    by_name = {layer.name: layer for layer in layers}
    missing = [n for n in order if n not in by_name]
    if missing:
        raise GraphError(f"{name}: edges name layers that do not exist: {', '.join(missing)}")
    return Graph(name, tuple(by_name[n] for n in order), tuple(edges))


class Weights(Mapping[str, FloatArray]):
    """Name -> read-only float32 array. A value: never changed, compared by content."""

    __slots__ = ("_arrays",)

    def __init__(self, arrays: Mapping[str, npt.ArrayLike]) -> None:
        frozen: dict[str, FloatArray] = {}
        for name in sorted(arrays):
            frozen[name] = read_only(arrays[name], np.float32)
        self._arrays = frozen

    def __getitem__(self, name: str) -> FloatArray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def replace(self, arrays: Mapping[str, npt.ArrayLike]) -> Weights:
        """The same weights with some arrays exchanged."""
        return Weights({**self._arrays, **arrays})

    @property
    def digest(self) -> str:
        """SHA-256 over names, shapes and bytes."""
        state = hashlib.sha256()
        for name, array in self._arrays.items():
            state.update(f"{name}{array.shape}".encode())
            state.update(array.tobytes())
        return state.hexdigest()
