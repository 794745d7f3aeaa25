"""``hass export --to hls4ml``: QONNX, settings, and the script that builds and checks them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources

import numpy as np

from .. import ops
from ..fixed_point import dequantise
from ..graph import Layer
from ..reference import run_reference
from ..sparsity import act_thresholds_of
from .arrays import npy_bytes
from .exporter import Export, Exporter, ExportSource, Fate, Remark
from .hls4ml_knobs import (
    LayerKnobs,
    is_join,
    knob_remark,
    layer_knobs,
    layer_precisions,
    pixels_held,
    precision,
)
from .hls4ml_layers import check_layers, hls4ml_network
from .uniform import check_one_output, check_uniform
from .yaml_text import YamlValue, yaml_text

MODEL_FILE, CONFIG_FILE, SCRIPT_FILE = "model.onnx", "hls4ml_config.yml", "build_hls4ml.py"
HLS4ML_INPUT = "global_in"  # what qonnx calls the input
# What nothing else sets: wide enough that no scale is lost (hls4ml's own, fixed<16,6>, loses some).
DEFAULT_PRECISION = "fixed<32,16>"
_HEADER = """\
# Settings of hls4ml 1.3.0 for model.onnx, by the names of its nodes. build_hls4ml.py lays them over
# what hls4ml proposes for the model, and refuses names that the model does not have. Streams gives
# FIFO depths in positions (all channels of a pixel) in front of a node's inputs.
"""


def _node_entry(source: ExportSource, layer: Layer, knobs: LayerKnobs | None) -> YamlValue:
    entry: dict[str, YamlValue] = {}
    if knobs is not None:
        entry["ReuseFactor"] = knobs.reuse_factor
        entry["Strategy"] = knobs.strategy.value
    precisions = layer_precisions(source, layer)
    if precisions:
        entry["Precision"] = dict(precisions)
    return entry


def _streams(source: ExportSource, names: Mapping[str, str]) -> list[YamlValue]:
    """FIFO depths; joins keep hls4ml's own, a whole map, which no pace of its layers can fill."""
    return [
        {
            "node": names[fifo.dst],
            "port": fifo.port,
            "depth": max(2, pixels_held(fifo, source.graph[fifo.src].out.channels)),
        }
        for fifo in source.design.plan.estimate.fifos
        if fifo.dst in names and not is_join(source.graph, fifo.dst)
    ]


def _config(source: ExportSource, names: Mapping[str, str], knobs: Mapping[str, LayerKnobs]) -> str:
    (first,) = source.graph.of_type(ops.Input)
    layers: dict[str, YamlValue] = {
        HLS4ML_INPUT: {
            "Precision": {"result": precision(source.formats.outputs[first.name], rounded=True)}
        }
    }
    for name, node in names.items():
        entry = _node_entry(source, source.graph[name], knobs.get(name))
        if entry:
            layers[node] = entry
    words = re.sub(r"[^a-z0-9]+", "_", source.graph.name.lower()).strip("_")
    settings: dict[str, YamlValue] = {
        "Backend": "Vitis",
        "OnnxModel": MODEL_FILE,
        "OutputDir": "prj",
        "ProjectName": f"hass_{words}" if words else "hass",
        "Part": source.design.device.part,
        "ClockPeriod": 1000.0 / source.design.plan.estimate.clock_mhz,
        "IOType": "io_stream",
        "HLSConfig": {
            "Model": {
                "Precision": {"default": DEFAULT_PRECISION},
                "ReuseFactor": 1,
                "Strategy": "Latency",
            },
            "LayerName": layers,
        },
        "Streams": _streams(source, names),
    }
    return _HEADER + yaml_text(settings)


def _remarks(
    source: ExportSource, names: Mapping[str, str], knobs: Mapping[str, LayerKnobs]
) -> Iterator[Remark]:
    clips = act_thresholds_of(source.design.settings)
    for layer in source.graph:
        name = layer.name
        if name in knobs:
            yield knob_remark(source, layer, names[name], knobs[name])
        elif isinstance(layer.op, ops.Fork):
            yield Remark(name, Fate.EXACT, "hls4ml clones the stream by itself")
        elif name in names and not isinstance(layer.op, ops.Input):
            yield Remark(name, Fate.EXACT, f"node {names[name]}")
        if name in clips:
            yield Remark(
                name,
                Fate.LEFT_OUT,
                f"the clip of |x| <= {clips[name]:g} on its input: hls4ml skips no zeros, so that "
                "it would cost accuracy and gain nothing",
            )
        if is_join(source.graph, name):
            depths = [
                pixels_held(fifo, source.graph[fifo.src].out.channels)
                for fifo in source.design.plan.estimate.fifos
                if fifo.dst == name
            ]
            yield Remark(
                name,
                Fate.APPROXIMATED,
                f"its input FIFOs hold a whole map, where hass needs {max(depths)} positions: "
                "hls4ml's layers pace themselves in another way; its FIFO optimisation shrinks "
                "them after a co-simulation",
            )
    yield Remark(
        "",
        Fate.APPROXIMATED,
        "values are hass's bit for bit; cycles are not: hls4ml computes zeros as any other number "
        "(Latency and resource_unrolled leave out multipliers of weights that are zero)",
    )


def _export(source: ExportSource) -> Export:
    check_uniform(source, "hls4ml")
    check_one_output(source, "hls4ml")
    check_layers(source.graph)
    network = hls4ml_network(source)
    knobs = {
        layer.name: found
        for layer in source.graph
        if (found := layer_knobs(source, layer)) is not None
    }
    (sink,) = source.graph.of_type(ops.Output)
    frames = source.frames.images
    integers = run_reference(source.graph, source.weights, source.formats, {}, frames)[sink.name]
    expected = dequantise(integers, source.formats.outputs[sink.name])
    script = resources.files(__package__).joinpath(f"{SCRIPT_FILE}.txt")
    return Export(
        {
            MODEL_FILE: network.model,
            CONFIG_FILE: _config(source, network.names, knobs),
            SCRIPT_FILE: script.read_text(encoding="utf-8"),
            "input.npy": npy_bytes(frames.astype(np.float32)),
            "expected_output.npy": npy_bytes(expected.astype(np.float32)),
            "layers.json": json.dumps(dict(network.names), indent=2, ensure_ascii=False) + "\n",
        },
        tuple(_remarks(source, network.names, knobs)),
    )


EXPORTER = Exporter("An hls4ml project: QONNX, settings, and a script that builds it.", _export)
