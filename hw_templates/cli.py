"""``hass emit``: a design as an HLS project."""

from __future__ import annotations

from pathlib import Path

import click

from hass.cli.choices import Choice
from hass.cli.common import (
    data_option,
    folder_option,
    frames_option,
    json_option,
    network_option,
    percent,
    print_json,
    talk,
)
from hass.cli.inputs import design_frames, design_model
from hass.design_file import read_design, splits_json
from hass.folder import check_target

from .emitter import emit_project
from .render import stated_accuracies


@click.command(
    epilog="\b\nExamples:\n"
    "  hass emit OUT/best.json -o accelerator && make -C accelerator csim\n"
    "  hass emit design.json -o accelerator --data images --frames 16"
)
@click.argument("design", metavar="DESIGN")
@folder_option()
@data_option(required=False)
@frames_option("Images in the testbench, the first of the split.")
@click.option(
    "--split",
    type=Choice(["calibration", "selection", "test"]),
    help="Whose images; selection without it.",
)
@network_option()
@click.option(
    "--force", is_flag=True, help="Replace what was emitted to DIR before; other files there stay."
)
@json_option()
def command(
    design: str,
    output: str,
    data: str | None,
    frames: int,
    split: str | None,
    model: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a design as HLS C++, with a testbench that plain g++ runs (make csim).

    Its convolutions are written as SystemVerilog too, with benches (make rtlsim)."""
    check_target(Path(output), force=force)
    chosen = read_design(design)
    imported = design_model(chosen, design, model)
    test_frames = design_frames(chosen, imported.graph, design, data, frames, split_name=split)
    if test_frames is None:
        talk("no data at hand: the testbench gets random frames; --data gives it real ones")
    emitted = emit_project(
        chosen, imported.graph, imported.weights, output, frames=test_frames, force=force
    )
    if as_json:
        print_json(
            {
                "folder": str(emitted.folder),
                "files": emitted.files,
                "frames": emitted.frames,
                "top1": emitted.top1,
                "integer_accuracy": splits_json(chosen.integer_accuracy),
            }
        )
        return
    click.echo(f"{emitted.files} files in {emitted.folder}, {emitted.frames} test frame(s)")
    if emitted.top1 is not None:
        click.echo(f"top-1 of the integers on these frames: {percent(emitted.top1)}")
    for sentence in stated_accuracies(chosen):
        click.echo(f"the design states {sentence}")
    talk(f"run them: make -C {emitted.folder} csim")
