"""``hass prune``: a narrower network, as a model of its own."""

from __future__ import annotations

from pathlib import Path

import click

from ..channels import ranked_classes, smallest_channels
from ..design_file import read_design
from ..files import JsonValue, write_bytes_atomic
from ..graph import Graph, macs_per_frame
from ..onnx_io import read_model, without, write_model
from .choices import Number
from .common import (
    Cell,
    json_option,
    model_argument,
    output_option,
    percent,
    print_json,
    print_table,
    talk,
)


@click.command(
    epilog="\b\nExamples:\n"
    "  hass prune model.onnx --share 0.25 -o narrower.onnx\n"
    "  hass prune model.onnx --design out/best.json -o narrower.onnx"
)
@model_argument()
@click.option(
    "--share",
    type=Number(min=0, max=1, max_open=True),
    help="Of the channels of each group that can be removed, those of the smallest weights.",
)
@click.option(
    "--design",
    "design_path",
    metavar="DESIGN",
    help="Remove what a design of `hass search --clips channel` has removed.",
)
@output_option("Write the narrower network (ONNX); fine-tune it, or use it as any other model.")
@json_option()
def command(
    model: str,
    share: float | None,
    design_path: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Take whole channels out of a network, with all that is tied to them.

    Layers get narrower, those behind them too; residual sums, products, concatenations and
    depthwise layers are kept consistent. Inputs and outputs of the network stay.
    """
    if (share is None) == (design_path is None):
        raise click.UsageError("one of --share and --design")
    imported = read_model(model)
    if design_path is not None:
        removed = read_design(design_path).model.removed_channels
    else:
        ranked = ranked_classes(imported.graph, imported.weights)
        removed = smallest_channels(ranked, dict.fromkeys(ranked, share or 0.0))
    narrower = without(imported, removed)
    if output is not None:
        write_bytes_atomic(output, write_model(narrower.graph, narrower.weights))
        talk(f"wrote {output}")
    if as_json:
        print_json(_json(imported.graph, narrower.graph))
    else:
        _print(imported.graph, narrower.graph)


def _total(graph: Graph) -> int:
    return sum(macs_per_frame(graph, layer.name) for layer in graph.convs)


def _json(graph: Graph, narrower: Graph) -> dict[str, JsonValue]:
    layers: dict[str, JsonValue] = {
        layer.name: {
            "out_channels": layer.out.channels,
            "kept_channels": narrower[layer.name].out.channels,
            "macs_per_frame": macs_per_frame(graph, layer.name),
            "kept_macs_per_frame": macs_per_frame(narrower, layer.name),
        }
        for layer in graph.convs
    }
    return {
        "layers": layers,
        "macs_per_frame": _total(graph),
        "kept_macs_per_frame": _total(narrower),
    }


def _print(graph: Graph, narrower: Graph) -> None:
    rows: list[list[Cell]] = []
    for layer in graph.convs:
        macs, left = (macs_per_frame(of, layer.name) for of in (graph, narrower))
        kept = narrower[layer.name].out.channels
        rows.append([layer.name, layer.out.channels, kept, macs, left, percent(left / macs)])
    macs, left = _total(graph), _total(narrower)
    print_table(
        ["layer", "channels", "kept", "MACs", "kept MACs", "share kept"],
        rows,
        footer=["all", None, None, macs, left, percent(left / macs)],
    )
