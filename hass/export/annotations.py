"""What an ONNX file can carry of a design besides its numbers: text on its nodes, and metadata."""

from __future__ import annotations

import json
from dataclasses import asdict

from .. import ops
from .._version import __version__
from ..cost.foldings import EngineKind, Folding
from ..setting_record import setting_json
from ..sparsity import without_refits
from .exporter import ExportSource


def folding_words(folding: Folding) -> str:
    """A folding in words; a layer without weights has a number of streams only."""
    if folding.engine is EngineKind.NONE:
        return f"{folding.coarse_in} words a cycle"
    factors = ("coarse_in", "coarse_out", "coarse_group", "fine", "packed", "lane_fifo_depth")
    words = ", ".join(f"{name} {getattr(folding, name)}" for name in factors)
    text = f"{folding.engine.value} engines: {words}; weights in {folding.weight_memory.value}"
    if folding.rows_per_pass > 1:
        text += f", read for {folding.rows_per_pass} rows at a time"
    return text


def layer_docs(source: ExportSource) -> dict[str, str]:
    """Layer -> its folding, cycles and number formats, in words."""
    docs = {}
    layers = source.design.plan.estimate.layers
    for layer in source.graph:
        out = source.formats.outputs[layer.name]
        text = f"words of {out.width_bits} bits, step 2**{-out.frac_bits}"
        if layer.name in layers:
            estimate = layers[layer.name]
            text = (
                f"hass: {folding_words(estimate.folding)}; "
                f"{estimate.frame_ii_cycles} cycles a frame; {text}"
            )
        docs[layer.name] = text
    return docs


def design_metadata(source: ExportSource) -> dict[str, str]:
    """Key -> text, JSON where it is more than a word; keys begin with ``hass.``."""
    design, formats = source.design, source.formats
    summary = design.summary
    # the weights that are exported are refitted: who clips them again must not do that again
    clips = without_refits(design.settings)
    settings = {name: setting_json(clip) for name, clip in clips.items()}
    values: dict[str, object] = {
        "version": __version__,
        "network": source.graph.name,
        "device": design.device.name,
        "part": design.device.part,
        "clock_mhz": design.plan.estimate.clock_mhz,
        "frame_ii_cycles": summary.frame_ii_cycles,
        "throughput_fps": summary.throughput_fps,
        "resources": asdict(summary.resources),
        "arithmetic": asdict(design.arithmetic),
        "layer_arithmetic": {name: asdict(own) for name, own in design.layer_arithmetic.items()},
        "foldings": {name: asdict(folding) for name, folding in design.plan.foldings.items()},
        "settings": settings,
        "output_frac_bits": {name: fmt.frac_bits for name, fmt in formats.outputs.items()},
        "weight_frac_bits": {name: fmt.frac_bits for name, fmt in formats.weights.items()},
    }
    return {
        f"hass.{key}": value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for key, value in values.items()
    }


def worked_layers(source: ExportSource) -> list[str]:
    """Layers that an exporter must speak of: all but Input and Output."""
    return [
        layer.name for layer in source.graph if not isinstance(layer.op, ops.Input | ops.Output)
    ]
