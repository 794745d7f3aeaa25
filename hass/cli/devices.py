"""``hass devices``: the parts known."""

from __future__ import annotations

import click

from ..design_file import device_json
from ..device import RESOURCE_NAMES, Device, device_names, load_device
from .common import json_option, print_json, print_table


@click.command(
    epilog="\b\nExamples:\n  hass devices\n  hass devices zcu104\n  hass devices board.toml --json"
)
@click.argument("name", required=False)
@json_option()
def command(name: str | None, as_json: bool) -> None:
    """List the FPGA parts known; with NAME, one of them with all its sources.

    The budget is what a design may use of the part.
    """
    if name is None:
        devices = [load_device(known) for known in device_names()]
        if as_json:
            print_json({"devices": [device_json(device) for device in devices]})
        else:
            _print_all(devices)
        return
    device = load_device(name)
    if as_json:
        print_json(device_json(device))
    else:
        _print_one(device)


def _print_all(devices: list[Device]) -> None:
    print_table(
        ["device", "part", "family", *RESOURCE_NAMES, "clock_mhz", "off_chip_gbytes_per_s"],
        [
            [d.name, d.part, d.family, *d.available, d.clock_mhz, d.off_chip_gbytes_per_s]
            for d in devices
        ],
    )


def _print_one(device: Device) -> None:
    print_table(
        ["resource", "available", "budget"],
        [
            [name, have, allowed]
            for name, have, allowed in zip(
                RESOURCE_NAMES, device.available, device.budget, strict=True
            )
        ],
        title=f"{device.name}: {device.part}, {device.family}, {device.clock_mhz:g} MHz, "
        f"{device.off_chip_gbytes_per_s:g} GB/s off chip",
    )
    known = [
        ["off_chip_gbytes", device.off_chip_gbytes],
        ["reconfiguration_ms", device.reconfiguration_ms],
        ["link_gbytes_per_s", device.link_gbytes_per_s],
    ]
    print_table(["for networks in parts", "value"], known, title="")
    click.echo("\nSources")
    for figure, source in device.sources:
        click.echo(f"  {figure}: {source}")
