"""Designs and run folders made by hand, in the formats that a search leaves."""

from __future__ import annotations

import csv
import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

from hass.cost.foldings import EngineKind, Folding, MemoryKind
from hass.cost.result import Estimate, FifoEstimate, LayerEstimate
from hass.design import (
    DataRef,
    Design,
    DesignAccuracy,
    DesignResult,
    LayerDensity,
    ModelRef,
    Provenance,
    summarise,
)
from hass.design_file import write_design
from hass.device import Device, Resources, load_device
from hass.folding.plan import FoldingPlan
from hass.sparsity import Accuracy, SparsitySetting
from hass.values import Arithmetic

COLUMNS = [
    *("number", "state", "origin", "feasible", "selection_top1", "calibration_top1"),
    *("throughput_fps", "frame_ii_cycles", "latency_us", "lut", "ff", "dsp", "bram18", "uram"),
    *("weight_density", "act_density", "pair_density", "objective"),
]


def layer_names(count: int) -> list[str]:
    """Names of a residual network's layers: convolutions, an add at every third place."""
    return [f"add{i}" if i % 3 == 2 else f"layer{i // 6}.{i % 6}.conv" for i in range(count)]


def made_fifos(names: Sequence[str]) -> tuple[FifoEstimate, ...]:
    """A FIFO in front of every layer but the first; a second, deep one in front of additions."""
    none, deep = Resources(lut=20, ff=30), Resources(lut=24, ff=28, bram18=2)
    found = [
        FifoEstimate(source, target, 0, 1 + place % 4, 2, MemoryKind.NONE, none)
        for place, (source, target) in enumerate(itertools.pairwise(names))
    ]
    found += [
        FifoEstimate(names[place - 2], name, 1, 2, 600 + place, MemoryKind.BRAM, deep)
        for place, name in enumerate(names)
        if name.startswith("add") and place >= 2
    ]
    return tuple(found)


def made_design(
    names: Sequence[str] | None = None,
    *,
    frame_ii_cycles: int = 20_000,
    density: float | None = 0.5,
    correct: int = 456,
    device: Device | None = None,
    dense: Design | None = None,
    trials: int | None = None,
) -> Design:
    """A design whose figures vary over its layers; every convolution carries an engine.

    Args:
        names: layers; names that start with "add" have no weights.
        frame_ii_cycles: of the slowest layer.
        density: of weights and activations; None for a design without profile and accuracy.
        correct: images of 500 that the design gets right, on selection and test.
        device: the part; zcu104 if None.
        dense: the dense design to compare against.
        trials: finished trials.
    """
    device = device or load_device("zcu104")
    names = layer_names(12) if names is None else names
    layers: dict[str, LayerEstimate] = {}
    densities: dict[str, LayerDensity] = {}
    settings: dict[str, SparsitySetting] = {}
    for index, name in enumerate(names):
        if name.startswith("add"):
            folding, resources = Folding(), Resources(lut=80, ff=120)
        else:
            sparse = EngineKind.STATIC if index % 4 == 2 else EngineKind.DYNAMIC
            dynamic = density is not None and density < 1 and index % 2 == 0
            folding = Folding(
                engine=sparse if dynamic else EngineKind.DENSE,
                coarse_in=1 + index % 4,
                coarse_out=2,
                fine=1 + index % 3,
                lane_fifo_depth=16 if dynamic and sparse is EngineKind.DYNAMIC else 1,
                weight_memory=MemoryKind.BRAM,
            )
            dsp = folding.multipliers
            resources = Resources(210 * dsp, 500 * dsp, dsp, 4 + index % 7, index % 2)
            share = 1.0 if density is None else min(1.0, density + 0.02 * (index % 10))
            if density is not None:
                densities[name] = LayerDensity(share, min(1.0, share + 0.1), share * share)
                if density < 1:
                    settings[name] = SparsitySetting(1 - density, 0.05 * (index % 3))
        ii = frame_ii_cycles - (index * 997) % (frame_ii_cycles // 2)
        macs = 0.8 * folding.multipliers * ii
        layers[name] = LayerEstimate(folding, ii, 40, 0.01, 100 * index, macs, resources)
    estimate = Estimate(
        layers=layers,
        fifos=made_fifos(names),
        frame_ii_cycles=frame_ii_cycles,
        depth_cycles=9_000,
        latency_cycles=9_000 + frame_ii_cycles,
        clock_mhz=device.clock_mhz,
        resources=sum((layer.resources for layer in layers.values()), Resources()),
        bottleneck=names[0],
        active_macs_per_frame=sum(layer.active_macs for layer in layers.values()),
        multipliers=sum(layer.folding.multipliers for layer in layers.values()),
    )
    foldings = {name: layer.folding for name, layer in layers.items()}
    bound = frame_ii_cycles - frame_ii_cycles // 50
    plan = FoldingPlan(foldings, estimate, "exact", bound, frame_ii_cycles / bound - 1)
    accuracy = DesignAccuracy(
        calibration=Accuracy(96, 100),
        selection=Accuracy(correct, 500),
        test=Accuracy(2 * correct - 7, 1000),
    )
    integers = DesignAccuracy(
        selection=Accuracy(correct - 1, 500), test=Accuracy(2 * correct - 9, 1000)
    )
    measured = density is not None
    return Design(
        model=ModelRef("models/made/made.onnx", "a" * 64, "b" * 64, "c" * 64),
        data=DataRef("models/made/data.npz", "d" * 64) if measured else None,
        device=device,
        arithmetic=Arithmetic(),
        layer_arithmetic={},
        settings=settings,
        plan=plan,
        summary=summarise(estimate, device),
        densities=densities,
        output_max_abs={},
        accuracy=accuracy if measured else None,
        integer_accuracy=integers if measured else None,
        dense=None
        if dense is None
        else DesignResult(dense.summary, dense.accuracy, dense.integer_accuracy),
        trials=trials,
        provenance=Provenance("0.1.0", 1, 7, "default", {"numpy": "2.0.0", "pulp": "3.0.0"}),
    )


def row(number: int, design: Design, **changes: str | int) -> dict[str, str | int | float]:
    """One row of trials.csv."""
    summary, accuracy = design.summary, design.accuracy
    top1 = accuracy.selection.top1 if accuracy is not None and accuracy.selection else ""
    cells: dict[str, str | int | float] = {
        "number": number,
        "state": "complete",
        "origin": "dense" if number == 0 else "sampler",
        "feasible": 1,
        "selection_top1": top1,
        "calibration_top1": "",
        "throughput_fps": summary.throughput_fps,
        "frame_ii_cycles": summary.frame_ii_cycles,
        "latency_us": summary.latency_us,
        **dataclasses.asdict(summary.resources),
        "weight_density": "",
        "act_density": "",
        "pair_density": 0.4,
        "objective": 1.25,
    }
    return {**cells, **changes}


def write_rows(path: Path, rows: Sequence[dict[str, str | int | float]]) -> None:
    """Write a trials.csv or a pareto.csv."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def write_run(folder: Path, names: Sequence[str] | None = None, trials: int = 30) -> Path:
    """A run folder: trial 0 dense, trial 3 the best, one that failed, one that did not fit."""
    (folder / "designs").mkdir(parents=True)
    dense = made_design(names, density=1.0, frame_ii_cycles=30_000, correct=470)
    best = made_design(names, dense=dense, trials=trials)
    write_design(dense, folder / "designs" / "trial-0000.json")
    write_design(best, folder / "designs" / "trial-0003.json")
    write_design(best, folder / "best.json")
    rows = [row(0, dense)]
    front = [0, 3]
    for number in range(1, trials):
        slower = 20_000 + 300 * ((7 * number) % 30)
        trial = made_design(names, frame_ii_cycles=slower, correct=465 - (number * 13) % 60)
        if number == 3:
            trial = best
        changes: dict[str, str | int] = {}
        if number == 5:
            changes = {"state": "fail", "throughput_fps": "", "selection_top1": ""}
        if number == 6:
            changes = {"feasible": 0}
        if number == 9:
            trial = made_design(names, frame_ii_cycles=22_000, correct=463)
            front.append(number)
        rows.append(row(number, trial, **changes))
    write_rows(folder / "trials.csv", rows)
    write_rows(folder / "pareto.csv", [cells for cells in rows if cells["number"] in front])
    (folder / "spec.toml").write_text('schema_version = 2\nmodel = "made.onnx"\n', "utf-8")
    return folder
