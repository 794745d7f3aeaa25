"""``hass report``: a search's folder, or one design, as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import write_text_atomic
from .common import check_writable, output_option


@click.command(epilog="\b\nExamples:\n  hass report OUT\n  hass report design.json -o page.html")
@click.argument("source", metavar="OUT", type=click.Path(path_type=Path))
@output_option("The page; OUT/report.html, or beside a design file, without it.")
def command(source: Path, output: Path | None) -> None:
    """Write the report of a search's folder, or of one design file: one self-contained page.

    Prints the page's path.
    """
    from ..report import render_report  # here, as it needs matplotlib

    page = render_report(source)
    if output is None:
        output = source / "report.html" if source.is_dir() else source.with_suffix(".html")
        check_writable(output)
    write_text_atomic(output, page)
    click.echo(output)
