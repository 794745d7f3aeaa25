"""``hass devices``."""

from __future__ import annotations

import json

from click.testing import CliRunner

from hass.cli import main
from hass.device import device_names, load_device


def test_the_table_has_every_part() -> None:
    result = CliRunner().invoke(main, ["devices"])
    assert result.exit_code == 0
    listed = [line.split()[0] for line in result.stdout.splitlines()[2:]]
    assert listed == list(device_names())


def test_json_of_all() -> None:
    result = CliRunner().invoke(main, ["devices", "--json"])
    devices = json.loads(result.stdout)["devices"]
    assert [device["name"] for device in devices] == list(device_names())
    assert all(device["budget"]["lut"] <= device["available"]["lut"] for device in devices)


def test_one_device_with_its_sources() -> None:
    device = load_device("zcu104")
    result = CliRunner().invoke(main, ["devices", "zcu104"])
    for figure, source in device.sources:
        assert f"  {figure}: {source}\n" in result.stdout
    printed = json.loads(CliRunner().invoke(main, ["devices", "zcu104", "--json"]).stdout)
    assert printed["budget"]["dsp"] == device.budget.dsp


def test_an_unknown_device_is_answered_with_near_ones() -> None:
    result = CliRunner().invoke(main, ["devices", "zcu14"])
    assert result.exit_code == 2
    assert "did you mean zcu104" in result.stderr
