"""Networks, designs and searches as pandas frames, for notebooks; pandas is optional."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from . import ops
from .compare import entries_of
from .design import Design
from .device import RESOURCE_NAMES
from .errors import Mistake, SpecError
from .graph import Graph, Weights, macs_per_frame
from .report.run import Run

if TYPE_CHECKING:
    import pandas as pd

Cell = str | float | int | bool | None


def _frame(named: Mapping[str, list[Cell]], index: str | None) -> pd.DataFrame:
    """A frame of columns, one of which may become its index.

    Raises:
        SpecError: if pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise SpecError(
            Mistake(
                "hass.tables",
                "no module 'pandas'",
                "pandas: pip install '.[notebook]' in hass's folder",
            )
        ) from None
    made = pd.DataFrame(dict(named))
    return made if index is None else made.set_index(index)


def _cells(row: Any) -> dict[str, Cell]:
    """The fields of a flat value; those of values inside it take its place."""
    cells: dict[str, Cell] = {}
    for field in fields(row):
        value = getattr(row, field.name)
        if is_dataclass(value):
            cells |= _cells(value)
        else:
            cells[field.name] = value.value if isinstance(value, Enum) else value
    return cells


def _of_rows(rows: Iterable[Mapping[str, Cell]], index: str | None) -> pd.DataFrame:
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row)
    return _frame({name: [row.get(name) for row in listed] for name in names}, index)


def frame(rows: Iterable[object], index: str | None = None) -> pd.DataFrame:
    """Dataclass values of one kind as a frame: a row each, a column per field.

    Args:
        rows: remarks of an export, layers or FIFOs of a simulation, trials, ...; fields of values
            inside them become columns, too.
        index: the column that becomes the index.

    Raises:
        SpecError: if pandas is not installed.
    """
    return _of_rows(map(_cells, rows), index)


def columns(named: Mapping[str, Sequence[Cell]], index: str | None = None) -> pd.DataFrame:
    """Columns of equal length as a frame.

    Args:
        named: such as what FIFOs held over time (``hass.sim.occupancy_columns``).
        index: the column that becomes the index.

    Raises:
        SpecError: if pandas is not installed.
    """
    return _frame({name: list(cells) for name, cells in named.items()}, index)


def network(graph: Graph, weights: Weights) -> pd.DataFrame:
    """A network's layers: op, output map, kernel, stride, groups, parameters, MACs per frame.

    Raises:
        SpecError: if pandas is not installed.
    """
    rows: list[dict[str, Cell]] = []
    for layer in graph:
        row: dict[str, Cell] = {
            "layer": layer.name,
            "op": ops.op_name(layer.op),
            **{f"out_{name}": size for name, size in asdict(layer.out).items()},
            "kernel": None,
            "stride": None,
            "groups": None,
        }
        match layer.op:
            case ops.Conv2d() | ops.MaxPool2d() | ops.AvgPool2d() as op:
                row |= {"kernel": "x".join(map(str, op.kernel))}
                row |= {"stride": "x".join(map(str, op.stride))}
        if isinstance(layer.op, ops.Conv2d):
            row["groups"] = layer.op.groups
        keys = (f"{layer.name}.weight", f"{layer.name}.bias")
        row["parameters"] = sum(int(weights[key].size) for key in keys if key in weights)
        row["macs_per_frame"] = macs_per_frame(graph, layer.name)
        rows.append(row)
    return _of_rows(rows, "layer").astype({"groups": "Int64"})


def layers(design: Design) -> pd.DataFrame:
    """A design's layers in the order of the pipeline: clips, measured densities, folding, cycles,
    resources, and the share of their own multiplier bound.

    ``multiplier_bound_share`` is active MACs / (multipliers * frame II of the pipeline).

    Raises:
        SpecError: if pandas is not installed.
    """
    frame_ii = design.summary.frame_ii_cycles
    rows: list[dict[str, Cell]] = []
    for name, layer in design.plan.estimate.layers.items():
        setting, density = design.settings.get(name), design.densities.get(name)
        multipliers = layer.folding.multipliers
        rows.append(
            {
                "layer": name,
                "weight_sparsity": None if setting is None else setting.weight_sparsity,
                "act_threshold": None if setting is None else setting.act_threshold,
                "weight_density": None if density is None else density.weight_density,
                "act_density": None if density is None else density.act_density,
                "pair_density": None if density is None else density.pair_density,
                **_cells(layer),
                "multipliers": multipliers,
                "multiplier_bound_share": layer.active_macs / (multipliers * frame_ii)
                if multipliers
                else None,
            }
        )
    return _of_rows(rows, "layer")


def streams(design: Design) -> pd.DataFrame:
    """A design's streams: from and to which layer, words side by side, and their FIFO's depth in
    entries, memory and resources.

    Raises:
        SpecError: if pandas is not installed.
    """
    return frame(design.plan.estimate.fifos)


def resources(design: Design) -> pd.DataFrame:
    """What a design uses of each resource, may use and the part has, and the shares of both.

    Raises:
        SpecError: if pandas is not installed.
    """
    device, used = design.device, design.summary.resources
    of_budget, of_part = used.utilisation(device.budget), used.utilisation(device.available)
    rows: list[dict[str, Cell]] = [
        {
            "resource": name,
            "used": getattr(used, name),
            "budget": getattr(device.budget, name),
            "available": getattr(device.available, name),
            "share_of_budget": of_budget[name],
            "share_of_part": of_part[name],
        }
        for name in RESOURCE_NAMES
    ]
    return _of_rows(rows, "resource")


def designs(named: Mapping[str, Design]) -> pd.DataFrame:
    """Designs side by side, a row each; ratios are against the first.

    Args:
        named: by the name that each is to have, at least one.

    Raises:
        SpecError: if pandas is not installed.
    """
    return frame(entries_of(list(named.items())), "name")


def fronts(runs: Sequence[Run]) -> pd.DataFrame:
    """Searches side by side, a row each: the two measures of the front, trials that finished and
    failed, how many are on the front, and its hypervolume.

    The hypervolume is the area between the front and the dense design, which is 1 in both measures;
    in accuracy it is the share that is kept of what may be lost.

    Args:
        runs: by ``load_run`` or of ``run_search``, at least one.

    Raises:
        SpecError: if pandas is not installed.
    """
    rows: Iterable[dict[str, Cell]] = (
        {
            "search": run.name,
            "front": " and ".join(run.aim.pair),
            "trials": len(run.trials),
            "failed": run.failed,
            "on_front": len(run.front),
            "hypervolume": run.hypervolume,
        }
        for run in runs
    )
    return _of_rows(rows, "search")


def trials(run: Run) -> pd.DataFrame:
    """A search's finished trials by number, and which of them are on the Pareto front.

    Raises:
        SpecError: if pandas is not installed.
    """
    rows = ({**_cells(trial), "on_front": trial.number in run.front} for trial in run.trials)
    return _of_rows(rows, "number")
