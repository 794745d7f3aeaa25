"""IR -> ONNX, opset 17. Called in every trial of a search: it trusts its graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from .. import ops
from ..errors import GraphError
from ..filter_refit import FilterStatistics
from ..graph import FloatArray, Graph, Layer, Weights
from ..values import FixedPoint
from .clips import non_negative_layers, replaced_relus
from .external_data import OutsideData
from .operators import OP_TYPES, op_attributes
from .reorder_steps import reorder_steps
from .values import frame_dims
from .write_curve import SOURCE, curve_steps
from .write_restored import DEVIATION, MEAN, RESTORED, restoring_steps

OPSET = 17
IR_VERSION = 8
INPUT, OUTPUT = "input", "output"
_LARGEST_INSIDE_BYTES = 1024  # what shapes and scales have; onnxruntime wants those inside
_NOT_RESTORED: Mapping[str, FilterStatistics | None] = MappingProxyType({})
FREE_WEIGHT, FREE_THRESHOLD = "free:weight", "free:threshold"


def write(
    graph: Graph,
    weights: Weights,
    act_thresholds: Mapping[str, float],
    taps: Sequence[str],
    free: str | None,
    operands: Mapping[str, FixedPoint],
    outside: OutsideData | None = None,
    restored: Mapping[str, FilterStatistics | None] = _NOT_RESTORED,
) -> bytes:
    """See ``onnx_io.write_model``; with ``outside`` the weights go there."""
    thresholds = _checked_thresholds(graph, act_thresholds)
    for what, named in (("word lengths", operands), ("statistics", restored)):
        for name in named:
            if name not in graph or not isinstance(graph[name].op, ops.Conv2d):
                raise GraphError(f"{graph.name}: {what} of {name!r}: no such Conv2d")
    tapped = {tap: _tapped_layer(graph, tap) for tap in dict.fromkeys(taps)}
    if free is not None and (
        free not in graph or not isinstance(graph[free].op, ops.Conv2d) or free in thresholds
    ):
        raise GraphError(f"{graph.name}: free layer {free!r}: no such Conv2d without a threshold")
    return _Writer(graph, weights, thresholds, tapped, free, operands, outside, restored).run()


def _checked_thresholds(graph: Graph, act_thresholds: Mapping[str, float]) -> dict[str, float]:
    for name, threshold in act_thresholds.items():
        if name not in graph or not isinstance(graph[name].op, ops.Conv2d):
            raise GraphError(f"{graph.name}: activation threshold for {name!r}: no such Conv2d")
        if not 0 <= threshold < float("inf"):
            raise GraphError(f"{graph.name}: activation threshold {threshold} of {name!r}")
    return {name: float(value) for name, value in act_thresholds.items() if value > 0}


def _tapped_layer(graph: Graph, tap: str) -> Layer:
    kind, _, name = tap.partition(":")
    if name in graph and kind in ("tap", "out"):
        layer = graph[name]
        if kind == "out" or isinstance(layer.op, ops.Conv2d):
            return layer
    raise GraphError(f"{graph.name}: tap {tap!r}, expected 'tap:<Conv2d layer>' or 'out:<layer>'")


class _Writer:
    """One walk over the layers. A tensor has the name of the layer that makes it."""

    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        thresholds: Mapping[str, float],
        tapped: Mapping[str, Layer],
        free: str | None,
        operands: Mapping[str, FixedPoint],
        outside: OutsideData | None,
        restored: Mapping[str, FilterStatistics | None],
    ) -> None:
        self._outside = outside
        self._restored = restored
        self._free = free
        self._operands = operands
        self._graph = graph
        self._weights = weights
        self._thresholds = thresholds
        self._tapped = tapped
        self._model = onnx.ModelProto(ir_version=IR_VERSION, producer_name="hass")
        self._model.opset_import.add(domain="", version=OPSET)
        self._model.graph.name = graph.name
        self._constants: set[str] = set()
        self._tensors: dict[str, str] = {}  # layer -> tensor
        self._clipped: dict[tuple[str, float], str] = {}
        self._rounded: dict[tuple[str, FixedPoint], str] = {}
        self._non_negative = non_negative_layers(graph) if thresholds else frozenset()
        kept = {layer.name for tap, layer in tapped.items() if tap.startswith("out:")}
        # what is clipped after it was rounded is not clipped where the stream is made
        on_streams = {name: t for name, t in thresholds.items() if name not in operands}
        self._thresholded = {
            name: threshold
            for name, threshold in replaced_relus(graph, on_streams).items()
            if kept.isdisjoint({name, *(edge.dst for edge in graph.out_edges(name))})
        }

    def run(self) -> bytes:
        """The model as bytes."""
        for layer in self._graph:
            sources = [self._tensors[edge.src] for edge in self._graph.in_edges(layer.name)]
            if isinstance(layer.op, ops.Conv2d):
                if layer.name in self._operands:
                    sources = [self._operand(layer.name, sources[0])]
                sources = [self._clip(layer.name, sources[0])]
                if layer.name == self._free:
                    sources = [self._freely_clipped(sources[0])]
                tap = f"tap:{layer.name}"
                if tap in self._tapped:
                    self._node("Identity", sources, tap)
            self._tensors[layer.name] = self._layer(layer, sources)
            if layer.name in self._restored:
                self._restore(layer.name)
            tap = f"out:{layer.name}"
            if tap in self._tapped:
                self._node("Identity", [self._tensors[layer.name]], tap)
        (source,) = self._graph.of_type(ops.Input)
        proto = self._model.graph
        proto.input.append(_tensor(INPUT, ["N", *frame_dims(source.out)]))
        if self._free is not None:
            proto.input.append(_tensor(FREE_THRESHOLD, []))
            key = f"{self._free}.weight"
            proto.input.append(_tensor(FREE_WEIGHT, self._weights[key].shape))
        for sink in self._graph.outputs:
            dims: list[Any] = ["N", *frame_dims(sink.out)]
            name = self._output(sink.name)
            proto.output.append(_tensor(name, dims[:2] if sink.out.pixels == 1 else dims))
        for tap, layer in self._tapped.items():
            shown = layer.out
            if tap.startswith("tap:"):
                shown = self._graph.in_maps(layer.name)[0]
            proto.output.append(_tensor(tap, ["N", *frame_dims(shown)]))
        for name in self._restored:
            dims = [1, self._graph[name].out.channels, 1, 1]
            proto.output.extend(_tensor(f"{kind}:{name}", dims) for kind in (MEAN, DEVIATION))
        return bytes(self._model.SerializeToString())

    def _node(
        self, op_type: str, inputs: Sequence[str], output: str, layer: str = "", **attributes: Any
    ) -> str:
        """``layer`` names the node that is a layer: what reads the file then calls it the same."""
        node = helper.make_node(op_type, inputs, [output], layer or None, **attributes)
        self._model.graph.node.append(node)
        return output

    def _constant(self, name: str, array: FloatArray | np.ndarray[Any, Any]) -> str:
        if name not in self._constants:
            kind = TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT
            tensor = self._model.graph.initializer.add(name=name, dims=array.shape, data_type=kind)
            if self._outside is None or array.nbytes <= _LARGEST_INSIDE_BYTES:
                tensor.raw_data = array.tobytes()
            else:
                self._outside.add(tensor, array)
            self._constants.add(name)
        return name

    def _clip(self, conv: str, tensor: str) -> str:
        """The clipped input of a convolution; made once for all that clip the stream alike."""
        threshold = self._thresholds.get(conv, 0.0)
        source = self._graph.in_edges(conv)[0].src
        origin = self._origin(source)
        if threshold == 0 or (origin in self._thresholded and conv not in self._operands):
            return tensor
        key = (tensor, threshold)
        if key not in self._clipped:
            output = f"clip:{len(self._clipped)}"
            if source in self._non_negative:
                self._node("ThresholdedRelu", [tensor], output, alpha=threshold)
            else:
                self._two_sided(tensor, output, threshold)
            self._clipped[key] = output
        return self._clipped[key]

    def _operand(self, conv: str, tensor: str) -> str:
        """The input of a convolution rounded half up and saturated; made once for all that round
        the stream alike. Exact: words have few bits, steps are powers of two."""
        fmt = self._operands[conv]
        key = (tensor, fmt)
        if key not in self._rounded:
            output = f"words:{len(self._rounded)}"
            names = ("steps", "step", "half", "low", "high")
            step = 2.0**-fmt.frac_bits
            steps, small, half, low, high = (
                self._constant(f"{output}:{name}", np.asarray(value, np.float32))
                for name, value in zip(
                    names, (1.0 / step, step, 0.5, fmt.low, fmt.high), strict=True
                )
            )
            scaled = self._node("Mul", [tensor, steps], f"{output}:scaled")
            moved = self._node("Add", [scaled, half], f"{output}:moved")
            whole = self._node("Floor", [moved], f"{output}:whole")
            held = self._node("Clip", [whole, low, high], f"{output}:held")
            self._rounded[key] = self._node("Mul", [held, small], output)
        return self._rounded[key]

    def _two_sided(self, tensor: str, output: str, threshold: float) -> None:
        """``thresholded(x) - thresholded(-x)``, exact because one of the two is always zero.

        CPU time of one run with such a clip before every convolution, relative to the network
        without clips (onnxruntime 1.31.1, one thread, x86-64, 2026-11-22), on DS-CNN / MobileNetV3-
        Small / MobileNet-EdgeTPU: this 1.46 / 1.70 / 1.28; Abs, Greater, Cast, Mul 1.44 / 1.81 /
        1.31; Abs, Greater, Where 1.46 / 1.84 / 1.35. Shrink alone takes five times as long.
        """
        above = self._node("ThresholdedRelu", [tensor], f"{output}:above", alpha=threshold)
        negative = self._node("Neg", [tensor], f"{output}:negative")
        below = self._node("ThresholdedRelu", [negative], f"{output}:below", alpha=threshold)
        self._node("Sub", [above, below], output)

    def _freely_clipped(self, tensor: str) -> str:
        size = self._node("Abs", [tensor], f"{FREE_THRESHOLD}:size")
        above = self._node("Greater", [size, FREE_THRESHOLD], f"{FREE_THRESHOLD}:above")
        kept = self._node("Cast", [above], f"{FREE_THRESHOLD}:kept", to=TensorProto.FLOAT)
        return self._node("Mul", [tensor, kept], f"{FREE_THRESHOLD}:clipped")

    def _weight(self, name: str) -> str:
        key = f"{name}.weight"
        return FREE_WEIGHT if name == self._free else self._constant(key, self._weights[key])

    def _origin(self, name: str) -> str:
        """The layer behind a Fork."""
        if isinstance(self._graph[name].op, ops.Fork):
            return self._origin(self._graph.in_edges(name)[0].src)
        return name

    def _layer(self, layer: Layer, sources: Sequence[str]) -> str:
        name, op = layer.name, layer.op
        match op:
            case ops.Input():
                return INPUT
            case ops.Output():
                kind = "Flatten" if layer.out.pixels == 1 else "Identity"
                return self._node(kind, sources, self._output(name))
            case ops.Fork():
                return sources[0]
            case ops.Relu() if name in self._thresholded:
                alpha = self._thresholded[name]
                return self._node("ThresholdedRelu", sources, f"layer:{name}", name, alpha=alpha)
            case ops.Conv2d() if self._covers_its_input(layer):
                return self._fully_connected(name, sources[0])
            case ops.Conv2d():
                bias = self._constant(f"{name}.bias", self._weights[f"{name}.bias"])
                sources = [*sources, self._weight(name), bias]
            case ops.Clip():
                bounds = {"low": op.low, "high": op.high}
                sources = [*sources] + [
                    self._constant(f"layer:{name}:{key}", np.asarray(value, np.float32))
                    for key, value in bounds.items()
                ]
            case ops.PRelu():
                slopes = np.asarray(op.slopes, np.float32).reshape(-1, 1, 1)
                sources = [*sources, self._constant(f"layer:{name}:slopes", slopes)]
            case ops.Curve():
                return self._curve(name, op, sources[0])
            case ops.Slice() | ops.Pad():
                sources = [*sources, *self._integers(name, op)]
            case ops.Upsample() | ops.DepthToSpace() | ops.Shuffle():
                return self._reordered(layer, op, sources[0])
            case _:
                pass
        return self._node(OP_TYPES[type(op)], sources, f"layer:{name}", name, **op_attributes(op))

    def _curve(self, name: str, op: ops.Curve, source: str) -> str:
        *before, last = curve_steps(op)
        made = {SOURCE: source, **{step.name: f"layer:{name}:{step.name}" for step in before}}
        for step in (*before, last):
            inputs = [
                made[item]
                if isinstance(item, str)
                else self._constant(f"curve:{item:.9g}", np.asarray(item, np.float32))
                for item in step.inputs
            ]
            output, layer = made.get(step.name, f"layer:{name}"), name if step is last else ""
            self._node(step.op_type, inputs, output, layer, **step.attributes)
        return f"layer:{name}"

    def _restore(self, name: str) -> None:
        targets = self._restored[name]
        tensors = {SOURCE: self._tensors[name]}
        for step in restoring_steps(targets):
            for key, values in step.constants.items():
                tensors[key] = self._constant(f"{key}:{name}", values)
            tensors[step.name] = f"{step.name}:{name}"
            inputs = [tensors[key] for key in step.inputs]
            self._node(step.op_type, inputs, tensors[step.name], "", **step.attributes)
        self._tensors[name] = tensors.get(RESTORED, tensors[SOURCE])

    def _reordered(self, layer: Layer, op: ops.Reordering, tensor: str) -> str:
        steps = reorder_steps(op, self._graph.in_maps(layer.name)[0], layer.out)
        for number, step in enumerate(steps):
            last = number == len(steps) - 1
            name = f"layer:{layer.name}" if last else f"layer:{layer.name}:{number}"
            more = [
                self._constant(f"layer:{layer.name}:{key}", values) if key else ""
                for key, values in step.constants.items()
            ]
            own = layer.name if last else ""
            tensor = self._node(step.op_type, [tensor, *more], name, own, **step.attributes)
        return tensor

    def _output(self, layer: str) -> str:
        return OUTPUT if len(self._graph.outputs) == 1 else layer

    def _covers_its_input(self, layer: Layer) -> bool:
        (source,) = self._graph.in_maps(layer.name)
        op = layer.op
        return (
            isinstance(op, ops.Conv2d)
            and op.groups == 1
            and not any(op.pads)
            and op.kernel == (source.height, source.width)
        )

    def _fully_connected(self, name: str, source: str) -> str:
        """As Gemm: Conv takes 1.6 to 3 times as long there (576 to 1024 channels and the like)."""
        weight = self._weights[f"{name}.weight"]
        matrix = (
            self._node("Flatten", [FREE_WEIGHT], f"{FREE_WEIGHT}:matrix")
            if name == self._free
            else self._constant(f"{name}.weight", weight.reshape(len(weight), -1))
        )
        inputs = [
            self._node("Flatten", [source], f"layer:{name}:vector"),
            matrix,
            self._constant(f"{name}.bias", self._weights[f"{name}.bias"]),
        ]
        product = self._node("Gemm", inputs, f"layer:{name}:product", name, transB=1)
        shape = self._constant("pixel", np.asarray((0, -1, 1, 1), np.int64))
        return self._node("Reshape", [product, shape], f"layer:{name}")

    def _integers(self, name: str, op: ops.Slice | ops.Pad) -> list[str]:
        if isinstance(op, ops.Pad):
            top, left, bottom, right = op.pads
            begins, ends = (0, op.channels_front, top, left), (0, op.channels_back, bottom, right)
            lists: dict[str, tuple[int, ...]] = {"pads": begins + ends}
        else:
            spans = (op.channels, op.rows, op.columns)
            lists = {
                "starts": tuple(span.start for span in spans),
                "ends": tuple(span.stop for span in spans),
                "axes": (1, 2, 3),
                "steps": tuple(span.step for span in spans),
            }
        return [
            self._constant(f"layer:{name}:{key}", np.asarray(values, np.int64))
            for key, values in lists.items()
        ]


def _tensor(name: str, dims: Sequence[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
