"""What ``hass fidelity`` simulates: cases, and the TOML file that lists them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pydantic

from hass.cost import EngineKind
from hass.errors import SpecError
from hass.folding import ALL_ENGINES
from hass.near import unreadable
from hass.validation import FileFormat, StrictRecord, mistakes_of


class Engines(StrEnum):
    """Which engine kinds the layers of a case may have."""

    DENSE = "dense"
    DYNAMIC = "dynamic"
    STATIC = "static"
    BROADCAST = "broadcast"
    ANY = "any"

    @property
    def kinds(self) -> frozenset[EngineKind]:
        """Dense engines are there in any case: some layers allow no other."""
        match self:
            case Engines.ANY:
                return ALL_ENGINES
            case _:
                return frozenset({EngineKind.DENSE, EngineKind(self.value)})


@dataclass(frozen=True, slots=True)
class FidelityCase:
    """One network, on one part, in one way.

    Attributes:
        network: what the page calls it.
        model: ONNX file.
        device: name of a part.
        engines: kinds that layers may have.
        frames: to simulate.
        data: labelled images; None: nothing is zero, all engines are dense.
        design: simulate this design, its clips measured on ``data``, instead of folding anew.
        weight_sparsity: share of each layer's weights clipped.
        act_share: share of the non-zero activations of each layer clipped.
        images: calibration images of the profile.
    """

    network: str
    model: Path
    device: str
    engines: Engines
    frames: int
    data: Path | None
    design: Path | None
    weight_sparsity: float
    act_share: float
    images: int


class _Case(StrictRecord):
    network: str
    model: str
    device: str
    engines: Annotated[Engines, pydantic.Strict(False)] = Engines.ANY
    frames: Annotated[int, pydantic.Field(ge=2)] = 4
    data: str | None = None
    design: str | None = None
    weight_sparsity: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0
    act_share: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0
    images: Annotated[int, pydantic.Field(ge=1)] = 64

    @pydantic.model_validator(mode="after")
    def _sparse_needs_data(self) -> _Case:
        if self.data is None and (
            self.engines is not Engines.DENSE
            or self.design is not None
            or self.weight_sparsity
            or self.act_share
        ):
            raise ValueError('data, where engines are not "dense" or anything is clipped')
        return self


class _File(StrictRecord):
    case: Annotated[list[_Case], pydantic.Field(min_length=1)]


FORMAT = FileFormat("fidelity.toml", "cases for `hass fidelity`", _File.model_json_schema)


def read_cases(path: Path, roots: tuple[Path, ...]) -> tuple[FidelityCase, ...]:
    """The cases of a file.

    Args:
        path: TOML: a ``[[case]]`` each.
        roots: folders that models, data and designs are looked for in, the file's own last.

    Raises:
        SpecError: if the file cannot be read or names what is not there.
    """
    try:
        found = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable(path, error, "a readable TOML file") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError.at(str(path), str(error), "TOML") from None
    except pydantic.ValidationError as error:
        raise mistakes_of(error, path, _File.model_json_schema) from None
    folders = (*roots, path.parent)

    def located(name: str, place: str) -> Path:
        for folder in folders:
            if (folder / name).exists():
                return folder / name
        where = ", ".join(str(folder) for folder in folders)
        raise SpecError.at(f"{path}: {place}", name, f"a file in one of the folders {where}")

    return tuple(
        FidelityCase(
            case.network,
            located(case.model, f"case.{index}.model"),
            case.device,
            case.engines,
            case.frames,
            None if case.data is None else located(case.data, f"case.{index}.data"),
            None if case.design is None else located(case.design, f"case.{index}.design"),
            case.weight_sparsity,
            case.act_share,
            case.images,
        )
        for index, case in enumerate(found.case)
    )
