"""Everything a search needs to be run again: a value, and ``spec.toml``."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pydantic
import tomli_w

from hass.errors import Mistake, SpecError
from hass.files import write_text_atomic
from hass.filter_refit import Refit
from hass.near import unreadable
from hass.pareto import Aim, Measure, usual_pair
from hass.validation import FileFormat, StrictRecord, mistakes_of
from hass.values import ACC_BITS, Arithmetic, arithmetic_of

from .urls import shown_url
from .weight_clips import weight_clips_of

SCHEMA_VERSION = 2  # 1 knew 16-bit words only
CLIPS = "magnitude"
DEFAULT = "default"
STRATEGY_NAMES = (DEFAULT, "tpe", "hill-climb")
REFIT_NAMES = tuple(refit.value for refit in Refit)
GOAL_NAMES = tuple(measure.value for measure in Measure if measure is not Measure.ACCURACY)
PACED = frozenset({Measure.DSP.value, Measure.LUT.value, Measure.ENERGY.value})  # need a throughput
EXTENDABLE = frozenset({"trials", "front"})  # what a resumed search may ask for differently
# Left out of spec.toml where it is as ever: searches that are older than the choice go on.
_USUAL: Mapping[str, object] = MappingProxyType(
    {"goal": Measure.THROUGHPUT.value, "layer_bits": (), "clips": CLIPS, "refit": Refit.NONE.value}
)


@dataclass(frozen=True, slots=True)
class ObjectiveWeights:
    """Weights of the paper's objective: accuracy + l1*sparsity + l2*throughput - l3*DSP.

    Throughput and DSP are relative to the dense design, accuracy and sparsity are shares, so
    the defaults say: the speed of one dense design is worth as much as all of the accuracy (a
    drop beyond the floor is a constraint anyway), sparsity and DSP break ties. Chosen for
    hass; the paper gives no values.
    """

    l1: float = 0.1
    l2: float = 1.0
    l3: float = 0.1


@dataclass(frozen=True, slots=True)
class SearchSpec:
    """What to search, on what, how long.

    Attributes:
        model: path of the ONNX file, as given.
        data: path of the data, as given.
        device: name of a known device, or path of a device file (.toml).
        trials: finished trials to reach, the dense design included.
        strategy: one of ``STRATEGY_NAMES``.
        goal: one of ``GOAL_NAMES``: what the designs are to be best at.
        min_fps: frames per second that a design must reach in steady state, or None.
        front: two names of ``hass.pareto.Measure``: what the front is of; None: accuracy and the
            goal.
        accuracy_drop: points (0.01 of top-1) that a design may lose on the selection split
            against the dense design.
        seed: of the sampler and of what is sampled in the measurements.
        profile_images: calibration images per profile.
        selection_limit: selection images per accuracy, or None for all.
        clock_mhz: clock of the designs, or None for the device's.
        bits: word length of activations and weights, one of ``ACC_BITS``.
        layer_bits: fewer ones, descending, that single layers may have instead.
        clips: how weights are clipped, see ``weight_clips_of``.
        refit: one of ``REFIT_NAMES``, what is done to filters after clips; None: filters for the
            default strategy, none for the published ones.
        storage: URL of an Optuna storage, or None for ``study.journal`` in the output folder; files
            have it without its password.
        study: name of the study in the storage, or None for one made from this spec.
        objective: weights of strategy ``tpe``'s objective.
    """

    model: str
    data: str
    device: str
    trials: int = 50
    strategy: str = DEFAULT
    goal: str = Measure.THROUGHPUT.value
    min_fps: float | None = None
    front: tuple[str, ...] | None = None
    accuracy_drop: float = 1.0
    seed: int = 0
    profile_images: int = 64
    selection_limit: int | None = None
    clock_mhz: float | None = None
    bits: int = 16
    layer_bits: tuple[int, ...] = ()
    clips: str = CLIPS
    refit: str | None = None
    storage: str | None = field(default=None, repr=False)  # it may hold a password
    study: str | None = None
    objective: ObjectiveWeights = field(default_factory=ObjectiveWeights)

    def __post_init__(self) -> None:
        mistakes = [
            Mistake(name, repr(getattr(self, name)), expected)
            for name, good, expected in (
                ("trials", self.trials >= 1, "at least 1"),
                ("strategy", self.strategy in STRATEGY_NAMES, f"one of {_list(STRATEGY_NAMES)}"),
                ("goal", self.goal in GOAL_NAMES, f"one of {_list(GOAL_NAMES)}"),
                (
                    "min_fps",
                    self.min_fps is None or 0 < self.min_fps < math.inf,
                    "frames per second above 0",
                ),
                (
                    "min_fps",
                    self.min_fps is not None or self.goal not in PACED,
                    f"frames per second (--min-fps): {self.goal} alone says nothing of speed",
                ),
                (
                    "front",
                    self.front is None
                    or (
                        len(self.front) == len(set(self.front)) == 2
                        and set(self.front) <= set(Measure)
                    ),
                    f"two of {_list(tuple(Measure))}",
                ),
                ("accuracy_drop", 0 <= self.accuracy_drop <= 100, "points in 0..100"),
                ("seed", 0 <= self.seed < 2**32, "0 .. 2**32 - 1"),
                ("profile_images", self.profile_images >= 1, "at least 1"),
                (
                    "selection_limit",
                    self.selection_limit is None or self.selection_limit >= 1,
                    "at least 1",
                ),
                ("bits", self.bits in ACC_BITS, f"one of {_list(tuple(map(str, ACC_BITS)))}"),
                (
                    "layer_bits",
                    all(one in ACC_BITS and one < self.bits for one in self.layer_bits)
                    and list(self.layer_bits) == sorted(set(self.layer_bits), reverse=True),
                    f"descending, below bits, of {_list(tuple(map(str, ACC_BITS)))}",
                ),
                ("clips", not _clips_refused(self.clips), _clips_refused(self.clips)),
                ("refit", self.refit in (None, *REFIT_NAMES), f"one of {_list(REFIT_NAMES)}"),
                ("clock_mhz", self.clock_mhz is None or self.clock_mhz > 0, "above 0"),
            )
            if not good
        ]
        if mistakes:
            raise SpecError(mistakes)

    @property
    def measure(self) -> Measure:
        """What the goal is measured by."""
        return Measure(self.goal)

    @property
    def refitting(self) -> Refit:
        """What is done after clips."""
        if self.refit is None:
            return Refit.FILTERS if self.strategy == DEFAULT else Refit.NONE
        return Refit(self.refit)

    @property
    def aim(self) -> Aim:
        """What the designs are compared by."""
        if self.front is None:
            return Aim(usual_pair(self.measure), self.accuracy_drop, self.min_fps)
        first, second = map(Measure, self.front)
        return Aim((first, second), self.accuracy_drop, self.min_fps)

    @property
    def arithmetic(self) -> Arithmetic:
        """Word lengths of the dense design, and of layers that have no others."""
        return arithmetic_of(self.bits)


def _clips_refused(name: str) -> str:
    """Why a family of clips is none; empty if it is one."""
    try:
        weight_clips_of(name)
    except ValueError as error:
        return str(error)
    return ""


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)


class _Objective(StrictRecord):
    l1: float
    l2: float
    l3: float


class _SpecFile(StrictRecord):
    schema_version: Literal[2]
    model: str
    data: str
    device: str
    trials: int
    strategy: str
    goal: str = Measure.THROUGHPUT.value
    min_fps: float | None = None
    front: tuple[str, ...] | None = pydantic.Field(default=None, strict=False)
    accuracy_drop: float
    seed: int
    profile_images: int
    selection_limit: int | None = None
    clock_mhz: float | None = None
    bits: int
    layer_bits: list[int] = pydantic.Field(default_factory=list)  # TOML has no tuples
    clips: str = CLIPS
    refit: str = Refit.NONE.value  # absent in searches from before there was any
    storage: str | None = None
    study: str | None = None
    objective: _Objective


FORMAT = FileFormat(
    "spec.toml", "everything that a search needs to be run again", _SpecFile.model_json_schema
)


def _shown(spec: SearchSpec) -> dict[str, object]:
    shown = None if spec.storage is None else shown_url(spec.storage)
    return {**asdict(spec), "storage": shown, "refit": spec.refitting.value}


def spec_toml(spec: SearchSpec) -> str:
    """The content of ``spec.toml``; what is None or as usual is left out, and so are passwords."""
    content = {
        name: value
        for name, value in _shown(spec).items()
        if value is not None and value != _USUAL.get(name)
    }
    return tomli_w.dumps({"schema_version": SCHEMA_VERSION, **content})


def write_spec(spec: SearchSpec, path: str | Path) -> None:
    """Write ``spec.toml``.

    Raises:
        OutputError: if it cannot be written.
    """
    write_text_atomic(path, spec_toml(spec))


def read_spec(path: str | Path) -> SearchSpec:
    """Read ``spec.toml``, strictly.

    Raises:
        SpecError: if it cannot be read or its content is wrong; lists all mistakes.
    """
    try:
        data = _SpecFile.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise unreadable(Path(path), error, "a spec.toml") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(Mistake(str(path), str(error), "a TOML file")) from None
    except pydantic.ValidationError as error:
        raise mistakes_of(error, path, _SpecFile.model_json_schema) from None
    values = data.model_dump(exclude={"schema_version", "objective"})
    values["layer_bits"] = tuple(data.layer_bits)
    try:
        spec = SearchSpec(**values, objective=ObjectiveWeights(**data.objective.model_dump()))
    except SpecError as error:
        raise SpecError(
            [Mistake(f"{path}: {m.where}", m.value, m.expected) for m in error.mistakes]
        ) from None
    usual = replace(spec, refit=None)
    return usual if usual.refitting is spec.refitting else spec


def check_resumable(spec: SearchSpec, kept: SearchSpec, where: str | Path) -> None:
    """Refuse to go on with a search that was started with another spec.

    Args:
        spec: what is asked now.
        kept: what the output folder was started with.
        where: its file, for messages.

    Raises:
        SpecError: naming every key that differs, those of ``EXTENDABLE`` apart.
    """
    asked, had = _shown(spec), _shown(kept)
    mistakes = [
        Mistake(
            f"{where}: {name}",
            f"{asked[name]!r} now",
            f"{had[name]!r} as the search in this folder began; use another output folder",
        )
        for name in asked
        if name not in EXTENDABLE and asked[name] != had[name]
    ]
    if mistakes:
        raise SpecError(mistakes)
