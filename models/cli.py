"""``hass models``: the networks that come with hass. Nothing here loads torch before it is used."""

from __future__ import annotations

from pathlib import Path

import click

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
from .registry import BY_NAME, DIGITS, NETWORKS, NetworkInfo


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
        (network.name, "x".join(map(str, network.input_chw)), network.parameters, network.macs)
        for network in (DIGITS, *NETWORKS)
    ]
    print_table(("network", "input (CxHxW)", "parameters", "MACs per frame"), rows)
    talk(f"digits is trained and ready: {model} (--data {data}); the others: hass models export")


def _facts(network: NetworkInfo) -> dict[str, list[int] | int]:
    return {
        "input_chw": list(network.input_chw),
        "parameters": network.parameters,
        "macs_per_frame": network.macs,
    }


@command.command("export")
@click.argument("name", type=click.Choice(sorted(BY_NAME)), metavar="NAME")
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="FILE.pth",
    help="A state_dict with torchvision's names; random weights without it.",
)
@seed_option()
@click.option(
    "--batch",
    type=click.Choice(["symbolic", "one"]),
    default="symbolic",
    show_default=True,
    help="The batch dimension.",
)
@click.option(
    "--norms",
    type=click.Choice(["fold", "keep"]),
    default="fold",
    show_default=True,
    help="BatchNormalization: folded into the convolutions, or kept as nodes.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE.onnx", required=True)
def export(
    name: str, weights: Path | None, seed: int, batch: str, norms: str, output: Path
) -> None:
    """Write network NAME as ONNX (opset 17, 224x224 images).

    NAME is one of mobilenet_v2, mobilenet_v3_large, mobilenet_v3_small, resnet18, resnet50,
    vgg16.

    Example: hass models export resnet18 --weights resnet18-f37072fd.pth -o resnet18.onnx
    """
    check_writable(output)
    with torch_needed("hass models export"):
        from .networks import random_network, trained_network
        from .onnx_export import BatchDim, Norms, onnx_bytes
    if weights is None:
        talk(
            f"WARNING: {name} gets RANDOM weights (seed {seed}): good for cycles and resources, "
            "useless for accuracy. Give trained ones with --weights FILE.pth."
        )
        network = random_network(name, seed)
    else:
        network = trained_network(name, weights)
    data = onnx_bytes(network, BY_NAME[name].input_chw, batch=BatchDim(batch), norms=Norms(norms))
    write_bytes_atomic(output, data)
    talk(f"{output}: {name}, {len(data):,} bytes")
