"""``hass bench``: benchmarks of hass itself. ``hass bench search`` compares search strategies."""

from __future__ import annotations

from pathlib import Path

import click

from hass.cli.common import (
    check_writable,
    json_option,
    page_option,
    print_json,
    print_table,
    roots_option,
    talk,
)
from hass.files import canonical_json, make_folder, write_text_atomic

from .bench_cases import read_bench
from .show import LineHooks

RESULTS = "bench.json"


@click.group(name="bench", epilog="\b\nExample:\n  hass bench search docs/search.toml -o out/bench")
def command() -> None:
    """Compare search strategies, over several seeds."""


@command.command(
    name="search",
    epilog="\b\nExample:\n"
    "  hass bench search docs/search.toml --root networks/ -o out/bench --page docs/strategies.md\n"
    "\n\b\nCASES, a [[case]] each:\n"
    '  [[case]]\n  network = "digits"\n  model = "digits.onnx"\n  data = "dataset.toml"\n'
    '  device = "zcu104"\n  seeds = 5\n  trials = { default = 25, tpe = 200 }\n'
    "  accuracy_drop = 1.0\n  selection_images = 400",
)
@click.argument("cases", type=click.Path(path_type=Path, dir_okay=False))
@roots_option("models and data")
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    required=True,
    help="Folder for the searches; those that are finished are not run again.",
)
@page_option("tables")
@json_option()
def search(
    cases: Path, roots: tuple[Path, ...], output: str, page: Path | None, as_json: bool
) -> None:
    """Run search strategies side by side, and the straightforward loop.

    Every strategy and seed is a search in a folder of its own under OUT. Killed or interrupted,
    the same command goes on.
    """
    if page is not None:
        check_writable(page)
    listed = read_bench(cases, roots)
    from .bench import run_case  # here, as it loads Optuna and onnxruntime
    from .bench_page import COLUMNS, SECTION, CaseResult, case_rows, results_json, section_text
    from .bench_speed import compare_loops

    out = make_folder(output)
    results = []
    for case in listed:
        runs = run_case(case, out, _named_hooks)
        results.append(CaseResult(case, runs, compare_loops(case, out, LineHooks())))
    found = results_json(results)
    write_text_atomic(out / RESULTS, canonical_json(found))
    if as_json:
        print_json(found)
    else:
        for result in results:
            print_table(COLUMNS, case_rows(result), title=result.case.folder)
    if page is not None:
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        text = section_text(results, cases.name)
        write_text_atomic(page, SECTION.merged(old, text, "Search"))
        talk(f"written: {page}")


def _named_hooks(name: str) -> LineHooks:
    talk(f"search: {name}")
    return LineHooks()
