"""A network as the ONNX writers take it: words, limits, and what is said of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from ..exact_sums import EXACT_FLOAT
from ..fixed_point import IntArray, NumberFormats
from ..graph import Graph
from ..reference import clip_limits, integer_weights
from ..sparsity import act_thresholds_of
from .annotations import layer_docs
from .exporter import ExportSource


@dataclass(frozen=True, slots=True, eq=False)
class OnnxNetwork:
    """A design's network in integers.

    Attributes:
        graph: the network.
        formats: of all its layers.
        integers: of ``reference.integer_weights``.
        limits: of ``reference.clip_limits``.
        largest_sums: Conv2d layer -> a bound of |sum of products + bias| that no input exceeds.
        docs: layer -> what viewers show with its node.
    """

    graph: Graph
    formats: NumberFormats
    integers: Mapping[str, IntArray]
    limits: Mapping[str, int]
    largest_sums: Mapping[str, int]
    docs: Mapping[str, str]

    def __post_init__(self) -> None:
        for name in ("integers", "limits", "largest_sums", "docs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def may_wrap(self, conv: str) -> bool:
        """Whether some input makes the accumulators of a convolution overflow."""
        return self.largest_sums[conv] >= 1 << (self.formats.precision.of(conv).acc_bits - 1)

    @property
    def inexact_convs(self) -> frozenset[str]:
        """Convolutions whose sums may exceed what float64 holds."""
        return frozenset(n for n, bound in self.largest_sums.items() if bound > EXACT_FLOAT)


def onnx_network(source: ExportSource) -> OnnxNetwork:
    """The network of a design."""
    graph, formats = source.graph, source.formats
    integers = integer_weights(graph, source.weights, formats)
    bounds = {}
    for layer in graph.convs:
        weight, bias = (integers[f"{layer.name}.{part}"] for part in ("weight", "bias"))
        largest_word = 1 << (formats.operand(graph, layer.name).width_bits - 1)
        sums = np.abs(weight).sum(axis=(1, 2, 3)) * largest_word + np.abs(bias)
        bounds[layer.name] = int(sums.max())
    thresholds = act_thresholds_of(source.design.settings)
    limits = clip_limits(thresholds, formats, graph)
    return OnnxNetwork(graph, formats, integers, limits, bounds, layer_docs(source))
