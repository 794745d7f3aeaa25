"""``hass sim``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hass.cli.choices import Count
from hass.cli.common import (
    json_option,
    output_option,
    print_json,
    profile_option,
    progress,
    seed_option,
    talk,
)
from hass.cli.inputs import load_profile
from hass.cost import Estimate, FifoEstimate
from hass.cost.depths import with_depths
from hass.cost.foldings import DATA_DEPENDENT
from hass.cost.result import Edge
from hass.design import Design, summarise
from hass.design_file import load_design_model, read_design, write_design
from hass.errors import ProfileError, SpecError
from hass.graph import Graph
from hass.ops import Input
from hass.word_lengths import arithmetic_by_layer

from .show import cure_json, print_run, print_sizes, run_json, sizes_json

if TYPE_CHECKING:
    from hass.measure import Dataset

# A sparse design's mean over so many drawn frames is within a few percent of that over many: on the
# bundled digits network 25 % off with 3 frames, 8 % with 16, 3 % with 64.
FEW_FRAMES = 32


@click.command(
    name="sim",
    epilog="\b\nExamples:\n"
    "  hass sim design.json\n"
    "  hass sim best.json --profile profile.json --frames 4 --json\n"
    "  hass sim design.json --fifo relu.fork:add=64\n"
    "  hass sim design.json --size-fifos -o sized.json\n",
)
@click.argument("source", metavar="DESIGN")
@click.option("--frames", type=Count(min=2), default=3, show_default=True, help="To simulate.")
@seed_option()
@profile_option()
@click.option(
    "--fifo",
    "fifo_texts",
    metavar="SRC:DST=N",
    multiple=True,
    help="Give the FIFO between two layers N entries; may be repeated.",
)
@click.option(
    "--trace",
    metavar="DATA",
    help="Labelled images: simulate the active products of real ones (selection split) instead "
    "of drawn ones. Needs --profile.",
)
@click.option("--size-fifos", is_flag=True, help="Find the depth that each FIFO needs.")
@output_option(
    "With --size-fifos or --fifo: write the design with those depths, and what cures a deadlock."
)
@json_option()
def command(
    source: str,
    frames: int,
    seed: int,
    profile_path: str | None,
    fifo_texts: tuple[str, ...],
    trace: str | None,
    size_fifos: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Simulate a design beat by beat, and set the model against it.

    Every block, FIFO, line buffer and lane is simulated, frame after frame, from an empty
    pipeline on. A design made from a profile needs that --profile: service times are drawn from
    its distributions. A deadlock is named, with the depth that cures it.
    """
    from .designs import trial_of  # here, as they load numba
    from .run import simulate
    from .sizing import cure, sized

    if trace is not None and profile_path is None:
        raise click.UsageError("--trace needs --profile")
    if output is not None and not size_fifos and not fifo_texts:
        raise click.UsageError("--output needs --size-fifos or --fifo")
    design = read_design(source)
    model = load_design_model(design, source)
    graph = model.graph
    profile = load_profile(profile_path, model)
    if profile is None and design.densities:
        raise ProfileError(f"{source}: was made from a profile; simulating it needs --profile")
    if profile is not None and profile.settings != design.settings:
        talk("the profile has other clips than the design: judging the model at the profile's")
    trial = trial_of(
        design,
        model,
        profile=profile,
        dataset=_images(trace, graph, seed),
        frames=frames,
        seed=seed,
        depths=_depths(fifo_texts, design.plan.estimate),
    )
    modelled, setup = trial.modelled, trial.setup
    with progress("simulate") as shown:
        result = simulate(graph, modelled, setup, progress=shown)
    data = run_json(result)
    depths = dict(setup.depths)
    if not as_json:
        print_run(result)
    kinds = {item.folding.engine for item in modelled.layers.values()}
    if frames < FEW_FRAMES and not kinds.isdisjoint(DATA_DEPENDENT):
        more = 2 * FEW_FRAMES
        talk(f"note: frames differ, {frames} are few: --frames {more} comes near the mean")
    if result.deadlock is not None:
        talk(f"{result.deadlock}\nlooking for the depth that cures it ...")
        found = cure(graph, modelled, result, setup)
        for (src, dst, _), depth in found.items():
            talk(f"cured by --fifo {src}:{dst}={depth}")
        depths |= found
        data |= cure_json(found)
    elif size_fifos:
        with progress("size FIFOs") as shown:
            sizes = sized(graph, modelled, result, setup, design.precision, progress=shown)
        data |= sizes_json(sizes)
        depths |= sizes.needed
        if not as_json:
            print_sizes(sizes)
    if as_json:
        print_json(data)
    if output is not None:
        write_design(_resized(design, graph, depths), output)
        talk(f"wrote {output}")


def _resized(design: Design, graph: Graph, depths: Mapping[Edge, int]) -> Design:
    """The design with FIFOs of other depths, their cost included."""
    lengths = arithmetic_by_layer(graph, design.precision)
    resized = with_depths(design.plan.estimate, depths, lengths)
    plan = replace(design.plan, estimate=resized)
    return replace(design, plan=plan, summary=summarise(resized, design.device))


def _images(path: str | None, graph: Graph, seed: int) -> Dataset | None:
    if path is None:
        return None
    from hass.measure import open_dataset  # here, as it loads onnxruntime

    return open_dataset(path, graph.of_type(Input)[0].out, seed=seed)


def _depths(texts: tuple[str, ...], stored: Estimate) -> dict[Edge, int]:
    """Depths by edge from ``SRC:DST=N`` or ``SRC:DST:PORT=N``."""
    found: dict[Edge, int] = {}
    for text in texts:
        match = re.fullmatch(r"(.+)=([1-9]\d*)", text)
        if match is None:
            raise SpecError.at("--fifo", text, "SRC:DST=N with N at least 1")
        names, depth = match.groups()
        edges = [fifo for fifo in stored.fifos if names in _names(fifo)]
        if not edges:
            raise SpecError.at("--fifo", text, "names of two layers with a FIFO between them")
        found |= {fifo.edge: int(depth) for fifo in edges}
    return found


def _names(fifo: FifoEstimate) -> tuple[str, str]:
    return f"{fifo.src}:{fifo.dst}", f"{fifo.src}:{fifo.dst}:{fifo.port}"
