"""``hass compare``: designs or runs side by side."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import write_text_atomic
from .common import json_option, output_option, percent, print_json, print_table, talk

HEADINGS = (
    *("name", "network", "device", "top-1 selection", "(integers)", "top-1 test", "(integers)"),
    *("frames/s", "speed-up"),
    *("frame II", "latency us", "DSP", "LUT", "BRAM18", "URAM", "images/cycle/DSP", "ratio"),
    *("energy proxy pJ", "objective", "gain"),
)


@click.command(
    epilog="\b\nExamples:\n  hass compare dense.json OUT\n"
    "  hass compare OUT1 OUT2 --csv > table.csv\n  hass compare OUT1 OUT2 -o plot.svg"
)
@click.argument("sources", metavar="A B [...]", nargs=-1, type=click.Path())
@json_option()
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
@output_option("Write a picture of the comparison (SVG).")
def command(sources: tuple[str, ...], as_json: bool, as_csv: bool, output: Path | None) -> None:
    """Set designs or runs side by side; ratios are against the first.

    Each is a design file or the folder of a search, whose best design counts. Throughput is that
    of the steady state; latency is that of one frame alone, fill included. The gain is in the
    objective that a design was folded for, against the first.
    """
    from ..compare import (
        compare,
        comparison_picture,
        to_csv,
        to_json,
    )  # here, as they take long to load

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    entries = compare(sources)
    if output is not None:
        write_text_atomic(output, comparison_picture(entries).svg())
        talk(f"wrote {output}")
    if as_json:
        print_json(to_json(entries))
    elif as_csv:
        click.echo(to_csv(entries), nl=False)
    else:
        print_table(
            HEADINGS,
            [
                [
                    *(entry.name, entry.network, entry.device),
                    *(percent(entry.selection_top1), percent(entry.integer_selection_top1)),
                    *(percent(entry.test_top1), percent(entry.integer_test_top1)),
                    *(entry.throughput_fps, entry.throughput_ratio),
                    *(entry.frame_ii_cycles, entry.latency_us),
                    *(entry.dsp, entry.lut, entry.bram18, entry.uram),
                    *(entry.images_per_cycle_per_dsp, entry.efficiency_ratio),
                    *(entry.energy_proxy_pj, entry.objective, entry.objective_gain),
                ]
                for entry in entries
            ],
        )
