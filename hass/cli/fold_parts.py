"""``hass fold`` of a network in parts: partitions in time, or a chain of devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from ..design import DataRef, Design, DesignAccuracy, build_design, model_ref, provenance_now
from ..design_file import design_json
from ..device import RESOURCE_NAMES, Device
from ..errors import InfeasibleError
from ..files import JsonValue, canonical_json
from ..folder import write_folder
from ..folding import (
    ChainPlan,
    FoldingPlan,
    PartitionPlan,
    PlannedPart,
    Request,
    Unpartitioned,
    solve_chain,
    solve_partitions,
)
from ..onnx_io import ImportedModel, take_part
from ..sparsity import SparsityProfile, part_profile
from ..values import WordLengths
from .common import Cell, percent, print_json, print_table, progress, talk

PLAN = "plan.json"
PLAN_SCHEMA_VERSION = 1
_STALE = ("part-*.json",)  # of an earlier plan with more parts


def to_counts(ctx: click.Context, param: click.Parameter, value: str | None) -> range | None:
    """Numbers of partitions from ``--partitions``: None without it, an empty range for ``auto``."""
    if value is None:
        return None
    if value == "auto":
        return range(0)
    if value.isdecimal() and 1 <= int(value) <= 10**6:
        return range(int(value), int(value) + 1)
    raise click.BadParameter(f"{value!r}: expected a number of at least 1, or auto")


def folded_design(
    model: ImportedModel,
    device: Device,
    plan: FoldingPlan,
    profile: SparsityProfile | None,
    arithmetic: WordLengths,
) -> Design:
    """The design of a plan, as ``hass fold`` makes it."""
    measured = profile is not None and profile.accuracy is not None
    return build_design(
        model_ref(model),
        device,
        plan,
        provenance_now(),
        arithmetic=arithmetic,
        profile=profile,
        data=None if profile is None else DataRef(None, profile.data_digest),
        accuracy=DesignAccuracy(calibration=profile.accuracy) if profile and measured else None,
    )


def fold_partitions(
    model: ImportedModel, device: Device, batch: int, counts: range, request: Request
) -> PartitionPlan:
    """Partitions in time; ``counts`` empty: as many as are best.

    Raises:
        InfeasibleError: if there are none.
    """
    name = Path(model.path).stem
    with progress(f"folding {name} in parts for {device.name}"):
        answer = solve_partitions(
            model.graph, device, batch, counts=counts if len(counts) else None, request=request
        )
    if isinstance(answer, Unpartitioned):
        raise InfeasibleError(f"{name} on {device.name}: {answer}")
    return answer


def fold_chain(model: ImportedModel, devices: Sequence[Device], request: Request) -> ChainPlan:
    """A part for each device of a chain.

    Raises:
        InfeasibleError: if there are none.
    """
    name = Path(model.path).stem
    names = ", ".join(device.name for device in devices)
    with progress(f"folding {name} for the chain {names}"):
        answer = solve_chain(model.graph, devices, request=request)
    if isinstance(answer, Unpartitioned):
        raise InfeasibleError(f"{name} on the chain {names}: {answer}")
    return answer


def _part_file(number: int) -> str:
    return f"part-{number}.json"


def _part_json(number: int, part: PlannedPart) -> dict[str, JsonValue]:
    estimate = part.plan.estimate
    return {
        "design": _part_file(number),
        **asdict(part.part),
        "device": part.device.name,
        "layers": len(part.graph.layers),
        "frame_ii_cycles": estimate.frame_ii_cycles,
        "latency_cycles": estimate.latency_cycles,
        "clock_mhz": estimate.clock_mhz,
        "frame_seconds": part.frame_seconds,
        "latency_seconds": part.latency_seconds,
        "bytes_in": part.bytes_in,
        "bytes_out": part.bytes_out,
        "resources": asdict(estimate.resources),
        "proved_bound_cycles": part.plan.proved_bound_cycles,
        "gap": part.plan.gap,
    }


def plan_json(plan: PartitionPlan | ChainPlan, model: ImportedModel) -> dict[str, JsonValue]:
    """The content of ``plan.json``: the parts in the order in which a frame passes them, the file
    of each one's design, and the times of the whole."""
    times: dict[str, JsonValue]
    if isinstance(plan, PartitionPlan):
        times = {
            "kind": "partitions in time",
            "batch": plan.batch,
            "reload_seconds": plan.reload_seconds,
            "batch_seconds": plan.seconds,
        }
    else:
        times = {
            "kind": "chain of devices",
            "frame_seconds": plan.frame_seconds,
            "link_seconds": list(plan.link_seconds),
        }
    return {
        "schema_version": PLAN_SCHEMA_VERSION,
        "model": {"path": model.path, "sha256": model.sha256},
        **times,
        "throughput_fps": plan.throughput_fps,
        "latency_seconds": plan.latency_seconds,
        "proved_bound_seconds": plan.bound_seconds,
        "gap": plan.gap,
        "parts": [_part_json(number, part) for number, part in enumerate(plan.parts, start=1)],
    }


def _designs(
    plan: PartitionPlan | ChainPlan, model: ImportedModel, request: Request
) -> Mapping[str, str]:
    """File name -> text of each part's design, which stands alone."""
    texts = {}
    for number, planned in enumerate(plan.parts, start=1):
        part = take_part(model, planned.part)
        measured = request.profile
        if measured is not None and part.origin is not None:
            measured = part_profile(measured, part.graph, part.weights, part.origin.carries)
        design = folded_design(part, planned.device, planned.plan, measured, request.arithmetic)
        texts[_part_file(number)] = canonical_json(design_json(design))
    return texts


def show_plan(
    plan: PartitionPlan | ChainPlan,
    model: ImportedModel,
    request: Request,
    output: Path | None,
    *,
    force: bool,
    as_json: bool,
) -> None:
    """Write the folder, if one is asked for, and print the plan.

    Raises:
        OutputError: if the folder cannot be written; it is then as it was.
    """
    content = plan_json(plan, model)
    if output is not None:
        files = {**_designs(plan, model, request), PLAN: canonical_json(content)}
        write_folder(output, files, force=force, stale=_STALE)
        talk(f"wrote {len(plan.parts)} design(s) and {PLAN} to {output}")
    if as_json:
        print_json(content)
        return
    _print_parts(plan)
    _print_times(plan)
    click.echo(
        f"\nno cuts where the fewest words cross between two layers with weights, and no foldings, "
        f"need less than {plan.bound_seconds:.6g} s per "
        f"{'batch' if isinstance(plan, PartitionPlan) else 'frame'}; gap {percent(plan.gap)}"
    )


def _print_parts(plan: PartitionPlan | ChainPlan) -> None:
    rows: list[list[Cell]] = []
    for number, part in enumerate(plan.parts, start=1):
        estimate = part.plan.estimate
        rows.append(
            [
                number,
                part.device.name,
                part.part.until or "(output)",
                len(part.graph.layers),
                estimate.frame_ii_cycles,
                estimate.latency_cycles,
                part.bytes_out / 1e6,
                *estimate.resources,
            ]
        )
    columns = ["part", "device", "up to layer", "layers", "frame_ii_cycles", "latency_cycles"]
    print_table([*columns, "MB out per frame", *RESOURCE_NAMES], rows)


def _print_times(plan: PartitionPlan | ChainPlan) -> None:
    rows: list[list[Cell]] = [["throughput_fps", f"{plan.throughput_fps:,.1f}"]]
    if isinstance(plan, PartitionPlan):
        rows.append(["batch (frames)", f"{plan.batch:,}"])
        rows.append(["seconds per batch", f"{plan.seconds:.6g}"])
        rows.append(["  of them loading parts", f"{plan.reload_seconds * len(plan.parts):.6g}"])
        for number, part in enumerate(plan.parts, start=1):
            rows.append([f"  of them in part {number}", f"{part.batch_seconds(plan.batch):.6g}"])
        title = "Parts one after the other"
    else:
        rows.append(["seconds per frame", f"{plan.frame_seconds:.6g}"])
        for number, part in enumerate(plan.parts, start=1):
            rows.append([f"  part {number}", f"{part.frame_seconds:.6g}"])
        for number, link in enumerate(plan.link_seconds, start=1):
            rows.append([f"  link behind part {number}", f"{link:.6g}"])
        rows.append(["latency_seconds (one frame alone)", f"{plan.latency_seconds:.6g}"])
        title = "Parts side by side"
    print_table(["quantity", "value"], rows, title=f"\n{title}")
