"""The tables of a report, as text cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from ..cost.foldings import EngineKind, Folding, MemoryKind
from ..design import Design, DesignAccuracy, arithmetic_title
from ..device import RESOURCE_NAMES
from ..pareto import Measure
from ..sparsity import Accuracy
from .limits import budget_shares
from .run import Run
from .words import ABSENT, number, percent, ratio, shown, top1

RESOURCE_TITLES = {
    "lut": "LUT",
    "ff": "FF",
    "dsp": "DSP",
    "bram18": "BRAM18",
    "uram": "URAM",
}

FRONT_HEAD = (
    *("trial", "origin", "top-1, selection", "frames/s", "frame II", "latency, µs"),
    *("pair density", "DSP", "LUT", "BRAM18", "URAM", "images/cycle/DSP", "energy proxy, pJ"),
)
LAYER_HEAD = (
    *("layer", "engine", "lanes in·out·group", "fine", "channels per segment"),
    *("lane FIFO, segments", "weights in", "line buffers in", "FIFOs in"),
    *("multipliers", "weights clipped"),
    *("activation threshold", "weight density", "activation density", "pair density"),
    *("frame II, cycles", "of the pipeline's", "starts at cycle", "LUT", "FF", "DSP"),
    *("BRAM18", "URAM"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading for each column and, in its first cell, for each row.

    Attributes:
        caption: what it shows.
        head: column headings.
        rows: cells as text, each as long as ``head``.
        marked: indices of rows to stress.
        numeric: whether the cells after the first are numbers, set flush right.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    numeric: bool = True


def _split(accuracy: DesignAccuracy | None, split: str) -> Accuracy | None:
    found: Accuracy | None = None if accuracy is None else getattr(accuracy, split)
    return found


def _points(new: Accuracy | None, old: Accuracy | None) -> str:
    if new is None or old is None:
        return ABSENT
    return f"{100 * (new.top1 - old.top1):+.2f} points".replace("-", "−")


def _accuracy_rows(design: Design) -> list[tuple[str, str, str, str]]:
    dense = design.dense
    floats = (design.accuracy, None if dense is None else dense.accuracy)
    integers = (design.integer_accuracy, None if dense is None else dense.integer_accuracy)
    rows = []
    for split, title in (
        ("selection", "Top-1, selection split (what the search saw)"),
        ("test", "Top-1, test split (held out)"),
    ):
        for (new, old), words in (
            (floats, ""),
            (integers, f" in {arithmetic_title(design.precision)}, as the hardware computes"),
        ):
            a, b = _split(new, split), _split(old, split)
            if a is not None or b is not None:
                rows.append((title + words, top1(b), top1(a), _points(a, b)))
    return rows


def summary_table(design: Design) -> Table:
    """The design, beside the dense one of its search where there is one."""
    new = design.summary
    old = None if design.dense is None else design.dense.summary
    rows = _accuracy_rows(design)

    def add(title: str, of: Sequence[float | None]) -> None:
        """One row from (design's, dense's) value."""
        rows.append((title, number(of[1]), number(of[0]), ratio(of[0], of[1])))

    def both(field: str) -> tuple[float, float | None]:
        return getattr(new, field), None if old is None else getattr(old, field)

    add("Throughput, steady state (frames/s)", both("throughput_fps"))
    add("Frame II (cycles between frames, steady state)", both("frame_ii_cycles"))
    add("Latency of one frame alone, fill included (µs)", both("latency_us"))
    add("Pipeline depth (cycles, first word in to first out)", both("depth_cycles"))
    efficiency = None if old is None else old.images_per_cycle_per_dsp
    add("Images per cycle per DSP", (new.images_per_cycle_per_dsp, efficiency))
    add("Active MACs per frame", both("active_macs_per_frame"))
    if new.energy_proxy_pj is not None:
        add("Energy proxy of a frame (pJ of a 45 nm ASIC, for ratios)", both("energy_proxy_pj"))
    share = ABSENT if old is None else percent(old.multiplier_bound_share)
    rows.append(("Share of the multiplier bound", share, percent(new.multiplier_bound_share), ""))
    for name, title in RESOURCE_TITLES.items():
        amounts = [
            ABSENT
            if each is None
            else f"{number(getattr(each.resources, name))} ({percent(each.utilisation[name])})"
            for each in (old, new)
        ]
        before = None if old is None else getattr(old.resources, name)
        change = ratio(getattr(new.resources, name), before)
        rows.append((f"{title} (of the part)", amounts[0], amounts[1], change))
    if old is None:
        alone = tuple((row[0], row[2]) for row in rows)
        return Table("The design in numbers", ("", "design"), alone)
    return Table("The dense design against the best", ("", "dense", "best", "change"), tuple(rows))


def front_table(run: Run) -> Table:
    """The dense trial, the Pareto front and the chosen one, worst in its second measure first."""
    chosen = run.chosen
    trials = [t for t in run.trials if t.number in run.front or t.number in (0, chosen)]
    worth = run.aim.pair[1].worth
    trials.sort(key=lambda t: (-math.inf if (w := worth(t)) is None else w, t.number))
    rows = [
        (
            str(trial.number) + (" (best)" if trial.number == chosen else ""),
            shown(trial.origin),
            percent(trial.selection_top1, 2),
            number(trial.throughput_fps),
            number(trial.frame_ii_cycles),
            number(trial.latency_us),
            percent(trial.pair_density),
            number(trial.dsp),
            number(trial.lut),
            number(trial.bram18),
            number(trial.uram),
            number(Measure.EFFICIENCY.of(trial)),
            number(trial.energy_proxy_pj),
        )
        for trial in trials
    ]
    return Table(
        f"The Pareto front of {' and '.join(run.aim.pair)}, and the dense design",
        FRONT_HEAD,
        tuple(rows),
        frozenset(i for i, trial in enumerate(trials) if trial.number == chosen),
    )


def device_table(design: Design) -> Table:
    """What the design uses, may use and the part has."""
    device, used = design.device, design.summary.resources
    shares, part = budget_shares(design), used.utilisation(device.available)
    rows = tuple(
        (
            RESOURCE_TITLES[name],
            number(getattr(used, name)),
            number(getattr(device.budget, name)),
            percent(shares[name]),
            number(getattr(device.available, name)),
            percent(part[name]),
        )
        for name in RESOURCE_NAMES
    )
    head = ("", "used", "budget", "of the budget", "available", "of the part")
    return Table(f"Use of {shown(device.part)}", head, rows)


def _weights(folding: Folding) -> str:
    """Where they are, and in how many rows a pass."""
    rows = folding.rows_per_pass
    return _home(folding.weight_memory) + (f", {rows} rows a pass" if rows > 1 else "")


def _home(memory: MemoryKind) -> str:
    return ABSENT if memory is MemoryKind.NONE else memory.value


def layer_table(design: Design) -> Table:
    """Everything known about each layer."""
    rows: list[tuple[str, ...]] = []
    marked: set[int] = set()
    frame_ii = design.summary.frame_ii_cycles
    for name, layer in design.plan.estimate.layers.items():
        folding, setting = layer.folding, design.settings.get(name)
        density = design.densities.get(name)
        if name == design.summary.bottleneck:
            marked.add(len(rows))
        bare = folding.engine is EngineKind.NONE
        rows.append(
            (
                shown(name),
                folding.engine.value,
                f"{folding.coarse_in}·{folding.coarse_out}·{folding.coarse_group}",
                *(ABSENT if bare else str(factor) for factor in (folding.fine, folding.packed)),
                ABSENT if bare else str(folding.lane_fifo_depth),
                _weights(folding),
                *(_home(kind) for kind in (folding.line_memory, folding.fifo_memory)),
                number(folding.multipliers),
                percent(None if setting is None else setting.weight_sparsity),
                number(None if setting is None else setting.act_threshold),
                *(
                    percent(None if density is None else share)
                    for share in (() if density is None else asdict(density).values())
                ),
                *((ABSENT,) * (3 if density is None else 0)),
                number(layer.frame_ii_cycles),
                percent(layer.frame_ii_cycles / frame_ii),
                number(layer.start_cycles),
                *(number(amount) for amount in layer.resources),
            )
        )
    return Table(
        "Layers in the order of the pipeline; the slowest is marked",
        LAYER_HEAD,
        tuple(rows),
        frozenset(marked),
    )


def origin_table(run: Run) -> Table:
    """What made the design: everything that can change the result."""
    design = run.best
    made, bits = design.provenance, design.arithmetic
    rows = [
        ("Network", shown(design.model.path)),
        ("  sha256 of the file", shown(design.model.sha256)),
        ("  digest of the graph", shown(design.model.graph_digest)),
        ("  digest of the dense weights", shown(design.model.weights_digest)),
    ]
    if design.model.removed_channels:
        gone = sum(map(len, design.model.removed_channels.values()))
        rows.append(("  channels removed of it, tied ones counted once", number(gone)))
    if design.data is not None:
        rows += [
            ("Data", ABSENT if design.data.path is None else shown(design.data.path)),
            ("  digest of the images", shown(design.data.digest)),
        ]
    rows += [
        ("Part", f"{shown(design.device.part)} ({shown(design.device.name)})"),
        ("Clock", f"{design.plan.estimate.clock_mhz:g} MHz"),
        (
            "Word lengths",
            f"activations {bits.act_bits}, weights {bits.weight_bits}, accumulators "
            f"{bits.acc_bits} bits",
        ),
        *(
            (f"  of {shown(name)}", f"{own.act_bits}, {own.weight_bits}, {own.acc_bits} bits")
            for name, own in design.layer_arithmetic.items()
        ),
        ("Folding solver", shown(design.plan.solver)),
        ("Objective", str(design.plan.objective)),
    ]
    if made.strategy is not None:
        rows.append(("Search strategy", shown(made.strategy)))
    if made.seed is not None:
        rows.append(("Seed", str(made.seed)))
    if design.trials is not None:
        failed = f" ({run.failed} more failed)" if run.failed else ""
        rows.append(("Finished trials", f"{design.trials}{failed}"))
    rows.append(("hass", f"{shown(made.hass_version)}, cost model {made.cost_model_version}"))
    rows += [(shown(name), shown(version)) for name, version in sorted(made.packages.items())]
    return Table("Where it came from", ("", ""), tuple(rows), numeric=False)


def source_table(design: Design) -> Table:
    """Origin of each figure of the device."""
    rows = tuple((shown(figure), shown(source)) for figure, source in design.device.sources)
    return Table("Sources of the device's figures", ("figure", "source"), rows, numeric=False)
