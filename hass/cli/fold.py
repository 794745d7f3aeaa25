"""``hass fold``: the fastest folding that fits."""

from __future__ import annotations

from pathlib import Path

import click

from ..cost import EngineKind
from ..design import DataRef, Design, DesignAccuracy, build_design, model_ref, provenance_now
from ..design_file import write_design
from ..device import Device
from ..errors import InfeasibleError
from ..folding import ALL_ENGINES, FoldingPlan, Solver, WeightsAt, solve
from ..onnx_io import ImportedModel, read_model
from ..sparsity import SparsityProfile
from .common import (
    clock_option,
    device_option,
    json_option,
    model_argument,
    output_option,
    percent,
    print_json,
    profile_option,
    progress,
    talk,
)
from .estimate_view import estimate_json, print_estimate
from .inputs import load_profile


def _to_engines(ctx: click.Context, param: click.Parameter, value: str) -> frozenset[EngineKind]:
    known = sorted(ALL_ENGINES)
    words = [word.strip() for word in value.split(",")]
    wrong = [word for word in words if word not in known]
    if wrong:
        raise click.BadParameter(
            f"{', '.join(map(repr, wrong))}: expected one or more of {', '.join(known)}"
        )
    return frozenset(EngineKind(word) for word in words)


@click.command(
    epilog="\b\nExamples:\n"
    "  hass fold model.onnx --device zcu104\n"
    "  hass fold model.onnx --device zcu104 --profile profile.json -o design.json\n"
    "  hass fold model.onnx --device pynq-z2 --engines dense --solver greedy --json"
)
@model_argument()
@device_option()
@profile_option()
@click.option(
    "--solver",
    type=click.Choice([solver.value for solver in Solver]),
    default=Solver.EXACT.value,
    show_default=True,
    help="exact proves its optimum; greedy is quick.",
)
@clock_option()
@click.option(
    "--engines",
    default=",".join(sorted(ALL_ENGINES)),
    show_default=True,
    metavar="LIST",
    callback=_to_engines,
    help="Engine kinds that layers may have. dynamic and static need a profile.",
)
@click.option(
    "--weights",
    type=click.Choice([place.value for place in WeightsAt]),
    default=WeightsAt.AUTO.value,
    show_default=True,
    help="Where weights may be: auto goes off chip only where on chip nothing fits; anywhere also "
    "where it is faster.",
)
@output_option("Write the design (design.json).")
@json_option()
def command(
    model: str,
    device: Device,
    profile_path: str | None,
    solver: str,
    clock_mhz: float | None,
    engines: frozenset[EngineKind],
    weights: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Find the fastest folding of a model that fits a device."""
    imported = read_model(model)
    profile = load_profile(profile_path, imported)
    name = Path(model).stem
    with progress(f"folding {name} for {device.name} ({solver})"):
        answer = solve(
            imported.graph,
            device,
            profile=profile,
            engines=engines,
            solver=Solver(solver),
            clock_mhz=clock_mhz,
            weights=WeightsAt(weights),
        )
    if not isinstance(answer, FoldingPlan):
        raise InfeasibleError(f"{name} on {device.name}: {answer}")
    design = _design(imported, device, answer, profile)
    if output is not None:
        write_design(design, output)
        talk(f"wrote {output}")
    plan = design.plan
    if as_json:
        print_json(
            {
                **estimate_json(design.summary, plan.estimate, device),
                "solver": plan.solver,
                "proved_bound_cycles": plan.proved_bound_cycles,
                "gap": plan.gap,
            }
        )
        return
    print_estimate(design.summary, plan.estimate, device)
    click.echo(
        f"\nsolver {plan.solver}: no folding that fits is faster than "
        f"{plan.proved_bound_cycles:,} cycles per frame; gap {percent(plan.gap)}"
    )


def _design(
    model: ImportedModel, device: Device, plan: FoldingPlan, profile: SparsityProfile | None
) -> Design:
    measured = profile is not None and profile.accuracy is not None
    return build_design(
        model_ref(model),
        device,
        plan,
        provenance_now(),
        profile=profile,
        data=None if profile is None else DataRef(None, profile.data_digest),
        accuracy=DesignAccuracy(calibration=profile.accuracy) if profile and measured else None,
    )
