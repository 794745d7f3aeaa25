"""What holds of every export to fpgaConvNet: schema, nodes, chain of streams, legal foldings."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest
from fpgaconvnet_schema import parse_partitions

from hass.export import Export

Layers = dict[str, dict[str, Any]]


def text_of(export: Export, name: str) -> str:
    content = export.files[name]
    assert isinstance(content, str)
    return content


def model_of(export: Export, name: str = "model.onnx") -> onnx.ModelProto:
    content = export.files[name]
    assert isinstance(content, bytes)
    return onnx.load_from_string(content)


def layers_of(export: Export) -> Layers:
    (partition,) = json.loads(text_of(export, "partition.json"))["partition"]
    return {layer["name"]: layer for layer in partition["layers"]}


def check(export: Export) -> Layers:
    """Everything that holds of every export; its layers."""
    parse_partitions(text_of(export, "partition.json"))
    layers = layers_of(export)
    (partition,) = json.loads(text_of(export, "partition.json"))["partition"]
    assert len(layers) == len(partition["layers"])
    model = model_of(export)
    onnx.checker.check_model(model, full_check=True)
    _check_nodes(layers, model)
    _check_streams(layers)
    for layer in layers.values():
        _check_folding(layer)
    return layers


def _check_nodes(layers: Layers, model: onnx.ModelProto) -> None:
    """Nodes have the names that the tool's parser gives them; layers have the nodes' shapes."""
    nodes = {node.name: node for node in model.graph.node}
    assert list(nodes) == [f"{n.op_type}_{i}" for i, n in enumerate(model.graph.node)]
    assert {layer["onnx_node"] for layer in layers.values()} == set(nodes)
    constants = {t.name: tuple(t.dims) for t in model.graph.initializer}
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    shapes = {
        v.name: [d.dim_value for d in v.type.tensor_type.shape.dim][1:]
        for v in (*inferred.input, *inferred.value_info, *inferred.output)
    }
    for layer in layers.values():
        node, fields = nodes[layer["onnx_node"]], layer["parameters"]
        size = [fields[f"{axis}_out"] for axis in ("channels", "rows", "cols")]
        assert size == shapes[node.output[0]]
        if layer["type"] == "CONVOLUTION":
            shape = (fields["filters"], fields["channels_in"] // fields["groups"])
            shape += (fields["kernel_rows"], fields["kernel_cols"])
            assert layer["weights_path"] == node.input[1] and constants[node.input[1]] == shape
            assert layer["bias_path"] == node.input[2]
        if layer["name"] == layer["onnx_node"] and layer["type"] not in ("ELTWISE", "CONCAT"):
            size = [fields[f"{axis}_in"] for axis in ("channels", "rows", "cols")]
            assert size == shapes[node.input[0]]


def _check_streams(layers: Layers) -> None:
    outs = {s["name"]: (n, s) for n, x in layers.items() for s in x["streams_out"]}
    ins = [(n, s) for n, x in layers.items() for s in x["streams_in"]]
    assert sum(len(layer["streams_out"]) for layer in layers.values()) == len(outs)
    place = {name: index for index, name in enumerate(layers)}
    inner = [(n, s) for n, s in ins if s["name"] != "in"]
    assert {s["name"] for _, s in inner} == set(outs) - {"out"}
    assert len(inner) == len(outs) - 1 and len(ins) > len(inner)
    for reader, stream in inner:
        source, other = outs[stream["name"]]
        assert stream["node"] == source and other["node"] == reader
        assert stream["name"].startswith(f"{source}_{reader}")
        assert (stream["coarse"], stream["buffer_depth"]) == (
            other["coarse"],
            other["buffer_depth"],
        )
        assert stream["buffer_depth"] >= 2 and place[source] < place[reader]
        fields, before = layers[reader]["parameters"], layers[source]["parameters"]
        if layers[reader]["type"] not in ("ELTWISE", "CONCAT"):
            assert fields["channels_in"] == before["channels_out"]
    for layer in layers.values():
        fields = layer["parameters"]
        group = fields.get("coarse_group", 1)
        assert {s["coarse"] for s in layer["streams_in"]} == {fields["coarse_in"] * group}
        assert {s["coarse"] for s in layer["streams_out"]} == {fields["coarse_out"] * group}
        assert len(fields["stream_inputs"]) == len(layer["streams_in"])
        assert len(fields["stream_outputs"]) == len(layer["streams_out"])


def _check_folding(layer: dict[str, Any]) -> None:
    fields = layer["parameters"]
    groups = fields.get("groups", 1)
    channels = fields.get("channels_in_array", [fields["channels_in"]])
    assert all(count // groups % fields["coarse_in"] == 0 for count in channels)
    assert fields["channels_out"] // groups % fields["coarse_out"] == 0
    if layer["type"] != "CONVOLUTION":
        assert layer["type"] == "SQUEEZE" or fields["coarse"] == fields["coarse_in"]
        assert layer["type"] == "SQUEEZE" or fields["coarse_in"] == fields["coarse_out"]
        return
    taps = fields["kernel_rows"] * fields["kernel_cols"]
    assert groups % fields["coarse_group"] == 0
    sparsity = fields.get("sparsity", [])
    match layer["op_type"]:
        case "dense":
            assert taps % fields["fine"] == 0 and not sparsity
        case "sparse":
            assert taps > 1 and 1 <= fields["fine"] <= taps
            histograms = np.reshape(sparsity, (fields["channels_in"], taps + 1))
            np.testing.assert_allclose(histograms.sum(axis=1), 1.0, atol=1e-9)
        case "pointwise_sparse":
            assert taps == 1 and len(sparsity) == fields["channels_in"]
            assert fields["coarse_in"] * fields["coarse_group"] % fields["clusters"] == 0
        case other:
            pytest.fail(f"no op_type of a convolution: {other}")
