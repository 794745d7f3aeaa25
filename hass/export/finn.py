"""``hass export --to finn``: a folder for FINN's build_dataflow, and a script that is surer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import resources

import numpy as np

from .. import ops
from ..files import JsonValue, canonical_json
from ..fixed_point import dequantise
from ..graph import Layer
from ..sparsity import act_thresholds_of
from .arrays import npy_bytes
from .averages import average_window
from .exporter import Export, Exporter, ExportSource, Fate, Remark
from .finn_folding import FinnFolding, FinnNode, finn_folding, weight_sums
from .finn_layers import FinnNetwork, check_design, finn_outputs, sum_format
from .selections import selection
from .uniform import check_one_output, check_uniform

SCRIPT_FILE = "build.py"
CHECKED_FRAMES = 4  # FINN runs its graph in Python, node by node
# Up to the estimates, which need no vendor tool; build.py --hardware goes on from there.
ESTIMATE_STEPS = (
    "step_qonnx_to_finn",
    "step_tidy_up",
    "step_streamline",
    "step_convert_to_hw",
    "step_create_dataflow_partition",
    "step_specialize_layers",
    "step_apply_folding_config",
    "step_minimize_bit_width",
    "step_generate_estimate_reports",
)


def _folding_json(folding: FinnFolding) -> JsonValue:
    entries: dict[str, JsonValue] = {"Defaults": {}}
    for node in folding.nodes:
        entry: dict[str, JsonValue] = dict(node.factors)
        if node.fifo_depth:
            entry["outFIFODepths"] = [node.fifo_depth]
        entries[node.key] = entry
    return entries


def _specialise_json(folding: FinnFolding) -> JsonValue:
    """Thresholds inside matrix units exist in HLS only, whatever the rest would allow."""
    counts: Counter[str] = Counter()
    entries: dict[str, JsonValue] = {"Defaults": {}}
    for node in folding.nodes:
        if node.op_type in ("MVAU", "VVAU"):
            entries[f"{node.op_type}_{counts[node.op_type]}"] = {"preferred_impl_style": "hls"}
            counts[node.op_type] += 1
    return entries


def _build_json(source: ExportSource) -> JsonValue:
    return {
        "output_dir": "output",
        "synth_clk_period_ns": 1000.0 / source.design.plan.estimate.clock_mhz,
        "fpga_part": source.design.device.part,
        "generate_outputs": ["estimate_reports"],
        "steps": list(ESTIMATE_STEPS),
        "folding_config_file": "folding_config.json",
        "specialize_layers_config_file": "specialize_layers_config.json",
        "auto_fifo_depths": False,
        "verify_steps": ["finn_onnx_python", "streamlined_python"],
        "verify_input_npy": "input.npy",
        "verify_expected_output_npy": "expected_output.npy",
    }


def _plan_json(source: ExportSource, folding: FinnFolding) -> JsonValue:
    """Matrix units and pools with what build.py knows them by."""
    layers: list[JsonValue] = []
    by_layer: dict[str, list[FinnNode]] = {}
    for node in folding.nodes:
        by_layer.setdefault(node.layer, []).append(node)
    for layer, nodes in by_layer.items():
        last = nodes[-1]
        if last.op_type not in ("MVAU", "VVAU", "Pool"):
            continue
        entry: dict[str, JsonValue] = {
            "layer": layer,
            "op_type": last.op_type,
            "sizes": list(last.sizes),
            "factors": dict(last.factors),
            "fifo_depth": last.fifo_depth,
            "before": {node.op_type: dict(node.factors) for node in nodes[:-1]},
        }
        if last.op_type != "Pool":
            entry["weight_sums"] = weight_sums(source, layer, source.graph)
        layers.append(entry)
    return {"target_cycles": folding.target_cycles, "layers": layers}


def _unit_remark(
    source: ExportSource, folding: FinnFolding, layer: Layer, nodes: list[FinnNode]
) -> Remark:
    """A layer with multipliers there: its folding and FINN's cycles against hass's."""
    unit = folding.units[layer.name]
    estimate = source.design.plan.estimate.layers[layer.name]
    slowest = max(nodes, key=lambda node: node.cycles)
    said = f"{nodes[-1].key}, PE {unit.pe}, SIMD {unit.simd}"
    exact = (unit.pe, unit.simd) == unit.wanted
    if not exact:
        said += (
            f" as the nearest legal to PE {unit.wanted[0]}, SIMD {unit.wanted[1]} of hass's folding"
        )
    average = average_window(source.graph, layer) is not None
    selects = selection(source.graph, layer) is not None
    engine = "" if average or selects else f" ({estimate.folding.engine.value})"
    said += (
        f"; {slowest.cycles:,} cycles per frame there (dense, {slowest.key}) against "
        f"{estimate.frame_ii_cycles:,} here{engine}"
    )
    if average:
        said += "; divides exactly, where hass multiplies by a 16-bit reciprocal"
    if selects:
        said += "; a convolution of one pixel that selects channels"
    alike = exact and not average and not selects and slowest.cycles <= estimate.frame_ii_cycles
    return Remark(layer.name, Fate.EXACT if alike else Fate.APPROXIMATED, said)


def _remarks(source: ExportSource, folding: FinnFolding) -> Iterator[Remark]:
    graph, clips = source.graph, act_thresholds_of(source.design.settings)
    for layer in graph:
        name = layer.name
        nodes = [node for node in folding.nodes if node.layer == name]
        if name in folding.units:
            yield _unit_remark(source, folding, layer, nodes)
        elif isinstance(layer.op, ops.Input | ops.Output):
            continue
        elif nodes:
            yield Remark(name, Fate.EXACT, ", ".join(node.key for node in nodes))
        else:
            yield Remark(name, Fate.EXACT, "in the thresholds of the layer before it")
        if name in clips:
            yield Remark(
                name,
                Fate.LEFT_OUT,
                f"the clip of |x| <= {clips[name]:g} on its input: FINN skips no zeros, so that it "
                "would cost accuracy and gain nothing",
            )
        if isinstance(layer.op, ops.Add):
            common = sum_format(source, name)
            formats = [source.formats.outputs[edge.src] for edge in graph.in_edges(name)]
            if any(fmt != common for fmt in formats):
                yield Remark(
                    name,
                    Fate.APPROXIMATED,
                    f"FINN sums operands of one scale: both are rounded to {common.frac_bits} "
                    f"fractional bits, where hass sums {formats[0].frac_bits} and "
                    f"{formats[1].frac_bits} exactly",
                )
            yield Remark(
                name,
                Fate.APPROXIMATED,
                "FINN's default flow cannot build a sum: use build.py, which moves scales past it, "
                "and gives both inputs FIFOs of a whole map",
            )
    yield Remark(
        "",
        Fate.APPROXIMATED,
        "FINN computes zeros as any other number: only layers that are unfolded completely, with "
        "weights in their logic, gain from weights that are zero",
    )
    yield Remark(
        "",
        Fate.APPROXIMATED,
        "names of nodes differ between FINN's versions: build.py goes by order, shape and weights, "
        "and writes the folding that it applied; folding_config.json has the names of FINN+ 1.6.1",
    )


def _export(source: ExportSource) -> Export:
    check_uniform(source, "finn")
    check_one_output(source, "finn")
    check_design(source)
    folding = finn_folding(source)
    frames = source.frames.images[:CHECKED_FRAMES].astype(np.float32)
    (sink,) = source.graph.of_type(ops.Output)
    integers = finn_outputs(source, frames)
    expected = dequantise(integers, source.formats.outputs[sink.name]).astype(np.float32)
    script = resources.files(__package__).joinpath("build_finn.py.txt")
    return Export(
        {
            "model.onnx": FinnNetwork(source).model(),
            "folding_config.json": canonical_json(_folding_json(folding)),
            "specialize_layers_config.json": canonical_json(_specialise_json(folding)),
            "dataflow_build_config.json": canonical_json(_build_json(source)),
            "hass_plan.json": canonical_json(_plan_json(source, folding)),
            "input.npy": npy_bytes(frames),
            "expected_output.npy": npy_bytes(expected),
            SCRIPT_FILE: script.read_text(encoding="utf-8"),
        },
        tuple(_remarks(source, folding)),
    )


EXPORTER = Exporter("A folder for FINN: QONNX, folding, and a script that builds it.", _export)
