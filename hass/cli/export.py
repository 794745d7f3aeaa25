"""``hass export``: a design as files for another tool."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from ..design_file import read_design
from ..errors import SpecError
from ..export import Fate, exporter_names, load_exporter
from ..folder import check_target
from .common import (
    data_option,
    folder_option,
    frames_option,
    json_option,
    network_option,
    print_json,
    print_table,
    talk,
)
from .inputs import design_frames, design_model


def _names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem | str]:
    return [name for name in exporter_names() if name.startswith(incomplete)]


def _summary(name: str) -> str:
    """A target's line; why there is none, where another package's exporter is broken."""
    try:
        return load_exporter(name).summary
    except SpecError as error:
        return f"cannot be used; expected {error.mistakes[0].expected}"


def _list_targets(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    print_table(["target", "what it gets"], [[name, _summary(name)] for name in exporter_names()])
    ctx.exit()


@click.command(
    epilog="\b\nExamples:\n"
    "  hass export --list\n"
    "  hass export OUT/best.json --to csv -o tables\n"
    "  hass export design.json --to onnx --data images -o quantised"
)
@click.argument("design", metavar="DESIGN")
@click.option(
    "--to",
    "target",
    metavar="TARGET",
    required=True,
    shell_complete=_names,
    help="Tool or format; see --list.",
)
@folder_option()
@data_option(required=False)
@frames_option("Images to check the other tool's results with.")
@network_option()
@click.option(
    "--force", is_flag=True, help="Replace what was exported to DIR before; other files there stay."
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_targets,
    help="List the targets.",
)
@json_option()
def command(
    design: str,
    target: str,
    output: str,
    data: str | None,
    frames: int,
    model: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a design as files for another tool: FINN, hls4ml, fpgaConvNet, ONNX, CSV.

    What the tool cannot express is listed, layer by layer, here and in DIR/remarks.csv.
    """
    from ..export import export_design, export_source

    exporter = load_exporter(target)
    check_target(Path(output), force=force)
    chosen = read_design(design)
    imported = design_model(chosen, design, model)
    test_frames = design_frames(chosen, imported.graph, design, data, frames)
    source = export_source(chosen, imported.graph, imported.weights, test_frames)
    exported = export_design(exporter, source, output, force=force)
    if as_json:
        print_json(
            {
                "folder": str(exported.folder),
                "files": exported.files,
                "remarks": [asdict(remark) for remark in exported.remarks],
            }
        )
        return
    told = [r for r in exported.remarks if r.fate is not Fate.EXACT]
    if told:
        print_table(["layer", "fate", "what"], [[r.layer or "-", r.fate, r.what] for r in told])
    counts = Counter(remark.fate for remark in exported.remarks if remark.layer)
    words = ", ".join(f"{counts[fate]} {fate.value}" for fate in Fate if counts[fate])
    click.echo(f"{len(exported.files)} files in {exported.folder}; remarks on layers: {words}")
    talk("all of them are in remarks.csv")
