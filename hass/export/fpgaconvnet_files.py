"""``hass export --to fpgaconvnet``: a partition with hass's folding, its network, its platform."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
import tomli_w

from ..cost.foldings import SPARSE_ENGINES
from ..device import Device
from ..errors import GraphError
from ..files import canonical_json
from .annotations import worked_layers
from .exporter import Export, Exporter, ExportSource, Fate, Remark
from .fpgaconvnet_cycles import cycles_csv
from .fpgaconvnet_folding import MIN_SPARSITY
from .fpgaconvnet_json import channel_histograms, partition_json
from .fpgaconvnet_onnx import write_onnx
from .fpgaconvnet_ops import LoweredGraph, check_ops, lower_ops
from .fpgaconvnet_remarks import layer_remarks
from .fpgaconvnet_stages import Stages, build_stages
from .uniform import check_one_output, check_uniform

PORT_WIDTH_BITS = 512  # of its own platform files
HLS_WORD_BITS = 16
_BITS_PER_BYTE = 8

_README = """\
# {network} on {device}, for fpgaConvNet

| file | what it is |
|---|---|
| partition.json | all layers with hass's folding: protobuf JSON with the schema's field names |
| model.onnx | the network that it names: pruned, rounded to hass's formats, float32, opset 14 |
{sparse_row}| platform.toml | the device, for fpgaConvNet's `-p` |
| cycles.csv | cycles a frame of each layer: here, and there by the first order of its model |
| remarks.csv | what became of each layer: exact, approximated (with both values), or left out |

In Python, with fpgaconvnet-model:

    parser = Parser(backend="chisel", custom_onnx=True)
    net = parser.onnx_to_fpgaconvnet("{parsed}")
    net = parser.prototxt_to_fpgaconvnet(net, "partition.json")

`custom_onnx=True` keeps the parser from simplifying the graph, so that its nodes keep the names
that the partition gives them: operator and place, as the parser renames all nodes. A node's
description names hass's layer.

hass folded this for {fps:.0f} frames/s at {clock:g} MHz ({cycles} cycles a frame, bottleneck
{bottleneck}). fpgaConvNet's own model says other cycles and resources: {engines}
"""
_SPARSE_ROW = (
    "| model_sparse.onnx | the same with `channel_sparsity_hist` on Conv nodes, which ONNX does "
    "not know: for its parser only |\n"
)


def platform_toml(device: Device, clock_mhz: float) -> str:
    """A platform file: all of the part, and hass's clock; see ``Device`` for where figures come
    from."""
    have = device.available
    known = device.reconfiguration_ms is not None
    document = {
        "device": {"name": device.name, "part": device.part, "board": ""},
        "resources": {
            "DSP": have.dsp,
            "BRAM": have.bram18,
            "FF": have.ff,
            "LUT": have.lut,
            "URAM": have.uram,
        },
        "system": {
            "board_frequency": clock_mhz,
            "memory_bandwidth": device.off_chip_gbytes_per_s * _BITS_PER_BYTE,
            "reconfiguration_time": (device.reconfiguration_ms or 0.0) / 1000.0,
            "port_width": PORT_WIDTH_BITS,
        },
    }
    budget = device.budget
    comment = (
        "# BRAM in halves of 18 Kb, MHz, Gb/s, seconds, bits.\n"
        f"# hass's budget is a part of it: DSP {budget.dsp}, BRAM {budget.bram18}, FF {budget.ff}, "
        f"LUT {budget.lut}, URAM {budget.uram}.\n"
    )
    if not known:
        comment += "# reconfiguration_time is not known; one partition needs none.\n"
    return comment + tomli_w.dumps(document)


def _histograms(source: ExportSource, stages: Stages) -> dict[str, npt.NDArray[np.float32]]:
    """Stage -> its windows' histogram, of sparse convolutions."""
    found = {}
    for stage in stages.stages:
        density = source.design.densities.get(stage.layer)
        if stage.folding is None or stage.folding.op_type == "dense" or density is None:
            continue
        shares = channel_histograms(stage, 1.0 - density.act_density)
        found[stage.name] = np.asarray(shares, dtype=np.float32)
    return found


def _design_remarks(source: ExportSource, sparse: bool) -> list[Remark]:
    arithmetic, device = source.design.arithmetic, source.design.device
    remarks = [
        Remark(
            "",
            Fate.APPROXIMATED,
            "rounding, saturation and overflow are fpgaConvNet's; hass's formats are in the "
            "data types, its weights already rounded to them",
        )
    ]
    if sparse:
        remarks.append(
            Remark(
                "",
                Fate.APPROXIMATED,
                "sparsity: a design keeps mean densities only, so histograms are those of words "
                "that are zero independently, in all channels alike; measured ones differ",
            )
        )
    if (arithmetic.act_bits, arithmetic.weight_bits) != (HLS_WORD_BITS, HLS_WORD_BITS):
        what = f"its HLS backend has words of {HLS_WORD_BITS} bits only"
        remarks.append(Remark("", Fate.APPROXIMATED, what))
    if device.reconfiguration_ms is None:
        what = f"reconfiguration time of {device.name}: not known, 0 in platform.toml"
        remarks.append(Remark("", Fate.LEFT_OUT, what))
    return remarks


def _readme(source: ExportSource, sparse: bool) -> str:
    estimate, summary = source.design.plan.estimate, source.design.summary
    skipping = [
        name for name, layer in estimate.layers.items() if layer.folding.engine in SPARSE_ENGINES
    ]
    engines = "its engines, line buffers and FIFOs are others."
    if skipping:
        engines = (
            f"{len(skipping)} layers here have engines that skip zeros. There, dense ones take all "
            "products, and sparse ones (chisel backend, layers with "
            f"{MIN_SPARSITY:.0%} zero activations or more) skip zero activations, not weights."
        )
    return _README.format(
        network=source.graph.name,
        device=source.design.device.name,
        sparse_row=_SPARSE_ROW if sparse else "",
        parsed="model_sparse.onnx" if sparse else "model.onnx",
        fps=summary.throughput_fps,
        clock=estimate.clock_mhz,
        cycles=summary.frame_ii_cycles,
        bottleneck=summary.bottleneck,
        engines=engines,
    )


def _network_files(
    source: ExportSource, lowered: LoweredGraph, stages: Stages
) -> dict[str, str | bytes]:
    plain = write_onnx(source, lowered, stages, {})
    onnx.checker.check_model(plain, full_check=True)
    files: dict[str, str | bytes] = {"model.onnx": plain.SerializeToString(deterministic=True)}
    histograms = _histograms(source, stages)
    if histograms:
        annotated = write_onnx(source, lowered, stages, histograms)
        files["model_sparse.onnx"] = annotated.SerializeToString(deterministic=True)
    return files


def _export(source: ExportSource) -> Export:
    if not worked_layers(source):
        raise GraphError(f"{source.graph.name}: a partition of fpgaConvNet needs a layer")
    check_uniform(source, "fpgaconvnet")
    check_one_output(source, "fpgaconvnet")
    check_ops(source.graph)
    lowered = lower_ops(source.graph, source.weights)
    stages = build_stages(source, lowered)
    files = _network_files(source, lowered, stages)
    sparse = "model_sparse.onnx" in files
    files |= {
        "partition.json": canonical_json(partition_json(source, stages)),
        "cycles.csv": cycles_csv(source, stages),
        "platform.toml": platform_toml(source.design.device, source.design.plan.estimate.clock_mhz),
        "README.md": _readme(source, sparse),
    }
    remarks = _design_remarks(source, sparse)
    for name in worked_layers(source):
        remarks += layer_remarks(source, lowered, stages, name)
    return Export(files, tuple(remarks))


EXPORTER = Exporter("A partition with its network and platform, for fpgaConvNet.", _export)
