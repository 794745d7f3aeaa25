"""A graph under construction: what handlers and passes edit before it is frozen again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from .. import ops
from ..errors import GraphError
from ..graph import Edge, FloatArray, Graph, Layer, Weights, build_graph
from ..shapes import check_map, output_map
from ..values import FeatureMap


class Draft:
    """Layers by name with their sources and weights.

    Fan-out is free here; ``build`` drops what the output does not need and forks with one reader,
    and infers all shapes anew.
    """

    __slots__ = (
        "_arrays",
        "_maps",
        "_numbers",
        "_ops",
        "_origin",
        "_places",
        "_readers",
        "_sources",
        "name",
        "weight_values",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.weight_values = 0  # how many ``set_weights`` was given
        self._origin: tuple[Graph, Weights] | None = None  # what it equals while nothing changes
        # layers in the order of their places: whole numbers, and below them what was inserted
        # behind a layer, the last first; so an insertion moves no other layer
        self._places: dict[str, tuple[int, ...]] = {}
        self._numbers: dict[str, int] = {}  # wished name -> the last number given behind it
        self._ops: dict[str, ops.Op] = {}
        self._maps: dict[str, FeatureMap] = {}
        self._sources: dict[str, list[str]] = {}
        self._readers: dict[str, list[str]] = {}
        self._arrays: dict[str, FloatArray] = {}

    @classmethod
    def of(cls, graph: Graph, weights: Weights) -> Draft:
        """The same layers and weights, ready to be edited. ``build`` gives the very same objects
        back where nothing was."""
        draft = cls(graph.name)
        for layer in graph:
            draft._register(
                layer.name, layer.op, [e.src for e in graph.in_edges(layer.name)], layer.out
            )
        draft._arrays.update(weights)
        draft._origin = graph, weights
        return draft

    def _register(
        self, name: str, op: ops.Op, sources: Sequence[str], out: FeatureMap, after: str = ""
    ) -> None:
        self._origin = None
        count = len(self._places)
        self._places[name] = (*self._places[after], -count) if after else (count,)
        self._ops[name] = op
        self._maps[name] = out
        self._sources[name] = list(sources)
        self._readers[name] = []
        for source in sources:
            self._readers[source].append(name)

    def add(
        self,
        hint: str,
        op: ops.Op,
        sources: Sequence[str],
        *,
        out: FeatureMap | None = None,
        after: str = "",
    ) -> str:
        """Add a layer and return its name: ``hint``, with a number behind it if that is taken.

        Args:
            hint: the wished name.
            op: what the layer does.
            sources: layers that it reads, in port order.
            out: its map, for an ``Input`` only; inferred otherwise.
            after: an existing layer that it should follow in the order of layers.

        Raises:
            GraphError: if the op does not fit the maps of its sources.
        """
        name, number = hint, self._numbers.get(hint, 1)
        while name in self._ops:
            number += 1
            name = f"{hint}_{number}"
            self._numbers[hint] = number
        if out is None:
            out = output_map(op, [self._maps[source] for source in sources])
            check_map(out)
        self._register(name, op, sources, out, after)
        return name

    def add_conv(
        self, hint: str, op: ops.Conv2d, source: str, weight: npt.ArrayLike, bias: npt.ArrayLike
    ) -> str:
        """Add a convolution with its weights.

        Raises:
            GraphError: if the op does not fit its source, or the weights do not fit the op.
        """
        name = self.add(hint, op, [source])
        self.set_weights(name, weight, bias)
        channels = self._maps[source].channels // op.groups
        expected = (op.out_channels, channels, *op.kernel)
        found = self._arrays[f"{name}.weight"].shape, self._arrays[f"{name}.bias"].shape
        if found != (expected, (op.out_channels,)):
            raise GraphError(
                f"{name}: weight and bias have shapes {found[0]} and {found[1]},"
                f" expected {expected} and {(op.out_channels,)}"
            )
        return name

    def __iter__(self) -> Iterator[str]:
        """Names of the layers there are now; editing while iterating is safe."""
        return iter(sorted(self._places, key=self._places.__getitem__))

    def __contains__(self, name: object) -> bool:
        return name in self._ops

    def op(self, name: str) -> ops.Op:
        """What a layer does."""
        return self._ops[name]

    def map(self, name: str) -> FeatureMap:
        """The map that a layer puts out."""
        return self._maps[name]

    def sources(self, name: str) -> tuple[str, ...]:
        """Layers that a layer reads, in port order."""
        return tuple(self._sources[name])

    def readers(self, name: str) -> tuple[str, ...]:
        """Layers that read a layer, once for every port."""
        return tuple(self._readers[name])

    def weight(self, name: str) -> FloatArray:
        """Weight of a Conv2d layer (out_channels, in_channels / groups, kh, kw)."""
        return self._arrays[f"{name}.weight"]

    def bias(self, name: str) -> FloatArray:
        """Bias of a Conv2d layer (out_channels,)."""
        return self._arrays[f"{name}.bias"]

    def set_weights(self, name: str, weight: npt.ArrayLike, bias: npt.ArrayLike) -> None:
        """Give a Conv2d layer its weights, kept as float32."""
        self._origin = None
        with np.errstate(over="ignore"):  # verify refuses what is not finite
            self._arrays[f"{name}.weight"] = np.asarray(weight, dtype=np.float32)
            self._arrays[f"{name}.bias"] = np.asarray(bias, dtype=np.float32)
        self.weight_values += self._arrays[f"{name}.weight"].size

    def set_op(self, name: str, op: ops.Op) -> None:
        """Exchange what a layer does."""
        self._origin = None
        self._ops[name] = op

    def set_sources(self, name: str, sources: Sequence[str]) -> None:
        """Exchange what a layer reads."""
        self._origin = None
        for source in self._sources[name]:
            self._readers[source].remove(name)
        self._sources[name] = list(sources)
        for source in sources:
            self._readers[source].append(name)

    def redirect(self, old: str, new: str) -> None:
        """Let all readers of ``old`` read ``new``."""
        for reader in dict.fromkeys(self.readers(old)):
            if reader != new:
                self.set_sources(
                    reader, [new if source == old else source for source in self._sources[reader]]
                )

    def remove(self, name: str) -> None:
        """Take a layer out: its readers read its first source."""
        self.redirect(name, self._sources[name][0])
        self.set_sources(name, [])
        for table in (self._places, self._ops, self._maps, self._sources, self._readers):
            del table[name]
        self._arrays.pop(f"{name}.weight", None)
        self._arrays.pop(f"{name}.bias", None)

    def _live(self) -> set[str]:
        pending = [name for name in self._ops if isinstance(self._ops[name], ops.Output)]
        live: set[str] = set()
        while pending:
            name = pending.pop()
            if name not in live:
                live.add(name)
                pending.extend(self._sources[name])
        return live | {name for name in self._ops if isinstance(self._ops[name], ops.Input)}

    def build(self) -> tuple[Graph, Weights]:
        """Freeze: dead layers and forks with fewer than two readers go, shapes are inferred.

        Raises:
            GraphError: on a cycle, or if an op does not fit the maps of its sources.
        """
        if self._origin is not None:
            return self._origin
        live = self._live()
        for name in self:
            readers = [reader for reader in self._readers[name] if reader in live]
            if name not in live or (isinstance(self._ops[name], ops.Fork) and len(readers) < 2):
                if not self._sources[name]:
                    continue
                self.remove(name)
        draft = [Layer(name, self._ops[name], self._maps[name]) for name in self]
        order = build_graph(self.name, draft, self._edges(self)).layers
        maps: dict[str, FeatureMap] = {}
        for layer in order:
            sources = [maps[source] for source in self._sources[layer.name]]
            is_input = isinstance(layer.op, ops.Input)
            maps[layer.name] = layer.out if is_input else output_map(layer.op, sources)
        layers = tuple(Layer(layer.name, layer.op, maps[layer.name]) for layer in order)
        edges = self._edges(layer.name for layer in order)
        return Graph(self.name, layers, tuple(edges)), Weights(self._arrays)

    def _edges(self, names: Iterable[str]) -> list[Edge]:
        return [
            Edge(source, name, port)
            for name in names
            for port, source in enumerate(self._sources[name])
        ]
