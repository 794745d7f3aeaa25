"""Cycles of a frame in fpgaConvNet, by the first order of its own model, beside hass's.

A convolution takes its windows one after the other, ``ceil(products / fine)`` cycles each; every
layer moves one word per stream and cycle. What its model adds (pipeline fill, rates of modules) is
left out, so the figure is a lower bound of what it will say.
"""

from __future__ import annotations

from .. import ops
from ..design import LayerDensity
from ..intmath import ceil_div
from .exporter import ExportSource
from .fpgaconvnet_folding import window_histogram
from .fpgaconvnet_stages import Stage, Stages
from .write import csv_text


def window_cycles(taps: int, fine: int, sparsity: float) -> float:
    """Mean cycles of a window of ``taps`` words of which a share is zero and skipped; a window of
    zeros takes one, as in hass.

    >>> window_cycles(9, 3, 0.0), window_cycles(2, 1, 0.5)
    (3.0, 1.25)
    """
    shares = window_histogram(taps, sparsity)
    return sum(share * max(1, ceil_div(taps - zeros, fine)) for zeros, share in enumerate(shares))


def their_cycles(stage: Stage, density: LayerDensity | None) -> float:
    """The slowest of work, input and output."""
    moved = [ceil_div(port.map.words, port.streams) for port in stage.ports]
    moved.append(ceil_div(stage.out.words, stage.streams_out))
    if not isinstance(stage.op, ops.Conv2d):
        return float(max(moved))
    op, folding, (port,) = stage.op, stage.folding, stage.ports
    assert folding is not None  # of every convolution
    windows = stage.out.pixels
    windows *= port.map.channels // (folding.coarse_in * folding.coarse_group)
    windows *= op.out_channels // op.groups // folding.coarse_out
    skipped = 0.0
    if folding.op_type == "sparse" and density is not None:
        skipped = 1.0 - density.act_density
    taps = op.kernel[0] * op.kernel[1]
    return max(*moved, windows * window_cycles(taps, folding.fine, skipped))


def cycles_csv(source: ExportSource, stages: Stages) -> str:
    """A table of all layers that are the work of a hass layer."""
    layers = source.design.plan.estimate.layers
    rows = [
        (
            stage.layer,
            stage.name,
            stage.folding.op_type if stage.folding else "",
            layers[stage.layer].frame_ii_cycles,
            round(their_cycles(stage, source.design.densities.get(stage.layer))),
        )
        for stage in stages.stages
        if stages.names.get(stage.layer) == stage.name
    ]
    return csv_text(("layer", "fpgaconvnet_layer", "engine", "hass_cycles", "cycles_there"), rows)
