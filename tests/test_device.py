"""Device files: every figure of the parts that come with hass, and what a wrong file is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hass.device import Device, Family, Resources, device_names, load_device, parse_device
from hass.errors import SpecError

# LUT, FF, DSP, BRAM18 (two per BRAM36), URAM; typed from the data sheets, not from the files.
KNOWN = {
    "kv260": Resources(117_120, 234_240, 1_248, 2 * 144, 64),
    "pynq-z2": Resources(53_200, 106_400, 220, 2 * 140, 0),
    "u200": Resources(1_182_240, 2_364_480, 6_840, 2 * 2_160, 960),
    "u250": Resources(1_728_000, 3_456_000, 12_288, 2 * 2_688, 1_280),
    "u280": Resources(1_303_680, 2_607_360, 9_024, 2 * 2_016, 960),
    "u50": Resources(871_680, 1_743_360, 5_952, 2 * 1_344, 640),
    "vc709": Resources(433_200, 866_400, 3_600, 2 * 1_470, 0),
    "zc706": Resources(218_600, 437_200, 900, 2 * 545, 0),
    "zcu102": Resources(274_080, 548_160, 2_520, 2 * 912, 0),
    "zcu104": Resources(230_400, 460_800, 1_728, 2 * 312, 96),
}
SERIES7 = {"pynq-z2", "zc706", "vc709"}

GOOD = """
schema_version = 1
part = "xc7test"
family = "7-series"
clock_mhz = 100.0
off_chip_gbytes_per_s = 1.5

[available]
lut = 1000
ff = 2000
dsp = 50
bram18 = 20
uram = 0

[budget]
lut = 0.5
ff = 0.5
dsp = 1.0
bram18 = 0.9
uram = 0.9

[sources]
available = "made up"
budget = "made up"
clock_mhz = "made up"
off_chip_gbytes_per_s = "made up"
"""


def test_the_promised_parts_are_there() -> None:
    assert device_names() == tuple(sorted(KNOWN))


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_figures_of_a_part(name: str) -> None:
    device = load_device(name)
    assert device.name == name
    assert device.available == KNOWN[name]
    assert device.family is (Family.SERIES7 if name in SERIES7 else Family.ULTRASCALE_PLUS)
    assert 100 <= device.clock_mhz <= 300
    assert device.off_chip_gbytes_per_s > 0


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_one_budget_rule_for_all_parts(name: str) -> None:
    device = load_device(name)
    assert device.budget.fits(device.available)
    shares = [0.70, 0.70, 1.00, 0.90, 0.90]
    for allowed, have, share in zip(device.budget, device.available, shares, strict=True):
        assert have * share - 1 < allowed <= have * share


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_every_figure_has_a_source(name: str) -> None:
    device = load_device(name)
    sources = dict(device.sources)
    always = {"available", "budget", "clock_mhz", "off_chip_gbytes_per_s"}
    optional = {"off_chip_gbytes", "reconfiguration_ms", "link_gbytes_per_s"}
    said = {figure for figure in optional if getattr(device, figure) is not None}
    assert set(sources) == always | said
    assert sources["available"].startswith("DS"), "resources come from a data sheet"
    assert "70 %" in sources["budget"]
    assert sources["clock_mhz"].startswith("convention")
    assert not any("\n" in text or "  " in text for text in sources.values())


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_load_takes_as_long_as_its_bits(name: str) -> None:
    """The figures agree with the bitstream length and the rate that their source names."""
    device = load_device(name)
    if device.reconfiguration_ms is None:
        assert name in {"u50", "u250", "u280"}  # no length of theirs was found
        return
    text = dict(device.sources)["reconfiguration_ms"].replace(",", "")
    length, unit = re.match(r"(\d+) (bit|byte)", text).groups()  # type: ignore[union-attr]
    rate = min(int(word) for word in re.findall(r"(\d+) MB/s", text))
    seconds = int(length) / (8 if unit == "bit" else 1) / (rate * 1e6)
    assert device.reconfiguration_ms == pytest.approx(1e3 * seconds, abs=0.05)


@pytest.mark.parametrize("figure", ["off_chip_gbytes", "reconfiguration_ms", "link_gbytes_per_s"])
def test_a_figure_for_parts_comes_with_its_source_or_not_at_all(figure: str) -> None:
    assert getattr(parse_device(GOOD, "mine", "mine.toml"), figure) is None
    more = GOOD.replace("\n[available]", f"{figure} = 2.5\n\n[available]")
    with pytest.raises(SpecError, match=f"{figure} and its source"):
        parse_device(more, "mine", "mine.toml")
    device = parse_device(f'{more}{figure} = "made up"\n', "mine", "mine.toml")
    assert getattr(device, figure) == 2.5
    assert dict(device.sources)[figure] == "made up"


@pytest.mark.parametrize("word, near", [("zcu14", "zcu104"), ("U250", "u250"), ("pynq", "pynq-z2")])
def test_unknown_device_names_the_nearest(word: str, near: str) -> None:
    with pytest.raises(SpecError, match=rf"device: got '{word}'.*did you mean.*{near}"):
        load_device(word)


def test_unknown_device_far_from_all_lists_all() -> None:
    with pytest.raises(SpecError) as caught:
        load_device("?!")
    assert all(name in str(caught.value) for name in KNOWN)
    assert caught.value.exit_code == 2


def test_a_file_of_the_users(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(GOOD, encoding="utf-8")
    device = load_device(str(file))
    assert device == Device(
        name="mine",
        part="xc7test",
        family=Family.SERIES7,
        available=Resources(1000, 2000, 50, 20, 0),
        budget=Resources(500, 1000, 50, 18, 0),
        clock_mhz=100.0,
        off_chip_gbytes_per_s=1.5,
        sources=tuple(
            (figure, "made up")
            for figure in ("available", "budget", "clock_mhz", "off_chip_gbytes_per_s")
        ),
    )


def test_all_mistakes_of_a_file_at_once() -> None:
    text = (
        GOOD.replace('family = "7-series"', 'family = "8-series"')
        .replace("clock_mhz = 100.0", "clock_mhz = -1.0")
        .replace("dsp = 50", 'dsp = "fifty"')
        .replace("ff = 0.5", "ff = 1.5")
        .replace('part = "xc7test"\n', "colour = 3\n")
        .replace('budget = "made up"\n', "")
    )
    with pytest.raises(SpecError) as caught:
        parse_device(text, "mine", "mine.toml")
    places = {mistake.where for mistake in caught.value.mistakes}
    assert places == {
        f"mine.toml: {place}"
        for place in (
            "part",
            "colour",
            "family",
            "clock_mhz",
            "available.dsp",
            "budget.ff",
            "sources.budget",
        )
    }


@pytest.mark.parametrize("text", ["lut = [", "\x00"])
def test_not_toml(text: str) -> None:
    with pytest.raises(SpecError, match=r"mine\.toml.*expected a TOML file"):
        parse_device(text, "mine", "mine.toml")


def test_a_missing_file_is_a_mistake_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="expected a readable device file"):
        load_device(str(tmp_path / "none.toml"))


def test_utilisation_of_something_the_part_has_none_of() -> None:
    available = Resources(100, 200, 10, 4, 0)
    assert Resources(50, 20, 10, 1, 0).utilisation(available) == {
        "lut": 0.5,
        "ff": 0.1,
        "dsp": 1.0,
        "bram18": 0.25,
        "uram": 0.0,
    }
    assert Resources(uram=1).utilisation(available)["uram"] == float("inf")
    assert not Resources(uram=1).fits(available)
