"""The list of a benchmark: which networks are searched, how, how often and how long."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pydantic

from hass.errors import Mistake, SpecError
from hass.near import unreadable
from hass.validation import FileFormat, StrictRecord, mistakes_of

from .spec import STRATEGY_NAMES, SearchSpec


@dataclass(frozen=True, slots=True)
class BenchCase:
    """One network on one part.

    Attributes:
        network: for people, and the name of its folder.
        specs: a search each: all strategies and seeds.
    """

    network: str
    specs: tuple[SearchSpec, ...]

    @property
    def folder(self) -> str:
        """Name of the folder of its runs."""
        return f"{self.network}-{Path(self.specs[0].device).stem}"


def run_name(spec: SearchSpec) -> str:
    """Name of a run's folder within its case's."""
    return f"{spec.strategy}-seed{spec.seed}"


class _Case(StrictRecord):
    network: str = pydantic.Field(min_length=1, pattern=r"^[\w.-]+$")
    model: str
    data: str
    device: str
    trials: dict[str, int] = pydantic.Field(min_length=1)
    seeds: int = pydantic.Field(default=5, ge=1)
    accuracy_drop: float = 1.0
    selection_images: int | None = None
    profile_images: int = 64


class _File(StrictRecord):
    case: list[_Case] = pydantic.Field(min_length=1)


FORMAT = FileFormat("search.toml", "cases for `hass bench search`", _File.model_json_schema)


def read_bench(path: Path, roots: Sequence[Path]) -> tuple[BenchCase, ...]:
    """The cases of a TOML file; models and data are sought in ``roots``, then beside it. Those of
    the same network on the same part are put together.

    Raises:
        SpecError: if the file cannot be read or its content is wrong; lists all mistakes.
    """
    try:
        listed = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).case
    except OSError as error:
        raise unreadable(path, error, "a list of cases") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError.at(path, str(error), "a TOML file") from None
    except pydantic.ValidationError as error:
        raise mistakes_of(error, path, _File.model_json_schema) from None
    mistakes: list[Mistake] = []
    places = (*roots, path.parent)

    def found(name: str, where: str) -> str:
        for root in places:
            if (root / name).exists():
                return str(root / name)
        mistakes.append(Mistake(where, name, f"a file in {', '.join(map(str, places))}"))
        return name

    cases = []
    for number, case in enumerate(listed):
        where = f"{path}: case[{number}]"
        model = found(case.model, f"{where}.model")
        data = found(case.data, f"{where}.data")
        unknown = sorted(set(case.trials) - set(STRATEGY_NAMES))
        if unknown:
            allowed = f"some of {', '.join(STRATEGY_NAMES)}"
            mistakes.append(Mistake(f"{where}.trials", ", ".join(unknown), allowed))
            continue
        specs = tuple(
            SearchSpec(
                model,
                data,
                case.device,
                trials=trials,
                strategy=strategy,
                accuracy_drop=case.accuracy_drop,
                seed=seed,
                profile_images=case.profile_images,
                selection_limit=case.selection_images,
            )
            for seed in range(case.seeds)
            for strategy, trials in case.trials.items()
        )
        cases.append(BenchCase(case.network, specs))
    if mistakes:
        raise SpecError(mistakes)
    return _merged(cases)


def _merged(cases: Sequence[BenchCase]) -> tuple[BenchCase, ...]:
    """One case per folder: of runs that several list, the longest."""
    found: dict[str, dict[str, SearchSpec]] = {}
    for case in cases:
        runs = found.setdefault(case.folder, {})
        for spec in case.specs:
            name = run_name(spec)
            if name not in runs or runs[name].trials < spec.trials:
                runs[name] = spec
    networks = {case.folder: case.network for case in cases}
    return tuple(BenchCase(networks[name], tuple(runs.values())) for name, runs in found.items())
