"""A design as files for another tool, written whole or not at all."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import ops
from ..design import Design, formats_of
from ..design_file import design_json
from ..errors import GraphError
from ..files import canonical_json
from ..folder import check_target, write_folder
from ..frames import TestFrames, random_frames
from ..graph import Graph, Weights
from ..onnx_io import ImportedModel
from ..prune import pruned_weights
from .exporter import Exporter, ExportSource, Remark
from .registry import load_exporter

REMARKS_FILE = "remarks.csv"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        files: relative paths, sorted.
        remarks: what becomes of each layer.
    """

    folder: Path
    files: tuple[str, ...]
    remarks: tuple[Remark, ...]


def csv_text(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A CSV file's text."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return stream.getvalue()


def _check_remarks(graph: Graph, remarks: Sequence[Remark]) -> None:
    said = {remark.layer for remark in remarks}
    silent = [
        layer.name
        for layer in graph
        if not isinstance(layer.op, ops.Input | ops.Output) and layer.name not in said
    ]
    unknown = sorted(name for name in said if name and name not in graph)
    if silent or unknown:
        raise ValueError(f"an exporter is silent on {silent} and speaks of unknown {unknown}")


def export_source(
    design: Design, graph: Graph, weights: Weights, frames: TestFrames | None
) -> ExportSource:
    """What exporters are given.

    Args:
        design: with measured ranges.
        graph, weights: its network, dense; the design's clips are applied here.
        frames: seeded random ones without.

    Raises:
        ProfileError: if the design carries no measured ranges.
        GraphError: if graph or weights are not the design's.
    """
    for what, found, wanted in (
        ("graph", graph.digest, design.model.graph_digest),
        ("weights", weights.digest, design.model.weights_digest),
    ):
        if found != wanted:
            raise GraphError(f"{graph.name}: the {what} are not those of the design ({wanted})")
    pruned = pruned_weights(weights, design.settings)
    formats = formats_of(design, graph, pruned)
    if frames is None:
        first = graph.of_type(ops.Input)[0].name
        frames = random_frames(graph, design.output_max_abs[first])
    return ExportSource(design, graph, pruned, formats, frames)


def export_design(
    exporter: Exporter, source: ExportSource, folder: str | Path, *, force: bool = False
) -> Exported:
    """Write what an exporter makes, the design, and ``remarks.csv`` (layer, fate, what).

    Args:
        exporter: the target.
        source: of ``export_source``.
        folder: must not exist, or be empty, unless ``force`` is given.
        force: replace what an earlier run wrote to the folder.

    Raises:
        OutputError: if the folder cannot be written; it is then as it was.
        SpecError, GraphError: what the exporter raises on a design that its target cannot take.
    """
    target = Path(folder)
    check_target(target, force=force)
    export = exporter.export(source)
    _check_remarks(source.graph, export.remarks)
    rows = [(r.layer or "(design)", r.fate.value, r.what) for r in export.remarks]
    files = {
        **export.files,
        REMARKS_FILE: csv_text(("layer", "fate", "what"), rows),
        "design.json": canonical_json(design_json(source.design)),
    }
    write_folder(target, files, force=force)
    return Exported(target, tuple(sorted(files)), export.remarks)


def export_to(
    target: str,
    design: Design,
    model: ImportedModel,
    folder: str | Path,
    *,
    frames: TestFrames | None = None,
    force: bool = False,
) -> Exported:
    """Write a design for the tool of that name; see ``export_source`` and ``export_design``.

    Args:
        target: one of ``exporter_names()``.
        design, model: the design and its network, dense.
        folder: must not exist, or be empty, unless ``force`` is given.
        frames: seeded random ones without.
        force: replace what an earlier run wrote to the folder.

    Raises:
        SpecError: if there is no such target, or it cannot take the design.
        ProfileError: if the design carries no measured ranges.
        GraphError: if the model is not the design's, or the target cannot take it.
        OutputError: if the folder cannot be written; it is then as it was.
    """
    exporter = load_exporter(target)
    source = export_source(design, model.graph, model.weights, frames)
    return export_design(exporter, source, folder, force=force)
