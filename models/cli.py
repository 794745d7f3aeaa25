"""``hass models``: the networks that come with hass. Nothing here loads torch before it is used."""

from __future__ import annotations

from pathlib import Path

import click

from hass.cli.choices import Choice
from hass.cli.common import (
    check_writable,
    json_option,
    print_json,
    print_table,
    seed_option,
    talk,
    torch_needed,
)
from hass.files import write_bytes_atomic

from ._paths import digits_paths
from .registry import BY_NAME, DIGITS, NETWORKS, NetworkInfo, shape_text
from .table_cli import table

_LARGEST = 1 << 16  # of a side, or of the words of a frame that is a vector


@click.group()
def command() -> None:
    """List and export the networks that come with hass."""


@command.command("list")
@json_option()
def list_networks(as_json: bool) -> None:
    """The bundled network and those that can be exported.

    Example: hass models list
    """
    model, data = digits_paths()
    if as_json:
        print_json(
            {
                "digits": {"model": str(model), "data": str(data), **_facts(DIGITS)},
                **{network.name: _facts(network) for network in NETWORKS},
            }
        )
        return
    rows = [
        (network.name, shape_text(network.input_shape), network.parameters, network.macs)
        for network in (DIGITS, *NETWORKS)
    ]
    print_table(("network", "input", "parameters", "MACs per frame"), rows)
    talk(f"digits is trained and ready: {model} (--data {data}); the others: hass models export")


command.add_command(table)


def _facts(network: NetworkInfo) -> dict[str, list[int] | int]:
    return {
        "input_shape": list(network.input_shape),
        "parameters": network.parameters,
        "macs_per_frame": network.macs,
    }


def _to_shape(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    if value is None:
        return None
    sizes = value.split("x")
    if not all(size.isdecimal() and 0 < int(size) <= _LARGEST for size in sizes):
        raise click.BadParameter(f"{value!r}: expected sizes like 3x96x96")
    return tuple(map(int, sizes))


@command.command("export")
@click.argument("name", type=Choice(sorted(BY_NAME)), metavar="NAME")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE.pth",
    help="A state_dict with torchvision's names; random weights without it.",
)
@seed_option()
@click.option(
    "--input",
    "shape",
    metavar="CxHxW",
    callback=_to_shape,
    help="Frames of another size; the usual one without it.",
)
@click.option(
    "--batch",
    type=Choice(["symbolic", "one"]),
    default="symbolic",
    show_default=True,
    help="The batch dimension.",
)
@click.option(
    "--norms",
    type=Choice(["fold", "keep"]),
    default="fold",
    show_default=True,
    help="BatchNormalization: folded into the convolutions, or kept as nodes.",
)
@click.option(
    "--exporter",
    type=Choice(["trace", "dynamo"]),
    default="trace",
    show_default=True,
    help="Torch's older exporter, which traces, or its newer one (needs onnxscript; it folds "
    "whatever --norms says).",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.onnx", required=True)
def export(
    name: str,
    weights: Path | None,
    seed: int,
    shape: tuple[int, ...] | None,
    batch: str,
    norms: str,
    exporter: str,
    output: Path,
) -> None:
    """Write network NAME, one of those that `hass models list` shows, as ONNX.

    \b
    Examples:
      hass models export resnet18 --weights resnet18-f37072fd.pth -o resnet18.onnx
      hass models export vgg16_bn --input 3x64x64 -o vgg.onnx
    """
    check_writable(output)
    with torch_needed("hass models export"):
        from .networks import check_shape, random_network, trained_network
        from .onnx_export import BatchDim, Exporter, Norms, onnx_bytes
    info = BY_NAME[name]
    if shape is not None:
        check_shape(name, shape)
    if weights is None:
        talk(
            f"WARNING: {name} gets RANDOM weights (seed {seed}): good for cycles and resources, "
            "useless for accuracy. Give trained ones with --weights FILE.pth."
        )
        network = random_network(name, seed, shape)
    else:
        network = trained_network(name, weights, shape)
    data = onnx_bytes(
        network,
        info.input_shape if shape is None else shape,
        outputs=info.outputs,
        batch=BatchDim(batch),
        norms=Norms(norms),
        exporter=Exporter(exporter),
    )
    write_bytes_atomic(output, data)
    talk(f"{output}: {name}, {len(data):,} bytes")
