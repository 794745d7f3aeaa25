"""``hass models table``: what hass makes of every network that it knows."""

from __future__ import annotations

import tempfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hass import __version__
from hass.cli.choices import Number
from hass.cli.common import (
    check_writable,
    device_option,
    json_option,
    page_option,
    print_json,
    print_table,
    talk,
    torch_needed,
)
from hass.cost import COST_MODEL_VERSION
from hass.device import Device
from hass.errors import SpecError
from hass.files import JsonValue, make_folder, write_text_atomic

from ._paths import digits_paths
from .registry import DIGITS, NETWORKS, NetworkInfo, shape_text

if TYPE_CHECKING:
    from .onnx_export import Exporter

_SEED = 0
# One of each family: torch's newer exporter takes longer than all other steps together.
_NEWER = frozenset(
    {
        *("alexnet", "vgg11_bn", "resnet18", "resnet50", "resnext50_32x4d", "regnet_y_400mf"),
        *("densenet121", "googlenet", "inception_v3", "squeezenet1_1", "mobilenet_v1"),
        *("mobilenet_v2", "mobilenet_v3_small", "mnasnet1_0", "efficientnet_b0"),
        *("shufflenet_v2_x0_5", "repvgg_a0_train", "unet", "unet_resize", "yolo_v8n"),
        *("cifar_resnet8", "cifar_vgg16_bn", "ds_cnn", "m5", "autoencoder", "mlp_mnist"),
    }
)
_SECONDS = 60.0
_MEMORY_GIB = 12.0


@click.command(
    name="table",
    epilog="\b\nExamples:\n"
    "  hass models table --device u250 --only resnet18 --only ds_cnn\n"
    "  hass models table --device u250 --results out/zoo --page docs/models.md",
)
@device_option()
@click.option(
    "--only",
    "names",
    metavar="NAME",
    multiple=True,
    help="Take this network through the flow, and no other; may be repeated. Kept results of "
    "others are shown, too.",
)
@click.option(
    "--seconds",
    type=Number(min=0, min_open=True),
    default=_SECONDS,
    show_default=True,
    help="Of processor time, for each step of a network.",
)
@click.option(
    "--memory",
    "memory_gib",
    type=Number(min=0, min_open=True),
    default=_MEMORY_GIB,
    show_default=True,
    help="Address space of each step, in GiB.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Keep each network's result here, and go on from those that are there.",
)
@page_option("table")
@json_option()
def table(
    device: Device,
    names: tuple[str, ...],
    seconds: float,
    memory_gib: float,
    results: Path | None,
    page: Path | None,
    as_json: bool,
) -> None:
    """Import, fold and simulate every network that comes with hass or with onnx.

    Networks have random weights and dense designs. Each step runs in a process of its own, within
    limits; what is refused, does not fit, deadlocks or takes too long is said. A result that is
    kept counts for the same version of hass and the same device; remove its file to have it anew.
    """
    if page is not None:
        check_writable(page)
    with torch_needed("hass models table"):
        from .onnx_export import Exporter
    from .zoo import Entry, Limits, copied, keep_row, kept_row, light_models, row_of
    from .zoo_page import COLUMNS, SECTION, cells, section_text

    newer_works = find_spec("onnxscript") is not None
    digits = digits_paths()[0]
    bundled = Entry(
        DIGITS.name,
        shape_text(DIGITS.input_shape),
        DIGITS.parameters,
        DIGITS.macs,
        partial(copied, digits),
    )
    ours = (
        bundled,
        *(
            Entry(
                info.name,
                shape_text(info.input_shape),
                info.parameters,
                info.macs,
                partial(_write, info, Exporter.TRACE),
                partial(_write, info, Exporter.DYNAMO)
                if newer_works and info.name in _NEWER
                else None,
            )
            for info in NETWORKS
        ),
    )
    light = light_models()
    unknown = sorted(set(names) - {entry.name for entry in (*ours, *light)})
    if unknown:
        raise SpecError.at("--only", ", ".join(unknown), "networks that the whole table shows")
    kept = None if results is None else make_folder(results)
    key = f"{__version__} {COST_MODEL_VERSION} {device.name}"
    limits = Limits(seconds, memory_gib)
    tables, left_out = [], []
    with tempfile.TemporaryDirectory() as folder:
        for heading, entries in (("Definitions", ours), ("onnx's light models", light)):
            rows = []
            for entry in entries:
                path = None if kept is None else kept / f"{entry.name}.json"
                row = None if path is None else kept_row(path, key)
                if row is None and names and entry.name not in names:
                    left_out.append(entry.name)
                    continue
                if row is None:
                    row = row_of(entry, key, device.name, limits, Path(folder))
                    if path is not None:
                        keep_row(row, path)
                talk(f"{entry.name}: {'; '.join(row.finding.refused) or row.simulated}")
                rows.append(row)
            tables.append((heading, tuple(rows)))
    every = [row for _, rows in tables for row in rows]
    if as_json:
        listed: list[JsonValue] = [row.model_dump(mode="json") for row in every]
        print_json({"networks": listed})
    else:
        print_table(COLUMNS, [cells(row) for row in every])
    if page is not None:
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        text = section_text(tables, device.name, seconds, left_out)
        write_text_atomic(page, SECTION.merged(old, text, "Networks"))
        talk(f"written: {page}")


def _write(info: NetworkInfo, exporter: Exporter, path: Path) -> None:
    from .networks import random_network
    from .onnx_export import onnx_bytes

    network = random_network(info.name, _SEED)
    data = onnx_bytes(network, info.input_shape, outputs=info.outputs, exporter=exporter)
    path.write_bytes(data)
