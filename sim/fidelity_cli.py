"""``hass fidelity``: how far the model is from simulation, for a list of designs."""

from __future__ import annotations

from pathlib import Path

import click

from hass.cli.common import (
    check_writable,
    json_option,
    page_option,
    print_json,
    print_table,
    progress,
    roots_option,
    talk,
)
from hass.files import write_text_atomic

from .fidelity_cases import read_cases


@click.command(
    name="fidelity",
    epilog="\b\nExamples:\n"
    "  hass fidelity docs/fidelity.toml\n"
    "  hass fidelity docs/fidelity.toml --root networks/ --page docs/fidelity.md\n"
    "\n\b\nCASES, a [[case]] each:\n"
    '  [[case]]\n  network = "digits"\n  model = "digits.onnx"\n  data = "dataset.toml"\n'
    '  device = "zcu104"\n  engines = "any"     # or dense, dynamic, static, broadcast\n'
    "  weight_sparsity = 0.5\n  act_share = 0.2\n  frames = 8",
)
@click.argument("cases", type=click.Path(path_type=Path, dir_okay=False))
@roots_option("models, data and designs")
@page_option("table")
@json_option()
def command(cases: Path, roots: tuple[Path, ...], page: Path | None, as_json: bool) -> None:
    """Simulate many designs, and set the model against them.

    Each case is measured, folded and simulated on real images. A case that does not fit its part
    is said, not dropped.
    """
    if page is not None:
        check_writable(page)
    listed = read_cases(cases, roots)
    from .fidelity import run_case  # here, as it loads numba and onnxruntime
    from .fidelity_page import COLUMNS, SECTION, cells, section_text

    rows = []
    for number, case in enumerate(listed, start=1):
        with progress(f"{number}/{len(listed)} {case.network} on {case.device}") as shown:
            rows.append(run_case(case, shown))
    if as_json:
        print_json(
            {
                "cases": [
                    {
                        "network": row.case.network,
                        "device": row.case.device,
                        "engines": row.case.engines.value,
                        "fits": row.result is not None,
                        "frame_ii_error": row.frame_ii_error,
                        "layer_errors": list(row.layer_errors),
                        "latency_error": row.latency_error,
                    }
                    for row in rows
                ]
            }
        )
    else:
        print_table(COLUMNS, [list(cells(row)) for row in rows])
    if page is not None:
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        text = section_text(rows, cases.name)
        write_text_atomic(page, SECTION.merged(old, text, "Fidelity"))
        talk(f"written: {page}")
