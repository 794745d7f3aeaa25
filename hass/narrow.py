"""Narrow words imitated in floating point: fast accuracy of networks whose layers have few bits.

A layer with word lengths of its own takes rounded inputs, weights and biases; all other words, of
as many bits as the default, and all sums stay in float32. What that differs by from the integers
that the hardware computes is the rounding of the default's words, and what falls on the other side
of a narrow word's rounding because of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .fixed_point import choose_formats, dequantise, quantise
from .graph import FloatArray, Graph, Weights
from .values import FixedPoint, Precision


@dataclass(frozen=True, slots=True, eq=False)
class Narrowed:
    """A network with narrow words, for ``write_model``.

    Attributes:
        weights: the network's, those of layers with word lengths of their own rounded to them.
        operands: Conv2d layer -> format that its input is rounded to, of these layers.
    """

    weights: Weights
    operands: Mapping[str, FixedPoint]

    def __post_init__(self) -> None:
        object.__setattr__(self, "operands", MappingProxyType(dict(self.operands)))

    def within(self, part: Graph) -> Mapping[str, FixedPoint]:
        """The operands of a part of the network, whose Input may be named after a convolution."""
        own = {layer.name for layer in part.convs}
        return {name: fmt for name, fmt in self.operands.items() if name in own}


def narrowed(
    graph: Graph, weights: Weights, precision: Precision, output_max_abs: Mapping[str, float]
) -> Narrowed:
    """The words of a network's layers that have word lengths of their own.

    Args:
        graph, weights: the network, pruned or not.
        precision: its word lengths.
        output_max_abs: as of ``choose_formats``.

    Raises:
        ProfileError, SpecError: as of ``choose_formats``.
    """
    own = [layer.name for layer in graph.convs if layer.name in precision.layers]
    if not own:
        return Narrowed(weights, {})
    formats = choose_formats(graph, weights, output_max_abs, precision)
    rounded: dict[str, FloatArray] = {}
    for name in own:
        for part, fmt in (
            ("weight", formats.weights[name]),
            ("bias", formats.accumulator(graph, name)),
        ):
            key = f"{name}.{part}"
            rounded[key] = dequantise(quantise(weights[key], fmt), fmt).astype(np.float32)
    operands = {
        name: formats.operand(graph, name)
        for name in own
        if precision.of(name).act_bits < precision.default.act_bits
    }
    return Narrowed(weights.replace(rounded), operands)
