"""A network in hass's fixed point as plain ONNX, bit for bit: every tensor holds the values of the
hardware's words.

All is float64, which holds every sum of products here exactly: integers up to 2**53, scaled by
powers of two. A convolution is a MatMul over the taps of its window, cut out by Slices, because
onnxruntime has Conv in float32 only, which is exact up to 2**24: two full words of 16 bits give
products of 2**30. Rounding half up is Floor(x / scale + 0.5), which QuantizeLinear, rounding half
to even, cannot say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto

from .. import ops
from ..fixed_point import (
    SIGMOID_FRAC_BITS,
    SIGMOID_WORDS,
    IntArray,
    quantise,
    reciprocal,
    sigmoid_table,
)
from ..graph import Layer
from ..handlers.operators import window_attributes
from ..handlers.reorder_steps import reorder_steps, repeat_steps
from ..handlers.values import frame_dims
from ..reference_ops import align_frac_bits, leaky_slopes, linear_constants, unit_format
from ..values import FeatureMap, FixedPoint
from .onnx_curve import add_curve
from .onnx_maker import INPUT, NO_ATTRIBUTES, Attributes, word_dtype
from .onnx_network import OnnxNetwork
from .onnx_walk import finished, main_node, network_maker, reordered

OPSET = 17
IR_VERSION = 8


def step_of(fmt: FixedPoint) -> float:
    """The value of a format's 1."""
    return math.ldexp(1.0, -fmt.frac_bits)


class ExactWriter:
    """One walk over the layers; a tensor holds real values, multiples of its layer's step."""

    def __init__(self, network: OnnxNetwork) -> None:
        self._graph = network.graph
        self._formats = network.formats
        self._network = network
        self._maker = network_maker(network, opset=OPSET, ir_version=IR_VERSION)

    def write(self, doc: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """The model; see ``finished``."""
        tensors: dict[str, str] = {}
        for layer in self._graph:
            edges = self._graph.in_edges(layer.name)
            sources = [tensors[edge.src] for edge in edges]
            formats = [self._formats.outputs[edge.src] for edge in edges]
            tensors[layer.name] = self._layer(layer, sources, formats)
        return finished(self._maker, self._graph, doc, metadata)

    def _real(self, name: str, values: npt.ArrayLike) -> str:
        return self._maker.constant(name, np.asarray(values, dtype=np.float64))

    def _rounded(self, name: str, tensor: str, step: float, scale_name: str) -> tuple[str, str]:
        """The nearest whole number of steps, halves up, and the step."""
        scale = self._real(scale_name, step)
        steps = self._maker.node("Div", [tensor, scale], f"{name}/steps")
        moved = self._maker.node("Add", [steps, self._real("half", 0.5)], f"{name}/half_up")
        return self._maker.node("Floor", [moved], f"{name}/rounded"), scale

    def _fixed(self, name: str, tensor: str, fmt: FixedPoint, scale_name: str = "") -> str:
        """Values in a format: rounded, saturated."""
        scale_name = scale_name or f"{name}.scale"
        rounded, scale = self._rounded(name, tensor, step_of(fmt), scale_name)
        ends = [
            self._real(f"{end}{fmt.width_bits}", value)
            for end, value in (("low", fmt.low), ("high", fmt.high))
        ]
        word = self._maker.node("Clip", [rounded, *ends], f"{name}/word")
        return self._maker.node("Mul", [word, scale], name)

    def _main(
        self,
        layer: Layer,
        op_type: str,
        inputs: Sequence[str],
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> str:
        return main_node(self._maker, self._network, layer, op_type, inputs, attributes)

    def _layer(self, layer: Layer, sources: list[str], formats: list[FixedPoint]) -> str:
        name, op, out = layer.name, layer.op, self._formats.outputs[layer.name]
        match op:
            case ops.Input():
                wide = self._main(layer, "Cast", [INPUT], {"to": TensorProto.DOUBLE})
                return self._fixed(name, wide, out)
            case ops.Output():
                return self._output(layer, sources[0])
            case ops.Fork():
                return sources[0]
            case ops.Conv2d():
                return self._conv(layer, op, sources[0])
            case ops.Relu():
                return self._main(layer, "Relu", sources)
            case ops.Clip():
                # not a Clip: onnxruntime 1.32 cannot load one of float64 behind a Relu
                low, high = self._bounds(name, op, out)
                above = self._maker.node("Max", [*sources, low], f"{name}/above")
                return self._main(layer, "Min", [above, high])
            case ops.MaxPool2d():
                return self._main(layer, "MaxPool", sources, window_attributes(op))
            case ops.AvgPool2d():
                return self._average(layer, op, sources[0])
            case ops.GlobalAvgPool():
                total = self._main(
                    layer,
                    "ReduceSum",
                    [sources[0], self._maker.integers("positions", (2, 3))],
                    {"keepdims": 1},
                )
                return self._divided(name, total, op, self._graph.in_maps(name)[0])
            case ops.HardSigmoid() | ops.HardSwish() | ops.Sigmoid():
                return self._activation(layer, op, sources[0], formats[0])
            case ops.LeakyRelu() | ops.PRelu():
                return self._leaky(layer, op, sources[0])
            case ops.Curve():
                main = partial(self._main, layer)
                return add_curve(self._maker, main, name, op, sources[0], (formats[0], out))
            case ops.Add():
                return self._add(layer, sources, formats)
            case ops.Mul():
                return self._fixed(name, self._main(layer, "Mul", sources), out)
            case ops.Concat():
                parts = [
                    s if fmt == out else self._fixed(f"{name}/{port}", s, out, f"{name}.scale")
                    for port, (s, fmt) in enumerate(zip(sources, formats, strict=True))
                ]
                return self._main(layer, "Concat", parts, {"axis": 1})
            case ops.Slice():
                inputs = [*sources, *self._maker.slice_inputs(name, op)]
                return self._main(layer, "Slice", inputs)
            case ops.Pad():
                ends = (op.channels_front, op.channels_back)
                inputs = [*sources, *self._maker.pad_inputs(name, op.pads, *ends)]
                return self._main(layer, "Pad", inputs)
            case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
                maps = self._graph.in_maps(name)[0], layer.out
                if isinstance(op, ops.Upsample):
                    steps = repeat_steps(op, *maps)
                else:
                    steps = reorder_steps(op, *maps)
                return reordered(self._maker, self._network, layer, steps, sources[0])

    def _output(self, layer: Layer, source: str) -> str:
        narrow = self._maker.node("Cast", [source], f"{layer.name}/raw", {"to": TensorProto.FLOAT})
        kind = "Flatten" if layer.out.pixels == 1 else "Identity"
        return self._maker.node(kind, [narrow], "", layer=layer.name, to_output=True)

    def _bounds(self, name: str, op: ops.Clip, fmt: FixedPoint) -> list[str]:
        return [
            self._real(f"{name}.{end}", int(quantise(value, fmt)) * step_of(fmt))
            for end, value in (("low", op.low), ("high", op.high))
        ]

    def _taps(
        self, name: str, op: ops.Conv2d | ops.AvgPool2d, source: str, out: FeatureMap
    ) -> list[str]:
        """(N, C, rows, columns) of the output for each tap of the window, row by row."""
        if any(op.pads):
            inputs = [source, *self._maker.pad_inputs(name, op.pads)]
            source = self._maker.node("Pad", inputs, f"{name}/padded")
        if op.kernel == (1, 1) and op.stride == (1, 1):
            return [source]
        axes, steps = (
            self._maker.integers("positions", (2, 3)),
            self._maker.integers(f"{name}.stride", op.stride),
        )
        taps = []
        for row, column in np.ndindex(op.kernel):
            first = (row * op.dilation[0], column * op.dilation[1])
            ends = (
                first[0] + (out.height - 1) * op.stride[0] + 1,
                first[1] + (out.width - 1) * op.stride[1] + 1,
            )
            inputs = [
                self._maker.integers(f"from_{first[0]}_{first[1]}", first),
                self._maker.integers(f"to_{ends[0]}_{ends[1]}", ends),
            ]
            tap = f"{name}/tap_{row}_{column}"
            taps.append(self._maker.node("Slice", [source, *inputs, axes, steps], tap))
        return taps

    def _conv(self, layer: Layer, op: ops.Conv2d, source: str) -> str:
        name, maker = layer.name, self._maker
        if name in self._formats.inputs:
            source = self._fixed(f"{name}/operand", source, self._formats.inputs[name])
        if name in self._network.limits:
            source = self._clipped(name, source)
        weight = self._network.integers[f"{name}.weight"]
        channels = weight.shape[1]
        grouped = weight.reshape(op.groups, -1, channels, *op.kernel)
        if layer.out.pixels == 1 and not any(op.pads) and op.kernel == self._source_size(name):
            parts, matrix = [source], grouped  # the whole map, in its own order
            rows = channels * op.kernel[0] * op.kernel[1]
        else:
            parts, matrix = self._taps(name, op, source, layer.out), np.moveaxis(grouped, 2, 4)
            rows = channels
        shape = self._maker.integers(f"{name}.in_shape", (0, op.groups, rows, layer.out.pixels))
        parts = [maker.node("Reshape", [part, shape], f"{name}/matrix") for part in parts]
        if len(parts) > 1:
            parts = [maker.node("Concat", parts, f"{name}/windows", {"axis": 2})]
        matrix = matrix.reshape(1, op.groups, op.out_channels // op.groups, -1)
        fmt = self._formats.weights[name]
        words = maker.constant(f"{name}.weight", matrix.astype(word_dtype(fmt.width_bits)))
        wide = maker.node("Cast", [words], f"{name}/weight_words", {"to": TensorProto.DOUBLE})
        scale = self._real(f"{name}.weight_scale", step_of(fmt))
        values = maker.node("Mul", [wide, scale], f"{name}/weight")
        product = self._main(layer, "MatMul", [values, *parts])
        shape = self._maker.integers(f"{name}.out_shape", (0, *frame_dims(layer.out)))
        sums = maker.node("Reshape", [product, shape], f"{name}/products")
        accumulator = self._formats.accumulator(self._graph, name)
        bias = self._network.integers[f"{name}.bias"] * step_of(accumulator)
        bias_name = self._real(f"{name}.bias", bias.reshape(1, -1, 1, 1))
        sums = maker.node("Add", [sums, bias_name], f"{name}/sum")
        if self._network.may_wrap(name):
            sums = self._wrapped(name, sums, accumulator)
        return self._fixed(name, sums, self._formats.outputs[name])

    def _source_size(self, name: str) -> ops.Pair:
        (source,) = self._graph.in_maps(name)
        return source.height, source.width

    def _clipped(self, name: str, source: str) -> str:
        """Zero where |x| is at most the limit of the clip."""
        fmt = self._formats.operand(self._graph, name)
        limit = self._real(f"{name}.act_threshold", self._network.limits[name] * step_of(fmt))
        size = self._maker.node("Abs", [source], f"{name}/size")
        kept = self._maker.node("Greater", [size, limit], f"{name}/kept")
        zero = self._real("zero", 0.0)
        return self._maker.node("Where", [kept, source, zero], f"{name}/clipped")

    def _wrapped(self, name: str, sums: str, accumulator: FixedPoint) -> str:
        """What an accumulator of its width holds: whole turns are lost."""
        turn = math.ldexp(step_of(accumulator), accumulator.width_bits)
        turns, span = self._rounded(f"{name}/turns", sums, turn, f"{name}.turn")
        lost = self._maker.node("Mul", [turns, span], f"{name}/lost")
        return self._maker.node("Sub", [sums, lost], f"{name}/accumulator")

    def _average(self, layer: Layer, op: ops.AvgPool2d, source: str) -> str:
        taps = self._taps(layer.name, op, source, layer.out)
        total = self._main(layer, "Sum", taps)
        return self._divided(layer.name, total, op, self._graph.in_maps(layer.name)[0])

    def _divided(
        self, name: str, total: str, op: ops.AvgPool2d | ops.GlobalAvgPool, source: FeatureMap
    ) -> str:
        """A sum times the reciprocal of how many words it has."""
        shares = self._real(f"{name}.share", average_shares(op, source))
        mean = self._maker.node("Mul", [total, shares], f"{name}/mean")
        return self._fixed(name, mean, self._formats.outputs[name])

    def _activation(
        self,
        layer: Layer,
        op: ops.HardSigmoid | ops.HardSwish | ops.Sigmoid,
        source: str,
        fmt: FixedPoint,
    ) -> str:
        name, out, maker = layer.name, self._formats.outputs[layer.name], self._maker
        if isinstance(op, ops.Sigmoid):
            half = SIGMOID_WORDS // 2
            steps = FixedPoint(half.bit_length(), SIGMOID_FRAC_BITS)
            near = self._fixed(f"{name}/place", source, steps)
            place = maker.node(
                "Div", [near, self._real(f"{name}/place.scale", step_of(steps))], f"{name}/offset"
            )
            moved = maker.node("Add", [place, self._real(f"{name}.half", half)], f"{name}/row")
            index = maker.node("Cast", [moved], f"{name}/index", {"to": TensorProto.INT64})
            table = self._real(f"{name}.table", sigmoid_table(out) * step_of(out))
            return self._main(layer, "Gather", [table, index])
        constants = linear_constants(op, fmt)
        alpha = math.ldexp(constants.alpha, -constants.alpha_frac_bits)
        beta = math.ldexp(constants.beta, -constants.alpha_frac_bits - fmt.frac_bits)
        gate_format = out if isinstance(op, ops.HardSigmoid) else unit_format(out.width_bits)
        line = maker.node("Mul", [source, self._real(f"{name}.alpha", alpha)], f"{name}/slope")
        line = maker.node("Add", [line, self._real(f"{name}.beta", beta)], f"{name}/line")
        gate = self._fixed(f"{name}/gate", line, gate_format)
        one = int(quantise(1.0, gate_format)) * step_of(gate_format)
        ends = [self._real("zero", 0.0), self._real(f"{name}.one", one)]
        if isinstance(op, ops.HardSigmoid):
            return self._main(layer, "Clip", [gate, *ends])
        gate = maker.node("Clip", [gate, *ends], f"{name}/open")
        return self._fixed(name, self._main(layer, "Mul", [source, gate]), out)

    def _leaky(self, layer: Layer, op: ops.LeakyRelu | ops.PRelu, source: str) -> str:
        """x where it is not below zero; the rest times the hardware's slopes."""
        name, maker = layer.name, self._maker
        multipliers, frac_bits = leaky_slopes(op)
        zero = self._real("zero", 0.0)
        slope = self._real(
            f"{name}.slope", np.ldexp(multipliers[:, None, None].astype(np.float64), -frac_bits)
        )
        low = maker.node("Mul", [source, slope], f"{name}/low")
        negative = maker.node("Less", [source, zero], f"{name}/negative")
        chosen = self._main(layer, "Where", [negative, low, source])
        return self._fixed(name, chosen, self._formats.outputs[name])

    def _add(self, layer: Layer, sources: list[str], formats: list[FixedPoint]) -> str:
        name = layer.name
        common = align_frac_bits(*formats)
        aligned = []
        for port, (source, fmt) in enumerate(zip(sources, formats, strict=True)):
            if fmt.frac_bits > common:
                own = f"{name}/{port}"
                step = math.ldexp(1.0, -common)
                rounded, scale = self._rounded(own, source, step, f"{name}.common_scale")
                source = self._maker.node("Mul", [rounded, scale], f"{own}/aligned")
            aligned.append(source)
        return self._fixed(name, self._main(layer, "Add", aligned), self._formats.outputs[name])


def average_shares(
    op: ops.AvgPool2d | ops.GlobalAvgPool, source: FeatureMap
) -> npt.NDArray[np.float64]:
    """What a window's sum is multiplied by, (1, 1, rows, columns) or one number for all windows:
    the reciprocals of ``fixed_point.reciprocal``."""
    if isinstance(op, ops.GlobalAvgPool):
        multiplier, frac_bits = reciprocal(source.pixels)
        return np.full((1, 1, 1, 1), math.ldexp(multiplier, -frac_bits))
    taps = op.kernel[0] * op.kernel[1]
    if op.divisor is ops.Divisor.WINDOW:
        counts = np.full((1, 1), taps)
    else:
        rows, columns = (
            _inside(size, op.kernel[axis], op.stride[axis], op.pads[axis], op.pads[axis + 2])
            for axis, size in enumerate((source.height, source.width))
        )
        counts = np.outer(rows, columns)
    table = np.array([0, *(reciprocal(count, taps)[0] for count in range(1, taps + 1))])
    shares = np.ldexp(table[counts].astype(np.float64), -reciprocal(taps)[1])
    return np.asarray(shares[None, None])


def _inside(size: int, kernel: int, stride: int, before: int, after: int) -> IntArray:
    """How many elements of each window of one axis lie inside the map."""
    starts = np.arange((size + before + after - kernel) // stride + 1) * stride - before
    return np.asarray(np.minimum(starts + kernel, size) - np.maximum(starts, 0)).clip(0)
