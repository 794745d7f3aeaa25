"""hls4ml's settings of a layer, from a folding: reuse factor, strategy, precisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from .. import ops
from ..cost import EngineKind, FifoEstimate, Folding
from ..fixed_point import IntArray, quantise
from ..graph import Graph, Layer
from ..intmath import ceil_div, divisors
from ..values import FeatureMap, FixedPoint
from .averages import average_window
from .exporter import ExportSource, Fate, Remark
from .selections import selection

# Of an array that Vitis HLS partitions completely, which Latency needs (hls4ml FAQ).
MAX_UNROLLED_PRODUCTS = 4096
# Zero weights from which on unrolling is worth its control: it saves half the multipliers or more.
SPARSE_SHARE = 0.5


DENSE = (EngineKind.DENSE, EngineKind.NONE)


class Strategy(StrEnum):
    """How hls4ml 1.3.0 builds a layer's products."""

    LATENCY = "Latency"
    RESOURCE = "Resource"
    UNROLLED = "resource_unrolled"


@dataclass(frozen=True, slots=True)
class LayerKnobs:
    """One layer with weights, or one that gets some: an average, a slice, a pad.

    Attributes:
        reuse_factor: products that one multiplier computes for each output position.
        wanted_reuse_factor: what hass's folding comes to, rounded up.
        strategy: how the products are built.
        cycles: per frame at least, dense: a position read, and ``reuse_factor`` for each output.
    """

    reuse_factor: int
    wanted_reuse_factor: int
    strategy: Strategy
    cycles: int


@lru_cache(maxsize=256)
def legal_reuse_factors(inputs: int, outputs: int) -> tuple[int, ...]:
    """Reuse factors of ``Resource`` that hls4ml takes as they are, ascending.

    Args:
        inputs: products summed for one output: channels * kh * kw.
        outputs: filters.

    >>> legal_reuse_factors(6, 4)
    (1, 2, 3, 6, 12, 24)
    """
    return tuple(sorted({*divisors(inputs), *(inputs * k for k in divisors(outputs))}))


def nearest(choices: Sequence[int], wanted: int) -> int:
    """The choice that is nearest; of two the smaller."""
    return min(choices, key=lambda choice: (abs(choice - wanted), choice))


def _matrix_knobs(
    op: ops.Conv2d, taken: FeatureMap, pixels: int, wanted: int, weights: IntArray
) -> LayerKnobs:
    """Of a convolution in one group."""
    inputs = taken.channels * op.kernel[0] * op.kernel[1]
    products = inputs * op.out_channels
    reuse = nearest(legal_reuse_factors(inputs, op.out_channels), wanted)
    if reuse == 1 and products <= MAX_UNROLLED_PRODUCTS:
        strategy = Strategy.LATENCY
    elif 1 < reuse < products and np.mean(weights == 0) >= SPARSE_SHARE:
        strategy = Strategy.UNROLLED
    else:
        strategy = Strategy.RESOURCE
    return LayerKnobs(reuse, wanted, strategy, max(taken.pixels, pixels * reuse))


def layer_knobs(source: ExportSource, layer: Layer) -> LayerKnobs | None:
    """The settings of a convolution, or of what becomes one; None: of any other layer."""
    folding = source.design.plan.foldings[layer.name]
    pixels, (taken, *_) = layer.out.pixels, (*source.graph.in_maps(layer.name), layer.out)
    if average := average_window(source.graph, layer):
        products = taken.channels * average.kernel[0] * average.kernel[1]
        wanted = max(1, taken.channels // folding.coarse_in)
        reuse = min(wanted, products)
        return LayerKnobs(reuse, wanted, Strategy.LATENCY, max(taken.pixels, pixels * reuse))
    if chosen := selection(source.graph, layer):
        wanted = layer.out.channels // folding.coarse_out
        return _matrix_knobs(chosen.op, taken, pixels, wanted, chosen.weights)
    if not isinstance(layer.op, ops.Conv2d):
        return None
    op, name = layer.op, layer.name
    products = taken.channels // op.groups * op.kernel[0] * op.kernel[1] * op.out_channels
    wanted = ceil_div(products, folding.multipliers)
    if op.groups > 1:  # hls4ml checks a depthwise layer's reuse factor for Resource only
        return LayerKnobs(wanted, wanted, Strategy.LATENCY, max(taken.pixels, pixels * wanted))
    weights = quantise(source.weights[f"{name}.weight"], source.formats.weights[name])
    return _matrix_knobs(op, taken, pixels, wanted, weights)


def precision(fmt: FixedPoint, *, rounded: bool = False) -> str:
    """hls4ml's word for a format; ``rounded``: half up and saturated.

    >>> precision(FixedPoint(8, 5)), precision(FixedPoint(8, 5), rounded=True)
    ('fixed<8,3>', 'fixed<8,3,RND,SAT>')
    """
    tail = ",RND,SAT" if rounded else ""
    return f"fixed<{fmt.width_bits},{fmt.width_bits - fmt.frac_bits}{tail}>"


def layer_precisions(source: ExportSource, layer: Layer) -> Mapping[str, str]:
    """What a node's types must be; those that a Quant node gives are not said twice."""
    match layer.op:
        case ops.Conv2d():
            accumulator = precision(source.formats.accumulator(source.graph, layer.name))
            return {"accum": accumulator, "bias": accumulator}
        case ops.Relu() | ops.MaxPool2d() | ops.Concat():
            return {"result": precision(source.formats.outputs[layer.name])}
        case _:
            return {}


def pixels_held(fifo: FifoEstimate, channels: int) -> int:
    """Positions in a FIFO, each with all its channels, as hls4ml's streams carry them."""
    return ceil_div(fifo.depth_words * fifo.streams, channels)


def is_join(graph: Graph, name: str) -> bool:
    """Whether a layer waits for several streams."""
    return len(graph.in_edges(name)) > 1


def knob_remark(source: ExportSource, layer: Layer, node: str, knobs: LayerKnobs) -> Remark:
    """What a layer's folding becomes, in hls4ml's numbers and in hass's."""
    estimate = source.design.plan.estimate.layers[layer.name]
    folding: Folding = estimate.folding
    said = f"node {node}, {knobs.strategy.value}, ReuseFactor {knobs.reuse_factor}"
    if knobs.reuse_factor != knobs.wanted_reuse_factor:
        said += f" as the nearest legal to {knobs.wanted_reuse_factor} of hass's folding"
    if selection(source.graph, layer):
        said += ", a convolution of one pixel that selects channels"
    skipping = f" ({folding.engine.value})" if isinstance(layer.op, ops.Conv2d) else ""
    said += (
        f"; at least {knobs.cycles:,} cycles per frame there (dense) against "
        f"{estimate.frame_ii_cycles:,} here{skipping}"
    )
    alike = knobs.reuse_factor == knobs.wanted_reuse_factor and folding.engine in DENSE
    alike = alike and selection(source.graph, layer) is None
    return Remark(layer.name, Fate.EXACT if alike else Fate.APPROXIMATED, said)
