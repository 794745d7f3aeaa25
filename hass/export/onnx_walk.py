"""What both writers of ONNX do with a network: begin a model, name nodes, end it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx

from .. import ops
from ..graph import Graph, Layer
from ..handlers.reorder_steps import Step
from ..handlers.values import frame_dims
from .onnx_maker import NO_ATTRIBUTES, Attributes, ModelMaker
from .onnx_network import OnnxNetwork


def network_maker(network: OnnxNetwork, *, opset: int, ir_version: int) -> ModelMaker:
    """A model in which the names of layers are taken."""
    names = [layer.name for layer in network.graph]
    return ModelMaker(network.graph.name, opset=opset, ir_version=ir_version, layers=names)


def main_node(
    maker: ModelMaker,
    network: OnnxNetwork,
    layer: Layer,
    op_type: str,
    inputs: Sequence[str],
    attributes: Attributes = NO_ATTRIBUTES,
) -> str:
    """The node that stands for a layer, under its name; the tensor that it makes."""
    doc = network.docs[layer.name]
    return maker.node(op_type, inputs, f"{layer.name}/raw", attributes, layer=layer.name, doc=doc)


def reordered(
    maker: ModelMaker, network: OnnxNetwork, layer: Layer, steps: Sequence[Step], tensor: str
) -> str:
    """The nodes of a layer that puts out its words in another order; the last one stands for it."""
    for number, step in enumerate(steps):
        inputs = [tensor]
        for key, values in step.constants.items():
            inputs.append(maker.constant(f"{layer.name}.{key}", values) if key else "")
        if number == len(steps) - 1:
            return main_node(maker, network, layer, step.op_type, inputs, step.attributes)
        tensor = maker.node(step.op_type, inputs, f"{layer.name}/{number}", step.attributes)
    return tensor


def finished(
    maker: ModelMaker, graph: Graph, doc: str, metadata: Mapping[str, str]
) -> onnx.ModelProto:
    """The model, (N, classes) where the network ends in one pixel; see ``ModelMaker.finish``."""
    source, sink = (graph.of_type(kind)[0].out for kind in (ops.Input, ops.Output))
    out_dims = frame_dims(sink)[:1] if sink.pixels == 1 else frame_dims(sink)
    return maker.finish(frame_dims(source), out_dims, doc=doc, metadata=metadata)
