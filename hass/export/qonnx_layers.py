"""Convolutions, which hls4ml and FINN take alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .. import ops
from ..fixed_point import IntArray
from ..graph import Layer
from .exporter import ExportSource
from .qonnx_graph import QonnxGraph, weight_word


def add_conv(
    out: QonnxGraph,
    source: ExportSource,
    integers: Mapping[str, IntArray],
    layer: Layer,
    taken: str,
    node: str,
) -> str:
    """A convolution with its quantised weights and bias; the tensor that it makes.

    Args:
        out: what it is added to.
        source: the design.
        integers: of ``reference.integer_weights``.
        layer: the Conv2d.
        taken: the tensor that it reads.
        node: its name.
    """
    assert isinstance(layer.op, ops.Conv2d)
    name = layer.name
    fmt, accumulator = source.formats.weights[name], source.formats.accumulator(source.graph, name)
    weight = out.weights(node, integers[f"{name}.weight"], weight_word(fmt))
    bias = np.ldexp(integers[f"{name}.bias"], -accumulator.frac_bits)
    inputs = [taken, weight, out.constant(f"{node}_bias", bias)]
    return out.window("Conv", inputs, node, layer.op, groups=layer.op.groups)
