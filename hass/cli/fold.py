"""``hass fold``: the folding that is best at what is asked for and fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ..cost import EngineKind
from ..design import DataRef, Design, DesignAccuracy, build_design, model_ref, provenance_now
from ..design_file import write_design
from ..device import Device
from ..errors import InfeasibleError, SpecError
from ..folding import (
    ALL_ENGINES,
    DEFAULT_EFFORT,
    FoldingPlan,
    Goal,
    Objective,
    Solver,
    WeightsAt,
    prices,
    solve,
    tried_levers,
)
from ..onnx_io import ImportedModel, read_model
from ..sparsity import SparsityProfile
from .common import (
    clock_option,
    device_option,
    json_option,
    model_argument,
    output_option,
    print_json,
    profile_option,
    progress,
    talk,
)
from .estimate_view import estimate_json, print_estimate
from .fold_view import plan_json, prices_json, print_prices, proof
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
    "  hass fold model.onnx --device pynq-z2 --engines dense --solver greedy --json\n"
    "  hass fold model.onnx --device zcu104 --objective dsp --min-fps 1000\n"
    "  hass fold model.onnx --device zcu104 --objective latency --time-limit 10 --prices"
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
@click.option(
    "--objective",
    "goal",
    type=click.Choice([goal.value for goal in Goal]),
    default=Goal.THROUGHPUT.value,
    show_default=True,
    help="What is made best: throughput; latency of one frame alone; area, the largest share of "
    "the budget; or the amount of one resource.",
)
@click.option(
    "--min-fps",
    type=click.FloatRange(min=0, min_open=True),
    help="Frames per second that are required.",
)
@click.option(
    "--gap",
    type=click.FloatRange(min=0),
    default=DEFAULT_EFFORT.gap,
    show_default=True,
    help="How far above its proved bound a folding may be, as a fraction; 0: the optimum.",
)
@click.option(
    "--time-limit",
    "seconds",
    type=click.FloatRange(min=0),
    help="Seconds after which the best folding so far is taken. Tables under way are built first.",
)
@clock_option()
@click.option(
    "--prices",
    "with_prices",
    is_flag=True,
    help="Also what more of each resource and less work in each layer are worth.",
)
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
    goal: str,
    min_fps: float | None,
    gap: float,
    seconds: float | None,
    clock_mhz: float | None,
    with_prices: bool,
    engines: frozenset[EngineKind],
    weights: str,
    output: Path | None,
    as_json: bool,
) -> None:
    """Find the folding of a model that fits a device and is best at an objective."""
    if with_prices and goal == Goal.LATENCY.value:
        raise SpecError.at("--prices", "--objective latency", "another objective")
    imported = read_model(model)
    profile = load_profile(profile_path, imported)
    name = Path(model).stem
    objective = Objective(Goal(goal), min_fps)
    with progress(f"folding {name} for {device.name} ({solver})"):
        answer = solve(
            imported.graph,
            device,
            profile=profile,
            engines=engines,
            solver=Solver(solver),
            objective=objective,
            effort=replace(DEFAULT_EFFORT, gap=gap, seconds=seconds),
            clock_mhz=clock_mhz,
            weights=WeightsAt(weights),
        )
    if not isinstance(answer, FoldingPlan):
        with progress("looking for what would fit"):
            tried = tried_levers(imported.graph, device, objective, clock_mhz=clock_mhz)
        found = "; ".join(tried) or "nothing that helps alone"
        raise InfeasibleError(
            f"{name} on {device.name}: {answer}; tried with dense engines: {found}"
        )
    design = _design(imported, device, answer, profile)
    if output is not None:
        write_design(design, output)
        talk(f"wrote {output}")
    plan = design.plan
    worth = None
    if with_prices:
        worth = prices(imported.graph, device, plan, profile=profile, engines=engines)
    if as_json:
        shown = {**estimate_json(design.summary, plan.estimate, device), **plan_json(plan)}
        print_json(shown if worth is None else {**shown, "prices": prices_json(worth)})
        return
    print_estimate(design.summary, plan.estimate, device)
    if worth is not None:
        print_prices(worth)
    click.echo(f"\n{proof(plan)}")


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
