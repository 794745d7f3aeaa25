"""FPGA parts: what they have, what a design may use of it, and where each figure comes from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Literal

import pydantic

from .errors import SpecError
from .near import nearest_or_all, unreadable
from .validation import FileFormat, StrictRecord, mistakes_of


@dataclass(frozen=True, slots=True)
class Resources:
    """Amounts of FPGA resources. A BRAM36 counts as two ``bram18``."""

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    uram: int = 0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(a + b for a, b in zip(self, other, strict=True)))

    def __iter__(self) -> Iterator[int]:
        return iter((self.lut, self.ff, self.dsp, self.bram18, self.uram))

    def fits(self, budget: Resources) -> bool:
        """Whether no resource exceeds the budget."""
        return all(need <= have for need, have in zip(self, budget, strict=True))

    def utilisation(self, available: Resources) -> dict[str, float]:
        """Share of ``available`` per resource; 0 where the part has none and none is used."""
        shares = {}
        for name, need, have in zip(RESOURCE_NAMES, self, available, strict=True):
            shares[name] = need / have if have else float("inf") if need else 0.0
        return shares


RESOURCE_NAMES: tuple[str, ...] = tuple(field.name for field in fields(Resources))


class Family(StrEnum):
    """Generation of the fabric: decides DSP and memory primitives."""

    SERIES7 = "7-series"  # DSP48E1 (25x18), no URAM
    ULTRASCALE_PLUS = "ultrascale+"  # DSP48E2 (27x18), URAM on some parts


@dataclass(frozen=True, slots=True)
class Device:
    """One part, or a board with its memory.

    Attributes:
        name: word used on the command line.
        part: vendor's part number.
        family: generation of the fabric.
        available: what the part has.
        budget: what a design may use of it, ``available`` times the shares in the file.
        clock_mhz: default clock of a design.
        off_chip_gbytes_per_s: bandwidth to off-chip memory, for frames in and out.
        sources: figure -> where it comes from.
        off_chip_gbytes: size of that memory. This figure and the next two are only needed for a
            network in several parts; None: the device file does not say.
        reconfiguration_ms: to load a whole bitstream.
        link_gbytes_per_s: bandwidth to the next device of a chain.
    """

    name: str
    part: str
    family: Family
    available: Resources
    budget: Resources
    clock_mhz: float
    off_chip_gbytes_per_s: float
    sources: tuple[tuple[str, str], ...]
    off_chip_gbytes: float | None = None
    reconfiguration_ms: float | None = None
    link_gbytes_per_s: float | None = None


class _Available(StrictRecord):
    lut: int = pydantic.Field(gt=0)
    ff: int = pydantic.Field(gt=0)
    dsp: int = pydantic.Field(gt=0)
    bram18: int = pydantic.Field(gt=0)
    uram: int = pydantic.Field(ge=0)


class _Budget(StrictRecord):
    lut: float = pydantic.Field(gt=0, le=1)
    ff: float = pydantic.Field(gt=0, le=1)
    dsp: float = pydantic.Field(gt=0, le=1)
    bram18: float = pydantic.Field(gt=0, le=1)
    uram: float = pydantic.Field(gt=0, le=1)


class _Sources(StrictRecord):
    available: str = pydantic.Field(min_length=1)
    budget: str = pydantic.Field(min_length=1)
    clock_mhz: str = pydantic.Field(min_length=1)
    off_chip_gbytes_per_s: str = pydantic.Field(min_length=1)
    off_chip_gbytes: str | None = pydantic.Field(default=None, min_length=1)
    reconfiguration_ms: str | None = pydantic.Field(default=None, min_length=1)
    link_gbytes_per_s: str | None = pydantic.Field(default=None, min_length=1)


class _DeviceFile(StrictRecord):
    schema_version: Literal[1]
    part: str
    family: Literal["7-series", "ultrascale+"]
    clock_mhz: float = pydantic.Field(gt=0)
    off_chip_gbytes_per_s: float = pydantic.Field(gt=0)
    off_chip_gbytes: float | None = pydantic.Field(default=None, gt=0)
    reconfiguration_ms: float | None = pydantic.Field(default=None, gt=0)
    link_gbytes_per_s: float | None = pydantic.Field(default=None, gt=0)
    available: _Available
    budget: _Budget
    sources: _Sources

    @pydantic.model_validator(mode="after")
    def _sourced(self) -> _DeviceFile:
        for name in ("off_chip_gbytes", "reconfiguration_ms", "link_gbytes_per_s"):
            if (getattr(self, name) is None) != (getattr(self.sources, name) is None):
                raise ValueError(f"{name} and its source, or neither")
        return self


FORMAT = FileFormat(
    "DEVICE.toml",
    "an FPGA part or a board: what it has and where each figure comes from",
    _DeviceFile.model_json_schema,
)


def parse_device(text: str, name: str, where: object) -> Device:
    """A device from the text of its TOML file.

    Args:
        text: the file's content.
        name: the device's name (the file's stem).
        where: the file, for messages.

    Raises:
        SpecError: listing all mistakes.
    """
    try:
        data = _DeviceFile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SpecError.at(where, str(error), "a TOML file") from None
    except pydantic.ValidationError as error:
        raise mistakes_of(error, where, _DeviceFile.model_json_schema) from None
    available = Resources(**data.available.model_dump())
    shares = data.budget.model_dump()
    budget = Resources(
        *(int(have * shares[n]) for n, have in zip(RESOURCE_NAMES, available, strict=True))
    )
    return Device(
        name=name,
        part=data.part,
        family=Family(data.family),
        available=available,
        budget=budget,
        clock_mhz=data.clock_mhz,
        off_chip_gbytes_per_s=data.off_chip_gbytes_per_s,
        sources=tuple(data.sources.model_dump(exclude_none=True).items()),
        off_chip_gbytes=data.off_chip_gbytes,
        reconfiguration_ms=data.reconfiguration_ms,
        link_gbytes_per_s=data.link_gbytes_per_s,
    )


def device_names() -> tuple[str, ...]:
    """Names of the devices that come with hass, sorted."""
    folder = resources.files("hass.parts")
    return tuple(sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml")))


def _of_part(asked: str) -> str:
    """The devices whose part's name begins so, for who knows the chip and not the board."""
    asked = asked.lower()
    devices = map(load_device, device_names() if len(asked) > len("xc") else ())
    found = [f"{one.name} ({one.part})" for one in devices if one.part.startswith(asked)]
    return f"did you mean {' or '.join(found)}?" if found else ""


def load_device(name_or_path: str) -> Device:
    """A device by name, or from a TOML file of the user's (anything that ends in .toml).

    Raises:
        SpecError: if it is unknown (with the nearest names) or its file is wrong.
    """
    if name_or_path.endswith(".toml"):
        path = Path(name_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise unreadable(path, error, "a readable device file (TOML)") from None
        return parse_device(text, path.stem, path)
    names = device_names()
    if name_or_path not in names:
        hint = _of_part(name_or_path) or nearest_or_all(name_or_path, names, cutoff=0.4)
        raise SpecError.at("device", name_or_path, f"a known device or a .toml file; {hint}")
    file = resources.files("hass.parts") / f"{name_or_path}.toml"
    return parse_device(file.read_text(encoding="utf-8"), name_or_path, f"parts/{file.name}")
