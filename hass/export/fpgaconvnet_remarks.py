"""What becomes of each layer in fpgaConvNet."""

from __future__ import annotations

from .. import ops
from ..cost.foldings import DATA_DEPENDENT, EngineKind
from ..sparsity import act_thresholds_of
from .exporter import ExportSource, Fate, Remark
from .fpgaconvnet_folding import MIN_SPARSITY, hls_fines, lost_properties
from .fpgaconvnet_ops import LoweredGraph, covers_map
from .fpgaconvnet_stages import THRESHOLDED, Stage, Stages


def _why(source: ExportSource, name: str, stage: Stage) -> str:
    """Why a sparse engine is another one there, with the measured shares."""
    engine = source.design.plan.foldings[name].engine
    density = source.design.densities.get(name)
    if engine is EngineKind.STATIC:
        return "no engine there skips zero weights"
    if engine not in DATA_DEPENDENT:
        return "no channels are packed there"
    if density is None:
        return "the design carries no densities"
    zeros = 1.0 - density.act_density
    assert stage.folding is not None  # of every convolution
    if stage.folding.op_type == "dense":
        return f"{zeros:.1%} of the activations are zero, below {MIN_SPARSITY:.0%} it goes dense"
    if engine is EngineKind.BROADCAST:
        return f"zero activations ({zeros:.1%}) are skipped, by a selector for each filter's lane"
    pairs = 1.0 - density.pair_density
    return f"zero activations ({zeros:.1%}) are skipped, not all products with a zero ({pairs:.1%})"


def _conv(source: ExportSource, stage: Stage, op: ops.Conv2d) -> Remark:
    name, folding = stage.layer, stage.folding
    assert folding is not None  # of every convolution
    chisel = ""
    if folding.op_type == "dense" and folding.fine not in hls_fines(op):
        chisel = f"; fine {folding.fine} is legal for its chisel backend only"
    ours = source.design.plan.foldings[name]
    if folding.changed or ours.engine in DATA_DEPENDENT:
        changed = folding.changed or f"{ours.engine.value} engines become {folding.op_type} ones"
        what = f"{stage.name}: {changed}; {_why(source, name, stage)}{chisel}"
        return Remark(name, Fate.APPROXIMATED, what)
    if ours.packed > 1:
        packed = f"; packed {ours.packed}: channels one after the other, in as many cycles"
        return Remark(name, Fate.EXACT, f"{stage.name}{packed}{chisel}")
    return Remark(name, Fate.EXACT, f"{stage.name}{chisel}")


def _other(stage: Stage) -> Remark:
    """A layer without weights."""
    approximated = ""
    match stage.op:
        case ops.Clip():
            limits = f"{stage.op.low:g} and {stage.op.high:g}"
            approximated = f"its ReLU, which has no upper limit; hass clips at {limits}"
        case ops.Sigmoid() | ops.HardSigmoid() | ops.HardSwish():
            approximated = "it has a simple activation's cost in its model, and not hass's numbers"
        case ops.Add() | ops.Mul() if stage.ports[0].map != stage.ports[1].map:
            approximated = "it does not broadcast: modelled as two maps of the larger size"
        case ops.MaxPool2d() if stage.kind == "GlobalMaxPool":
            approximated = "one of its global poolings, which are modelled as averages"
        case ops.MaxPool2d() if covers_map(stage.op, stage.ports[0].map):
            approximated = "its parser takes it for a global pooling and loses the padding"
        case _:
            pass
    if approximated:
        return Remark(stage.layer, Fate.APPROXIMATED, f"{stage.name}: {approximated}")
    return Remark(stage.layer, Fate.EXACT, stage.name)


def layer_remarks(
    source: ExportSource, lowered: LoweredGraph, stages: Stages, name: str
) -> list[Remark]:
    """All that is to be said of a layer; at least one thing."""
    by_name = {stage.name: stage for stage in stages.stages}
    if name not in stages.names:  # a Fork behind the Input
        return [Remark(name, Fate.EXACT, "the network's input goes to several layers")]
    stage = by_name[stages.names[name]]
    remarks: list[Remark] = []
    if name in lowered.rewritten:
        what = f"{stage.name}: {lowered.rewritten[name]}"
        remarks.append(Remark(name, Fate.APPROXIMATED, what))
    elif isinstance(stage.op, ops.Conv2d):
        remarks.append(_conv(source, stage, stage.op))
        remarks += _clip(source, stages, name)
    else:
        remarks.append(_other(stage))
    lost = lost_properties(source.design.plan.foldings[name])
    if lost:
        remarks.append(Remark(name, Fate.LEFT_OUT, lost))
    return remarks


def _clip(source: ExportSource, stages: Stages, name: str) -> list[Remark]:
    threshold = act_thresholds_of(source.design.settings).get(name, 0.0)
    if threshold == 0.0:
        return []
    if name in stages.clips_left_out:
        what = f"the clip at {threshold:g}: words below zero arrive, and ThresholdedReLU cuts them"
        return [Remark(name, Fate.LEFT_OUT, what)]
    own = [s.name for s in stages.stages if s.layer == name and s.kind == THRESHOLDED]
    where = own[0] if own else "the ThresholdedReLU in front"
    return [Remark(name, Fate.EXACT, f"the clip at {threshold:g} is {where}")]
