"""``hass report``: a search's folder, or one design, as one HTML page."""

from __future__ import annotations

from pathlib import Path

import click

from ..files import write_text_atomic
from ..pareto import Measure
from .common import check_writable, front_option, output_option


@click.command(
    epilog="\b\nExamples:\n  hass report OUT\n"
    "  hass report OUT --front dsp,throughput -o page.html\n  hass report design.json -o page.html"
)
@click.argument("source", metavar="OUT", type=click.Path(path_type=Path))
@output_option("The page; OUT/report.html, or beside a design file, without it.")
@front_option(
    "Measures that the page's front is of, instead of those of the search: two of "
    f"{', '.join(Measure)}. OUT stays as it is; the search's command with --front writes "
    "pareto.csv and designs/ anew."
)
def command(source: Path, output: Path | None, front: tuple[str, str] | None) -> None:
    """Write the report of a search's folder, or of one design file: one self-contained page.

    Prints the page's path.
    """
    from ..report import render_report  # here, as it needs matplotlib

    page = render_report(source, None if front is None else (Measure(front[0]), Measure(front[1])))
    if output is None:
        output = source / "report.html" if source.is_dir() else source.with_suffix(".html")
        check_writable(output)
    write_text_atomic(output, page)
    click.echo(output)
