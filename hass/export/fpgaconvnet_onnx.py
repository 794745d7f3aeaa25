"""The ONNX file that a partition's layers are nodes of: float32, dense, opset 14."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx

from .. import ops
from ..fixed_point import dequantise, quantise
from ..graph import FloatArray
from ..handlers.operators import op_attributes
from ..handlers.values import frame_dims
from .exporter import ExportSource
from .fpgaconvnet_ops import LoweredGraph
from .fpgaconvnet_stages import THRESHOLDED, Stage, Stages
from .onnx_maker import INPUT, Attributes, ModelMaker

OPSET = 14  # what its parser converts every file to
IR_VERSION = 8


def rounded_weights(source: ExportSource, lowered: LoweredGraph) -> dict[str, FloatArray]:
    """All weights and biases in their fixed-point format, as float32: rounding them to it again
    changes nothing. (A bias of more than 24 bits is rounded to float32.)"""
    arrays: dict[str, FloatArray] = {}
    for layer in lowered.graph.convs:
        name = layer.name
        keys = (f"{name}.weight", f"{name}.bias")
        if name not in source.formats.weights:  # one that hass has no multipliers for
            arrays |= {key: lowered.weights[key] for key in keys}
            continue
        formats = (source.formats.weights[name], source.formats.accumulator(source.graph, name))
        for key, fmt in zip(keys, formats, strict=True):
            words = quantise(lowered.weights[key], fmt)
            arrays[key] = dequantise(words, fmt).astype(np.float32)
    return arrays


def _attributes(stage: Stage) -> Attributes:
    match stage.op:
        case _ if stage.kind == THRESHOLDED:
            return {"alpha": stage.threshold}
        case ops.Conv2d() | ops.MaxPool2d() if stage.kind in ("Conv", "MaxPool"):
            return op_attributes(stage.op)
        case ops.HardSigmoid() | ops.Concat():
            return op_attributes(stage.op)
        case _:
            return {}


def write_onnx(
    source: ExportSource,
    lowered: LoweredGraph,
    stages: Stages,
    histograms: Mapping[str, npt.NDArray[np.float32]],
) -> onnx.ModelProto:
    """The model; an output of a single position keeps its four dimensions.

    Args:
        source, lowered, stages: the design.
        histograms: stage -> its ``channel_sparsity_hist``, an attribute that ONNX does not know.
    """
    arrays = rounded_weights(source, lowered)
    nodes = [stage for stage in stages.stages if stage.has_node]
    maker = ModelMaker(
        source.graph.name, opset=OPSET, ir_version=IR_VERSION, layers=[s.name for s in nodes]
    )
    tensors = {"": INPUT}
    last = nodes[-1].name if nodes else ""
    for stage in stages.stages:
        inputs = [tensors[port.source] for port in stage.ports]
        if not stage.has_node:
            tensors[stage.name] = inputs[0]
            continue
        attributes = _attributes(stage)
        if isinstance(stage.op, ops.Conv2d):
            for part in ("weight", "bias"):
                array = arrays[f"{stage.layer}.{part}"]
                inputs.append(maker.constant(f"{stage.name}.{part}", array))
        if isinstance(stage.op, ops.Clip):
            ends = {"low": stage.op.low, "high": stage.op.high}
            for key, value in ends.items():
                inputs.append(
                    maker.constant(f"{stage.name}.{key}", np.asarray(value, dtype=np.float32))
                )
        if stage.name in histograms:
            histogram = histograms[stage.name].tolist()
            attributes = {**attributes, "channel_sparsity_hist": histogram}
        tensors[stage.name] = maker.node(
            stage.kind,
            inputs,
            stage.name,
            attributes,
            layer=stage.name,
            doc=f"hass: {stage.layer}",
            to_output=stage.name == last,
        )
    in_map, out_map = (source.graph.of_type(kind)[0].out for kind in (ops.Input, ops.Output))
    doc = f"{source.graph.name}, pruned and rounded by hass, for fpgaConvNet"
    return maker.finish(frame_dims(in_map), frame_dims(out_map), doc=doc, metadata={})
