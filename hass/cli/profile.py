"""``hass profile``: densities and accuracy, measured."""

from __future__ import annotations

from pathlib import Path

import click

from ..clip_family import FAMILY_NAMES
from ..design_file import accuracy_json
from ..measure import Split, measure_profile, open_dataset, write_profile
from ..onnx_io import read_model, without
from ..ops import Input
from ..sparsity import NO_CLIPS, SparsityProfile
from ..user_files import read_removed_channels, read_settings
from .choices import Count
from .common import (
    Cell,
    data_option,
    json_option,
    model_argument,
    output_option,
    percent,
    print_json,
    print_table,
    progress,
    seed_option,
    talk,
)


@click.command(
    epilog="\b\nExamples:\n"
    "  hass profile model.onnx --data data/ -o profile.json\n"
    "  hass profile model.onnx --data data/ --settings settings.json --json\n\n"
    "\b\ndataset.toml in the folder data/, of images and a table of their labels:\n"
    '  kind = "image-folder"\n'
    '  folder = "images"\n'
    '  labels = "labels.csv"     # columns file, label; split, if there is one\n'
    "  mean = [123.7, 116.3, 103.5]  # as in training, but of 0..255 values\n"
    "  std = [58.4, 57.1, 57.4]\n"
    "  classes = 1000\n"
    "  resize = 256              # shorter side; left out: not scaled\n"
    "  crop = 224                # square, or [height, width]; left out: not cut\n\n"
    "\b\nsettings.json:\n"
    '  {"conv1": {"weight_sparsity": 0.5, "act_threshold": 0.1, "weight_family": "n:4"}}\n\n'
    f"weight_family says which weights are compared: {FAMILY_NAMES}; magnitude without it."
)
@model_argument()
@data_option()
@click.option(
    "--settings",
    "settings_path",
    metavar="FILE",
    help="Clips per layer (see below), or a design whose clips are used, and whose network where "
    "channels were removed; none without it.",
)
@click.option(
    "--images",
    type=Count(min=1),
    default=64,
    show_default=True,
    help="Calibration images to run.",
)
@seed_option()
@output_option("Write the profile (profile.json), for fold and estimate.")
@json_option()
def command(
    model: str,
    data: str,
    settings_path: str | None,
    images: int,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Measure densities and accuracy of a model on labelled images."""
    imported = read_model(model)
    settings = NO_CLIPS
    if settings_path is not None:
        imported = without(imported, read_removed_channels(settings_path))
        settings = read_settings(settings_path, imported.graph)
    graph = imported.graph
    dataset = open_dataset(data, graph.of_type(Input)[0].out, seed=seed)
    available = dataset.count(Split.CALIBRATION)
    if available < images:
        talk(f"{dataset.name} has {available} calibration images, fewer than {images}")
    with progress(f"profiling {Path(model).stem} on {dataset.name}") as report:
        profile = measure_profile(
            graph,
            imported.weights,
            dataset,
            settings,
            images=images,
            seed=seed,
            progress=report,
        )
    if output is not None:
        write_profile(profile, output)
        talk(f"wrote {output}")
    if as_json:
        layers = {
            name: {
                "weight_density": layer.weight_density,
                "act_density": layer.act_density,
                "pair_density": layer.pair_density,
                "pair_density_stderr": layer.pair_density_stderr,
            }
            for name, layer in profile.layers.items()
        }
        print_json({"layers": layers, "accuracy": accuracy_json(profile.accuracy)})
    else:
        _print(profile)


def _print(profile: SparsityProfile) -> None:
    rows: list[list[Cell]] = []
    for name, layer in profile.layers.items():
        setting = profile.settings.get(name)
        rows.append(
            [
                name,
                None if setting is None else percent(setting.weight_sparsity),
                None if setting is None else str(setting.weight_family),
                None if setting is None else setting.act_threshold,
                percent(layer.weight_density),
                percent(layer.act_density),
                percent(layer.pair_density),
            ]
        )
    print_table(
        [
            "layer",
            "weight_sparsity asked",
            "weight_family",
            "act_threshold",
            "weight_density",
            "act_density",
            "pair_density",
        ],
        rows,
    )
    accuracy = profile.accuracy
    if accuracy is not None:
        click.echo(
            f"\naccuracy on calibration images: {percent(accuracy.top1)} "
            f"({accuracy.correct} of {accuracy.images})"
        )
