"""``hass estimate``: the analytic model, on a design or on foldings of the user's."""

from __future__ import annotations

from pathlib import Path

import click

from ..cost import Estimate, estimate
from ..design import Design, summarise
from ..design_file import load_design_model, read_design
from ..device import Device
from ..errors import ProfileError
from ..near import unreadable
from ..onnx_io import read_model
from ..sparsity import SparsityProfile
from ..user_files import read_foldings, smallest_foldings
from .common import clock_option, device_option, json_option, print_json, profile_option, talk
from .estimate_view import (
    accuracies_json,
    estimate_json,
    over_budget,
    print_accuracy,
    print_estimate,
)
from .inputs import is_json, load_profile
from .word_lengths import word_lengths_of


@click.command(
    epilog="\b\nExamples:\n"
    "  hass estimate design.json\n"
    "  hass estimate design.json --device u250 --clock-mhz 300\n"
    "  hass estimate model.onnx --device zcu104 --foldings foldings.json --json\n\n"
    "\b\nfoldings.json (what is left out is 1; a layer left out gets one multiplier):\n"
    '  {"conv1": {"engine": "dense", "weight_memory": "bram", "coarse_out": 4}}'
)
@click.argument("source", metavar="DESIGN|MODEL")
@device_option(required=False)
@click.option(
    "--foldings",
    "foldings_path",
    metavar="FILE",
    help="With a MODEL: foldings per layer (see below), or a design whose foldings are used.",
)
@profile_option()
@clock_option()
@json_option()
def command(
    source: str,
    device: Device | None,
    foldings_path: str | None,
    profile_path: str | None,
    clock_mhz: float | None,
    as_json: bool,
) -> None:
    """Cycles, throughput and resources of a design, or of a model with foldings.

    A DESIGN is estimated again, and it is said where the answer differs from what the file
    says. One made from a profile needs that --profile again; without it, what the file says
    is shown.
    """
    design, equals_stored = None, None
    if is_json(source):
        if foldings_path is not None:
            raise click.UsageError("--foldings goes with a MODEL; a design has its own")
        design = read_design(source)
        device, result, equals_stored = _of_design(design, source, device, profile_path, clock_mhz)
    else:
        device, result = _of_model(source, device, foldings_path, profile_path, clock_mhz)
    summary = summarise(result, device)
    if as_json:
        shown = {**estimate_json(summary, result, device), "equals_stored": equals_stored}
        print_json(shown if design is None else {**shown, **accuracies_json(design)})
    else:
        print_estimate(summary, result, device)
        if design is not None:
            print_accuracy(design)
    for excess in over_budget(result, device):
        talk(f"does not fit {device.name}: {excess}")


def _of_model(
    path: str,
    device: Device | None,
    foldings_path: str | None,
    profile_path: str | None,
    clock_mhz: float | None,
) -> tuple[Device, Estimate]:
    if not Path(path).exists():
        raise unreadable(Path(path), None, "a design file, or an ONNX model")
    if device is None:
        raise click.UsageError("a MODEL needs --device")
    model = read_model(path)
    profile = load_profile(profile_path, model)
    if foldings_path is None:
        talk("no --foldings: estimating one multiplier per layer")
        foldings = smallest_foldings(model.graph, profile)
    else:
        foldings = dict(read_foldings(foldings_path, model.graph, profile))
    words = word_lengths_of(model, None, ())
    return device, estimate(
        model.graph, foldings, device, profile=profile, arithmetic=words, clock_mhz=clock_mhz
    )


def _of_design(
    design: Design,
    path: str,
    device: Device | None,
    profile_path: str | None,
    clock_mhz: float | None,
) -> tuple[Device, Estimate, bool | None]:
    """Device, estimate, and whether it equals the stored one (None: not comparable)."""
    same_target = device is None and clock_mhz is None
    stored = design.plan.estimate
    if design.densities and profile_path is None:
        if not same_target:
            raise ProfileError(
                f"{path}: was made from a profile; another device or clock needs --profile"
            )
        talk("made from a profile: showing the stored estimate; --profile estimates again")
        return design.device, stored, None
    model = load_design_model(design, path)
    profile = load_profile(profile_path, model)
    target = device or design.device
    result = estimate(
        model.graph,
        design.plan.foldings,
        target,
        profile=profile,
        arithmetic=design.precision,
        clock_mhz=clock_mhz or (stored.clock_mhz if device is None else None),
    )
    if not same_target or not _same_clips(design, profile):
        return target, result, None
    _say_difference(design, result)
    return target, result, result == stored


def _same_clips(design: Design, profile: SparsityProfile | None) -> bool:
    if profile is None:
        return True
    same = profile.settings == design.settings and bool(design.densities)
    if not same:
        talk("the profile has other clips than the design: this is not the design's own estimate")
    return same


def _say_difference(design: Design, result: Estimate) -> None:
    stored = design.plan.estimate
    if result == stored:
        talk("equal to the estimate stored in the design")
        return
    made = design.provenance
    talk(
        f"differs from the stored estimate (hass {made.hass_version}, cost model "
        f"{made.cost_model_version}): frame_ii_cycles {stored.frame_ii_cycles} stored, "
        f"{result.frame_ii_cycles} now; resources {stored.resources} stored, "
        f"{result.resources} now"
    )
