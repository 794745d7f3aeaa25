"""``hass fold``: the folding that is best at what is asked for and fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from ..cost import EngineKind
from ..design_file import plan_json, write_design
from ..device import Device
from ..errors import InfeasibleError, SpecError
from ..folder import check_target
from ..folding import (
    ALL_ENGINES,
    DEFAULT_EFFORT,
    FASTEST,
    FoldingPlan,
    Goal,
    Objective,
    Request,
    Solver,
    WeightsAt,
    prices,
    solve,
    tried_levers,
)
from ..onnx_io import read_model
from .choices import Choice, Count, Number, not_among
from .common import (
    bits_option,
    check_writable,
    clock_option,
    data_option,
    devices_option,
    json_option,
    model_argument,
    print_json,
    profile_option,
    progress,
    talk,
)
from .estimate_view import accuracies_json, estimate_json, print_accuracy, print_estimate
from .fold_accuracy import with_accuracy
from .fold_parts import fold_chain, fold_partitions, folded_design, show_plan, to_counts
from .fold_view import prices_json, print_prices, proof
from .inputs import load_profile
from .word_lengths import bits_of_option, word_lengths_of


def _to_engines(ctx: click.Context, param: click.Parameter, value: str) -> frozenset[EngineKind]:
    known = sorted(ALL_ENGINES)
    words = [word.strip() for word in value.split(",")]
    wrong = [word for word in words if word not in known]
    if wrong:
        raise click.BadParameter(not_among(wrong[0], known))
    return frozenset(EngineKind(word) for word in words)


def _check_flags(
    devices: tuple[Device, ...],
    counts: range | None,
    batch: int | None,
    solver: Solver,
    *,
    force: bool,
) -> bool:
    """Whether the network is to be folded in parts; refuses flags that do not go together."""
    in_parts = len(devices) > 1 or counts is not None
    if len(devices) > 1 and counts is not None:
        raise click.UsageError("--partitions is for one --device; several are a chain")
    if (counts is None) != (batch is None):
        raise click.UsageError("--partitions and --batch go together")
    if in_parts and solver is not Solver.EXACT:
        raise click.UsageError("--solver greedy folds whole networks only")
    if force and not in_parts:
        raise click.UsageError("--force is for the folder of a network in parts")
    return in_parts


@click.command(
    epilog="\b\nExamples:\n"
    "  hass fold model.onnx --device zcu104\n"
    "  hass fold model.onnx --device zcu104 --profile profile.json -o design.json\n"
    "  hass fold model.onnx --device zcu104 --profile profile.json --data data --bits 8\n"
    "  hass fold model.onnx --device zcu104 --bits-of 'layer2*=8' --bits-of fc=4\n"
    "  hass fold model.onnx --device pynq-z2 --engines dense --solver greedy --json\n"
    "  hass fold model.onnx --device zcu104 --objective dsp --min-fps 1000\n"
    "  hass fold model.onnx --device zcu104 --profile profile.json --objective efficiency\n"
    "  hass fold model.onnx --device zcu104 --objective latency --time-limit 10 --prices\n"
    "  hass fold model.onnx --device pynq-z2 --partitions auto --batch 256 -o parts\n"
    "  hass fold model.onnx --device zcu102 --device zcu102 -o chain"
)
@model_argument()
@devices_option()
@profile_option()
@data_option(required=False)
@bits_option()
@bits_of_option()
@click.option(
    "--solver",
    type=Choice([solver.value for solver in Solver]),
    default=Solver.EXACT.value,
    show_default=True,
    help="exact proves its optimum; greedy is quick.",
)
@click.option(
    "--objective",
    "goal",
    type=Choice([goal.value for goal in Goal]),
    default=Goal.THROUGHPUT.value,
    show_default=True,
    help="What is made best: throughput; latency of one frame alone; area, the largest share of "
    "the budget; the amount of one resource; efficiency, images per cycle and DSP; or energy, a "
    "proxy of what a frame takes.",
)
@click.option(
    "--min-fps",
    type=Number(min=0, min_open=True),
    help="Frames per second that are required.",
)
@click.option(
    "--gap",
    type=Number(min=0),
    default=DEFAULT_EFFORT.gap,
    show_default=True,
    help="How far above its proved bound a folding may be, as a fraction; 0: the optimum.",
)
@click.option(
    "--time-limit",
    "seconds",
    type=Number(min=0),
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
    help="Engine kinds that layers may have. All but dense need a profile.",
)
@click.option(
    "--weights",
    type=Choice([place.value for place in WeightsAt]),
    default=WeightsAt.AUTO.value,
    show_default=True,
    help="Where weights may be: auto goes off chip only where on chip nothing fits; anywhere also "
    "where it is faster.",
)
@click.option(
    "--partitions",
    "counts",
    metavar="N|auto",
    callback=to_counts,
    help="Load N parts of the network one after the other, each for a whole batch; auto: as many "
    "as give the highest throughput.",
)
@click.option(
    "--batch",
    type=Count(min=1, max=10**9),
    metavar="B",
    help="With --partitions: frames between two loads.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE|DIR",
    help="Write the design (design.json); of a network in parts the folder with one design per "
    "part and plan.json, new or empty.",
)
@click.option(
    "--force", is_flag=True, help="Replace the parts written to DIR before; other files there stay."
)
@json_option()
def command(
    model: str,
    devices: tuple[Device, ...],
    profile_path: str | None,
    data: str | None,
    bits: int | None,
    bits_of: tuple[str, ...],
    solver: str,
    goal: str,
    min_fps: float | None,
    gap: float,
    seconds: float | None,
    clock_mhz: float | None,
    with_prices: bool,
    engines: frozenset[EngineKind],
    weights: str,
    counts: range | None,
    batch: int | None,
    output: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Find the folding of a model that fits a device and is best at an objective.

    A model that does not fit can run in parts: several --device are a chain, in order, with a part
    on each; --partitions makes one device load the parts one after the other. Of both the
    throughput is made best.

    With --data the design states its accuracy on the calibration and selection splits, in floating
    point and in the integers that the hardware computes.
    """
    if with_prices and not Goal(goal).priced:
        raise SpecError.at("--prices", f"--objective {goal}", "another objective")
    device, target = devices[0], None if output is None else Path(output)
    in_parts = _check_flags(devices, counts, batch, Solver(solver), force=force)
    objective = Objective(Goal(goal), min_fps)
    if in_parts and (objective != FASTEST or with_prices or seconds is not None):
        raise click.UsageError(
            "--objective, --min-fps, --prices and --time-limit are of whole networks only"
        )
    if data is not None and (in_parts or profile_path is None):
        raise click.UsageError("--data goes with --profile, of a whole network")
    if target is not None and in_parts:
        check_target(target, force=force)
    elif target is not None:
        check_writable(target)
    effort = replace(DEFAULT_EFFORT, gap=gap, seconds=seconds)
    imported = read_model(model)
    profile = load_profile(profile_path, imported)
    request = Request(
        profile=profile,
        engines=engines,
        arithmetic=word_lengths_of(imported, bits, bits_of),
        clock_mhz=clock_mhz,
        effort=effort,
        weights=WeightsAt(weights),
    )
    if counts is not None and batch is not None:
        partitioned = fold_partitions(imported, device, batch, counts, request)
        show_plan(partitioned, imported, request, target, force=force, as_json=as_json)
        return
    if len(devices) > 1:
        chained = fold_chain(imported, devices, request)
        show_plan(chained, imported, request, target, force=force, as_json=as_json)
        return
    name = Path(model).stem
    with progress(f"folding {name} for {device.name} ({solver})"):
        answer = solve(
            imported.graph,
            device,
            profile=profile,
            engines=engines,
            solver=Solver(solver),
            objective=objective,
            arithmetic=request.arithmetic,
            effort=effort,
            clock_mhz=clock_mhz,
            weights=WeightsAt(weights),
        )
    if not isinstance(answer, FoldingPlan):
        with progress("looking for what would fit"):
            tried = tried_levers(
                imported.graph,
                device,
                objective,
                arithmetic=request.arithmetic,
                clock_mhz=clock_mhz,
            )
        found = "; ".join(tried) or "nothing that helps alone"
        raise InfeasibleError(
            f"{name} on {device.name}: {answer}; tried with dense engines: {found}"
        )
    design = folded_design(imported, device, answer, profile, request.arithmetic)
    if data is not None and profile is not None:
        design = with_accuracy(design, imported, profile, data)
    if target is not None:
        write_design(design, target)
        talk(f"wrote {target}")
    plan = design.plan
    worth = None
    if with_prices:
        worth = prices(
            imported.graph,
            device,
            plan,
            profile=profile,
            engines=engines,
            arithmetic=request.arithmetic,
        )
    if as_json:
        shown = {
            **estimate_json(design.summary, plan.estimate, device),
            **accuracies_json(design),
            **plan_json(plan),
        }
        print_json(shown if worth is None else {**shown, "prices": prices_json(worth)})
        return
    print_estimate(design.summary, plan.estimate, device)
    print_accuracy(design)
    if worth is not None:
        print_prices(worth)
    click.echo(f"\n{proof(plan)}")
