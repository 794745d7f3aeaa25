"""A design as an HLS project: source, weights, testbench with expected results, scripts; and its
convolutions in SystemVerilog."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hass import ops
from hass.design import Design
from hass.design_file import design_json
from hass.export import export_source
from hass.files import canonical_json
from hass.fixed_point import quantise
from hass.folder import check_target, write_folder
from hass.frames import TestFrames
from hass.graph import Graph, Weights
from hass.reference import run_reference
from hass.sparsity import act_thresholds_of

from .project import build_project
from .render import project_files
from .rtl_project import frames_wanted, rtl_files

# what an earlier emission leaves where a new one may write nothing, and what was made from it
STALE = (
    *("src/layers/l[0-9][0-9][0-9]*.h", "weights/l[0-9][0-9][0-9]*.h", "tb/data/labels.dat"),
    *("build/csim", "build/csim_ap", "build/cycles.csv", "build/synthesised"),
)


@dataclass(frozen=True, slots=True)
class Emitted:
    """What was written.

    Attributes:
        folder: where.
        files: how many.
        frames: in the testbench.
        top1: share of the frames whose highest expected output is the label; None without labels.
    """

    folder: Path
    files: int
    frames: int
    top1: float | None


def emit_project(
    design: Design,
    graph: Graph,
    weights: Weights,
    folder: str | Path,
    *,
    frames: TestFrames | None = None,
    force: bool = False,
) -> Emitted:
    """Write a design as an HLS project.

    Args:
        design: with measured ranges.
        graph, weights: its network, dense; the design's clips are applied here.
        folder: must not exist, or be empty, unless ``force`` is given.
        frames: for the testbench; seeded random ones without.
        force: replace what an earlier run wrote to the folder.

    Raises:
        OutputError: if the folder cannot be written; it is then as it was.
        ProfileError: if the design carries no measured ranges.
        SpecError: listing every layer whose folding cannot be emitted.
        GraphError: if graph or weights are not the design's, or frames do not fit the network.
    """
    target = Path(folder)
    check_target(target, force=force)
    source = export_source(design, graph, weights, frames)
    pruned, formats, frames = source.weights, source.formats, source.frames
    project = build_project(design, graph, pruned)
    first = graph.of_type(ops.Input)[0].name
    thresholds = act_thresholds_of(design.settings)
    results = run_reference(graph, pruned, formats, thresholds, frames.images)
    inputs = quantise(frames.images, formats.outputs[first])
    taps = frames_wanted(project)
    one_frame = run_reference(graph, pruned, formats, thresholds, frames.images[:1], taps=taps)
    files = {
        **project_files(project, design, inputs, results, frames.labels, frames.origin),
        **rtl_files(project, one_frame),
        "design.json": canonical_json(design_json(design)),
    }
    write_folder(target, files, force=force, stale=STALE)
    top1 = None
    if frames.labels:  # of a network with one output
        expected = results[graph.outputs[0].name]
        # words in (row, column, channel) order, as the testbench counts them
        guesses = expected.transpose(0, 2, 3, 1).reshape(len(expected), -1).argmax(axis=1)
        top1 = float(np.mean(guesses == np.asarray(frames.labels)))
    return Emitted(target, len(files), len(frames.images), top1)
