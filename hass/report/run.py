"""What a search left in its folder, or a single design, as values."""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pydantic

from ..design import Design, DesignAccuracy, EstimateSummary
from ..design_file import read_design
from ..errors import Mistake, SpecError
from ..near import near_files
from ..pareto import USUAL, Aim, Measure, Pair, hypervolume, pareto_front, usual_pair
from ..validation import mistakes_of

BEST, TRIALS, PARETO, SPEC = "best.json", "trials.csv", "pareto.csv", "spec.toml"
DENSE = "designs/trial-0000.json"


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of trials.csv, as far as a report shows it; None where the cell is empty.

    Attributes:
        number: of the trial; 0 is the dense design.
        origin: dense, seed or sampler.
        feasible: whether it fits the part and keeps the accuracy asked for.
        selection_top1: share of correct images of the selection split.
        throughput_fps: steady state.
        frame_ii_cycles, latency_us, lut, dsp, bram18, uram, energy_proxy_pj: of its folding.
        pair_density: mean over the layers, weighted by MACs.
    """

    number: int
    origin: str
    feasible: bool
    selection_top1: float | None
    throughput_fps: float | None
    frame_ii_cycles: int | None
    latency_us: float | None
    lut: int | None
    dsp: int | None
    bram18: int | None
    uram: int | None
    pair_density: float | None
    energy_proxy_pj: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A search's outcome; a single design is a run with no trials.

    Attributes:
        name: of the folder or file.
        best: the design that was chosen.
        dense: the dense design of the same search, where its file is there.
        trials: finished trials in the order of their numbers.
        front: numbers of the Pareto-optimal trials, in the measures of ``aim``.
        failed: trials that ended without a result.
        spec: text of spec.toml, or None.
        aim: what the trials are compared by.
        hypervolume: of the front; None where spec.toml does not say what may be lost.
    """

    name: str
    best: Design
    dense: Design | None
    trials: tuple[Trial, ...]
    front: frozenset[int]
    failed: int
    spec: str | None
    aim: Aim = USUAL
    hypervolume: float | None = None

    @property
    def chosen(self) -> int | None:
        """Number of the trial that ``best`` came from, where the table tells."""
        accuracy = None if self.best.accuracy is None else self.best.accuracy.selection
        if accuracy is None:
            return None
        for trial in self.trials:
            if (
                trial.feasible
                and trial.frame_ii_cycles == self.best.summary.frame_ii_cycles
                and trial.selection_top1 is not None
                and abs(trial.selection_top1 - accuracy.top1) < 1e-9
                and trial.dsp == self.best.summary.resources.dsp
                and trial.lut == self.best.summary.resources.lut
            ):
                return trial.number
        return None


def as_trial(summary: EstimateSummary, accuracy: DesignAccuracy | None = None) -> Trial:
    """The figures of a design as those of a trial that was chosen."""
    selection = None if accuracy is None else accuracy.selection
    return Trial(
        number=0,
        origin="",
        feasible=True,
        selection_top1=None if selection is None else selection.top1,
        throughput_fps=summary.throughput_fps,
        frame_ii_cycles=summary.frame_ii_cycles,
        latency_us=summary.latency_us,
        lut=summary.resources.lut,
        dsp=summary.resources.dsp,
        bram18=summary.resources.bram18,
        uram=summary.resources.uram,
        pair_density=None,
        energy_proxy_pj=summary.energy_proxy_pj,
    )


def measure_of(design: Design) -> Measure | None:
    """What the objective of a design is measured by; None where trials have no such measure."""
    goal = design.plan.objective.goal.value
    return Measure(goal) if goal in set(Measure) else None


def gain_over(design: Design, base: EstimateSummary) -> float | None:
    """By what factor a design is better than another one at its own objective; None where that is
    no measure of trials, or one of them lacks it."""
    measure = measure_of(design)
    if measure is None:
        return None
    value, before = measure.of(as_trial(design.summary)), measure.of(as_trial(base))
    return measure.gain(value, before) if value and before else None


class _Row(pydantic.BaseModel):
    """A row of trials.csv or pareto.csv: text cells, so read leniently as to type."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    number: int = pydantic.Field(ge=0)
    state: str
    origin: str
    feasible: bool | None
    selection_top1: float | None = pydantic.Field(ge=0, le=1)
    throughput_fps: float | None = pydantic.Field(ge=0)
    frame_ii_cycles: int | None = pydantic.Field(ge=1)
    latency_us: float | None = pydantic.Field(ge=0)
    lut: int | None
    dsp: int | None
    bram18: int | None
    uram: int | None
    pair_density: float | None
    energy_proxy_pj: int | None = None  # absent in tables that are older than it

    def value(self) -> Trial:
        fields = self.model_dump(exclude={"state"})
        return Trial(**{**fields, "feasible": bool(self.feasible)})


class _Asked(pydantic.BaseModel):
    """What spec.toml says of the front; read leniently, as the search itself judges the file."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    goal: Measure = Measure.THROUGHPUT
    min_fps: float | None = None
    front: Pair | None = None
    accuracy_drop: float | None = None


def _asked(text: str | None, path: Path) -> _Asked:
    try:
        return _Asked.model_validate(tomllib.loads(text or ""))
    except tomllib.TOMLDecodeError as error:
        raise SpecError(Mistake(str(path), str(error), "a TOML file")) from None
    except pydantic.ValidationError as error:
        raise mistakes_of(error, path) from None


def load_run(source: str | Path, pair: Pair | None = None) -> Run:
    """Read a search's folder, or the file of one design.

    Args:
        source: the folder or the file.
        pair: measures of the front; without them those of the search, whose front is in its
            pareto.csv.

    Raises:
        SpecError: if it is neither: says what is missing, or all mistakes of its files.
    """
    path = Path(source)
    if path.is_file() and pair is not None:
        raise SpecError(Mistake(str(path), "one design", "the folder of a search, for a front"))
    if path.is_file():
        return Run(path.stem, read_design(path), None, (), frozenset(), 0, None)
    _require(path, (BEST, TRIALS, PARETO))
    rows = _rows(path / TRIALS)
    trials = sorted((row.value() for row in rows if row.state == "complete"), key=_number)
    spec = _text(path / SPEC) if (path / SPEC).is_file() else None
    asked = _asked(spec, path / SPEC)
    aim = Aim(
        pair or asked.front or usual_pair(asked.goal), asked.accuracy_drop or 0.0, asked.min_fps
    )
    kept = _rows(path / PARETO) if pair is None else pareto_front(trials, aim)
    known = asked.accuracy_drop is not None or Measure.ACCURACY not in aim.pair
    dense = path / DENSE
    return Run(
        name=path.resolve().name,
        best=read_design(path / BEST),
        dense=read_design(dense) if dense.is_file() else None,
        trials=tuple(trials),
        front=frozenset(trial.number for trial in kept),
        failed=len(rows) - len(trials),
        spec=spec,
        aim=aim,
        hypervolume=hypervolume(trials, aim) if known else None,
    )


def load_best(source: str | Path) -> tuple[str, Design]:
    """A name and the design of a design file, or of the best of a search's folder.

    Raises:
        SpecError: if it is neither.
    """
    path = Path(source)
    if path.is_file():
        return path.stem, read_design(path)
    _require(path, (BEST,))
    return path.resolve().name, read_design(path / BEST)


def _number(trial: Trial) -> int:
    return trial.number


def _require(folder: Path, names: tuple[str, ...]) -> None:
    expected = "a design file, or the folder of a search that has finished at least one trial"
    if not folder.is_dir():
        hint = near_files(folder)
        expected += f"; {hint}" if hint else ""
        raise SpecError(Mistake(str(folder), "nothing there", expected))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise SpecError([Mistake(str(folder), f"no {name} in it", expected) for name in missing])


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(Mistake(str(path), str(error), "a readable text file (UTF-8)")) from None


def _rows(path: Path) -> list[_Row]:
    reader = csv.DictReader(_text(path).splitlines())
    rows: list[_Row] = []
    mistakes: list[Mistake] = []
    for line, cells in enumerate(reader, start=2):
        # DictReader gives None as a key or a value where a row is too long or too short
        known = {key: value or None for key, value in cells.items() if isinstance(key, str)}
        try:
            rows.append(_Row.model_validate(known))
        except pydantic.ValidationError as error:
            mistakes += mistakes_of(error, f"{path}: line {line}").mistakes
    if mistakes:
        raise SpecError(mistakes)
    return rows
