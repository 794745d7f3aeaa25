"""``hass export --to csv``: a design as three tables, for spreadsheets and scripts."""

from __future__ import annotations

from dataclasses import asdict

from .. import ops
from ..cost.foldings import folding_fields
from ..device import RESOURCE_NAMES
from ..graph import macs_per_frame
from ..sparsity import SparsitySetting
from .exporter import Export, Exporter, ExportSource, Fate, Remark
from .write import csv_text

_LAYER_FIELDS = (
    *("layer", "op", "in_height", "in_width", "in_channels"),
    *("out_height", "out_width", "out_channels", "kernel", "stride", "pads", "groups"),
    *("macs", "active_macs", "weight_sparsity", "weight_family", "act_threshold"),
    *("weight_density", "act_density", "pair_density"),
    *("act_bits", "act_frac_bits", "weight_bits", "weight_frac_bits"),
    *("operand_bits", "operand_frac_bits"),
)
_COST_FIELDS = ("frame_ii_cycles", "latency_cycles", "start_cycles", "off_chip_bits")


def _kernel(op: ops.Conv2d | ops.MaxPool2d | ops.AvgPool2d) -> str:
    """With the rows and columns from one tap to the next where these are not neighbours."""
    apart = "" if op.dilation == (1, 1) else f" every {'x'.join(map(str, op.dilation))}"
    return "x".join(map(str, op.kernel)) + apart


def _layer_row(source: ExportSource, name: str) -> list[object]:
    graph, design = source.graph, source.design
    layer = graph[name]
    estimate = design.plan.estimate.layers[name]
    maps = graph.in_maps(name)
    taken = maps[0] if maps else layer.out
    row: list[object] = [name, ops.op_name(layer.op), taken.height, taken.width, taken.channels]
    row += [layer.out.height, layer.out.width, layer.out.channels]
    out = source.formats.outputs[name]
    match layer.op:
        case ops.Conv2d():
            op = layer.op
            setting, density = design.settings.get(name), design.densities.get(name)
            weight = source.formats.weights[name]
            row += [_kernel(op), *("x".join(map(str, pair)) for pair in (op.stride, op.pads))]
            row += [op.groups, macs_per_frame(graph, name), estimate.active_macs]
            asked = setting or SparsitySetting()
            row += [asked.weight_sparsity, str(asked.weight_family), asked.act_threshold]
            densities = ["", "", ""]
            if density is not None:
                densities = list(asdict(density).values())
            row += [*densities, out.width_bits, out.frac_bits, weight.width_bits, weight.frac_bits]
            operand = source.formats.operand(graph, name)
            row += [operand.width_bits, operand.frac_bits]
        case ops.MaxPool2d() | ops.AvgPool2d():
            pool = layer.op
            row += [_kernel(pool), *("x".join(map(str, pair)) for pair in (pool.stride, pool.pads))]
            row += [""] * 9 + [out.width_bits, out.frac_bits] + [""] * 4
        case _:
            row += [""] * 12 + [out.width_bits, out.frac_bits] + [""] * 4
    row += asdict(estimate.folding).values()
    row += [getattr(estimate, field) for field in _COST_FIELDS]
    return [*row, *estimate.resources]


def _summary_rows(source: ExportSource) -> list[tuple[str, object]]:
    design, summary = source.design, source.design.summary
    rows: list[tuple[str, object]] = [
        ("network", source.graph.name),
        ("device", design.device.name),
        ("part", design.device.part),
        ("clock_mhz", design.plan.estimate.clock_mhz),
        ("frame_ii_cycles", summary.frame_ii_cycles),
        ("throughput_fps", summary.throughput_fps),
        ("latency_us", summary.latency_us),
        ("bottleneck", summary.bottleneck),
        ("multiplier_bound_share", summary.multiplier_bound_share),
        ("proved_gap", design.plan.gap),
    ]
    rows += [(name, used) for name, used in asdict(summary.resources).items()]
    rows += [(f"{name}_utilisation", share) for name, share in summary.utilisation.items()]
    for measured, kind in ((design.accuracy, ""), (design.integer_accuracy, "integer_")):
        splits = {} if measured is None else asdict(measured)
        for split, accuracy in splits.items():
            if accuracy is not None:
                share = accuracy["correct"] / accuracy["images"]
                rows.append((f"{kind}top1_{split}", share))
                rows.append((f"{kind}images_{split}", accuracy["images"]))
    return rows


def _export(source: ExportSource) -> Export:
    fifos = [
        [f.src, f.dst, f.port, f.streams, f.depth_words, f.memory.value, *f.resources]
        for f in source.design.plan.estimate.fifos
    ]
    fifo_fields = ("src", "dst", "port", "streams", "depth_words", "memory", *RESOURCE_NAMES)
    layer_fields = (*_LAYER_FIELDS, *folding_fields(), *_COST_FIELDS, *RESOURCE_NAMES)
    layers = [_layer_row(source, layer.name) for layer in source.graph]
    return Export(
        {
            "layers.csv": csv_text(layer_fields, layers),
            "fifos.csv": csv_text(fifo_fields, fifos),
            "summary.csv": csv_text(("quantity", "value"), _summary_rows(source)),
        },
        tuple(
            Remark(layer.name, Fate.EXACT, "a row of layers.csv")
            for layer in source.graph
            if not isinstance(layer.op, ops.Input | ops.Output)
        ),
    )


EXPORTER = Exporter("Tables of layers, FIFOs and the whole design.", _export)
