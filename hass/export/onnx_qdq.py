"""A network in hass's number formats as quantisation-aware tools read it: QuantizeLinear and
DequantizeLinear around float32 operators (QDQ), opset 21, whose 16-bit words it takes.

Near to the fixed point, not equal: QuantizeLinear rounds halves to even, a Conv sums in float32, or
in int32 where the runtime fuses it, accumulators do not wrap, activations are those of float32.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnx

from .. import ops
from ..fixed_point import quantise
from ..graph import Layer
from ..handlers.operators import OP_TYPES, op_attributes
from ..handlers.reorder_steps import reorder_steps
from ..handlers.write_curve import SOURCE, Step, curve_steps
from ..values import FixedPoint
from .onnx_exact import step_of
from .onnx_maker import INPUT, NO_ATTRIBUTES, Attributes, word_dtype
from .onnx_network import OnnxNetwork
from .onnx_walk import finished, main_node, network_maker, reordered

OPSET = 21
IR_VERSION = 10
MAX_WORD_BITS = 16  # of QuantizeLinear
# Weights only: onnxruntime 1.32 cannot load a Clip before a QuantizeLinear to INT4.
_INT4_BITS = 4

_NO_WORK = (ops.Output, ops.Fork)
# They need no saturation, and onnxruntime 1.32 cannot load a Clip or a Relu behind them (8-bit
# words).
_KEEPS_WORDS = (
    *(ops.MaxPool2d, ops.Slice, ops.Pad),
    *(ops.Upsample, ops.DepthToSpace, ops.Shuffle),
)


class QdqWriter:
    """One walk over the layers; a tensor holds real values, multiples of its layer's step."""

    def __init__(self, network: OnnxNetwork) -> None:
        """Words have at most ``MAX_WORD_BITS``."""
        self._graph = network.graph
        self._formats = network.formats
        self._network = network
        self._maker = network_maker(network, opset=OPSET, ir_version=IR_VERSION)

    def write(self, doc: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """The model; see ``finished``."""
        tensors: dict[str, str] = {}
        for layer in self._graph:
            sources = [tensors[edge.src] for edge in self._graph.in_edges(layer.name)]
            tensor = self._layer(layer, sources)
            if self._quantises(layer):
                fmt = self._formats.outputs[layer.name]
                if not isinstance(layer.op, _KEEPS_WORDS):
                    tensor = self._held(layer.name, tensor, fmt)
                tensor = self._words(layer.name, tensor, fmt)
            tensors[layer.name] = tensor
        return finished(self._maker, self._graph, doc, metadata)

    def _quantises(self, layer: Layer) -> bool:
        """Not where nothing is done, nor before a Relu or a Clip, which quantises after
        itself: the same words, in the order that tools look for."""
        if isinstance(layer.op, _NO_WORK):
            return False
        if isinstance(layer.op, _KEEPS_WORDS):
            return True
        (reader, *others) = [self._graph[e.dst].op for e in self._graph.out_edges(layer.name)]
        return bool(others) or not isinstance(reader, ops.Relu | ops.Clip)

    def _real(self, name: str, values: npt.ArrayLike) -> str:
        return self._maker.constant(name, np.asarray(values, dtype=np.float32))

    def _held(self, name: str, tensor: str, fmt: FixedPoint) -> str:
        """Values at most at the ends of a format that is narrower than ONNX's integers."""
        if word_dtype(fmt.width_bits).itemsize * 8 == fmt.width_bits:
            return tensor
        ends = [
            self._real(f"{name}.{end}", value * step_of(fmt))
            for end, value in (("low", fmt.low), ("high", fmt.high))
        ]
        return self._maker.node("Clip", [tensor, *ends], f"{name}/held")

    def _words(self, name: str, tensor: str, fmt: FixedPoint) -> str:
        """Values through integers and back."""
        maker, integers = self._maker, word_dtype(fmt.width_bits)
        scale = self._real(f"{name}.scale", step_of(fmt))
        zero_point = maker.constant(f"zero_{integers.name}", np.zeros((), dtype=integers))
        words = maker.node("QuantizeLinear", [tensor, scale, zero_point], f"{name}/words")
        return maker.node("DequantizeLinear", [words, scale, zero_point], name)

    def _main(
        self,
        layer: Layer,
        op_type: str,
        inputs: Sequence[str],
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> str:
        return main_node(self._maker, self._network, layer, op_type, inputs, attributes)

    def _layer(self, layer: Layer, sources: list[str]) -> str:
        name, op = layer.name, layer.op
        match op:
            case ops.Input():
                return INPUT
            case ops.Output():
                kind = "Flatten" if layer.out.pixels == 1 else "Identity"
                return self._maker.node(kind, sources, "", layer=name, to_output=True)
            case ops.Fork():
                return sources[0]
            case ops.Conv2d():
                return self._conv(layer, op, sources[0])
            case ops.Clip():
                fmt = self._formats.outputs[name]
                ends = [
                    self._real(f"{name}.{end}", int(quantise(value, fmt)) * step_of(fmt))
                    for end, value in (("low_clip", op.low), ("high_clip", op.high))
                ]
                return self._main(layer, "Clip", [*sources, *ends])
            case ops.PRelu():
                slopes = self._real(f"{name}.slopes", np.reshape(op.slopes, (-1, 1, 1)))
                return self._main(layer, "PRelu", [*sources, slopes])
            case ops.Curve():
                return self._curve(layer, op, sources[0])
            case ops.Slice():
                inputs = [*sources, *self._maker.slice_inputs(name, op)]
                return self._main(layer, "Slice", inputs)
            case ops.Pad():
                more = (op.channels_front, op.channels_back)
                inputs = [*sources, *self._maker.pad_inputs(name, op.pads, *more)]
                return self._main(layer, "Pad", inputs)
            case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
                steps = reorder_steps(op, self._graph.in_maps(name)[0], layer.out)
                return reordered(self._maker, self._network, layer, steps, sources[0])
            case _:
                return self._main(layer, OP_TYPES[type(op)], sources, op_attributes(op))

    def _curve(self, layer: Layer, op: ops.Curve, source: str) -> str:
        *before, last = curve_steps(op)
        made = {SOURCE: source}

        def inputs(step: Step) -> list[str]:
            return [
                made[item] if isinstance(item, str) else self._real(f"curve.{item:.9g}", item)
                for item in step.inputs
            ]

        for step in before:
            wanted = f"{layer.name}/{step.name}"
            made[step.name] = self._maker.node(step.op_type, inputs(step), wanted, step.attributes)
        return self._main(layer, last.op_type, inputs(last), last.attributes)

    def _conv(self, layer: Layer, op: ops.Conv2d, source: str) -> str:
        name, maker = layer.name, self._maker
        source_format = self._formats.operand(self._graph, name)
        if name in self._formats.inputs:
            held = self._held(f"{name}/operand", source, source_format)
            source = self._words(f"{name}/operand", held, source_format)
        if name in self._network.limits:
            limit = self._real(
                f"{name}.act_threshold", self._network.limits[name] * step_of(source_format)
            )
            size = maker.node("Abs", [source], f"{name}/size")
            kept = maker.node("Greater", [size, limit], f"{name}/kept")
            zero = self._real("zero", 0.0)
            source = maker.node("Where", [kept, source, zero], f"{name}/in")
            source = self._words(f"{name}/clipped", source, source_format)
        fmt = self._formats.weights[name]
        integers, key = self._network.integers[f"{name}.weight"], f"{name}.weight"
        if fmt.width_bits == _INT4_BITS:
            words = maker.constant_int4(key, integers)
        else:
            words = maker.constant(key, integers.astype(word_dtype(fmt.width_bits)))
        scale = self._real(f"{name}.weight_scale", step_of(fmt))
        weight = maker.node("DequantizeLinear", [words, scale], f"{name}/weight")
        bias = self._bias(name)
        return self._main(layer, "Conv", [source, weight, bias], op_attributes(op))

    def _bias(self, name: str) -> str:
        """As integers of the accumulator's step where 32 bits hold them."""
        accumulator = self._formats.accumulator(self._graph, name)
        integers = self._network.integers[f"{name}.bias"]
        if int(np.abs(integers).max()) >= 1 << 31:
            return self._real(f"{name}.bias", integers * step_of(accumulator))
        words = self._maker.constant(f"{name}.bias", integers.astype(np.int32))
        scale = self._real(f"{name}.bias_scale", math.ldexp(1.0, -accumulator.frac_bits))
        return self._maker.node("DequantizeLinear", [words, scale], f"{name}/bias")
