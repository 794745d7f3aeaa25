"""``hass calibrate``: real synthesis of the engines, and how far the model is from it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import click

from hass.cli.choices import Count
from hass.cli.common import ProgressCallback, check_writable, print_table, progress, talk
from hass.files import write_text_atomic

from .calibrate import (
    FITS,
    SECTION,
    SUMMARY_COLUMNS,
    Point,
    Row,
    append_row,
    fidelity_page,
    fitted,
    grid,
    read_rows,
    rows_of,
    rtl_digest,
    shipped_rows,
    sort_file,
    summary,
    synthesise,
)


def missing_points(rows: tuple[Row, ...]) -> tuple[Point, ...]:
    """Points of the grid that the table has not, or has of another RTL."""
    current = {row.point for row in rows if row.rtl == rtl_digest(row.point.block)}
    return tuple(point for point in grid() if point not in current)


def synthesise_missing(path: Path, jobs: int, advance: ProgressCallback) -> int:
    """Synthesise what ``path`` lacks, each result written as soon as it is there; how many.

    Raises:
        SpecError: yosys is missing or fails. OutputError: ``path`` cannot be written.
    """
    todo = missing_points(read_rows(path))
    advance(0, len(todo))
    with ThreadPoolExecutor(jobs) as pool:  # threads: each waits for a yosys of its own
        runs = [pool.submit(synthesise, point) for point in todo]
        try:
            for done, run in enumerate(as_completed(runs), start=1):
                append_row(path, run.result())
                advance(done, len(todo))
        finally:
            for run in runs:
                run.cancel()
    if todo:
        sort_file(path)
    return len(todo)


def _write_page(path: Path, rows: tuple[Row, ...]) -> None:
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    write_text_atomic(path, SECTION.merged(old, fidelity_page(rows), "Fidelity"))


@click.command(
    epilog="\b\nExamples:\n"
    "  hass calibrate\n"
    "  hass calibrate --synthesise results.csv --jobs 2 --page docs/fidelity.md"
)
@click.option(
    "--synthesise",
    "table",
    metavar="CSV",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Run yosys on the points that this table lacks (it is made if need be) and add them to "
    "it; without it, the results that hass ships are used.",
)
@click.option(
    "--jobs",
    type=Count(min=1),
    default=2,
    show_default=True,
    help="Synthesis runs at a time.",
)
@click.option(
    "--page",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write every point to this Markdown file; its other sections stay.",
)
def command(table: Path | None, jobs: int, page: Path | None) -> None:
    """Compare the cost model with synthesis of the RTL by yosys, and refit its coefficients."""
    if page is not None:
        check_writable(page)
    if table is None:
        rows = shipped_rows()
    else:
        check_writable(table)
        with progress("synthesising") as advance:
            new = synthesise_missing(table, jobs, advance)
        talk(f"{new} point(s) synthesised, the rest was in {table}")
        wanted = set(grid())
        rows = tuple(row for row in read_rows(table) if row.point in wanted)
    print_table(SUMMARY_COLUMNS, summary(rows))
    click.echo("\nfitted anew (each point judged by the fit to all others):")
    for fit in FITS:
        if len(rows_of(fit, rows)) > len(fit.names) + 1:
            result = fitted(fit, rows)
            errors = f"median {result.median_error:.1%}, worst {result.worst_error:.1%}"
            click.echo(f"[{fit.section}] LUT: {errors}")
            for name, value, old in zip(fit.names, result.coefficients, fit.shipped(), strict=True):
                click.echo(f"  {name} = {value:.4g}  # shipped: {old:.4g}")
    if page is not None:
        _write_page(page, rows)
        talk(f"written: {page}")
