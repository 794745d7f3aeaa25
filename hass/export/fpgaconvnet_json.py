"""A partition file: protobuf's JSON with the field names of fpgaConvNet's schema.

Every field that its readers look up is written, zeros and falses too: a field that is absent from
the JSON is absent for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from .. import ops
from ..design import LayerDensity
from ..files import JsonValue
from ..values import FeatureMap, FixedPoint
from .exporter import ExportSource
from .fpgaconvnet_folding import window_histogram
from .fpgaconvnet_stages import DEFAULT_DEPTH_WORDS, SPLIT, SQUEEZE, Port, Stage, Stages

Fields = dict[str, JsonValue]

# ONNX operator, or Split or Squeeze -> layer type, and op_type where it is fixed
TYPES: dict[str, tuple[str, str]] = {
    "Conv": ("CONVOLUTION", ""),
    "MaxPool": ("POOLING", "max"),
    "GlobalAveragePool": ("AVERAGE_POOLING", "avg"),
    "GlobalMaxPool": ("AVERAGE_POOLING", "max"),
    "Relu": ("RELU", "ReLU"),
    "Clip": ("RELU", "ReLU"),
    "ThresholdedRelu": ("THRESHOLDEDRELU", ""),
    "Sigmoid": ("SIGMOID", "Sigmoid"),
    "HardSigmoid": ("HARD_SIGMOID", "HardSigmoid"),
    "HardSwish": ("HARD_SWISH", "HardSwish"),
    "Add": ("ELTWISE", "add"),
    "Mul": ("ELTWISE", "mul"),
    "Concat": ("CONCAT", ""),
    SPLIT: ("SPLIT", ""),
    SQUEEZE: ("SQUEEZE", ""),
}


def _fixed_point(width_bits: int, frac_bits: int) -> Fields:
    return {"width": width_bits, "binary_point": frac_bits}


def _size(prefix: str, feature_map: FeatureMap) -> Fields:
    return {
        f"rows_{prefix}": feature_map.height,
        f"cols_{prefix}": feature_map.width,
        f"channels_{prefix}": feature_map.channels,
    }


def _window(op: ops.Conv2d | ops.MaxPool2d) -> Fields:
    top, left, bottom, right = op.pads
    return {
        "kernel_size": list(op.kernel),
        "kernel_rows": op.kernel[0],
        "kernel_cols": op.kernel[1],
        "stride": list(op.stride),
        "stride_rows": op.stride[0],
        "stride_cols": op.stride[1],
        "pad_top": top,
        "pad_right": right,
        "pad_bottom": bottom,
        "pad_left": left,
    }


def sparsity_of(stage: Stage, density: LayerDensity | None) -> list[float]:
    """``sparsity`` of a convolution: channel after channel the histogram of zeros in a window, or
    the mean of a pointwise one; empty where it is dense."""
    if stage.folding is None or stage.folding.op_type == "dense" or density is None:
        return []
    (port,) = stage.ports
    zeros = 1.0 - density.act_density
    if stage.folding.op_type == "pointwise_sparse":
        return [zeros] * port.map.channels
    return channel_histograms(stage, zeros)


def channel_histograms(stage: Stage, zeros: float) -> list[float]:
    """The node attribute ``channel_sparsity_hist``: channels times (taps + 1) shares."""
    assert isinstance(stage.op, ops.Conv2d)  # only these have a sparse folding
    (port,) = stage.ports
    taps = stage.op.kernel[0] * stage.op.kernel[1]
    return window_histogram(taps, zeros) * port.map.channels


class _Parameters:
    """Parameters of the layers of one design."""

    def __init__(self, source: ExportSource) -> None:
        self._source = source
        self._act_bits = source.design.arithmetic.act_bits
        self._acc_bits = source.design.arithmetic.acc_bits

    def of(self, stage: Stage, outputs: int) -> Fields:
        """All of one layer.

        Args:
            stage: the layer.
            outputs: streams of several words that leave it.
        """
        first = stage.ports[0]
        fields: Fields = {
            "batch_size": 1,
            "buffer_depth": first.depth_words,
            **_size("in", first.map),
            **_size("out", stage.out),
            "coarse_in": first.streams,
            "coarse_out": stage.streams_out,
            "data_t": _fixed_point(self._act_bits, stage.frac_bits),
            "stream_inputs": [False] * len(stage.ports),
            "stream_outputs": [False] * outputs,
            "input_compression_ratio": [1.0] * len(stage.ports),
            "output_compression_ratio": [1.0] * outputs,
        }
        if isinstance(stage.op, ops.Conv2d):
            return fields | self._conv(stage, stage.op)
        if stage.kind == SQUEEZE:
            return fields
        fields["coarse"] = first.streams
        match stage.op:
            case ops.MaxPool2d() if stage.kind == "MaxPool":
                fields |= _window(stage.op)
            case ops.GlobalAvgPool() | ops.MaxPool2d():
                fields["acc_t"] = _fixed_point(self._acc_bits, first.frac_bits)
            case ops.Add() | ops.Mul():
                places = [port.frac_bits for port in stage.ports]
                frac_bits = max(places) if isinstance(stage.op, ops.Add) else sum(places)
                fields["acc_t"] = _fixed_point(self._acc_bits, frac_bits)
                fields["ports_in"] = len(stage.ports)
                fields |= _size("in", _larger(stage.ports))
            case ops.Concat():
                fields["ports_in"] = len(stage.ports)
                fields["channels_in_array"] = [port.map.channels for port in stage.ports]
            case ops.Fork():
                fields["ports_out"] = outputs
            case ops.HardSwish():
                fields["input_t"] = _fixed_point(self._act_bits, first.frac_bits)
                fields["output_t"] = _fixed_point(self._act_bits, stage.frac_bits)
            case _:
                pass
        if stage.threshold > 0.0:
            fields["threshold"] = stage.threshold
        return fields

    def _conv(self, stage: Stage, op: ops.Conv2d) -> Fields:
        (port,), folding = stage.ports, stage.folding
        assert folding is not None  # of every convolution
        design = self._source.design
        bits = design.arithmetic.weight_bits
        ones = FixedPoint(bits, bits - 2)  # holds the zeros and ones of a rewritten layer
        weight = self._source.formats.weights.get(stage.layer, ones)
        memory = design.plan.foldings[stage.layer].weight_memory
        fields: Fields = {
            **_window(op),
            "filters": op.out_channels,
            "groups": op.groups,
            "coarse_in": folding.coarse_in,
            "coarse_out": folding.coarse_out,
            "coarse_group": folding.coarse_group,
            "fine": folding.fine,
            "has_bias": 1,
            "input_t": _fixed_point(self._act_bits, port.frac_bits),
            "output_t": _fixed_point(self._act_bits, stage.frac_bits),
            "weight_t": _fixed_point(weight.width_bits, weight.frac_bits),
            "acc_t": _fixed_point(self._acc_bits, port.frac_bits + weight.frac_bits),
            "block_floating_point": False,
            "use_uram": memory.value == "uram",
            "stream_weights": 0,
            "weight_compression_ratio": [1.0],
        }
        sparsity = sparsity_of(stage, design.densities.get(stage.layer))
        if sparsity:
            fields["sparsity"] = sparsity
        if folding.op_type == "sparse":
            fields["skip_all_zero_window"] = False  # hass's engines take a cycle for it
        if folding.op_type == "pointwise_sparse":
            fields["clusters"] = folding.coarse_in * folding.coarse_group
        return fields


def _larger(ports: Sequence[Port]) -> FeatureMap:
    return max((port.map for port in ports), key=lambda m: m.words)


def _stream_name(source: str, reader: str, taken: set[str]) -> str:
    name = f"{source}_{reader}"
    while name in taken:  # twice between the same layers
        name += "_again"
    taken.add(name)
    return name


def partition_json(source: ExportSource, stages: Stages) -> JsonValue:
    """The whole file: one partition."""
    parameters = _Parameters(source)
    taken: set[str] = set()
    inputs: dict[str, list[Fields]] = {}
    outputs: dict[str, list[Fields]] = {stage.name: [] for stage in stages.stages}
    for stage in stages.stages:
        inputs[stage.name] = []
        for port in stage.ports:
            name = _stream_name(port.source, stage.name, taken) if port.source else "in"
            stream: Fields = {
                "name": name,
                "coarse": port.streams,
                "buffer_depth": port.depth_words,
            }
            inputs[stage.name].append({**stream, "node": port.source or stage.name})
            if port.source:
                outputs[port.source].append({**stream, "node": stage.name})
    layers: list[Fields] = []
    for stage in stages.stages:
        if not outputs[stage.name]:
            end: Fields = {"name": "out", "coarse": stage.streams_out}
            end |= {"buffer_depth": DEFAULT_DEPTH_WORDS, "node": stage.name}
            outputs[stage.name].append(end)
        kind, op_type = TYPES[stage.kind]
        layer: Fields = {
            "name": stage.name,
            "onnx_node": stage.node,
            "type": kind,
            "streams_in": inputs[stage.name],
            "streams_out": outputs[stage.name],
            "parameters": parameters.of(stage, len(outputs[stage.name])),
        }
        if stage.folding is not None:
            op_type = stage.folding.op_type
            layer |= {"weights_path": f"{stage.name}.weight", "bias_path": f"{stage.name}.bias"}
        if op_type:
            layer["op_type"] = op_type
        layers.append(layer)
    partition: Fields = {
        "id": 0,
        "ports": 1,
        "batch_size": 1,
        "input_nodes": ["input"],
        "output_nodes": ["output"],
        "weights_reloading_factor": 1,
        "weights_reloading_layer": "None",
        "gen_last_width": 16,
        "layers": layers,
    }
    return {"partition": [partition]}
